//! What ends up in the repository, and in how many commits.

use std::path::Path;

use kept::store::{Access, Chore, Engine, Error, Footprint};

use crate::support::*;

#[test]
fn the_first_commit_makes_the_repository_and_the_second_run_changes_nothing() {
    let scratch = Scratch::new();
    let repo = scratch.path("new/state.git");
    let mut engine = open(&repo);
    let wanted = change("a").owns("resources/a", &[("x.yaml", "x: 1\n"), ("terraform/y.tf", "y\n")]);
    let receipt = commit(&mut engine, wanted.clone());
    assert_eq!((receipt.files_changed, receipt.created), (2, true));
    assert_eq!(receipt.commit, head(&repo));
    assert_eq!(files(&repo), ["resources/a/terraform/y.tf", "resources/a/x.yaml"]);
    assert_eq!(content(&repo, "resources/a/x.yaml"), "x: 1");

    let again = commit(&mut open(&repo), wanted);
    assert_eq!((again.files_changed, again.created, again.commit), (0, false, receipt.commit));
    assert_eq!(commits(&repo), 1);
    fsck(&repo);
    assert_eq!(git(&repo, &["symbolic-ref", "HEAD"]), "refs/heads/main");
}

#[test]
fn the_message_reads_well_and_has_trailers() {
    let scratch = Scratch::new();
    let repo = scratch.bare("r");
    let mut engine = open(&repo);
    let mut wanted = change("payments").owns("a", &[("x", "1")]).uid("u-1");
    wanted.generation = 3;
    wanted.input = "abc".to_owned();
    commit(&mut engine, wanted);
    let message = git(&repo, &["log", "-1", "--format=%an <%ae>%n%B", "main"]);
    assert!(message.starts_with("kept <kept@example.com>\nAdd Team default/payments\n\n"), "{message}");
    let trailers = git(&repo, &["log", "-1", "--format=%(trailers:only,unfold)", "main"]);
    let (trailers, last) = trailers.trim().rsplit_once('\n').unwrap();
    assert_eq!(last, format!("Kept-Version: {}", env!("CARGO_PKG_VERSION")));
    let (trailers, branch) = trailers.rsplit_once('\n').unwrap();
    assert_eq!(trailers, "Kept-Writer: cli\nKept-Request: team default/payments uid=u-1 input=abc generation=3");
    let repository = branch.strip_prefix("Kept-Branch: main repository=").unwrap();
    assert!(repository.len() == 12 && repository.chars().all(|c| c.is_ascii_hexdigit()), "{branch}");
    engine
        .commit(&[change("[skip ci]\nX: y").owns("b", &[("x", "1")]), change("c").owns("c", &[("x", "1")])], &[])
        .unwrap();
    let message = git(&repo, &["log", "-1", "--format=%B", "main"]);
    assert!(message.starts_with("Add 2 requests\n\n- Add Team default/_skip_ci__X:_y (1 file)\n"), "{message}");
}

#[test]
fn commits_for_different_branches_differ_whatever_they_hold() {
    let scratch = Scratch::new();
    let wanted = || change("a").owns("a", &[("x", "1")]);
    let second = |repo: &Path, branch: &str| git(repo, &["log", "-1", "--format=%ct", branch]);
    // Within one second, which it takes a few tries to be sure of.
    let twins = (0..20).filter(|at| {
        let (one, other) = (scratch.bare(&format!("{at}")), scratch.bare(&format!("{at}-other")));
        let mut next = Engine::open(Access { branch: "next".to_owned(), ..access(&one) }).unwrap();
        let main = commit(&mut open(&one), wanted()).commit;
        let next = commit(&mut next, wanted()).commit;
        let elsewhere = commit(&mut open(&other), wanted()).commit;
        let tree = |repo: &Path, id: &str| git(repo, &["rev-parse", &format!("{id}^{{tree}}")]);
        assert_eq!(tree(&one, &main), tree(&one, &next));
        assert!(main != next && main != elsewhere, "{main} {next} {elsewhere}");
        second(&one, "main") == second(&one, "next") && second(&one, "main") == second(&other, "main")
    });
    assert!(twins.count() > 0, "no two were made within one second");
}

#[test]
fn an_update_replaces_the_directory_whole() {
    let scratch = Scratch::new();
    let repo = scratch.bare("r");
    let mut engine = open(&repo);
    commit(&mut engine, change("a").owns("d", &[("old", "1"), ("same", "s"), ("sub/file", "f")]));
    // A file becomes a directory, a directory a file; what is left out goes.
    let receipt = commit(&mut engine, change("a").owns("d", &[("same", "s"), ("old/new", "n"), ("sub", "now a file")]));
    assert_eq!(files(&repo), ["d/old/new", "d/same", "d/sub"]);
    assert_eq!(receipt.files_changed, 4);
    commit(&mut engine, change("a"));
    assert_eq!(all_files(&repo), [""; 0]);
    assert_eq!(commits(&repo), 3);
    fsck(&repo);
}

#[test]
fn shared_files_become_directories_and_back() {
    let scratch = Scratch::new();
    let repo = scratch.bare("r");
    let mut engine = open(&repo);
    commit(&mut engine, change("a").shares(&[("d", "a file")]));
    commit(&mut engine, change("a").shares(&[("d/new", "below")]));
    assert_eq!(files(&repo), ["d/new"]);
    commit(&mut engine, change("a").owns("d/new/er", &[("x", "1")]));
    assert_eq!(files(&repo), ["d/new/er/x"]);
    commit(&mut engine, change("a").shares(&[("d", "again")]));
    assert_eq!(files(&repo), ["d"]);
    fsck(&repo);
}

#[test]
fn bytes_are_written_as_they_are() {
    let scratch = Scratch::new();
    let repo = scratch.bare("r");
    git(&repo, &["config", "core.autocrlf", "true"]);
    foreign(&repo, &[put(&repo, ".gitattributes", "* text eol=crlf\n*.yaml filter=lfs ident\n")]);
    let mut engine = open(&repo);
    commit(&mut engine, change("a").owns("d", &[("lf.yaml", "a\nb\n$Id$\n"), ("crlf.yaml", "a\r\nb\r\n")]));
    let raw = |path: &str| git(&repo, &["cat-file", "blob", &format!("main:{path}")]) + "|";
    assert_eq!(raw("d/lf.yaml"), "a\nb\n$Id$|");
    assert_eq!(git(&repo, &["cat-file", "-s", "main:d/crlf.yaml"]), "6");
    assert_eq!(git(&repo, &["cat-file", "-s", "main:d/lf.yaml"]), "9");
}

#[test]
fn many_commits_stay_clean() {
    let scratch = Scratch::new();
    let repo = scratch.bare("r");
    let mut engine = open(&repo);
    for round in 0..40 {
        let text = round.to_string();
        let name = format!("n{}", round % 7);
        let wanted =
            change(&name).owns(&format!("dirs/{name}"), &[("x/z", &text), ("x.y/z", "z"), ("x-y", "w"), ("x0", "0")]);
        commit(&mut engine, wanted);
    }
    assert_eq!(commits(&repo), 40);
    assert_eq!(files(&repo).len(), 28);
    fsck(&repo);
}

#[test]
fn foreign_commits_between_are_kept() {
    let scratch = Scratch::new();
    let repo = scratch.bare("r");
    let mut engine = open(&repo);
    foreign(&repo, &[put(&repo, "README.md", "people's"), put(&repo, "b/other", "o")]);
    commit(&mut engine, change("a").owns("a", &[("x", "1")]));
    foreign(&repo, &[put(&repo, "README.md", "people's, edited"), gone("b/other")]);
    commit(&mut engine, change("a").owns("a", &[("x", "2")]));
    assert_eq!(files(&repo), ["README.md", "a/x"]);
    assert_eq!(content(&repo, "README.md"), "people's, edited");
    assert_eq!(commits(&repo), 4);
}

#[test]
fn a_rewound_branch_does_not_get_its_dropped_commits_back() {
    let scratch = Scratch::new();
    let repo = scratch.bare("r");
    let mut engine = open(&repo);
    let first = commit(&mut engine, change("a").owns("a", &[("x", "1")])).commit;
    commit(&mut engine, change("b").owns("b", &[("x", "1")]));
    git(&repo, &["update-ref", "refs/heads/main", &first]);
    commit(&mut engine, change("c").owns("c", &[("x", "1")]));
    assert_eq!(files(&repo), ["a/x", "c/x"]);
    assert_eq!(commits(&repo), 2);
    assert_eq!(engine.records(&path("")).unwrap().len(), 2);
}

#[test]
fn drift_goes_and_is_told() {
    let scratch = Scratch::new();
    let repo = scratch.bare("r");
    let mut engine = open(&repo);
    let wanted = change("a").owns("d", &[("x", "1"), ("y", "1")]);
    assert!(commit(&mut engine, wanted.clone()).drift.is_empty());
    foreign(&repo, &[put(&repo, "d/x", "edited"), put(&repo, "d/foreign", "f"), gone("d/y")]);
    let receipt = commit(&mut engine, wanted.clone());
    assert_eq!(receipt.drift, [path("d/foreign"), path("d/x")]);
    assert_eq!(receipt.files_changed, 3);
    assert_eq!(files(&repo), ["d/x", "d/y"]);
    // An edit of the request at the same time is no drift.
    foreign(&repo, &[put(&repo, "d/foreign", "f")]);
    let receipt = commit(&mut engine, change("a").owns("d", &[("x", "2"), ("y", "2")]));
    assert_eq!(receipt.drift, [path("d/foreign")]);
    // With the removal of the request, too.
    foreign(&repo, &[put(&repo, "d/foreign", "f")]);
    assert_eq!(commit(&mut engine, change("a")).drift, [path("d/foreign")]);
}

#[test]
fn a_directory_that_nobody_recorded_is_taken_over_whole() {
    let scratch = Scratch::new();
    let repo = scratch.bare("r");
    foreign(
        &repo,
        &[
            put(&repo, "d/configure/5058f/team.yaml", "kratix"),
            put(&repo, "d/x", "1"),
            put(&repo, "d/y", "1"),
            put(&repo, "e/z", "1"),
        ],
    );
    let receipt = commit(&mut open(&repo), change("a").owns("d", &[("x", "1")]));
    assert_eq!((receipt.files_changed, receipt.created), (2, true));
    assert_eq!(receipt.drift, [path("d/y")], "what is not Kratix's was somebody's");
    assert_eq!(files(&repo), ["d/x", "e/z"]);
}

#[test]
fn a_move_between_roots_is_one_commit() {
    let scratch = Scratch::new();
    let repo = scratch.bare("r");
    let mut engine = open(&repo);
    let at = |root: &str| Footprint::Exclusive { dir: path("d"), files: file_map(&[("x", root)]), clears: [].into() };
    commit(&mut engine, change("a").at("old", at("1")));
    let receipt = commit(&mut engine, change("a").at("old", at("1")).at("new", at("2")));
    assert!(!receipt.created);
    assert_eq!(files(&repo), ["new/d/x", "old/d/x"]);
    let mut moved = change("a").at("new", at("2"));
    moved.roots.insert(path("old"), Vec::new());
    commit(&mut engine, moved);
    assert_eq!(files(&repo), ["new/d/x"]);
    assert_eq!(all_files(&repo).len(), 2);
    assert_eq!(engine.records(&path("old")).unwrap(), []);
    assert_eq!(engine.records(&path("new")).unwrap().len(), 1);
}

#[test]
fn a_late_removal_is_ignored() {
    let scratch = Scratch::new();
    let repo = scratch.bare("r");
    let mut engine = open(&repo);
    commit(&mut engine, change("a").owns("d", &[("x", "1")]).uid("new"));
    let receipt = commit(&mut engine, change("a").uid("old"));
    assert_eq!(receipt.files_changed, 0);
    assert_eq!(files(&repo), ["d/x"]);
    commit(&mut engine, change("a").uid("new"));
    assert_eq!(files(&repo), [""; 0]);
    // To remove what is not there is no change, also where there is nothing at all.
    assert_eq!(commit(&mut engine, change("a").uid("new")).files_changed, 0);
    let receipt = commit(&mut open(scratch.bare("empty")), change("a"));
    assert_eq!((receipt.commit.as_str(), receipt.files_changed), ("", 0));
}

#[test]
fn aggregated_files_hold_everybodys_documents_in_order() {
    let scratch = Scratch::new();
    let repo = scratch.bare("r");
    let mut engine = open(&repo);
    let all = [change("b").adds("agg.yaml", &["b: 1\n"]), change("a").adds("agg.yaml", &["a: 1\n", "a: 2\n"])];
    let receipts = engine.commit(&all, &[]).unwrap();
    assert!(receipts.iter().all(|receipt| receipt.as_ref().unwrap().files_changed == 1));
    assert_eq!(content(&repo, "agg.yaml"), "a: 1\n---\na: 2\n---\nb: 1");
    assert_eq!(commit(&mut open(&repo), all[0].clone()).files_changed, 0);
    commit(&mut engine, change("a").adds("agg.yaml", &["a: 3\n"]));
    assert_eq!(content(&repo, "agg.yaml"), "a: 3\n---\nb: 1");
    // Somebody edits it: it is put right by whoever comes next.
    foreign(&repo, &[put(&repo, "agg.yaml", "nonsense")]);
    let receipt = commit(&mut engine, change("a").adds("agg.yaml", &["a: 3\n"]));
    assert_eq!(receipt.drift, [path("agg.yaml")]);
    assert_eq!(content(&repo, "agg.yaml"), "a: 3\n---\nb: 1");
    commit(&mut engine, change("a"));
    assert_eq!(content(&repo, "agg.yaml"), "b: 1");
    commit(&mut engine, change("b"));
    assert_eq!(all_files(&repo), [""; 0]);
}

#[test]
fn chores_make_canaries_and_retire_destinations() {
    let scratch = Scratch::new();
    let repo = scratch.bare("r");
    let mut engine = open(&repo);
    foreign(&repo, &[put(&repo, "resources/there.yaml", "theirs")]);
    let canaries = file_map(&[("resources/there.yaml", "ours"), ("resources/canary.yaml", "ours")]);
    let ensure = Chore::Ensure { files: canaries.clone() };
    engine.commit(&[change("a").owns("d", &[("x", "1")])], std::slice::from_ref(&ensure)).unwrap();
    assert_eq!(files(&repo), ["d/x", "resources/canary.yaml", "resources/there.yaml"]);
    assert_eq!(content(&repo, "resources/there.yaml"), "theirs");
    engine.commit(&[], &[ensure]).unwrap();
    assert_eq!(commits(&repo), 2);

    let retire = |keep_files| Chore::Retire {
        root: path(""),
        destination: "main".to_owned(),
        writer: "cli".to_owned(),
        keep_files,
        canaries: canaries.clone(),
    };
    commit(&mut engine, change("b").by("other").owns("o", &[("x", "1")]));
    engine.commit(&[], &[retire(false)]).unwrap();
    assert_eq!(files(&repo), ["o/x", "resources/there.yaml"]);
    commit(&mut engine, change("a").owns("d", &[("x", "1")]));
    engine.commit(&[], &[retire(true)]).unwrap();
    assert_eq!(files(&repo), ["d/x", "o/x", "resources/there.yaml"]);
    assert_eq!(engine.records(&path("")).unwrap().len(), 1);
}

#[test]
fn a_preview_says_it_all_and_writes_nothing() {
    let scratch = Scratch::new();
    let repo = scratch.path("none.git");
    let mut engine = open(&repo);
    let wanted = change("a").owns("d", &[("x", "1\n")]);
    let preview = engine.preview(std::slice::from_ref(&wanted), &[]).unwrap();
    assert!(preview.changed && !repo.exists());
    assert!(preview.diff.starts_with("diff --git a/d/x b/d/x\nnew file mode 100644\n"), "{}", preview.diff);
    assert!(preview.diff.ends_with("@@ -0,0 +1 @@\n+1\n"), "{}", preview.diff);
    assert!(!preview.diff.contains(".kept"));

    commit(&mut engine, wanted.clone());
    let unchanged = engine.preview(std::slice::from_ref(&wanted), &[]).unwrap();
    assert_eq!((unchanged.changed, unchanged.diff.as_str()), (false, ""));
    let edit = change("a").owns("d", &[("x", "2\n"), ("new", "n\n")]);
    let preview = engine.preview(&[edit.clone(), change("b").owns("d", &[("y", "1")])], &[]).unwrap();
    assert!(preview.diff.contains("-1\n+2\n"), "{}", preview.diff);
    assert_eq!(preview.outcomes[0].as_ref().unwrap().files_changed, 2);
    assert!(preview.outcomes[1].is_err());
    assert_eq!(engine.records(&path("")).unwrap().len(), 1);
    assert_eq!(commits(&repo), 1);
    commit(&mut engine, edit);
    assert_eq!(commits(&repo), 2);
}

#[test]
fn what_is_no_repository_is_refused() {
    let scratch = Scratch::new();
    let refused = |path: &std::path::Path| kept::store::Engine::open(access(path)).err().unwrap();
    std::fs::write(scratch.path("file"), "x").unwrap();
    assert!(matches!(refused(&scratch.path("file")), Error::NotFound(m) if m.contains("is a file")));
    std::fs::create_dir(scratch.path("dir")).unwrap();
    std::fs::write(scratch.path("dir/file"), "x").unwrap();
    assert!(matches!(refused(&scratch.path("dir")), Error::NotFound(m) if m.contains("not a Git repository")));
    git(&scratch.path(""), &["init", "-q", "-b", "main", "tree"]);
    assert!(matches!(refused(&scratch.path("tree")), Error::Rejected(m) if m.contains("checked out")));
    let mut missing = access(scratch.path("missing"));
    missing.create = false;
    assert!(
        matches!(kept::store::Engine::open(missing).err(), Some(Error::NotFound(m)) if m.contains("git init --bare"))
    );
    // A branch that is not checked out is fine, and so is an empty directory.
    let mut other = access(scratch.path("tree"));
    other.branch = "state".to_owned();
    commit(&mut kept::store::Engine::open(other).unwrap(), change("a").owns("d", &[("x", "1")]));
    std::fs::create_dir(scratch.path("empty")).unwrap();
    commit(&mut open(format!("file://{}", scratch.path("empty").display())), change("a").owns("d", &[("x", "1")]));
    assert_eq!(files(&scratch.path("empty")), ["d/x"]);
}
