//! What people and scripts are told.

use serde_json::json;

use crate::support::{Desk, documents, team, team_with};

#[test]
fn json_has_every_field_every_time() {
    let desk = Desk::new();
    desk.write("a.yaml", documents(&[team("alpha"), team_with("beta", "no", "")]));
    let run = desk.kept("apply -f a.yaml --store state.git -o json");
    run.exits(1);
    let results = run.json();
    assert_eq!(results.len(), 2, "{}", run.out);
    let of = |name: &str| results.iter().find(|r| r["name"] == name).expect("a result").clone();
    let head = desk.head("state.git");
    let alpha = of("alpha");
    assert_eq!(alpha["kind"], "Team");
    assert_eq!(alpha["namespace"], "default");
    assert_eq!(alpha["result"], "created");
    assert_eq!(alpha["filesChanged"], 2);
    assert_eq!(alpha["commit"], json!(head));
    assert_eq!(alpha["error"], json!(null));
    assert_eq!(alpha["places"][0]["destination"], "default");
    assert_eq!(alpha["places"][0]["branch"], "main");
    assert_eq!(alpha["places"][0]["path"], "resources/default/team/alpha");
    assert_eq!(alpha["places"][0]["commit"], json!(head));
    let beta = of("beta");
    assert_eq!(beta["result"], "failed");
    assert_eq!(beta["filesChanged"], 0);
    assert_eq!(beta["commit"], json!(null));
    assert_eq!(beta["places"], json!([]));
    assert_eq!(beta["error"]["reason"], "InvalidRequest");
    assert_eq!(beta["error"]["field"], "spec.id");
    assert_eq!(beta["error"]["file"], "a.yaml");
    assert_eq!(beta["error"]["line"], 14);
    assert!(beta["error"]["message"].as_str().is_some_and(|m| m.contains("quotes")), "{beta}");
    run.says(&["a.yaml:14:7"]);

    let removed = desk.kept("delete -f a.yaml --store state.git -o json").json();
    assert_eq!(removed[0]["result"], "removed");
    let unreadable = desk.write("b.yaml", "x: [").kept("apply -f a.yaml -f b.yaml --store state.git -o json");
    let nameless = unreadable.json().into_iter().find(|r| r["name"].is_null()).expect("a result without a name");
    assert_eq!(nameless["result"], "failed");
    assert_eq!(nameless["error"]["file"], "b.yaml");
}

#[test]
fn the_table_is_aligned() {
    let desk = Desk::new();
    desk.write("a.yaml", documents(&[team("a"), team("much-longer-name")]));
    let run = desk.kept("apply -f a.yaml --store state.git");
    let columns: Vec<_> = run.exits(0).out.lines().map(|l| l.find("created").or(l.find("RESULT"))).collect();
    assert!(columns.windows(2).all(|pair| pair[0] == pair[1] && pair[0].is_some()), "{}", run.out);
}

#[test]
fn the_kinds_can_be_had() {
    let desk = Desk::new();
    let all = desk.kept("crd");
    all.exits(0).is_quiet();
    for name in ["teams", "gitstatestores", "destinations"] {
        assert!(all.out.contains(&format!("name: {name}.platform.kratix.io")), "{name}");
    }
    desk.kept("crd --out crds/new").exits(0);
    let one = std::fs::read_to_string(desk.path("crds/new/platform.kratix.io_teams.yaml")).expect("a file");
    assert!(all.out.contains(&one));
}

#[test]
fn help_version_and_completions() {
    let desk = Desk::new();
    assert_eq!(desk.kept("--version").exits(0).out, format!("kept {}\n", env!("CARGO_PKG_VERSION")));
    for command in ["render", "apply", "diff", "check", "delete", "crd", "completions", "run"] {
        let help = desk.kept(&format!("{command} --help"));
        help.exits(0);
        assert!(help.out.contains("Examples:"), "{command}");
        let real = help.out.lines().filter(|l| l.trim_start().starts_with("kept ") || l.contains("| kept ")).count();
        assert!(real >= 1, "{}", help.out);
    }
    for shell in ["bash", "zsh", "fish"] {
        let script = desk.kept(&format!("completions {shell}"));
        assert!(script.exits(0).out.contains("ignore-foreign"), "{shell}");
    }
    desk.kept("completions perl6").exits(2);
}

#[test]
fn a_reader_that_leaves_early_is_no_error() {
    let desk = Desk::new();
    let all: Vec<String> = (0..200).map(|i| team(&format!("t{i}"))).collect();
    desk.write("a.yaml", documents(&all));
    let mut command = desk.command("render -f a.yaml");
    let mut child =
        command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped()).spawn().expect("started");
    drop(child.stdout.take());
    let output = child.wait_with_output().expect("ended");
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
}

#[cfg(target_os = "linux")]
#[test]
fn results_that_cannot_be_written_are_an_error() {
    let desk = Desk::new();
    desk.write("a.yaml", team("alpha"));
    for args in ["render -f a.yaml", "apply -f a.yaml --store state.git", "crd", "completions bash"] {
        let full = std::fs::File::options().write(true).open("/dev/full").expect("a full device");
        let output = desk.command(args).stdout(full).output().expect("kept ends");
        assert_eq!(output.status.code(), Some(2), "{args}");
        assert!(String::from_utf8_lossy(&output.stderr).contains("standard output"), "{args}");
    }
}
