//! Whatever is written into a field of a platform request, in a field's value or a map's key: what is
//! rendered is one manifest for each file, no Secret, in the namespaces that are meant, executes nothing,
//! and is the same bytes every time.

mod odd;

use std::collections::BTreeSet;
use std::path::Path;

use kept::api::PLATFORM_GROUP;
use kept::config::Settings;
use kept::known::Known;
use kept::policy::{Checked, check};
use kept::promises::by_kind;
use odd::{ODD, odd_text};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use serde_json::Value;

/// Texts that somebody with an intention would try.
const HOSTILE: &[&str] = &[
    "x\n---\napiVersion: v1\nkind: Secret\nmetadata: {name: x}",
    "kind: Secret\nmetadata:\n  name: x\nstringData: {a: b}",
    "{{ .config }}",
    "x{{ index . \"client-key\" }}",
    "a\",\"insecure\":true,\"x\":\"",
    "kube-system",
    "argocd",
    "../../../../etc/passwd",
    "a/../b",
    "x\nnamespace: kube-system",
    "x # comment",
    "*",
    "!vault x",
    "https://user:password@example.org/{{ x }}",
    "https://example.org/{{.token}}",
    "{{.token}}",
    "\u{202e}gnp.exe",
    "999.1.1.1",
    "10.0.0.0/33",
    "v1.34.3\n",
    "Ω",
];

fn requests() -> Vec<Value> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files: Vec<_> = std::fs::read_dir(root.join("examples/vclusters"))
        .expect("examples")
        .collect::<Result<_, _>>()
        .expect("entries");
    files.sort_by_key(std::fs::DirEntry::path);
    let examples =
        files.iter().map(std::fs::DirEntry::path).filter(|path| path.extension().is_some_and(|e| e == "yaml"));
    let paths = ["tests/platform/full.yaml", "tests/platform/as-before.yaml"]
        .map(|file| root.join(file))
        .into_iter()
        .chain(examples);
    paths
        .flat_map(|path| {
            let text = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
            serde_saphyr::from_multiple::<Value>(&text).expect("readable YAML")
        })
        .collect()
}

fn render(object: &Value) -> Option<Checked> {
    let promise = by_kind(PLATFORM_GROUP, object["kind"].as_str()?).expect("a promise for every kind");
    let settings = Settings::default();
    let request = promise.request(object, Some("platform-requests")).ok()?;
    let output = promise.render(&request, &settings, &Known::default()).ok()?;
    check(&request.key, output, &settings).ok()
}

/// The pointers to all strings of the spec, and to all maps whose keys people choose.
fn strings(value: &Value, pointer: &str, found: &mut Vec<String>) {
    match value {
        Value::String(_) => found.push(pointer.to_owned()),
        Value::Object(fields) => {
            for (key, value) in fields {
                strings(value, &format!("{pointer}/{}", key.replace('~', "~0").replace('/', "~1")), found);
            }
        }
        Value::Array(items) => {
            for (i, item) in items.iter().enumerate() {
                strings(item, &format!("{pointer}/{i}"), found);
            }
        }
        _ => {}
    }
}

fn maps(value: &Value, pointer: &str, found: &mut Vec<String>) {
    let named = ["abels", "nnotations", "valuesObject", "helmOverrides", "backingStore", "exportKubeConfig"];
    if let Value::Object(fields) = value {
        if named.iter().any(|end| pointer.ends_with(end)) {
            found.push(pointer.to_owned());
        }
        for (key, value) in fields {
            maps(value, &format!("{pointer}/{}", key.replace('~', "~0").replace('/', "~1")), found);
        }
    }
}

/// Every `{{ … }}` where the External Secrets Operator would execute it.
fn templates(object: &Value) -> Vec<String> {
    fn collect(value: &Value, found: &mut Vec<String>) {
        match value {
            Value::String(text) => {
                found.extend(
                    text.match_indices("{{")
                        .map(|(at, _)| text[at..].split("}}").next().unwrap_or_default().to_owned()),
                );
            }
            Value::Object(fields) => fields.iter().for_each(|(key, value)| {
                collect(&Value::from(key.as_str()), found);
                collect(value, found);
            }),
            Value::Array(items) => items.iter().for_each(|item| collect(item, found)),
            _ => {}
        }
    }
    let mut found = Vec::new();
    for pointer in ["/spec/template", "/spec/target/template"] {
        collect(object.pointer(pointer).unwrap_or(&Value::Null), &mut found);
    }
    found
}

/// What must hold of what is rendered; `meant` are the namespaces that the request itself names, `live` the
/// templates of the promise.
fn hold(checked: &Checked, meant: &BTreeSet<String>, live: &BTreeSet<String>, story: &str) {
    for (path, file) in checked.files() {
        let text = String::from_utf8(file.bytes.clone()).expect("UTF-8");
        let documents: Vec<Value> =
            serde_saphyr::from_multiple(&text).unwrap_or_else(|e| panic!("{story}: {path}: {e}\n{text}"));
        assert_eq!(documents.len(), 1, "{story}: {path}\n{text}");
        let object = &documents[0];
        assert_ne!(object["kind"], "Secret", "{story}: {path}");
        let namespace = match object["kind"].as_str() {
            Some("Namespace") => object["metadata"]["name"].as_str(),
            _ => object["metadata"]["namespace"].as_str(),
        };
        let namespace = namespace.unwrap_or_else(|| panic!("{story}: {path} has no namespace"));
        assert!(namespace == "argocd" || meant.contains(namespace), "{story}: {path} is in {namespace}");
        for template in templates(object) {
            assert!(live.contains(&template), "{story}: {path} executes {template:?}");
        }
    }
}

/// The namespaces that a request may mean: those it names, those derived from its name, its own.
fn meant(object: &Value) -> BTreeSet<String> {
    let spec = &object["spec"];
    let name = spec["name"].as_str().unwrap_or_default();
    let own = object["metadata"]["namespace"].as_str().unwrap_or("platform-requests");
    let named = ["targetNamespace", "namespace", "argocdNamespace"].iter().filter_map(|field| spec[field].as_str());
    named.map(str::to_owned).chain([format!("vcluster-{name}"), own.to_owned()]).collect()
}

/// How many of the odd texts each field is tried with, beside all the hostile ones; the next field goes on
/// with those that follow.
const TURN: usize = 4;

/// What came of trying.
#[derive(Default)]
struct Tried {
    rendered: usize,
    refused: usize,
}

/// Tries every field of a request.
fn try_all(request: &Value, odd: &[String], live: &BTreeSet<String>) -> Tried {
    let mut tried = Tried::default();
    let (mut values, mut keys) = (Vec::new(), Vec::new());
    strings(&request["spec"], "/spec", &mut values);
    maps(&request["spec"], "/spec", &mut keys);
    let places = values.iter().map(|pointer| (pointer, false)).chain(keys.iter().map(|pointer| (pointer, true)));
    for (turn, (pointer, is_map)) in places.enumerate() {
        let own_turn = odd.iter().cycle().skip(turn * TURN).take(TURN).map(String::as_str);
        for text in HOSTILE.iter().copied().chain(own_turn) {
            let mut object = request.clone();
            let place = object.pointer_mut(pointer).expect("a place");
            if is_map {
                place[text] = "x".into();
            } else {
                *place = text.into();
            }
            let story = format!("{} {pointer}: {text:?}", object["kind"]);
            let Some(checked) = render(&object) else {
                tried.refused += 1;
                continue;
            };
            tried.rendered += 1;
            hold(&checked, &meant(&object), live, &story);
            assert_eq!(render(&object).as_ref(), Some(&checked), "{story}");
        }
    }
    tried
}

#[test]
fn no_text_in_any_field_becomes_more_than_text() {
    let mut runner = TestRunner::deterministic();
    let mut odd: Vec<String> = ODD.iter().map(ToString::to_string).collect();
    odd.extend(["a".repeat(64), "a".repeat(300)]);
    odd.extend((0..60).map(|_| odd_text().new_tree(&mut runner).expect("an example").current()));
    let requests = requests();
    let files =
        requests.iter().filter_map(render).flat_map(|checked| checked.files().values().cloned().collect::<Vec<_>>());
    let live: BTreeSet<String> =
        files.flat_map(|file| templates(&serde_saphyr::from_slice(&file.bytes).expect("YAML"))).collect();
    assert!(!live.is_empty(), "the kubeconfig goes by templates");
    let tried: Vec<Tried> = std::thread::scope(|scope| {
        let (odd, live) = (&odd, &live);
        let halves = requests.chunks(requests.len().div_ceil(2));
        let running: Vec<_> = halves
            .map(|half| scope.spawn(move || half.iter().map(|request| try_all(request, odd, live)).collect::<Vec<_>>()))
            .collect();
        running.into_iter().flat_map(|thread| thread.join().expect("what is rendered holds")).collect()
    });
    let rendered: usize = tried.iter().map(|tried| tried.rendered).sum();
    let refused: usize = tried.iter().map(|tried| tried.refused).sum();
    assert!(rendered > 1000 && refused > 1000, "{rendered} rendered, {refused} refused: little was tried");
}

#[test]
fn the_examples_render_as_they_are() {
    let rendered = requests().iter().filter(|request| render(request).is_some()).count();
    assert!(rendered > 12, "{rendered}");
}
