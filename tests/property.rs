//! What must hold for every text that people can write: it arrives as the same text, or is refused;
//! it never becomes a second document, an expression, or another path.

mod odd;

use kept::config::Settings;
use kept::known::Known;
use kept::manifest::write::to_yaml;
use kept::policy::{Checked, check};
use kept::promises::by_kind;
use kept::values::RelPath;
use odd::{odd_text, odd_value};
use proptest::prelude::*;
use serde_json::{Value, json};

fn render(spec: &Value) -> Option<Checked> {
    let promise = by_kind("platform.kratix.io", "Team").expect("the promise");
    let object = json!({
        "apiVersion": "platform.kratix.io/v1alpha1", "kind": "Team", "metadata": { "name": "x", "namespace": "teams" }, "spec": spec,
    });
    let settings = Settings::default();
    let request = promise.request(&object, None).ok()?;
    let output = promise.render(&request, &settings, &Known::default()).ok()?;
    check(&request.key, output, &settings).ok()
}

/// Reads what [`kept`] writes of HCL, and nothing else: blocks of attributes, with strings without
/// anything to evaluate. Answers `block.attribute` and text.
fn read_hcl(text: &str) -> Result<Vec<(String, String)>, String> {
    let (mut found, mut block) = (Vec::new(), None);
    for line in text.split_terminator('\n') {
        match (&block, line) {
            (None, "") => {}
            (None, _) if line.ends_with(" {") => block = Some(line.trim_end_matches(" {").to_owned()),
            (Some(_), "}") => block = None,
            (Some(name), _) => {
                let (attribute, value) = line.split_once(" = ").ok_or(format!("no attribute: {line:?}"))?;
                found.push((format!("{name} {}", attribute.trim()), read_hcl_value(value)?));
            }
            (None, _) => return Err(format!("outside of a block: {line:?}")),
        }
    }
    if block.is_some() { Err("a block does not end".into()) } else { Ok(found) }
}

fn read_hcl_value(value: &str) -> Result<String, String> {
    let Some(mut rest) = value.strip_prefix('"') else { return Ok(value.to_owned()) };
    let mut text = String::new();
    loop {
        let unit = rest.chars().next().ok_or("a string does not end")?;
        let (piece, taken) = match unit {
            '"' if rest.len() == 1 => return Ok(text),
            '"' => return Err(format!("after the string: {rest:?}")),
            '$' if rest.starts_with("$${") => ("${".to_owned(), 3),
            '%' if rest.starts_with("%%{") => ("%{".to_owned(), 3),
            '$' | '%' if rest[1..].starts_with('{') => return Err(format!("is evaluated: {rest:?}")),
            '\\' => match rest.as_bytes().get(1) {
                Some(b'n') => ("\n".into(), 2),
                Some(b'r') => ("\r".into(), 2),
                Some(b't') => ("\t".into(), 2),
                Some(b'"') => ("\"".into(), 2),
                Some(b'\\') => ("\\".into(), 2),
                Some(b'u') => {
                    let code =
                        rest.get(2..6).and_then(|hex| u32::from_str_radix(hex, 16).ok()).and_then(char::from_u32);
                    (code.ok_or(format!("no character: {rest:?}"))?.to_string(), 6)
                }
                _ => return Err(format!("no escape: {rest:?}")),
            },
            c if c.is_control() => return Err(format!("a raw control character: {c:?}")),
            c => (c.to_string(), c.len_utf8()),
        };
        text.push_str(&piece);
        rest = &rest[taken..];
    }
}

/// Asserts that a rendered team says what the spec says, and nothing else.
fn assert_team(spec: &Value) -> Result<(), TestCaseError> {
    let Some(checked) = render(spec) else { return Ok(()) };
    prop_assert_eq!(&Some(checked.clone()), &render(spec), "the second rendering differs");
    let files: Vec<(String, String)> = checked
        .files()
        .iter()
        .map(|(path, file)| (path.to_string(), String::from_utf8(file.bytes.clone()).expect("UTF-8")))
        .collect();
    let id = spec["id"].as_str().expect("a string");
    prop_assert_eq!(&files[0].0, &format!("backstage-team-{id}.yaml"));
    prop_assert_eq!(&files[1].0, &format!("terraform/org-{id}.tf"));

    let documents: Vec<Value> =
        serde_saphyr::from_multiple(&files[0].1).map_err(|e| TestCaseError::fail(e.to_string()))?;
    prop_assert_eq!(documents.len(), 1, "{}", files[0].1);
    let group = &documents[0];
    let name = spec["name"].as_str().expect("a string");
    prop_assert_eq!(&group["metadata"]["name"], &spec["id"]);
    prop_assert_eq!(&group["spec"]["displayName"], &spec["name"]);
    prop_assert_eq!(&group["spec"]["profile"]["displayName"], &spec["name"]);
    let described = spec.get("description").cloned().unwrap_or_else(|| format!("Team {name}").into());
    prop_assert_eq!(&group["metadata"]["description"], &described);
    for field in ["parent", "members"] {
        prop_assert_eq!(group["spec"].get(field), spec.get(field));
    }
    for field in ["email", "picture"] {
        if let Some(given) = spec.get(field) {
            prop_assert_eq!(&group["spec"]["profile"][field], given);
        }
    }

    let hcl = read_hcl(&files[1].1).map_err(|e| TestCaseError::fail(format!("{e}\n{}", files[1].1)))?;
    let of = |attribute: &str| hcl.iter().find(|(key, _)| key.ends_with(attribute)).map(|(_, text)| text.as_str());
    prop_assert_eq!(hcl.len(), 10, "{}", files[1].1);
    prop_assert_eq!(of(" full_name"), Some(name));
    prop_assert_eq!(of(" name"), Some(id));
    let description = of("\" description").unwrap_or_default();
    prop_assert!(description.starts_with(&format!("Organization for team {name}")), "{}", description);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(600) })]

    #[test]
    fn names_arrive_as_they_are(name in odd_text(), description in prop::option::of(odd_text())) {
        let mut spec = json!({ "id": "no", "name": name });
        if let Some(description) = description {
            spec["description"] = description.into();
        }
        assert_team(&spec)?;
    }

    #[test]
    fn any_text_in_any_field_arrives_or_is_refused(
        fields in prop::collection::btree_map(
            prop::sample::select(&["id", "name", "email", "description", "parent", "picture", "members"][..]), odd_text(), 0..7,
        )
    ) {
        let mut spec = json!({ "id": "Team-1", "name": "N" });
        for (field, text) in fields {
            spec[field] = if field == "members" { json!([text]) } else { text.into() };
        }
        assert_team(&spec)?;
    }

    #[test]
    fn any_value_at_all_is_survived(spec in odd_value()) {
        let _ = render(&spec);
    }

    #[test]
    fn yaml_is_read_back_as_it_was_written(value in odd_value()) {
        let text = to_yaml(&value);
        prop_assert!(text.ends_with('\n') && !text.starts_with('%'));
        prop_assert!(!text.lines().any(|line| line.starts_with("---") || line.starts_with("...")), "{}", text);
        prop_assert_eq!(&text, &to_yaml(&value));
        let read: Vec<Value> = serde_saphyr::from_multiple(&text).map_err(|e| TestCaseError::fail(format!("{e}\n{text}")))?;
        // A stream of one empty document is no document to some readers.
        prop_assert!(read == [value.clone()] || read.is_empty() && value.is_null(), "{:?}\n{}", read, text);
    }

    #[test]
    fn paths_stay_where_they_are(text in prop_oneof![odd_text(), "[a-zA-Z0-9._/~ -]{0,30}"]) {
        let Ok(path) = text.parse::<RelPath>() else { return Ok(()) };
        prop_assert_eq!(path.as_str(), &text);
        prop_assert_eq!(path.as_str().parse::<RelPath>().expect("still a path"), path.clone());
        prop_assert_eq!(RelPath::lenient(&text).expect("still a path"), path.clone());
        for component in path.components() {
            let folded = component.to_lowercase();
            prop_assert!(folded != "." && folded != ".." && folded != ".git" && !folded.starts_with("git~"), "{}", text);
            prop_assert!(component.is_ascii() && !component.contains(['\\', ':', '\0']) && !component.ends_with(['.', ' ']));
        }
        prop_assert!(!text.starts_with('/') && std::path::Path::new(&text).is_relative());
    }

    #[test]
    fn lenient_paths_are_what_they_join_to(text in "[a./ ~A-]{0,20}", below in "[a-z]{1,5}(/[a-z]{1,5}){0,3}") {
        let Ok(path) = RelPath::lenient(&text) else { return Ok(()) };
        let joined = path.join(&below.parse().expect("a path"));
        prop_assert!(path.contains(&joined));
        prop_assert_eq!(joined.components().count(), path.components().count() + below.split('/').count());
        prop_assert_eq!(joined.as_str().parse::<RelPath>().expect("a path"), joined.clone());
    }
}

#[test]
fn texts_that_once_broke_something() {
    for name in [
        "a\" }${file(\"/etc/passwd\")}",
        "a ${b} 100%${1+1}",
        "$${a} $$${b} %%{c} %%%{d}",
        "$",
        "%",
        "\\",
        "\\${x}",
        "no",
        "# not a comment",
        "*alias &anchor !tag",
        "trailing: colon:",
        "%YAML 1.1",
        "---",
        "\u{202e}rtl",
        "\u{feff}bom",
    ] {
        let spec = json!({ "id": "t", "name": name });
        assert!(render(&spec).is_some(), "{name:?} is a name");
        assert_team(&spec).unwrap_or_else(|e| panic!("{name:?}: {e}"));
    }
    for description in
        ["\ttab first\nthen none", " space\n first", "\n\nlate", "a \nb", "a\n\n\n", "a\n", "a\n---\nb", "a\n...\n"]
    {
        let spec = json!({ "id": "t", "name": "n", "description": description });
        assert!(render(&spec).is_some(), "{description:?} is a description");
        assert_team(&spec).unwrap_or_else(|e| panic!("{description:?}: {e}"));
    }
}
