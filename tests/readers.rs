//! What kept writes, read by those it is written for: Kubernetes' YAML, HashiCorp's HCL, Prometheus'
//! queries, and Backstage's own validator. `KEPT_READERS` names the readers program that `tests/parts` builds.

mod odd;

use std::env;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;

use kept::config::Settings;
use kept::known::Known;
use kept::manifest::write::to_yaml;
use kept::policy::{Checked, check};
use kept::promises::by_kind;
use odd::{ODD, odd_text, odd_value};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use serde_json::{Value, json};

/// Asks the readers program; an answer for each question.
fn ask(questions: Vec<Value>) -> Vec<Value> {
    let program = env::var_os("KEPT_READERS").expect(
        "KEPT_READERS names no program: `go -C tests/parts run . path readers` builds it and prints where it is",
    );
    let mut readers = Command::new(&program)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap_or_else(|e| panic!("{}: {e}", program.display()));
    let mut input = readers.stdin.take().expect("a pipe");
    let asked = questions.len();
    let writer = thread::spawn(move || {
        for question in questions {
            writeln!(input, "{question}").expect("the readers program listens");
        }
    });
    let output = BufReader::new(readers.stdout.take().expect("a pipe"));
    let answers: Vec<Value> =
        output.lines().map(|line| serde_json::from_str(&line.expect("a line")).expect("a line of JSON")).collect();
    writer.join().expect("all was asked");
    assert!(readers.wait().expect("it ends").success());
    assert_eq!(answers.len(), asked);
    answers
}

/// The queries of the dashboard and of the alerts.
fn queries() -> Vec<String> {
    fn find(at: &Value, found: &mut Vec<String>) {
        match at {
            Value::Object(fields) => fields.iter().for_each(|(key, value)| match (key.as_str(), value) {
                // Grafana fills it in.
                ("expr", Value::String(query)) => found.push(query.replace("$__rate_interval", "5m")),
                _ => find(value, found),
            }),
            Value::Array(all) => all.iter().for_each(|value| find(value, found)),
            _ => {}
        }
    }
    let mut found = Vec::new();
    for file in ["dashboards/kept.json", "alerts/kept.yaml"] {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy").join(file);
        let before = found.len();
        // JSON is YAML.
        find(&serde_saphyr::from_str(&fs::read_to_string(path).expect("a file")).expect("YAML"), &mut found);
        assert!(found.len() > before + 3, "{file}: {found:?}");
    }
    found
}

#[test]
fn prometheus_reads_every_query_of_the_dashboard_and_the_alerts() {
    let queries = queries();
    for (query, answer) in queries.iter().zip(ask(queries.iter().map(|query| json!({ "promql": query })).collect())) {
        assert!(answer["expression"].is_string(), "{query}: {answer}");
    }
}

/// So many examples of a strategy, the same at each run.
fn examples<T: std::fmt::Debug>(strategy: &impl Strategy<Value = T>, count: usize) -> Vec<T> {
    let mut runner = TestRunner::deterministic();
    (0..count).map(|_| strategy.new_tree(&mut runner).expect("an example").current()).collect()
}

/// HCL normalises text (NFC), so these are characters that stay what they are.
fn stable_text() -> impl Strategy<Value = String> {
    let stable = |c: char| c.is_ascii() || matches!(c, 'à'..='ö' | 'א'..='ת' | '一'..='鿿' | '\u{1F600}'..='\u{1F64F}');
    prop_oneof![
        3 => prop::collection::vec(prop::sample::select(ODD), 1..6).prop_map(|parts| parts.concat()),
        1 => "[$%{}\"\\\\a~ ]{1,12}",
        1 => "[ -~àéö\u{5d0}-\u{5ea}一-龥😀-🙏]{1,60}",
    ]
    .prop_map(move |text| text.chars().filter(|c| stable(*c)).collect())
}

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

/// The text of the file whose name begins so.
fn file(checked: &Checked, start: &str) -> String {
    let found = checked.files().iter().find(|(path, _)| path.as_str().starts_with(start)).expect("the file");
    String::from_utf8(found.1.bytes.clone()).expect("UTF-8")
}

#[test]
fn yaml_reads_the_same_for_kubernetes_and_everybody() {
    let texts = ODD.iter().map(|text| (*text).to_owned()).chain(examples(&odd_text(), 4000));
    let mut values: Vec<Value> = texts
        .map(|text| {
            json!({
                "kind": text, "list": [text, [text], { "a": text, "b": text }], "map": { &text: { &text: text } },
                "block": format!("first\n{text}\nlast\n"), "ends": format!("first\n{text}"), "starts": format!("{text}\nlast"),
            })
        })
        .collect();
    for text in ODD {
        values.push(json!({ *text: text }));
    }
    values.extend(examples(&odd_value(), 1500).into_iter().filter(Value::is_object));
    let written: Vec<String> = values.iter().map(to_yaml).collect();
    let answers = ask(written.iter().map(|text| json!({ "yaml": text })).collect());
    for ((value, text), answer) in values.iter().zip(&written).zip(&answers) {
        let expected =
            if *value == json!({}) { answer.clone() } else { json!({ "documents": [value], "v3": [value] }) };
        assert_eq!(answer, &expected, "{text}");
    }
    assert!(values.len() > 4500);
}

#[test]
fn any_name_is_the_same_text_for_hashicorp() {
    let hostile = [
        "a\" }${file(\"/etc/passwd\")}",
        "a ${b} 100%${1+1}",
        "$${a} $$${b} $$$${c} %%{d} %%%{e}",
        "${",
        "$%{x",
        "\\${x}",
    ];
    let names: Vec<String> =
        hostile.iter().map(|name| (*name).to_owned()).chain(examples(&stable_text(), 6000)).collect();
    let rendered: Vec<(String, String)> = names
        .into_iter()
        .filter_map(|name| {
            let checked = render(&json!({ "id": "a_b-C", "name": name, "email": "x@example.org" }))?;
            Some((name, file(&checked, "terraform/")))
        })
        .collect();
    assert!(rendered.len() > 2000, "only {} of the names are names", rendered.len());
    let answers = ask(rendered.iter().map(|(_, text)| json!({ "hcl": text })).collect());
    for ((name, text), answer) in rendered.iter().zip(&answers) {
        let output = |label: &str, attribute: &str, words: &str| {
            json!({
                "type": "output", "labels": [label], "attributes": {
                    "description": format!("{words} of the Gitea organization of team a_b-C"),
                    "value": { "traversal": format!("gitea_org.team_a_b-C.{attribute}") },
                },
            })
        };
        let organisation = json!({
            "type": "resource", "labels": ["gitea_org", "team_a_b-C"], "attributes": {
                "name": "a_b-C", "full_name": name, "description": format!("Organization for team {name} (x@example.org)"),
                "website": "", "location": "", "visibility": "public",
            },
        });
        let blocks = [
            organisation,
            output("organization_a_b-C_name", "name", "Name"),
            output("organization_a_b-C_id", "id", "Number"),
        ];
        assert_eq!(answer, &json!({ "blocks": blocks }), "{text}");
    }
}

/// Backstage's code, installed once beside the other real parts.
fn backstage() -> PathBuf {
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/backstage");
    let home = || PathBuf::from(env::var_os("HOME").expect("HOME")).join(".cache/kept-parts");
    let cache = env::var_os("KEPT_PARTS_CACHE").map_or_else(home, PathBuf::from);
    let version = fs::read_to_string(sources.join("package-lock.json")).expect("the lock file");
    let version: Value = serde_json::from_str(&version).expect("JSON");
    let version =
        version["packages"]["node_modules/@backstage/catalog-model"]["version"].as_str().expect("a version").to_owned();
    let installed = cache.join(format!("backstage-catalog-model-{version}"));
    if !installed.join("node_modules").is_dir() {
        let fresh = cache.join(format!("backstage-{}", std::process::id()));
        fs::create_dir_all(&fresh).expect("make the cache");
        for name in ["package.json", "package-lock.json", ".npmrc"] {
            fs::copy(sources.join(name), fresh.join(name)).expect("copy");
        }
        let done = Command::new("npm")
            .args(["ci", "--ignore-scripts", "--no-progress", "--loglevel=error"])
            .current_dir(&fresh)
            .status()
            .expect("npm is needed, and is not there");
        assert!(done.success(), "npm cannot install {} in {}", sources.display(), fresh.display());
        // Whoever was quicker has installed the same.
        if fs::rename(&fresh, &installed).is_err() {
            let _ = fs::remove_dir_all(&fresh);
        }
    }
    fs::copy(sources.join("validate.mjs"), installed.join("validate.mjs")).expect("copy");
    installed.join("validate.mjs")
}

/// What Backstage has against each entity; null: nothing.
fn judged_by_backstage(entities: &[Value]) -> Vec<Value> {
    let mut node = Command::new("node")
        .arg(backstage())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("node is needed, and is not there");
    let text = serde_json::to_vec(entities).expect("JSON");
    let mut input = node.stdin.take().expect("a pipe");
    let writer = thread::spawn(move || input.write_all(&text).expect("the script listens"));
    let output = node.wait_with_output().expect("it ends");
    writer.join().expect("all was asked");
    assert!(output.status.success());
    serde_json::from_slice(&output.stdout).expect("JSON")
}

#[test]
fn groups_are_groups_for_backstage() {
    let optional = |strategy: &'static str| prop::option::of(strategy);
    let specs = (
        "[A-Za-z0-9]([A-Za-z0-9_-]{0,61}[A-Za-z0-9])?",
        odd_text(),
        prop::option::of(odd_text()),
        optional("([Gg]roup:)?([a-z0-9]([-a-z0-9]{0,9}[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,9}[A-Za-z0-9])?"),
        prop::option::of(prop::collection::btree_set("(user:)?(default/)?[a-z]{1,9}(\\.[a-z]{1,9})?", 0..4)),
        optional("[a-z]{1,5}@[a-z]{1,5}\\.org"),
        optional("https://[!-~]{1,30}"),
    )
        .prop_map(|(id, name, description, parent, members, email, picture)| {
            let mut spec = json!({ "id": id, "name": name });
            for (field, text) in
                [("description", description), ("parent", parent), ("email", email), ("picture", picture)]
            {
                if let Some(text) = text {
                    spec[field] = text.into();
                }
            }
            if let Some(members) = members {
                spec["members"] = members.into_iter().collect();
            }
            spec
        });
    let written: Vec<String> =
        examples(&specs, 3000).iter().filter_map(render).map(|checked| file(&checked, "backstage-team-")).collect();
    assert!(written.len() > 500, "only {} of the teams are teams", written.len());
    // As a catalog gets them: through a YAML reader.
    let read = ask(written.iter().map(|text| json!({ "yaml": text })).collect());
    let groups: Vec<Value> = read.iter().map(|answer| answer["v3"][0].clone()).collect();
    for ((text, group), verdict) in written.iter().zip(&groups).zip(judged_by_backstage(&groups)) {
        assert_eq!(verdict, Value::Null, "{text}\n{group}");
    }
    // It does judge.
    let mut bad = vec![groups[0].clone(); 4];
    bad[0]["metadata"]["name"] = json!("not a name");
    bad[1]["spec"]["profile"]["email"] = json!("");
    bad[2]["spec"].as_object_mut().expect("an object").remove("children");
    bad[3]["kind"] = json!("User");
    assert!(judged_by_backstage(&bad).iter().all(Value::is_string));
}
