//! `kept apply`, killed at any moment.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Child;
use std::time::{Duration, Instant};

use crate::chance::{Chance, size};
use crate::desk::{Desk, Layout, succeeds};
use crate::server::Server;
use crate::support::*;
use crate::wishes::name;
use crate::witness::{Witness, log_moves, rubbish, went_forward};

const REQUESTS: usize = size(150, 500);
const KILLS: usize = size(6, 100);

#[test]
fn kills_while_a_local_repository_is_written() {
    let scratch = Scratch::new();
    let repo = scratch.bare("r");
    crash("file, nested", Desk::new(Layout::Nested, repo.to_str().unwrap()), &repo, None);
}

#[test]
fn kills_while_a_server_is_pushed_to() {
    let scratch = Scratch::new();
    let repo = scratch.bare("r");
    let server = Server::start(&scratch.path(""));
    let desk = Desk::new(Layout::Mixed, &server.repo("r"));
    crash("http, flat and aggregated", desk, &repo, Some(&server));
}

fn crash(what: &str, mut desk: Desk, repo: &Path, server: Option<&Server>) {
    let mut chance = Chance::new(what);
    log_moves(repo);
    let people =
        [("README.md", "Theirs.\n"), ("side/terraform/main.tf", "# theirs\n"), ("shared/x/y.yaml", "their: s\n")];
    foreign(repo, &people.map(|(path, text)| put(repo, path, text)));
    desk.write(&(0..REQUESTS).map(name).collect());
    let mut witness = Witness::new(repo);
    succeeds(desk.apply().output().unwrap());
    witness.holds_all(&desk.versions);
    let theirs = witness.peoples();

    let (mut before, mut after, mut late) = (0, 0, 0);
    let (mut usual, mut left) = (Duration::ZERO, BTreeSet::new());
    for round in 0..KILLS {
        desk.edit(&mut chance, REQUESTS);
        let since = Instant::now();
        let mut child = desk.spawn();
        if round == 0 {
            // The measure for the others.
            child.wait().unwrap();
            usual = since.elapsed();
        } else if round % 2 == 0 {
            std::thread::sleep(chance.while_of(usual));
        } else {
            // Near the moment at which the branch moves.
            wait_for_push(&mut child, repo, server);
            std::thread::sleep(chance.while_of(Duration::from_millis(if server.is_some() { 60 } else { 20 })));
        }
        let ended = child.try_wait().unwrap().is_some();
        child.kill().unwrap();
        child.wait().unwrap();
        let made = witness.look(&desk.versions);
        match (ended, made) {
            (true, _) => late += 1,
            (false, 0) => before += 1,
            (false, _) => after += 1,
        }
        let again = desk.apply().output().unwrap();
        let words = String::from_utf8_lossy(&again.stderr);
        assert!(again.status.success(), "after kill {round}: {}", words.lines().next().unwrap_or_default());
        witness.holds_all(&desk.versions);
        fsck(repo);
        left.extend(rubbish(repo).into_iter().chain(desk.left_over()).map(|path| (round, path)));
    }
    assert_eq!(witness.peoples(), theirs);
    let pushes = went_forward(repo);

    // The same requests from a clean sheet.
    let fresh = Scratch::new();
    let clean = fresh.bare("clean");
    foreign(&clean, &people.map(|(path, text)| put(&clean, path, text)));
    desk.store_at(clean.to_str().unwrap());
    succeeds(desk.apply().output().unwrap());
    let tree = |repo: &Path| git(repo, &["rev-parse", "main^{tree}"]);
    assert_eq!(tree(repo), tree(&clean), "byte for byte, records and all");
    println!(
        "{what}: {KILLS} kills during runs of {usual:?}: {before} before the commit, {after} after it, {late} came late; \
         {} commits in {pushes} moves of the branch, {} requests changed {} times, none by half",
        witness.commits,
        witness.touched.len(),
        witness.touched.values().sum::<usize>(),
    );
    git(repo, &["gc", "-q", "--prune=now"]);
    let counted = git(repo, &["count-objects", "-v"]);
    assert!(counted.contains("\ngarbage: 0\n"), "git's own housekeeping leaves something: {counted}");
    assert!(left.is_empty(), "temporary things are left, by kill: {left:#?}");
}

/// Waits until a run begins to write, or has ended.
fn wait_for_push(child: &mut Child, repo: &Path, server: Option<&Server>) {
    let packs = || std::fs::read_dir(repo.join("objects/pack")).unwrap().count();
    let pushes =
        |server: &Server| server.requests().iter().filter(|line| line.ends_with("POST /r/git-receive-pack")).count();
    let so_far = (packs(), server.map(pushes));
    while child.try_wait().unwrap().is_none() && so_far == (packs(), server.map(pushes)) {
        std::thread::sleep(Duration::from_micros(200));
    }
}
