//! What stands as it was left is not rendered again, and nothing hides behind that.

use std::fs;
use std::path::{Path, PathBuf};

use kept::api;
use kept::config::Settings;
use kept::placement::{Destination, Landscape, StateStore};
use kept::promises;
use kept::store::Record;
use kept::street::Fingerprints;
use serde_json::{Value, json};

use crate::support::{Desk, Run, documents, team, team_with};

const CATALOG: &str = "resources/default/team/alpha/backstage-team-alpha.yaml";

/// Two teams in a repository.
fn two_teams() -> Desk {
    let desk = Desk::new();
    desk.write("in/a.yaml", team("alpha")).write("in/b.yaml", team("beta"));
    apply(&desk).exits(0).is_quiet();
    desk
}

fn apply(desk: &Desk) -> Run {
    desk.kept("apply -f in --store state.git")
}

fn tree(desk: &Desk) -> String {
    desk.git("state.git", "rev-parse main^{tree}")
}

/// The files of records below a clone.
fn records(clone: &Path) -> Vec<PathBuf> {
    let shards = fs::read_dir(clone.join(".kept/owners")).expect("records");
    shards
        .flat_map(|shard| fs::read_dir(shard.expect("a shard").path()).expect("a shard"))
        .map(|e| e.expect("a record").path())
        .collect()
}

/// Edits the record of a team by hand.
fn edit_record(clone: &Path, name: &str, edit: impl FnOnce(&mut Value)) {
    let read = |path: &PathBuf| serde_json::from_slice::<Value>(&fs::read(path).expect("a record")).expect("JSON");
    let all = records(clone);
    let path = all.iter().find(|path| read(path)["name"] == name).expect("the team's record");
    let mut record = read(path);
    edit(&mut record);
    fs::write(path, format!("{record:#}\n")).expect("written");
}

/// What somebody does to a clone, in words and in deed.
type Edit = (&'static str, fn(&Path));

#[test]
fn whatever_is_edited_by_hand_is_put_back() {
    let edits: [Edit; 8] = [
        ("a file", |clone| fs::write(clone.join(CATALOG), "kind: Group\n").expect("written")),
        ("one more file", |clone| fs::write(clone.join(CATALOG).with_file_name("x.yaml"), "x: 1\n").expect("written")),
        ("one file less", |clone| fs::remove_file(clone.join(CATALOG)).expect("removed")),
        ("all files", |clone| fs::remove_dir_all(clone.join("resources")).expect("removed")),
        ("what it holds", |clone| edit_record(clone, "alpha", |record| record["claims"] = json!([]))),
        ("its objects", |clone| {
            edit_record(clone, "alpha", |record| record["places"][0]["objects"] = json!(["v1/x/y/z"]));
        }),
        ("its destination", |clone| edit_record(clone, "alpha", |r| r["places"][0]["destination"] = json!("other"))),
        ("a file, and the tree that is recorded", |clone| {
            fs::write(clone.join(CATALOG), "kind: Group\n").expect("written");
            let git = |args: &[&str]| {
                let done =
                    std::process::Command::new("git").arg("-C").arg(clone).args(args).output().expect("git runs");
                String::from_utf8(done.stdout).expect("text").trim().to_owned()
            };
            git(&["add", "--all"]);
            let whole = git(&["write-tree"]);
            let tree = git(&["rev-parse", &format!("{whole}:resources/default/team/alpha")]);
            edit_record(clone, "alpha", |record| record["places"][0]["tree"] = json!(tree));
        }),
    ];
    for (what, edit) in edits {
        let desk = two_teams();
        let before = tree(&desk);
        desk.by_hand("state.git", edit);
        assert_ne!(tree(&desk), before, "{what}");
        assert!(apply(&desk).exits(0).results().iter().any(|line| line.starts_with("default/alpha ")), "{what}");
        assert_eq!(tree(&desk), before, "{what}");
    }
}

#[test]
fn records_without_seals_are_sealed_when_there_is_a_commit_anyway() {
    let desk = two_teams();
    let before = tree(&desk);
    let unseal =
        |record: &mut Value| drop(record.as_object_mut().and_then(|fields| fields.remove("seal")).expect("a seal"));
    for edit in [unseal, |record: &mut Value| record["seal"] = json!("0")] {
        desk.by_hand("state.git", |clone| edit_record(clone, "alpha", edit));
        let head = desk.head("state.git");
        assert_eq!(apply(&desk).exits(0).results(), ["default/alpha unchanged", "default/beta unchanged"]);
        assert_eq!(desk.head("state.git"), head, "nothing is committed for a seal alone");
        desk.kept("verify -f in --store state.git").exits(0);
        desk.write("in/b.yaml", team_with("beta", "beta", "  email: new@example.com\n"));
        assert_eq!(apply(&desk).exits(0).results(), ["default/alpha unchanged", "default/beta changed"]);
        assert!(!desk.git("state.git", "log -1 --format=%B main").contains("alpha"), "it is not named");
        desk.write("in/b.yaml", team("beta"));
        assert_eq!(apply(&desk).exits(0).results(), ["default/alpha unchanged", "default/beta changed"]);
        assert_eq!(tree(&desk), before);
    }
}

#[test]
fn canaries_come_back_where_nothing_else_is_to_be_done() {
    let desk = two_teams();
    let before = tree(&desk);
    desk.by_hand("state.git", |clone| fs::remove_dir_all(clone.join("dependencies")).expect("removed"));
    assert_eq!(apply(&desk).exits(0).is_quiet().results(), ["default/alpha unchanged", "default/beta unchanged"]);
    assert_eq!(tree(&desk), before);
    desk.by_hand("state.git", |clone| {
        fs::remove_dir_all(clone.join("dependencies")).expect("removed");
        fs::write(clone.join("dependencies"), "in the way\n").expect("written");
    });
    let blocked = apply(&desk);
    blocked.exits(0);
    assert_eq!(blocked.results(), ["default/alpha unchanged", "default/beta unchanged"]);
}

#[test]
fn who_stands_keeps_what_it_holds() {
    let desk = two_teams();
    desk.write("in/c.yaml", team_with("aaa", "alpha", ""));
    let run = apply(&desk);
    run.exits(1).says(&["team id \"alpha\" belongs to team default/alpha"]);
    assert_eq!(run.results(), ["default/aaa failed", "default/alpha unchanged", "default/beta unchanged"]);
    // An invalid one, one given twice, and one that goes: none of it is of any concern to who stands.
    desk.write("in/c.yaml", team_with("aaa", "not/an/id", "")).write("in/d.yaml", documents(&[team("d"), team("d")]));
    let run = apply(&desk);
    let failed = ["default/d failed", "default/d failed"];
    assert_eq!(
        run.exits(1).results(),
        [&["default/aaa failed", "default/alpha unchanged", "default/beta unchanged"], &failed[..]].concat()
    );
    desk.write("in/c.yaml", team_with("aaa", "alpha", "")).write("in/a.yaml", "").write("in/d.yaml", "");
    let run = desk.kept("apply -f in --store state.git --prune");
    assert_eq!(run.exits(0).results(), ["default/aaa created", "default/alpha pruned", "default/beta unchanged"]);
}

#[test]
fn a_request_that_is_recorded_twice_is_looked_at() {
    let desk = two_teams();
    let other = desk.kept("apply -f in --store state.git --writer other --adopt cli");
    assert_eq!(other.exits(0).results(), ["default/alpha unchanged", "default/beta unchanged"]);
    let head = desk.head("state.git");
    apply(&desk).exits(1).says(&["the writer \"other\""]);
    assert_eq!(desk.head("state.git"), head);
    // As if both had written: whoever adopts the other cleans up.
    let (before, mut twin) = (tree(&desk), String::new());
    desk.git(".", "clone --quiet state.git old");
    desk.git("old", "checkout --quiet main~1");
    desk.by_hand("state.git", |clone| {
        for record in records(&desk.path("old")) {
            let path = clone.join(record.strip_prefix(desk.path("old")).expect("below the clone"));
            fs::create_dir_all(path.parent().expect("a shard")).expect("made");
            fs::copy(&record, &path).expect("copied");
            twin = fs::read_to_string(&record).expect("a record");
        }
    });
    assert!(twin.contains("\"seal\""), "{twin}");
    desk.kept("apply -f in --store state.git --writer other --adopt cli").exits(0);
    assert_eq!(tree(&desk), before);
}

/// A store and a destination as files, and the landscape that they are.
fn described(desk: &Desk, store: &str, destination: &str) -> Landscape {
    let of = |kind: &str, name: &str, spec: &str| -> Value {
        json!({"apiVersion": "platform.kratix.io/v1alpha1", "kind": kind,
            "metadata": {"name": name, "labels": {"to": "here"}}, "spec": serde_json::from_str::<Value>(spec).expect("JSON")})
    };
    let store = of("GitStateStore", "state", store);
    let destination = of("Destination", "main", destination);
    desk.write("in/stores.yaml", format!("{store}\n---\n{destination}\n"));
    let store = StateStore::parse(&api::read::<api::GitStateStore>(&store).expect("a store")).expect("a store");
    let to = Destination::parse(&api::read::<api::Destination>(&destination).expect("one")).expect("a destination");
    Landscape { stores: [("state".into(), store)].into(), destinations: [("main".into(), to)].into() }
}

const STORE: &str = r#"{"url": "file://./state.git"}"#;
const DESTINATION: &str = r#"{"path": ".", "stateStoreRef": {"kind": "GitStateStore", "name": "state"}}"#;

#[test]
fn a_seal_is_trusted_by_apply_and_by_nobody_else() {
    let desk = Desk::new();
    desk.git(".", "init --quiet --bare --initial-branch=main state.git");
    desk.write("in/a.yaml", team("alpha"));
    let landscape = described(&desk, STORE, DESTINATION);
    desk.kept("apply -f in").exits(0);
    let object = json!({"apiVersion": "platform.kratix.io/v1alpha1", "kind": "Team", "metadata": {"name": "alpha"},
        "spec": {"id": "alpha", "name": "Team alpha"}});
    let promise = promises::by_kind("platform.kratix.io", "Team").expect("the promise");
    let request = promise.request(&object, Some("default")).expect("a good request");
    let fingerprint = Fingerprints::new(&Settings::default(), &landscape).of(&request).expect("a fingerprint");
    // A wrong seal: that of files which were never rendered.
    desk.by_hand("state.git", |clone| fs::write(clone.join(CATALOG), "kind: Group\n").expect("written"));
    let forged = desk.git("state.git", "rev-parse main:resources/default/team/alpha").trim().to_owned();
    desk.by_hand("state.git", |clone| {
        edit_record(clone, "alpha", |value| {
            let mut record: Record = serde_json::from_value(value.clone()).expect("a record");
            assert!(record.is_sealed_for(&fingerprint), "the seal is of what decides it all");
            record.places[0].tree = Some(forged);
            assert!(!record.is_sealed_for(&fingerprint));
            record.seal = Some(record.seal_for(&fingerprint).expect("a seal"));
            *value = serde_json::to_value(&record).expect("JSON");
        });
    });
    let head = desk.head("state.git");
    assert_eq!(desk.kept("apply -f in").exits(0).results(), ["default/alpha unchanged"], "it is not rendered");
    assert_eq!(desk.head("state.git"), head);
    let verified = desk.kept("verify -f in");
    assert!(verified.exits(1).out.contains("[Changed]"), "{}", verified.out);
    desk.kept("diff -f in").exits(1);
    assert_eq!(desk.kept("apply -f in --dry-run").exits(0).results(), ["default/alpha changed (dry run)"]);
    // Whatever else is edited, it is rendered.
    desk.write("in/a.yaml", team("alpha").replace("metadata:\n", "metadata:\n  labels: {a: b}\n"));
    assert_eq!(desk.kept("apply -f in").exits(0).results(), ["default/alpha changed"]);
    assert!(desk.content("state.git", CATALOG).contains("alpha@example.com"));
}

#[test]
fn settings_stores_and_destinations_count() {
    let desk = Desk::new();
    for name in ["state", "other"] {
        desk.git(".", &format!("init --quiet --bare --initial-branch=main {name}.git"));
    }
    desk.write("in/a.yaml", team("alpha")).write("settings.yaml", "{}");
    described(&desk, STORE, DESTINATION);
    let result = |what: &str| {
        let run = desk.kept("apply -f in --config settings.yaml");
        let lines = run.exits(0).results();
        (lines[0].rsplit(' ').next().unwrap_or_default().to_owned(), what.to_owned(), run.err)
    };
    let is = |wanted: &str, what: &str| assert_eq!(result(what), (wanted.to_owned(), what.to_owned(), String::new()));
    is("created", "at first");
    is("unchanged", "again");
    desk.write("settings.yaml", "promises: {team: {emailDomain: new.example}}");
    is("changed", "other settings");
    desk.write("settings.yaml", "limits: {fileBytes: 10}");
    desk.kept("apply -f in --config settings.yaml").exits(1).says(&["10"]);
    desk.write("settings.yaml", "{}");
    is("changed", "the settings of the start");
    described(&desk, STORE, &DESTINATION.replace("\".\"", "\"below\""));
    is("changed", "another path");
    assert!(desk.files("state.git").contains(&format!("below/{CATALOG}")));
    described(&desk, &STORE.replace('}', ", \"path\": \"root\"}"), &DESTINATION.replace("\".\"", "\"below\""));
    is("created", "another root");
    described(&desk, STORE, &DESTINATION.replace("\".\"", "\"flat\", \"filepath\": {\"mode\": \"none\"}"));
    desk.kept("apply -f in --config settings.yaml").exits(0);
    assert!(desk.files("state.git").contains(&"flat/backstage-team-alpha.yaml".to_owned()));
    described(&desk, &STORE.replace("state.git", "other.git"), DESTINATION);
    is("created", "another repository");
}

#[test]
fn what_stays_where_it_no_longer_belongs_is_said_every_time() {
    let desk = two_teams();
    desk.write("in/c.yaml", team("gamma"));
    let misplaced = |more: &str| {
        let run = desk.kept("apply -f in --config settings.yaml");
        run.exits(0).says(&["Team default/alpha: stays at destination main"]);
        assert!(run.results().contains(&"default/alpha unchanged".to_owned()), "{more}: {}", run.out);
    };
    described(&desk, STORE, DESTINATION);
    desk.write("settings.yaml", "promises: {team: {destinationSelectors: [{matchLabels: {to: here}}]}}");
    desk.kept("apply -f in --config settings.yaml").exits(0);
    desk.write("settings.yaml", "promises: {team: {destinationSelectors: [{matchLabels: {to: there}}]}}");
    desk.write("in/c.yaml", "");
    misplaced("at first");
    // Something is committed, and with it what is recorded of the others might be sealed.
    desk.write("in/b.yaml", team_with("beta", "beta", "  email: new@example.com\n"));
    misplaced("with another");
    misplaced("and after it");
}
