//! Hooks that decline some requests, or all: the others go through, and nobody asks in a loop.

use std::path::Path;

use kept::store::{Error, Outcome};

use crate::chance::size;
use crate::desk::{Desk, Layout, succeeds};
use crate::server::Server;
use crate::support::*;
use crate::wishes::{Wishes, name};
use crate::witness::{Witness, log_moves, went_forward};

const WORDS: &str = "the platform team says no";

/// Declines pushes that add a line with one of these words; counts all pushes.
fn declines(repo: &Path, words: &[&str]) {
    let script = format!(
        "#!/bin/sh\necho x >>\"$GIT_DIR/pushes\"\nread old new ref\n\
         case $old in 000*) old=$(git hash-object -t tree /dev/null);; esac\n\
         if git diff $old $new -- . ':!.kept' | grep -qE '^[+].*({})'; then echo '{WORDS}' >&2; exit 1; fi\n",
        words.join("|")
    );
    let path = repo.join("hooks/pre-receive");
    std::fs::write(&path, script).unwrap();
    std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
}

fn pushes(repo: &Path) -> usize {
    std::fs::read_to_string(repo.join("pushes")).unwrap_or_default().lines().count()
}

/// Those that were declined, each with the hook's words.
#[track_caller]
fn declined(outcomes: &[Outcome]) -> Vec<usize> {
    let is_declined = |at: &usize| match &outcomes[*at] {
        Ok(receipt) => {
            assert!(!receipt.commit.is_empty());
            false
        }
        Err(Error::Rejected(words)) => {
            assert!(words.contains(WORDS), "{words}");
            true
        }
        Err(error) => panic!("{error:?}"),
    };
    (0..outcomes.len()).filter(is_declined).collect()
}

#[test]
fn requests_in_every_layout_are_declined_alone() {
    let scratch = Scratch::new();
    let repo = scratch.bare("r");
    log_moves(&repo);
    let server = Server::start(&scratch.path(""));
    foreign(&repo, &[put(&repo, "README.md", "Theirs.\n")]);
    // One with a directory, one with files among others', one with documents in the file of all.
    let bad = [9, 22, 44];
    declines(&repo, &bad.map(|at| format!("# {}", name(at))).each_ref().map(String::as_str));
    let mut wishes = Wishes::default();
    let mut engine = open(server.repo("r"));
    let all: Vec<usize> = (0..50).collect();
    let good: Vec<usize> = all.iter().copied().filter(|at| !bad.contains(at)).collect();
    assert_eq!(declined(&engine.commit(&wishes.changes(&all), &[]).unwrap()), bad);
    wishes.wanted(&good);
    let mut witness = Witness::new(&repo);
    witness.holds_all(&wishes.versions);
    let first = pushes(&repo);
    assert!(first < 40, "{first} pushes");

    // A new version of all: those that were declined hold up nobody, and cost little.
    wishes.version = 2;
    assert_eq!(declined(&engine.commit(&wishes.changes(&all), &[]).unwrap()), bad);
    wishes.wanted(&good);
    witness.holds_all(&wishes.versions);
    println!("3 of 50 declined: {first} pushes, then {}", pushes(&repo) - first);

    std::fs::remove_file(repo.join("hooks/pre-receive")).unwrap();
    assert!(declined(&engine.commit(&wishes.changes(&all), &[]).unwrap()).is_empty());
    wishes.wanted(&all);
    witness.holds_all(&wishes.versions);
    witness.is_clean();
    assert_eq!(witness.peoples().len(), 1);
    went_forward(&repo);
}

#[test]
fn an_edit_that_is_declined_leaves_the_version_of_before() {
    let scratch = Scratch::new();
    let repo = scratch.bare("r");
    let server = Server::start(&scratch.path(""));
    let mut wishes = Wishes::default();
    let mut engine = open(server.repo("r"));
    let all: Vec<usize> = (0..12).collect();
    wishes.commit(&mut engine, &all);
    declines(&repo, &["first: 2", "y/t004: 2"]);
    wishes.version = 2;
    let bad = [2, 4, 5, 8, 11];
    assert_eq!(declined(&engine.commit(&wishes.changes(&all), &[]).unwrap()), bad);
    wishes.wanted(&[0, 1, 3, 6, 7, 9, 10]);
    let mut witness = Witness::new(&repo);
    witness.holds_all(&wishes.versions);
    // What a later edit mends goes through.
    wishes.version = 3;
    wishes.commit(&mut engine, &bad);
    witness.holds_all(&wishes.versions);
}

#[test]
fn a_hook_that_declines_everything_is_asked_a_few_times() {
    let scratch = Scratch::new();
    let repo = scratch.bare("r");
    let server = Server::start(&scratch.path(""));
    declines(&repo, &["."]);
    let mut wishes = Wishes::default();
    let mut engine = open(server.repo("r"));
    let all: Vec<usize> = (0..300).collect();
    assert_eq!(declined(&engine.commit(&wishes.changes(&all), &[]).unwrap()).len(), 300);
    let asked = pushes(&repo);
    assert!(asked <= 30, "{asked} pushes");
    assert_eq!(git(&repo, &["for-each-ref"]), "");
    println!("300 of 300 declined after {asked} pushes");
}

#[test]
fn the_command_line_says_whom_a_hook_declines() {
    let scratch = Scratch::new();
    for layout in [Layout::Mixed, Layout::Nested].into_iter().take(size(1, 2)) {
        let repo = scratch.bare(&format!("{layout:?}"));
        let server = Server::start(&scratch.path(""));
        declines(&repo, &["full_name += .Version 7\\b", "displayName: Version 33\\b"]);
        let mut desk = Desk::new(layout, &server.repo(&format!("{layout:?}")));
        desk.write(&(0..50).map(name).collect());
        let wanted = desk.versions.now.clone();
        let run = desk.apply().output().unwrap();
        let (out, words) = (String::from_utf8_lossy(&run.stdout), String::from_utf8_lossy(&run.stderr));
        assert_eq!(run.status.code(), Some(1), "{words}");
        for bad in ["t006", "t032"] {
            let said = words.lines().find(|line| line.contains(bad)).unwrap_or_default();
            assert!(said.contains(WORDS), "{words}");
            desk.versions.forget(bad);
        }
        assert_eq!(out.lines().filter(|line| line.contains(" failed ")).count(), 2, "{out}");
        let mut witness = Witness::new(&repo);
        witness.holds_all(&desk.versions);
        std::fs::remove_file(repo.join("hooks/pre-receive")).unwrap();
        succeeds(desk.apply().output().unwrap());
        desk.versions.now = wanted;
        witness.holds_all(&desk.versions);
    }
}
