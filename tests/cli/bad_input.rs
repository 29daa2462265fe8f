//! Each mistake: a clear error with its place, nothing written for that request, the others committed.

use crate::support::{Desk, Run, documents, team, team_with};

/// Applies `bad` beside a good request, which must be written, alone.
#[track_caller]
fn beside_a_good_one(name: &str, bad: impl AsRef<[u8]>) -> Run {
    let desk = Desk::new();
    desk.write("in/good.yaml", team("good")).write(&format!("in/{name}"), bad);
    let run = desk.kept("apply -f in --store state.git");
    let teams: Vec<String> = desk.files("state.git").into_iter().filter(|f| f.contains("/backstage-team-")).collect();
    assert_eq!(teams, ["resources/default/team/good/backstage-team-good.yaml"], "{}", run.err);
    assert!(run.results().contains(&"default/good created".to_owned()), "{}", run.out);
    run
}

#[test]
fn unparsable_yaml_has_file_line_and_column() {
    beside_a_good_one("bad.yaml", "apiVersion: v1\nkind: [Team\nmetadata: {}\n")
        .exits(1)
        .says(&["in/bad.yaml:", "error: "]);
    let run = beside_a_good_one("bad.yaml", "a:\n  - b\n c: d\n");
    run.exits(1).says(&["in/bad.yaml:3:"]);
}

#[test]
fn what_stands_before_the_broken_place_is_used() {
    let text = format!("{}---\n{}---\nx: [\n---\n{}", team("one"), team("two"), team("after"));
    let desk = Desk::new();
    desk.write("all.yaml", text);
    let run = desk.kept("apply -f all.yaml --store state.git");
    run.exits(1);
    let named: Vec<String> = run.results();
    assert_eq!(named, ["default/one created", "default/two created"]);
}

#[test]
fn unknown_kinds_are_refused_unless_asked_for() {
    let text = "apiVersion: platform.kratix.io/v1alpha1\nkind: Taem\nmetadata:\n  name: x\n";
    beside_a_good_one("bad.yaml", text).exits(1).says(&["in/bad.yaml:2:7", "Taem", "Team", "--ignore-foreign"]);
    let desk = Desk::new();
    desk.write("in/good.yaml", team("good")).write("in/other.yaml", text);
    desk.kept("apply -f in --store state.git --ignore-foreign").exits(0).is_quiet();
}

#[test]
fn unknown_and_missing_fields_are_named() {
    let run = beside_a_good_one("bad.yaml", team_with("bad", "bad", "  emial: a@b.example\n"));
    run.exits(1).says(&["in/bad.yaml:8:10: error: Team default/bad: spec.emial", "email"]);
    let text = "apiVersion: platform.kratix.io/v1alpha1\nkind: Team\nmetadata:\n  name: bad\nspec:\n  id: bad\n";
    beside_a_good_one("bad.yaml", text).exits(1).says(&["in/bad.yaml:5:1", "spec.name", "missing"]);
    let text = "apiVersion: platform.kratix.io/v1alpha1\nkind: Team\nmetadata: {}\nspec: {id: a, name: b}\n";
    beside_a_good_one("bad.yaml", text).exits(1).says(&["in/bad.yaml:3:1", "metadata.name"]);
    beside_a_good_one("bad.yaml", "just text\n").exits(1).says(&["in/bad.yaml:1:1", "not a Kubernetes object"]);
    beside_a_good_one("bad.yaml", "kind: Team\n").exits(1).says(&["apiVersion"]);
    let text = team("bad").replace("v1alpha1", "v1");
    beside_a_good_one("bad.yaml", text).exits(1).says(&["in/bad.yaml:1:13", "v1alpha1"]);
}

#[test]
fn all_mistakes_are_told_at_once() {
    let run = beside_a_good_one("bad.yaml", team_with("bad", "a/b", "  email: nobody\n  x: 1\n"));
    run.exits(1).says(&["in/bad.yaml:6:7", "spec.id", "in/bad.yaml:8:10", "spec.email", "in/bad.yaml:9:6", "spec.x"]);
}

#[test]
fn one_identity_has_one_holder() {
    let desk = Desk::new();
    let other = team_with("second", "FIRST", "").replace("  name: second\n", "  name: second\n  namespace: other\n");
    desk.write("all.yaml", documents(&[team("first"), other.clone()]));
    let run = desk.kept("apply -f all.yaml --store state.git");
    run.exits(1).says(&["all.yaml:9:1", "Team other/second", "default/first"]);
    assert_eq!(run.results(), ["default/first created", "other/second failed"]);
    assert!(!desk.files("state.git").iter().any(|f| f.contains("/other/")));

    // The holder keeps it, whoever comes first in the alphabet later.
    desk.write("b.yaml", team_with("a-newcomer", "first", ""));
    let run = desk.kept("apply -f b.yaml -f all.yaml --store state.git");
    run.exits(1);
    assert!(run.results().contains(&"default/first unchanged".to_owned()), "{}", run.out);
    assert!(run.results().contains(&"default/a-newcomer failed".to_owned()), "{}", run.out);

    // Without a repository the same is said.
    let rendered = desk.kept("render -f all.yaml");
    rendered.exits(1).says(&["Team other/second", "first"]);
    assert!(!rendered.out.contains("/other/"));
}

#[test]
fn an_identity_cannot_be_changed() {
    let desk = Desk::new();
    desk.write("in/a.yaml", team_with("alpha", "pay", ""));
    desk.kept("apply -f in --store state.git").exits(0);
    let head = desk.head("state.git");
    desk.write("in/a.yaml", team_with("alpha", "paid", ""));
    for command in ["apply -f in --store state.git --prune", "diff -f in --store state.git"] {
        let run = desk.kept(command);
        assert!(run.code > 0, "{}", run.out);
        run.says(&["in/a.yaml:6:7: error: Team default/alpha: spec.id: cannot be changed", "team id \"pay\""]);
    }
    assert_eq!(desk.head("state.git"), head);
    desk.kept("delete -f in --store state.git").exits(0);
    desk.kept("apply -f in --store state.git").exits(0);
}

#[test]
fn an_identity_that_is_given_up_can_be_taken_in_the_same_run() {
    let desk = Desk::new();
    desk.write("in/a.yaml", team_with("old-name", "pay", ""));
    desk.kept("apply -f in --store state.git").exits(0);
    desk.write("in/a.yaml", team_with("new-name", "pay", ""));
    let run = desk.kept("apply -f in --store state.git --prune");
    assert_eq!(run.exits(0).results(), ["default/new-name created", "default/old-name pruned"]);
    assert_eq!(desk.git("state.git", "rev-list --count main").trim(), "2", "one commit for both");
}

#[test]
fn a_request_given_twice_is_not_written() {
    let desk = Desk::new();
    desk.write("in/good.yaml", team("good"));
    desk.write("in/one.yaml", team("twice")).write("in/two.yaml", format!("# a comment\n{}", team("twice")));
    let run = desk.kept("apply -f in --store state.git");
    run.exits(1).says(&[
        "in/one.yaml:1:1: error: Team default/twice: is given more than once, also at in/two.yaml:2:1",
        "in/two.yaml:2:1: error: Team default/twice: is given more than once, also at in/one.yaml:1:1",
    ]);
    assert!(!desk.files("state.git").iter().any(|f| f.contains("twice")));

    // What it had stays, also when everything absent is pruned.
    desk.write("in/two.yaml", "");
    desk.kept("apply -f in --store state.git").exits(0);
    desk.write("in/two.yaml", team("twice"));
    desk.kept("apply -f in --store state.git --prune").exits(1);
    assert!(desk.files("state.git").iter().any(|f| f.contains("twice")));
}

#[test]
fn names_cannot_leave_their_place() {
    for name in ["../../etc", "a/b", "..", "\".\"", "A", "\"-a\"", "\"a\\nb\"", &"a".repeat(254)] {
        let text = team_with("x", "bad", "").replace("  name: x\n", &format!("  name: {name}\n"));
        beside_a_good_one("bad.yaml", text).exits(1).says(&["in/bad.yaml:4:9", "metadata.name"]);
    }
    for namespace in ["../x", "a/b", "a.b", "\"\\e[31m\""] {
        let text = team("bad").replace("  name: bad\n", &format!("  name: bad\n  namespace: {namespace}\n"));
        let run = beside_a_good_one("bad.yaml", text);
        run.exits(1).says(&["in/bad.yaml:5:14", "metadata.namespace"]);
        assert!(!run.err.contains('\x1b'), "what is shown cannot control a terminal");
    }
}

#[test]
fn over_long_texts_are_refused() {
    let long = "x".repeat(5000);
    let run = beside_a_good_one("bad.yaml", team_with("bad", "bad", &format!("  description: {long}\n")));
    run.exits(1).says(&["spec.description", "5000 characters"]);
    assert!(run.err.len() < 1000, "the error does not repeat it");
    beside_a_good_one("bad.yaml", team_with("bad", &"i".repeat(64), "")).exits(1).says(&["spec.id", "64 characters"]);
}

#[test]
fn ids_that_look_like_something_else_need_quotes() {
    for (id, is) in [("no", "boolean"), ("on", "boolean"), ("1e3", "number"), ("0x1f", "number"), ("017", "number")] {
        let run = beside_a_good_one("bad.yaml", team_with("bad", id, ""));
        let written = format!("`{id}`");
        run.exits(1).says(&["in/bad.yaml:6:7", "spec.id", is, "quotes", &written]);

        let desk = Desk::new();
        desk.write("good.yaml", team_with("good", &format!("{id:?}"), ""));
        desk.kept("apply -f good.yaml --store state.git").exits(0);
        let text = desk.content("state.git", &format!("resources/default/team/good/backstage-team-{id}.yaml"));
        let quoted = text.contains(&format!("name: \"{id}\"")) || text.contains(&format!("name: '{id}'"));
        assert!(quoted, "{text}");
    }
    beside_a_good_one("bad.yaml", team_with("bad", "~", "")).exits(1).says(&["in/bad.yaml:6:7", "spec.id"]);
}

#[test]
fn other_encodings_and_bombs_are_refused() {
    beside_a_good_one("bad.yaml", b"a: \xff\xfe\n").exits(1).says(&["in/bad.yaml:1:4", "UTF-8"]);
    let levels = ["a", "b", "c", "d", "e", "f", "g", "h", "i"];
    let line = |pair: &[&str]| format!("{}: &{} [{}]\n", pair[1], pair[1], vec![format!("*{}", pair[0]); 9].join(", "));
    let bomb = levels.windows(2).map(line).fold("a: &a [x, x, x, x, x, x, x, x, x]\n".to_owned(), |all, l| all + &l);
    beside_a_good_one("bad.yaml", bomb).exits(1).says(&["in/bad.yaml:", "aliases"]);
    beside_a_good_one("bad.json", "[".repeat(100_000)).exits(1).says(&["in/bad.json:1:"]);
    let twice = team("bad").replace("  id: bad\n", "  id: bad\n  id: worse\n");
    beside_a_good_one("bad.yaml", twice).exits(1).says(&["in/bad.yaml:7:3", "first at 6:3"]);
}

#[test]
fn where_nothing_can_be_done_the_exit_is_2() {
    let desk = Desk::new();
    desk.write("a.yaml", team("alpha")).write("empty/readme.txt", "nothing");
    desk.kept("apply -f missing --store state.git").exits(2).says(&["missing", "does not exist"]);
    desk.kept("apply -f empty --store state.git").exits(2).says(&["no requests"]);
    desk.kept("apply -f a.yaml").exits(2).says(&["--store"]);
    desk.kept("apply --store state.git").exits(2).says(&["--filename"]);
    desk.kept("apply -f a.yaml --store state.git --wat").exits(2).says(&["--wat"]);
    desk.kept("frobnicate").exits(2);
    desk.kept("").exits(2);
    for flags in [
        "--writer ../x",
        "--adopt A",
        "--namespace a/b",
        "--path ../x",
        "--path a/.git",
        "--branch a..b",
        "--config missing.yaml",
        "--allow-empty",
    ] {
        let flag = flags.split(' ').next().unwrap_or_default();
        let run = desk.kept(&format!("apply -f a.yaml --store state.git {flags}"));
        run.exits(2);
        assert!(run.err.contains(flag) || flag == "--config", "{flags}:\n{}", run.err);
    }
    assert!(!desk.path("state.git").exists());
}

#[test]
fn a_request_that_fails_keeps_what_it_has() {
    let desk = Desk::new();
    desk.write("in/a.yaml", team("alpha")).write("in/b.yaml", team("beta"));
    desk.kept("apply -f in --store state.git").exits(0);
    desk.write("in/a.yaml", team_with("alpha", "no", ""));
    desk.write("in/b.yaml", "");
    let run = desk.kept("apply -f in --store state.git --prune");
    run.exits(1);
    assert!(run.results().contains(&"default/beta pruned".to_owned()), "{}", run.out);
    assert!(desk.files("state.git").iter().any(|f| f.contains("backstage-team-alpha")));
}
