//! What `-f` reads.

use crate::support::{Desk, documents, team};

#[test]
fn directories_are_read_as_far_as_they_hold_requests() {
    let desk = Desk::new();
    desk.write("in/a.yaml", team("a")).write("in/deep/er/b.yml", team("b"));
    let json = r#"{"apiVersion": "platform.kratix.io/v1alpha1", "kind": "Team",
	"metadata": {"name": "c"}, "spec": {"id": "c", "name": "C"}}"#;
    desk.write("in/c.json", json);
    desk.write("in/.hidden.yaml", "x: [").write("in/.git/d.yaml", "x: [").write("in/notes.txt", "x: [");
    desk.write("in/kustomization.yaml", "resources: [a.yaml]\n").write("in/deep/kustomization.yml", "x: 1\n");
    desk.write("in/empty.yaml", "---\n# nothing\n---\n");
    let run = desk.kept("apply -f in --store state.git");
    assert_eq!(run.exits(0).is_quiet().results(), ["default/a created", "default/b created", "default/c created"]);
    // A file that is named is read, whatever it is called.
    desk.write("request.txt", team("d"));
    desk.kept("apply -f request.txt --store state.git").exits(0);
    // The same file by two ways is one file.
    desk.kept("apply -f in -f in/a.yaml --store state.git").exits(0);
}

#[cfg(unix)]
#[test]
fn links_in_circles_end() {
    use std::os::unix::fs::symlink;
    let desk = Desk::new();
    desk.write("in/real/a.yaml", team("a")).write("outside/b.yaml", team("b"));
    symlink("..", desk.path("in/real/up")).expect("linked");
    symlink(".", desk.path("in/here")).expect("linked");
    symlink("../outside", desk.path("in/out")).expect("linked");
    symlink("real/a.yaml", desk.path("in/again.yaml")).expect("linked");
    // Each of them leads to all others: their orders would be walked until tomorrow.
    for from in 0..12 {
        std::fs::create_dir_all(desk.path(&format!("in/maze/{from}"))).expect("made");
        for to in 0..12 {
            symlink(format!("../{to}"), desk.path(&format!("in/maze/{from}/{to}"))).expect("linked");
        }
    }
    let run = desk.kept("apply -f in --store state.git");
    assert_eq!(run.exits(0).is_quiet().results(), ["default/a created", "default/b created"]);
}

#[test]
fn standard_input_is_read_once() {
    let desk = Desk::new();
    let run = desk.kept_with_stdin("apply -f - --store state.git", &team("piped"));
    assert_eq!(run.exits(0).results(), ["default/piped created"]);
    let broken = desk.kept_with_stdin("apply -f - --store state.git", "kind: Team\nx: [");
    broken.exits(2).says(&["<stdin>:"]);
    desk.kept_with_stdin("apply -f - -f - --store state.git", &team("piped")).exits(2).says(&["only once"]);
}

#[test]
fn namespaces_have_a_default() {
    let desk = Desk::new();
    desk.write("a.yaml", team("a"));
    let run = desk.kept("apply -f a.yaml --store state.git -n people");
    assert_eq!(run.exits(0).results(), ["people/a created"]);
    assert!(desk.files("state.git").iter().any(|f| f.starts_with("resources/people/team/a/")));
}

#[test]
fn what_kubectl_prints_is_accepted() {
    let desk = Desk::new();
    let list = r#"apiVersion: v1
kind: List
metadata:
  resourceVersion: ""
items:
- apiVersion: platform.kratix.io/v1alpha1
  kind: Team
  metadata:
    annotations:
      kubectl.kubernetes.io/last-applied-configuration: |
        {"apiVersion":"platform.kratix.io/v1alpha1","kind":"Team"}
    creationTimestamp: "2026-01-01T00:00:00Z"
    finalizers: [kept.integratn.tech/cleanup]
    generation: 2
    managedFields:
    - apiVersion: platform.kratix.io/v1alpha1
      fieldsType: FieldsV1
      fieldsV1: {"f:spec": {".": {}, "f:id": {}}}
      manager: kubectl
      operation: Update
      time: "2026-01-01T00:00:00Z"
    name: listed
    namespace: shop
    resourceVersion: "1234"
    uid: 0f4f3f5e-6a0b-4b6e-9a2e-0e6a7f1b2c3d
  spec:
    id: listed
    name: Listed
  status:
    conditions:
    - lastTransitionTime: "2026-01-01T00:00:00Z"
      message: ""
      reason: Committed
      status: "True"
      type: Ready
    anything: else
- apiVersion: v1
  kind: List
  items:
  - apiVersion: platform.kratix.io/v1alpha1
    kind: Team
    metadata: {name: nested}
    spec: {id: nested, nmae: Nested}
"#;
    desk.write("list.yaml", list);
    let run = desk.kept("apply -f list.yaml --store state.git");
    run.exits(1).says(&["list.yaml:43:30: error: Team default/nested: spec.nmae"]);
    assert!(run.results().contains(&"shop/listed created".to_owned()), "{}", run.out);
    desk.write("teams.yaml", "apiVersion: platform.kratix.io/v1alpha1\nkind: TeamList\nitems: []\n");
    desk.kept("apply -f teams.yaml --store state.git").exits(2).says(&["no requests"]);
}

#[test]
fn anchors_and_merge_keys_work() {
    let desk = Desk::new();
    let text = "apiVersion: platform.kratix.io/v1alpha1\nkind: Team\nmetadata: {name: &n anchored}\nspec: {id: *n, name: *n}\n";
    desk.write("a.yaml", text);
    assert_eq!(desk.kept("apply -f a.yaml --store state.git").exits(0).results(), ["default/anchored created"]);
}

#[test]
fn many_requests_in_one_file_go_into_one_commit() {
    let desk = Desk::new();
    let all: Vec<String> = (0..300).map(|i| team(&format!("t{i:03}"))).collect();
    desk.write("all.yaml", documents(&all));
    let run = desk.kept("apply -f all.yaml --store state.git");
    assert_eq!(run.exits(0).results().len(), 300);
    assert_eq!(desk.git("state.git", "rev-list --count main").trim(), "1");
}
