//! Destinations that move from one repository to another, while the network fails and runs are killed: at
//! no moment is a request in neither of them.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::chance::{Chance, size};
use crate::desk::Desk;
use crate::proxy::{Proxy, SWIFT};
use crate::server::Server;
use crate::support::*;
use crate::wishes::name;
use crate::witness::{Witness, log_moves, request_in, went_forward};

const REQUESTS: usize = size(24, 60);
const NAMES: [&str; 2] = ["one", "two"];

/// Two repositories behind one server, which log their moves into one file, in the order in which they were made.
fn two(scratch: &Scratch) -> [PathBuf; 2] {
    NAMES.map(|name| {
        let repo = scratch.bare(name);
        log_moves(&repo);
        let log = scratch.path("log");
        let script = format!("#!/bin/sh\nread old new ref\necho {name} $new >>'{}'\n", log.display());
        let hook = repo.join("hooks/post-receive");
        std::fs::write(&hook, script).unwrap();
        std::fs::set_permissions(&hook, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
        foreign(&repo, &[put(&repo, "README.md", name)]);
        repo
    })
}

/// Some stores, and a destination in one of them.
fn stores(url: &str, names: &[&str], at: &str, path: &str, mode: &str) -> String {
    let store = |name: &str| {
        format!(
            "apiVersion: platform.kratix.io/v1alpha1\nkind: GitStateStore\nmetadata: {{name: {name}}}\nspec: {{url: '{url}/{name}'}}\n---\n"
        )
    };
    format!(
        "{}apiVersion: platform.kratix.io/v1alpha1\nkind: Destination\nmetadata: {{name: host}}\nspec:\n  path: {path}\n  \
         stateStoreRef: {{kind: GitStateStore, name: {at}}}\n  filepath: {mode}\n",
        names.iter().map(|name| store(name)).collect::<String>()
    )
}

#[test]
fn moves_between_stores_under_faults_and_kills() {
    for mode in ["{mode: nestedByMetadata}", "{mode: none}"] {
        let mut chance = Chance::new(&format!("moves between stores, {mode}"));
        let scratch = Scratch::new();
        let repos = two(&scratch);
        let server = Server::start(&scratch.path(""));
        let proxy = Proxy::before(&server.url);
        let at = |desk: &Desk, store: &str| {
            std::fs::write(desk.scratch.path("stores.yaml"), stores(&proxy.url, &NAMES, store, "host", mode)).unwrap();
        };
        let mut desk = Desk::with("-f stores.yaml", "", &stores(&proxy.url, &NAMES, NAMES[0], "host", mode), "{}");
        desk.rendered = format!("rendered/{}", NAMES[0]);
        desk.write(&(0..REQUESTS).map(name).collect());
        run(&desk, 1);
        proxy.spoil_some(10, SWIFT, chance.fork());
        let (mut killed, mut tries) = (0, 0);
        for turn in 1..=size(4, 30) {
            at(&desk, NAMES[turn % 2]);
            desk.rendered = format!("rendered/{}", NAMES[turn % 2]);
            desk.write(&(0..3).map(|_| name(chance.below(REQUESTS))).collect());
            // Now and then it is killed, wherever it is.
            for _ in 0..chance.below(3) {
                let mut child = desk.spawn();
                std::thread::sleep(chance.while_of(Duration::from_millis(400)));
                killed += usize::from(child.try_wait().unwrap().is_none());
                child.kill().unwrap();
                child.wait().unwrap();
                // Or somebody changes his mind meanwhile.
                if chance.percent(30) {
                    at(&desk, NAMES[chance.below(2)]);
                }
            }
            at(&desk, NAMES[turn % 2]);
            tries += run(&desk, 40);
            let [here, there] = [turn % 2, (turn + 1) % 2].map(|at| requests(&repos[at], "main"));
            assert_eq!((here.len(), there.len()), (REQUESTS, 0), "turn {turn}");
            Witness::new(&repos[turn % 2]).holds_all(&desk.versions);
        }
        let steps = never_in_neither(&scratch.path("log"), &scratch);
        for repo in &repos {
            fsck(repo);
            went_forward(repo);
            assert_eq!(content(repo, "README.md"), repo.file_name().unwrap().to_str().unwrap());
        }
        assert!(desk.left_over().is_empty());
        println!(
            "{mode}: {} turns, {killed} kills, {tries} runs, {steps} commits in both repositories; {} of {} calls spoilt",
            size(4, 30),
            proxy.calls().1,
            proxy.calls().0
        );
    }
}

/// The path of a destination is another one: each request is in one of the two with every commit.
#[test]
fn moves_within_a_store_under_faults() {
    let mut chance = Chance::new("moves within a store");
    let scratch = Scratch::new();
    let repos = two(&scratch);
    let server = Server::start(&scratch.path(""));
    let proxy = Proxy::before(&server.url);
    let mode = "{mode: none}";
    let mut desk = Desk::with("-f stores.yaml", "", &stores(&proxy.url, &NAMES[..1], NAMES[0], "a", mode), "{}");
    desk.write(&(0..REQUESTS).map(name).collect());
    run(&desk, 1);
    proxy.spoil_some(10, SWIFT, chance.fork());
    for turn in 1..=size(5, 30) {
        let path = ["a", "b/c"][turn % 2];
        std::fs::write(desk.scratch.path("stores.yaml"), stores(&proxy.url, &NAMES[..1], NAMES[0], path, mode))
            .unwrap();
        let names: BTreeSet<String> = desk.asked.keys().cloned().collect();
        desk.write(&names);
        run(&desk, 40);
        let mut witness = Witness::new(&repos[0]);
        witness.holds_all(&desk.versions);
    }
    never_in_neither(&scratch.path("log"), &scratch);
    went_forward(&repos[0]);
}

/// Runs `kept apply` until it succeeds; how often.
#[track_caller]
fn run(desk: &Desk, at_most: usize) -> usize {
    let mut words = String::new();
    for tries in 1..=at_most {
        let run = desk.apply().output().unwrap();
        if run.status.success() {
            return tries;
        }
        words = String::from_utf8_lossy(&run.stderr).into_owned();
    }
    panic!("{at_most} runs fail: {words}");
}

fn requests(repo: &Path, commit: &str) -> BTreeSet<String> {
    let list = git(repo, &["ls-tree", "-r", "--name-only", commit]);
    list.lines().filter_map(request_in).map(str::to_owned).collect()
}

/// Goes through the moves of both branches in their order: once there, a request is always somewhere.
#[track_caller]
fn never_in_neither(log: &Path, scratch: &Scratch) -> usize {
    let log = std::fs::read_to_string(log).unwrap();
    let mut held: [BTreeSet<String>; 2] = Default::default();
    let mut all = BTreeSet::new();
    for line in log.lines() {
        let (name, commit) = line.split_once(' ').unwrap();
        let at = NAMES.iter().position(|known| *known == name).unwrap();
        held[at] = requests(&scratch.path(name), commit);
        all.extend(held[at].iter().cloned());
        let lost: Vec<_> = all.iter().filter(|request| !held.iter().any(|held| held.contains(*request))).collect();
        assert!(lost.is_empty(), "after {line} these are in neither: {lost:?}\n{log}");
    }
    assert_eq!(all.len(), REQUESTS);
    log.lines().count()
}
