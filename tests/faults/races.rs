//! Several writers on one branch, and somebody who takes commits away.

use std::path::Path;

use kept::error::Explain;

use crate::chance::{Chance, size};
use crate::desk::{Desk, Layout, succeeds};
use crate::server::Server;
use crate::support::*;
use crate::wishes::{Wishes, name};
use crate::witness::{BY_SOMEONE, Versions, Witness, log_moves, moves, went_forward};

const WRITERS: [&str; 4] = ["one", "two", "three", "four"];
const EACH: usize = 100;
/// Commits while somebody sets the branch back.
const ROUNDS: usize = size(25, 150);

#[test]
fn four_writers_at_a_local_repository() {
    let scratch = Scratch::new();
    let repo = scratch.bare("r");
    race(repo.to_str().unwrap(), &repo);
}

#[test]
fn four_writers_at_a_server() {
    let scratch = Scratch::new();
    let repo = scratch.bare("r");
    let server = Server::start(&scratch.path(""));
    race(&server.repo("r"), &repo);
}

/// Engines with names of their own, a hundred requests each.
fn race(url: &str, repo: &Path) {
    let mut chance = Chance::new("four writers");
    log_moves(repo);
    foreign(repo, &[put(repo, "README.md", "Theirs.\n"), put(repo, "side/y.tf", "# theirs\n")]);
    let mut versions = Versions::default();
    let all: Vec<(Versions, usize)> = std::thread::scope(|scope| {
        let writers: Vec<_> = WRITERS
            .into_iter()
            .enumerate()
            .map(|(at, writer)| {
                let chance = chance.fork();
                scope.spawn(move || write(url, writer, at * EACH, chance))
            })
            .collect();
        writers.into_iter().map(|writer| writer.join().unwrap()).collect()
    });
    let mut lost = 0;
    for (theirs, tries) in all {
        versions.add(theirs);
        lost += tries;
    }
    let mut witness = Witness::new(repo);
    witness.holds_all(&versions);
    assert_eq!(witness.touched.len(), WRITERS.len() * EACH);
    assert!(witness.touched.values().all(|times| *times == 1), "nothing twice");
    assert_eq!(witness.peoples().len(), 2);
    witness.is_clean();
    let moves = went_forward(repo);
    assert_eq!(moves, witness.commits + 1);
    println!("400 requests of four writers in {} commits, {lost} turns given up", witness.commits);
}

/// One writer's requests; how often it gave up for a moment.
fn write(url: &str, writer: &'static str, first: usize, mut chance: Chance) -> (Versions, usize) {
    let mut wishes = Wishes { writer, ..Wishes::default() };
    let mut engine = open(url);
    let mut waiting: Vec<usize> = (first..first + EACH).collect();
    let mut lost = 0;
    while !waiting.is_empty() {
        let batch: Vec<usize> = waiting.iter().copied().take(1 + chance.below(20)).collect();
        match engine.commit(&wishes.changes(&batch), &[]) {
            Ok(outcomes) => {
                assert!(outcomes.iter().all(Result::is_ok), "{outcomes:?}");
                wishes.wanted(&batch);
                waiting.drain(..batch.len());
            }
            // As the operator does.
            Err(error) if error.is_retryable() && lost < 100 => lost += 1,
            Err(error) => panic!("{writer}: {error:?}"),
        }
    }
    (wishes.versions, lost)
}

#[test]
fn four_processes_at_once() {
    let scratch = Scratch::new();
    let near = scratch.bare("near");
    let far = scratch.bare("far");
    let server = Server::start(&scratch.path(""));
    for (repo, store) in [(&near, near.to_str().unwrap().to_owned()), (&far, server.repo("far"))] {
        log_moves(repo);
        let desks: Vec<Desk> = WRITERS
            .iter()
            .enumerate()
            .map(|(at, writer)| {
                let mut desk = Desk::new(Layout::Nested, &format!("{store} --writer {writer}"));
                desk.write(&(at * EACH..(at + 1) * EACH).map(name).collect());
                desk
            })
            .collect();
        std::thread::scope(|scope| {
            for desk in &desks {
                scope.spawn(|| succeeds(desk.apply().output().unwrap()));
            }
        });
        let mut versions = Versions::default();
        for desk in desks {
            versions.add(desk.versions);
        }
        let mut witness = Witness::new(repo);
        witness.holds_all(&versions);
        assert_eq!(witness.touched.len(), WRITERS.len() * EACH);
        witness.is_clean();
        assert_eq!(went_forward(repo), witness.commits);
    }
}

#[test]
fn what_was_taken_away_between_build_and_push_does_not_come_back() {
    let scratch = Scratch::new();
    let repo = scratch.bare("r");
    log_moves(&repo);
    let server = Server::start(&scratch.path(""));
    let mut wishes = Wishes::default();
    let mut engine = open(server.repo("r"));
    wishes.commit(&mut engine, &[0, 1, 2]);
    let stays = head(&repo);
    let dropped = foreign(&repo, &[put(&repo, "people/dropped", "not again")]);
    wishes.commit(&mut engine, &[3, 4, 5]);
    server.set(|faults| faults.before_push = Some(rewind));
    std::fs::write(repo.join("rewind"), &stays).unwrap();
    wishes.commit(&mut engine, &[6, 7, 8]);
    // Those of before are asked for again, as they are by whoever looks at them.
    wishes.commit(&mut engine, &(0..9).collect::<Vec<_>>());
    let mut witness = Witness::new(&repo);
    witness.holds_all(&wishes.versions);
    assert!(witness.peoples().is_empty(), "{:?}", witness.peoples());
    assert!(!git(&repo, &["rev-list", "main"]).contains(&dropped));
    went_forward(&repo);
    assert_eq!(moves(&repo).iter().filter(|(_, _, words)| words == BY_SOMEONE).count(), 1);
}

/// Sets the branch back to where the file `rewind` says, once.
fn rewind(repo: &Path) {
    let order = repo.join("rewind");
    if let Ok(to) = std::fs::read_to_string(&order) {
        std::fs::remove_file(order).unwrap();
        git(repo, &["update-ref", "-m", BY_SOMEONE, "refs/heads/main", &to]);
    }
}

/// Somebody sets the branch back again and again while it is written to.
#[test]
fn a_branch_that_is_rewound_at_any_moment_is_never_forced() {
    let scratch = Scratch::new();
    let near = scratch.bare("near");
    let far = scratch.bare("far");
    let server = Server::start(&scratch.path(""));
    for (repo, url) in [(&near, near.to_str().unwrap().to_owned()), (&far, server.repo("far"))] {
        let mut chance = Chance::new("rewound at any moment");
        log_moves(repo);
        let mut wishes = Wishes::default();
        let mut engine = open(&url);
        wishes.commit(&mut engine, &[0]);
        let done = std::sync::atomic::AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while !done.load(std::sync::atomic::Ordering::SeqCst) {
                    std::thread::sleep(chance.while_of(std::time::Duration::from_millis(30)));
                    rewind_by_one(repo);
                }
            });
            for at in 1..ROUNDS {
                let changes = wishes.changes(&[at]);
                while engine.commit(&changes, &[]).is_err_and(|error| error.is_retryable()) {}
                wishes.wanted(&[at]);
            }
            done.store(true, std::sync::atomic::Ordering::SeqCst);
        });
        wishes.commit(&mut engine, &(0..ROUNDS).collect::<Vec<_>>());
        let mut witness = Witness::new(repo);
        witness.holds_all(&wishes.versions);
        witness.is_clean();
        went_forward(repo);
        let back = moves(repo).iter().filter(|(_, _, words)| words == BY_SOMEONE).count();
        assert!(back > 0);
        println!("rewound {back} times in {} moves, and never forced", moves(repo).len());
    }
}

/// Takes the last commit away, unless it is the first, or somebody is faster.
fn rewind_by_one(repo: &Path) {
    let repo = git2::Repository::open(repo).unwrap();
    let main = repo.find_reference("refs/heads/main").unwrap();
    let head = main.peel_to_commit().unwrap();
    if let Some(parent) = head.parent_ids().next() {
        let _ = repo.reference_matching("refs/heads/main", parent, true, head.id(), BY_SOMEONE);
    }
}
