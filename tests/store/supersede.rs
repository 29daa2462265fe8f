//! A request takes over the work of others, and what Kratix left behind is seen.

use kept::store::{Change, Engine, Footprint};
use kept::values::RequestKey;

use crate::support::*;

fn key(promise: &str, name: &str) -> RequestKey {
    RequestKey { namespace: "default".to_owned(), promise: promise.to_owned(), name: name.to_owned() }
}

/// The request `whole`, made of `part` and of what lies in `clears`.
fn whole(part: &str, clears: &[&str]) -> Change {
    let footprint = Footprint::Exclusive {
        dir: path("resources/default/team/whole"),
        files: file_map(&[("x", "whole")]),
        clears: clears.iter().map(|dir| path(dir)).collect(),
    };
    Change { supersedes: [key("team", part)].into(), ..change("whole") }.at("", footprint)
}

fn part(dir: &str) -> Change {
    change("part").owns(dir, &[("x", "part")]).claims("id", "one").object("core/ConfigMap/a/b")
}

/// Commits files as Kratix or a person would, and lets the engine see them.
fn left(engine: &mut Engine, repo: &std::path::Path, files: &[(&str, &str)]) {
    foreign(repo, &files.iter().map(|(path, text)| put(repo, path, text)).collect::<Vec<_>>());
    engine.refresh().unwrap();
}

#[test]
fn the_whole_takes_over_files_claims_and_objects_of_its_parts_in_one_commit() {
    let scratch = Scratch::new();
    let repo = scratch.bare("r");
    let mut engine = open(&repo);
    commit(&mut engine, part("resources/default/team/part"));
    let before = commits(&repo);
    let receipt = commit(&mut engine, whole("part", &[]).claims("id", "one").object("core/ConfigMap/a/b"));
    assert_eq!((receipt.files_changed, commits(&repo)), (2, before + 1));
    assert_eq!(files(&repo), ["resources/default/team/whole/x"]);
    assert_eq!(engine.records(&path("")).unwrap().len(), 1);
    // When the part goes, nothing of the whole goes with it.
    assert_eq!(commit(&mut engine, change("part")).files_changed, 0);
    assert_eq!(files(&repo), ["resources/default/team/whole/x"]);
    fsck(&repo);
}

#[test]
fn what_a_part_has_under_another_root_goes_by_a_removal_in_the_name_of_the_whole() {
    let scratch = Scratch::new();
    let repo = scratch.bare("r");
    let mut engine = open(&repo);
    let at = |root: &str, mut change: Change| {
        change.roots = [(path(root), change.roots.remove(&path("")).unwrap())].into_iter().collect();
        change
    };
    commit(&mut engine, at("other", part("d").uid("of-the-part")));
    commit(&mut engine, whole("part", &[]));
    // As it is submitted once the new place is confirmed.
    let leave = Change { supersedes: [key("team", "part")].into(), ..change("whole").uid("of-the-whole") };
    commit(&mut engine, at("other", leave));
    assert_eq!(files(&repo), ["resources/default/team/whole/x"]);
    assert!(engine.records(&path("other")).unwrap().is_empty());
}

#[test]
fn the_parts_of_another_writer_are_not_taken() {
    let scratch = Scratch::new();
    let repo = scratch.bare("r");
    let mut engine = open(&repo);
    commit(&mut engine, part("d").by("other"));
    let message = conflict(one(&mut engine, whole("part", &[]).object("core/ConfigMap/a/b")));
    assert!(message.contains("team default/part (writer other)"), "{message}");
    commit(&mut engine, whole("part", &[]).object("core/ConfigMap/a/b").adopting("other"));
    assert_eq!(files(&repo), ["resources/default/team/whole/x"]);
}

#[test]
fn directories_that_kratix_left_go_with_the_commit_and_those_of_others_stay() {
    let scratch = Scratch::new();
    let repo = scratch.bare("r");
    let mut engine = open(&repo);
    commit(&mut engine, change("third").owns("resources/default/core/third", &[("x", "1")]));
    let kratix = "resources/default/core/part/configure/5058f/namespace.yaml";
    let mixed = "resources/default/core/mixed";
    let files_there = [
        (kratix, "kind: Namespace"),
        ("resources/default/core/mine.yaml", "by hand"),
        ("resources/default/core/mixed/configure/5058f/x", "Kratix's"),
        ("resources/default/core/mixed/README.md", "by hand"),
    ];
    left(&mut engine, &repo, &files_there);
    let clears = ["resources/default/core/part", "resources/default/core/third", "resources/default/core/none", mixed];
    let receipt = commit(&mut engine, whole("part", &clears));
    assert_eq!(receipt.files_changed, 2);
    let held = [
        "resources/default/core/mine.yaml",
        "resources/default/core/mixed/README.md",
        "resources/default/core/mixed/configure/5058f/x",
        "resources/default/core/third/x",
        "resources/default/team/whole/x",
    ];
    assert_eq!(files(&repo), held);
    // Nothing is left to do, and Kratix may have come back.
    assert_eq!(commit(&mut engine, whole("part", &clears)).files_changed, 0);
    left(&mut engine, &repo, &[(kratix, "kind: Namespace")]);
    assert_eq!(commit(&mut engine, whole("part", &clears)).files_changed, 1);
    assert_eq!(files(&repo), held);
}

#[test]
fn what_kratix_left_is_found_below_any_destination_unless_a_record_explains_it() {
    let scratch = Scratch::new();
    let repo = scratch.bare("r");
    let mut engine = open(&repo);
    commit(&mut engine, change("mine").owns("a/resources/default/team/mine", &[("p/5058f/x", "1")]));
    let files = [
        ("a/resources/default/team/mine/configure/5058f/x", "kept's own, with a foreign file in it"),
        ("a/resources/default/team/old/configure/5058f/x", "Kratix's"),
        ("b/c/resources/other/core/old/configure/5058f/x", "Kratix's"),
        ("a/resources/default/team/byhand/x", "not in Kratix's way"),
        ("dependencies/resources/default/team/no/p/5058f/x", "not a request"),
    ];
    left(&mut engine, &repo, &files);
    let mut found: Vec<String> =
        engine.survey(&path("")).unwrap().left_over.requests.keys().map(ToString::to_string).collect();
    found.sort();
    assert_eq!(found, ["core other/old", "team default/old"]);
    assert_eq!(engine.survey(&path("b")).unwrap().left_over.requests.len(), 1, "below another root");
}
