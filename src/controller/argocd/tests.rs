//! Who is told of which push, and how often.

use serde_json::{Value, json};

use super::board::{Board, Seen};
use super::kinds::Spec;
use super::push::Push;
use crate::placement::{Branch, Remote};
use crate::values::RequestKey;

const STATE: &str = "https://git.example.com/platform/state.git";

fn key(text: &str) -> RequestKey {
    let mut parts = text.split('/').map(str::to_owned);
    let mut next = || parts.next().expect("three parts");
    RequestKey { namespace: next(), promise: next(), name: next() }
}

/// A push to the branch `main`.
fn push(commit: &str, requests: &[&str]) -> Push {
    let branch = Branch { remote: Remote::new(STATE), name: "main".into() };
    let keys: Vec<RequestKey> = requests.iter().map(|text| key(text)).collect();
    Push::of(&branch, commit, &keys)
}

fn spec(json: &Value) -> Spec {
    serde_json::from_value(json.clone()).expect("a spec")
}

/// Whether a push with a change of one request concerns a spec.
fn told(json: &Value) -> bool {
    let push = push("c1", &["shop/team/payments"]);
    spec(json).reads().iter().any(|read| push.concerns(read))
}

#[test]
fn applications_are_told_of_the_branch_that_they_read() {
    for (revision, expected) in [
        (json!("main"), true),
        (json!("refs/heads/main"), true),
        (json!("HEAD"), true),
        (json!(""), true),
        (Value::Null, true),
        (json!("Main"), false),
        (json!("release"), false),
        (json!("refs/tags/main"), false),
        (json!("0123456789abcdef0123456789abcdef01234567"), false),
    ] {
        let source = json!({"repoURL": "git@git.example.com:platform/state", "targetRevision": revision, "path": "."});
        assert_eq!(told(&json!({"source": source})), expected, "{revision}");
        let other = json!({"repoURL": "https://charts.loft.sh", "chart": "vcluster", "targetRevision": "0.36.1"});
        assert_eq!(told(&json!({"sources": [other, source]})), expected, "{revision}");
        assert!(!told(&json!({"sources": [other]})) && !told(&json!({"source": other})));
    }
}

#[test]
fn an_application_of_one_requests_folder_is_told_of_that_request_alone() {
    for (path, expected) in [
        ("clusters/host/resources/shop/team/payments", true),
        ("./clusters//host/resources/shop/team/payments/", true),
        ("resources/shop/team/payments/deeper", true),
        ("clusters/host/resources/shop/team/payments2", false),
        ("clusters/host/resources/shop/team/pay", false),
        ("resources/other/team/payments", false),
        // All of a namespace, or of everything, and what is laid out in another way.
        ("clusters/host/resources/shop/team", true),
        ("clusters/host/resources/other", true),
        ("clusters/host/resources", true),
        ("clusters/host", true),
        ("", true),
        ("clusters/myresources/a/b/c", true),
        // Where the destination itself has such a folder in its path.
        ("resources/of/the/host/resources/shop/team/payments", true),
        ("resources/resources/shop/team/payments", true),
        ("resources/of/the/host/resources/shop/team/other", false),
        ("resources/of/the/host", true),
        ("{{ .path.path }}", true),
    ] {
        let source = json!({"repoURL": STATE, "targetRevision": "main", "path": path});
        assert_eq!(told(&json!({"source": source})), expected, "{path}");
    }
    let branch = Branch { remote: Remote::new(STATE), name: "main".into() };
    let source = json!({"repoURL": STATE, "targetRevision": "main", "path": "resources/other/team/x"});
    let reads = spec(&json!({"source": source})).reads();
    assert!(Push::of_all(&branch, "c1").concerns(&reads[0]), "a destination has gone with all that was there");
}

#[test]
fn applicationsets_are_told_of_what_their_generators_read() {
    let git = |url: &str, revision: &str| json!({"git": {"repoURL": url, "revision": revision, "directories": []}});
    let clusters = json!({"clusters": {}});
    let of = |generators: Value| told(&json!({"generators": generators, "template": {}}));
    assert!(of(json!([git(STATE, "main")])));
    assert!(of(json!([git(STATE, "HEAD")])));
    assert!(!of(json!([git(STATE, "other")])));
    assert!(!of(json!([clusters, git("https://git.example.com/platform/other.git", "main")])));
    for combined in ["matrix", "merge"] {
        let around = |inner: &Value| json!({combined: {"generators": [clusters, inner]}});
        assert!(of(json!([around(&git(STATE, "main"))])));
        assert!(of(json!([around(&json!({"matrix": {"generators": [git(STATE, "main"), clusters]}}))])));
        assert!(of(json!([around(&json!({"merge": {"generators": [clusters, git(STATE, "main")]}}))])));
        assert!(!of(json!([around(&git(STATE, "other"))])));
        // Which repository it is, only Argo CD knows.
        assert!(of(json!([around(&git("{{ .metadata.annotations.repo }}", "{{ .branch }}"))])));
    }
    let template = |url: &str| {
        let source = json!({"repoURL": url, "targetRevision": "main", "path": "{{ .path.path }}"});
        let template = json!({"metadata": {}, "spec": {"project": "x", "source": source}});
        told(&json!({"generators": [clusters], "template": template}))
    };
    assert!(template(STATE) && !template("https://git.example.com/platform/other.git") && !template("{{ .url }}"));
}

/// One watch of Applications, and what was told to whom.
struct Table(Board);

impl Table {
    fn new() -> Self {
        Self(Board::new(1))
    }

    /// With Applications that read everything.
    fn of(names: &[&str]) -> Self {
        let mut table = Self::new();
        table.0.saw(0, Seen::Begin);
        for name in names {
            table.see(name, 1, false);
        }
        table.0.saw(0, Seen::Complete);
        table
    }

    fn see(&mut self, name: &str, version: u64, refreshing: bool) {
        let path = if name == "all" { "." } else { &format!("resources/{name}") };
        let reads = spec(&json!({"source": {"repoURL": STATE, "targetRevision": "main", "path": path}})).reads();
        self.0.saw(0, Seen::Object { name: name.into(), version, refreshing, reads });
    }

    fn push(&mut self, pushes: &[Push]) {
        self.0.pushed(pushes.iter().cloned());
    }

    /// Tells whoever is to be told, which makes this version of each.
    fn tell(&mut self, version: u64) -> Vec<String> {
        let mut told = Vec::new();
        while let Some(target) = self.0.next() {
            told.push(target.name.to_string());
            self.0.told(target, version);
        }
        told.sort();
        told
    }
}

const NOBODY: [&str; 0] = [];

#[test]
fn each_is_told_once_for_a_push_however_many_requests_it_holds() {
    let mut table = Table::of(&["all", "a/team/x", "a/team/y", "a/team/z"]);
    table.push(&[push("c1", &["a/team/x"]), push("c1", &["a/team/y"])]);
    assert_eq!(table.tell(2), ["a/team/x", "a/team/y", "all"]);
    for name in ["all", "a/team/x", "a/team/y"] {
        table.see(name, 2, true);
        table.see(name, 3, false);
    }
    // The rest of the same commit's requests is told later.
    table.push(&[push("c1", &["a/team/x"]), push("c1", &["a/team/z"])]);
    assert_eq!(table.tell(4), ["a/team/z"]);
    table.push(&[push("c2", &["a/team/x"])]);
    assert_eq!(table.tell(5), ["a/team/x", "all"]);
}

#[test]
fn who_has_not_yet_looked_is_told_once_more_when_it_has() {
    let mut table = Table::of(&["all"]);
    table.push(&[push("c1", &[])]);
    assert_eq!(table.tell(5), ["all"]);
    // What the watch has yet to see says nothing of that.
    table.push(&[push("c2", &[])]);
    table.see("all", 4, false);
    assert_eq!(table.tell(6), NOBODY);
    table.see("all", 5, true);
    table.push(&[push("c3", &[]), push("c4", &[])]);
    assert_eq!(table.tell(6), NOBODY, "it carries the annotation");
    table.see("all", 6, false);
    assert_eq!(table.tell(7), ["all"], "three pushes are told as one");
    table.see("all", 8, false);
    assert_eq!(table.tell(9), NOBODY);
}

#[test]
fn a_push_while_somebody_is_being_told_is_told_too() {
    let mut table = Table::of(&["all"]);
    table.push(&[push("c1", &[])]);
    let target = table.0.next().expect("it is told");
    table.push(&[push("c2", &[])]);
    // Argo CD is fast: the watch has seen both before the answer is here.
    table.see("all", 2, true);
    table.see("all", 3, false);
    table.0.told(target, 2);
    assert_eq!(table.tell(4), ["all"]);
}

#[test]
fn what_somebody_else_has_asked_for_is_waited_for() {
    let mut table = Table::of(&["all"]);
    table.see("all", 2, true);
    table.push(&[push("c1", &[])]);
    assert_eq!(table.tell(3), NOBODY);
    table.see("all", 3, false);
    assert_eq!(table.tell(4), ["all"]);
}

#[test]
fn a_push_before_all_are_known_waits_for_them() {
    let mut table = Table(Board::new(2));
    table.0.saw(0, Seen::Begin);
    table.see("all", 1, false);
    table.push(&[push("c1", &[]), push("c2", &[])]);
    table.0.saw(0, Seen::Complete);
    assert_eq!(table.tell(2), NOBODY);
    table.0.saw(1, Seen::None);
    assert_eq!(table.tell(2), ["all"]);
}

#[test]
fn who_is_gone_or_cannot_be_told_is_left_alone() {
    let mut table = Table::of(&["all", "a/team/x", "a/team/y"]);
    table.push(&[push("c1", &["a/team/x", "a/team/y"])]);
    table.0.saw(0, Seen::Gone("all".into()));
    // A list that begins anew does not name it any more.
    table.0.saw(0, Seen::Begin);
    table.see("a/team/x", 2, false);
    table.0.saw(0, Seen::Complete);
    assert_eq!(table.tell(3), ["a/team/x"]);
    table.see("a/team/x", 4, false);
    table.push(&[push("c2", &["a/team/x"])]);
    table.0.give_up();
    assert_eq!(table.tell(5), NOBODY);
    table.push(&[push("c3", &["a/team/x"])]);
    assert_eq!(table.tell(5), ["a/team/x"]);
    table.0.saw(0, Seen::None);
    table.push(&[push("c4", &["a/team/x"])]);
    assert_eq!(table.tell(6), NOBODY);
}
