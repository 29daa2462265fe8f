//! Who keeps what when two want the same, and what is left alone.

use kept::store::{Change, Error, Footprint, Heads};

use crate::support::*;

fn owns(name: &str, dir: &str) -> Change {
    change(name).owns(dir, &[("x", name)])
}

#[test]
fn what_is_held_stays_with_its_holder() {
    let scratch = Scratch::new();
    let repo = scratch.bare("r");
    let mut engine = open(&repo);
    let held = change("a").owns("dirs/a", &[("x", "1")]).shares(&[("flat/A.yaml", "1")]).adds("agg/all.yaml", &["a"]);
    let held = held.claims("team-id", "payments").object("/Namespace//n");
    commit(&mut engine, held);
    let wants: Vec<(&str, Change, &str)> = vec![
        ("the same directory", owns("b", "dirs/a"), "dirs/a"),
        ("it in other letters", owns("b", "Dirs/A"), "Dirs/A"),
        ("below it", owns("b", "dirs/a/below"), "dirs/a/below"),
        ("above it", owns("b", "dirs"), "dirs"),
        ("above a file", owns("b", "flat"), "flat"),
        ("above an aggregated file", owns("b", "agg"), "agg"),
        ("a file's name as a directory", owns("b", "flat/a.yaml"), "flat/a.yaml"),
        ("the same file", change("b").shares(&[("flat/a.yaml", "2")]), "flat/a.yaml"),
        ("a file in the directory", change("b").shares(&[("dirs/a/y", "2")]), "dirs/a/y"),
        ("the aggregated file", change("b").shares(&[("agg/ALL.yaml", "2")]), "agg/ALL.yaml"),
        ("documents in a flat file", change("b").adds("flat/A.yaml", &["b"]), "flat/A.yaml"),
        ("documents in the directory", change("b").adds("dirs/a/agg", &["b"]), "dirs/a/agg"),
        ("the claim", owns("b", "b").claims("team-id", "payments"), "team id \"payments\""),
        ("the object", owns("b", "b").object("/Namespace//n"), "the object /Namespace//n"),
    ];
    let before = head(&repo);
    for (what, change, named) in wants {
        let words = conflict(one(&mut engine, change));
        assert!(words.starts_with(named), "{what}: {words}");
        assert!(words.contains("team default/a (writer cli)"), "{what}: {words}");
    }
    assert_eq!(head(&repo), before);
    // Others' claims are theirs, other names nobody's.
    commit(&mut engine, owns("b", "dirs/ab").claims("team-id", "other"));
    commit(&mut engine, owns("c", "dirs/c").by("other").claims("team-id", "payments"));
}

#[test]
fn a_stores_path_and_a_directory_do_not_meet() {
    let scratch = Scratch::new();
    let repo = scratch.bare("r");
    let mut engine = open(&repo);
    let exclusive =
        |dir: &str| Footprint::Exclusive { dir: path(dir), files: file_map(&[("x", "1")]), clears: [].into() };
    commit(&mut engine, change("a").at("", exclusive("d/a")));
    for root in ["d/a", "D/A/deeper"] {
        let words = conflict(one(&mut engine, change("b").at(root, exclusive("b"))));
        assert!(words.contains(root) && words.contains("team default/a"), "{words}");
    }
    // The other way round: the directory would swallow the records of the other store.
    commit(&mut engine, change("b").at("deep/er", exclusive("b")));
    let outcome = one(&mut engine, change("c").at("", exclusive("deep")));
    assert!(matches!(&outcome, Err(Error::Blocked(words)) if words.contains("deep/er/.kept/")), "{outcome:?}");
    assert_eq!(files(&repo), ["d/a/x", "deep/er/b/x"]);
}

#[test]
fn one_failure_in_a_batch_is_one_failure() {
    let scratch = Scratch::new();
    let repo = scratch.bare("r");
    let mut engine = open(&repo);
    commit(&mut engine, owns("a", "a"));
    commit(&mut engine, owns("b", "b"));
    let batch = [owns("a", "a2"), change("b").owns("b2", &[("x", "1")]).shares(&[("a2/x", "no")]), owns("c", "c")];
    let outcomes = engine.commit(&batch, &[]).unwrap();
    assert!(outcomes[0].is_ok() && outcomes[2].is_ok());
    assert!(matches!(outcomes[1], Err(Error::Conflict(_))));
    // What was done for the loser before it lost was taken back: it keeps what it had.
    assert_eq!(files(&repo), ["a2/x", "b/x", "c/x"]);
    let records = engine.records(&path("")).unwrap();
    let loser = records.iter().find(|record| record.owner.key.name == "b").unwrap();
    assert_eq!(loser.places[0].dir, Some(path("b")));
    fsck(&repo);
}

#[test]
fn what_fails_at_one_root_is_done_at_none() {
    let scratch = Scratch::new();
    let repo = scratch.bare("r");
    let mut engine = open(&repo);
    let files_at = |dir: &str| kept::store::Footprint::Exclusive {
        dir: path(dir),
        files: file_map(&[("x", "1")]),
        clears: [].into(),
    };
    let only = |mut change: Change| {
        change.roots.retain(|_, places| !places.is_empty());
        change
    };
    commit(&mut engine, only(change("a").at("two", files_at("d"))));
    let batch = [only(change("b").at("one", files_at("d")).at("two", files_at("d"))), owns("z", "z")];
    let outcomes = engine.commit(&batch, &[]).unwrap();
    assert!(outcomes[0].is_err() && outcomes[1].is_ok());
    assert_eq!(files(&repo), ["two/d/x", "z/x"]);
    assert_eq!(engine.records(&path("one")).unwrap(), []);
    // Its place at the first root is free for others.
    commit(&mut engine, only(change("c").at("one", files_at("d"))));
}

#[test]
fn the_older_of_two_new_ones_has_it() {
    let scratch = Scratch::new();
    let mut engine = open(scratch.bare("r"));
    let young = owns("a", "d").created("2026-02-01T00:00:00Z");
    let old = owns("z", "d").created("2026-01-01T00:00:00Z");
    let outcomes = engine.commit(&[owns("0", "d"), young, old], &[]).unwrap();
    assert_eq!(outcomes.iter().map(Result::is_ok).collect::<Vec<_>>(), [false, false, true]);
    let mut engine = open(scratch.bare("s"));
    let outcomes = engine.commit(&[owns("b", "d"), owns("a", "d")], &[]).unwrap();
    assert_eq!(outcomes.iter().map(Result::is_ok).collect::<Vec<_>>(), [false, true], "ties go by name");
}

#[test]
fn what_is_freed_in_a_batch_can_be_had_in_it() {
    let scratch = Scratch::new();
    let repo = scratch.bare("r");
    let mut engine = open(&repo);
    engine.commit(&[owns("z", "one"), owns("y", "two").claims("team-id", "t")], &[]).unwrap();
    // `b` waits for `z`, which waits for `y`; all come in the wrong order.
    let batch = [owns("b", "one"), owns("y", "three"), change("z").owns("two", &[("x", "z")]).claims("team-id", "t")];
    let outcomes = engine.commit(&batch, &[]).unwrap();
    assert!(outcomes.iter().all(Result::is_ok), "{outcomes:?}");
    assert_eq!(files(&repo), ["one/x", "three/x", "two/x"]);
    assert_eq!(content(&repo, "two/x"), "z");
    // A removal goes first, wherever it stands.
    let outcomes = engine.commit(&[owns("c", "three"), change("y")], &[]).unwrap();
    assert!(outcomes.iter().all(Result::is_ok), "{outcomes:?}");
    assert_eq!(commits(&repo), 3);
    fsck(&repo);
}

#[test]
fn another_writers_request_is_taken_over_only_when_told() {
    let scratch = Scratch::new();
    let repo = scratch.bare("r");
    let mut engine = open(&repo);
    commit(&mut engine, owns("a", "old").by("cluster-1").claims("team-id", "t"));
    let words = conflict(one(&mut engine, owns("a", "new")));
    assert!(words.contains("--adopt cluster-1"), "{words}");
    // To remove what is another writer's is no business of ours, and no error.
    assert_eq!(commit(&mut engine, change("a")).files_changed, 0);
    let receipt = commit(&mut engine, owns("a", "new").claims("team-id", "t").adopting("cluster-1"));
    assert_eq!((receipt.files_changed, receipt.created), (2, false));
    assert_eq!(files(&repo), ["new/x"]);
    let records = engine.records(&path("")).unwrap();
    assert_eq!((records.len(), records[0].owner.writer.as_str()), (1, "cli"));
    // The same files: nothing but the record changes.
    let receipt = commit(&mut engine, owns("a", "new").by("cluster-2").claims("team-id", "t").adopting("cli"));
    assert_eq!((receipt.files_changed, receipt.commit), (0, head(&repo)));
    assert_eq!(engine.records(&path("")).unwrap().len(), 1);
    fsck(&repo);
}

#[test]
fn peoples_files_survive_everything() {
    let scratch = Scratch::new();
    let repo = scratch.bare("r");
    foreign(&repo, &[put(&repo, "provider.tf", "theirs"), put(&repo, "same.tf", "same"), put(&repo, "agg.yaml", "x")]);
    let mut engine = open(&repo);
    let words = conflict(one(&mut engine, change("a").shares(&[("provider.tf", "ours"), ("a.tf", "1")])));
    assert!(words.contains("provider.tf is in the repository and nobody recorded it"), "{words}");
    conflict(one(&mut engine, change("a").adds("agg.yaml", &["a: 1"])));
    assert_eq!(commits(&repo), 1);
    // What has the wanted bytes already is taken on, and goes with the request.
    let receipt = commit(&mut engine, change("a").shares(&[("same.tf", "same"), ("a.tf", "1")]));
    assert_eq!(receipt.files_changed, 1);
    commit(&mut engine, change("a"));
    assert_eq!(files(&repo), ["agg.yaml", "provider.tf"]);
}

#[test]
fn what_kratix_wrote_into_a_flat_store_is_taken_over() {
    let scratch = Scratch::new();
    let repo = scratch.bare("r");
    let state = "files:\n- dest/team-a.tf\n- dest/agg.yaml\n";
    foreign(
        &repo,
        &[
            put(&repo, "root/dest/team-a.tf", "kratix's"),
            put(&repo, "root/dest/agg.yaml", "kind: ConfigMap\nmetadata: {name: a, namespace: apps}\n"),
            put(&repo, "root/dest/mine.tf", "people's"),
            put(&repo, "root/.kratix/default-wp.yaml", state),
            put(&repo, "root/.kratix/broken.yaml", ": ["),
        ],
    );
    let mut engine = open(&repo);
    let at = |change: Change| {
        let mut change = change;
        let places = change.roots.remove(&path("")).unwrap();
        change.roots.insert(path("root"), places);
        change
    };
    conflict(one(&mut engine, at(change("b").shares(&[("dest/mine.tf", "ours")]))));
    commit(&mut engine, at(change("a").shares(&[("dest/team-a.tf", "ours")])));
    let ours = "kind: ConfigMap\nmetadata: {name: a, namespace: apps}\ndata: {}\n";
    commit(&mut engine, at(change("c").adds("dest/agg.yaml", &[ours])));
    assert_eq!(content(&repo, "root/dest/team-a.tf"), "ours");
    assert_eq!(content(&repo, "root/dest/agg.yaml"), ours.trim_end());
    assert_eq!(content(&repo, "root/dest/mine.tf"), "people's");
}

#[test]
fn links_submodules_and_files_in_the_way_are_refused() {
    let scratch = Scratch::new();
    let repo = scratch.bare("r");
    foreign(
        &repo,
        &[
            put_as(&repo, "120000", "link", "elsewhere"),
            put_submodule("module"),
            put(&repo, "file", "f"),
            put(&repo, "dir/file", "f"),
        ],
    );
    let mut engine = open(&repo);
    for (name, what) in [("link", "a symbolic link"), ("module", "a submodule"), ("file", "a file")] {
        for wanted in
            [owns("a", name), owns("a", &format!("{name}/below")), change("a").shares(&[(&format!("{name}/y"), "y")])]
        {
            let words = blocked(one(&mut engine, wanted));
            assert!(words.starts_with(&format!("{name} is {what} in the repository")), "{words}");
        }
    }
    assert!(blocked(one(&mut engine, change("a").shares(&[("link", "y")]))).contains("a symbolic link"));
    assert!(blocked(one(&mut engine, change("a").shares(&[("dir", "y")]))).contains("a directory"));
    assert!(blocked(one(&mut engine, change("a").adds("dir", &["y"]))).contains("a directory"));
    assert!(blocked(one(&mut engine, owns("a", ".Kept/owners"))).contains("kept's own"));
    assert!(blocked(one(&mut engine, owns("a", ""))).contains("whole path"));
    assert!(blocked(one(&mut engine, owns("a", "d").shares(&[("d/x", "y")]))).contains("twice"));
    // What is beside them is not.
    let outcomes = engine.commit(&[owns("a", "link/x"), owns("b", "b")], &[]).unwrap();
    assert!(outcomes[0].is_err() && outcomes[1].is_ok());
    assert_eq!(git(&repo, &["ls-tree", "--format=%(objectmode)", "main", "link", "module"]), "120000\n160000");
    let mut rooted = change("c");
    rooted.roots.clear();
    let rooted = rooted.at("file", kept::store::Footprint::Shared { files: file_map(&[("x", "1")]) });
    assert!(blocked(one(&mut engine, rooted)).starts_with("file is a file"));
}

#[test]
fn records_that_cannot_be_read_stop_their_root_alone() {
    let scratch = Scratch::new();
    let repo = scratch.bare("r");
    let mut engine = open(&repo);
    commit(&mut engine, owns("a", "d"));
    let record = all_files(&repo).into_iter().find(|path| path.contains(".kept")).unwrap();
    let good = content(&repo, &record);
    let at = |root: &str| {
        let mut wanted = change("b").at(root, kept::store::Footprint::Shared { files: file_map(&[("x", "1")]) });
        wanted.roots.retain(|_, places| !places.is_empty());
        wanted
    };
    let elsewhere = record.replace("owners/", "owners/00/").replacen(&record[13..16], "", 1);
    for (path, text) in [(&record, "{ damaged"), (&elsewhere, good.as_str())] {
        let before = head(&repo);
        foreign(&repo, &[put(&repo, path, text)]);
        for engine in [&mut engine, &mut open(&repo)] {
            let outcomes = engine.commit(&[owns("a", "e"), at("other")], &[]).unwrap();
            let Err(Error::Git(words)) = &outcomes[0] else { panic!("{outcomes:?}") };
            assert!(words.contains(path.as_str()), "{words}");
            assert!(outcomes[1].is_ok(), "{outcomes:?}");
        }
        git(&repo, &["update-ref", "refs/heads/main", &before]);
    }
    commit(&mut engine, owns("a", "e"));
    assert_eq!(files(&repo), ["e/x"]);
}

#[test]
fn a_removal_spares_what_another_url_of_the_same_repository_has_just_got() {
    let scratch = Scratch::new();
    let repo = scratch.bare("r");
    let alias = scratch.path("alias");
    std::os::unix::fs::symlink(&repo, &alias).unwrap();
    let heads = Heads::default();
    let mut old = open(&repo).sharing(heads.clone());
    let mut new = open(&alias).sharing(heads);
    commit(&mut old, owns("a", "a"));
    commit(&mut old, owns("b", "b"));
    let moved = commit(&mut new, change("a").owns("a", &[("x", "moved")]));
    // The new place gets more before the old one is cleared.
    commit(&mut new, change("b").owns("b", &[("x", "moved")]));
    let leave = |name: &str| Change { unless_head: [moved.commit.clone()].into(), ..change(name) };
    assert_eq!(commit(&mut old, leave("a")).files_changed, 0);
    assert_eq!(files(&repo), ["a/x", "b/x"]);
    // One's own commits are no reason to spare anything, and neither is a head of which nobody knows.
    assert_eq!(commit(&mut new, leave("a")).files_changed, 1);
    assert_eq!(commit(&mut open(&repo), leave("b")).files_changed, 1);
}
