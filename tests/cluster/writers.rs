//! Several writers on one branch of a real Gitea.

use std::process::{Command, Stdio};

use kept::error::Explain;
use kept::store::{Access, Credentials, Engine};

use crate::chance::Chance;
use crate::crashes::want;
use crate::manifests::{destination, team};
use crate::support::World;
use crate::wishes::Wishes;
use crate::witness::{Versions, Witness, log_moves, went_forward};

const WRITERS: [&str; 4] = ["one", "two", "three", "four"];
const EACH: usize = 100;

#[test]
fn four_engines_on_one_branch() {
    let mut chance = Chance::new("four engines at Gitea");
    let world = World::empty();
    let url = world.repository("state");
    let repo = world.bare("state");
    log_moves(&repo);
    world.foreign_commit("state", |clone| std::fs::write(clone.join("README.md"), "Theirs.\n").unwrap());
    let access = Access {
        credentials: Credentials::basic(world.info("giteaUser"), world.info("giteaPassword")),
        timeout: std::time::Duration::from_mins(1),
        ..crate::store_support::access(&url)
    };
    let all: Vec<Versions> = std::thread::scope(|scope| {
        let write = |at: usize, mut chance: Chance| {
            let mut wishes = Wishes { writer: WRITERS[at], ..Wishes::default() };
            let mut engine = Engine::open(access.clone()).unwrap();
            let mut waiting: Vec<usize> = (at * EACH..(at + 1) * EACH).collect();
            while !waiting.is_empty() {
                let batch: Vec<usize> = waiting.iter().copied().take(1 + chance.below(20)).collect();
                match engine.commit(&wishes.changes(&batch), &[]) {
                    Ok(outcomes) => {
                        assert!(outcomes.iter().all(Result::is_ok), "{outcomes:?}");
                        wishes.wanted(&batch);
                        waiting.drain(..batch.len());
                    }
                    Err(error) => assert!(error.is_retryable(), "{error:?}"),
                }
            }
            wishes.versions
        };
        let threads: Vec<_> = (0..WRITERS.len())
            .map(|at| {
                let chance = chance.fork();
                scope.spawn(move || write(at, chance))
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    let mut versions = Versions::default();
    for theirs in all {
        versions.add(theirs);
    }
    let mut witness = Witness::new(&repo);
    witness.holds_all(&versions);
    assert_eq!(witness.touched.len(), WRITERS.len() * EACH);
    assert!(witness.touched.values().all(|times| *times == 1), "nothing twice");
    assert_eq!(witness.peoples().len(), 1);
    assert_eq!(went_forward(&repo), witness.commits + 1);
    println!("400 requests of four writers in {} commits", witness.commits);
}

/// `kept apply` of some teams in a writer's name, beside whatever else runs.
fn apply(world: &World, writer: &str, teams: &str, versions: &mut Versions) -> std::process::Child {
    want(world, versions, teams);
    let file = world.desk().join(format!("{writer}.yaml"));
    std::fs::write(&file, teams).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_kept"));
    command.arg("apply").arg("-f").arg(file).args(["--prune", "--store", &world.url("state"), "--writer", writer]);
    command.env("KEPT_GIT_USERNAME", world.info("giteaUser")).env("KEPT_GIT_PASSWORD", world.info("giteaPassword"));
    command.stdout(Stdio::null()).spawn().unwrap()
}

fn teams(numbers: std::ops::Range<usize>, version: usize) -> String {
    numbers.map(|at| team("default", &format!("t{at:03}"), &format!("Version {version}"))).collect()
}

#[test]
fn four_processes_and_then_the_operator_beside_one() {
    let mut world = World::new();
    world.repository("state");
    let repo = world.bare("state");
    log_moves(&repo);
    let mut versions = Versions::default();
    let mut running: Vec<_> = WRITERS
        .iter()
        .enumerate()
        .map(|(at, writer)| apply(&world, writer, &teams(at * EACH..(at + 1) * EACH, 1), &mut versions))
        .collect();
    for child in &mut running {
        assert!(child.wait().unwrap().success());
    }
    let mut witness = Witness::new(&repo);
    witness.holds_all(&versions);
    assert_eq!(witness.touched.len(), WRITERS.len() * EACH);

    // The operator has requests of its own, and whoever runs beside it goes on with theirs.
    world.apply(&(world.secret() + &world.store("state", "") + &destination("host", "state", ".", "")));
    world.start("");
    world.wait_ready("destination/host");
    for version in 2..8 {
        let theirs = teams(500..540, version);
        want(&world, &mut versions, &theirs);
        let mut beside = apply(&world, WRITERS[0], &teams(0..EACH, version), &mut versions);
        world.apply(&theirs);
        assert!(beside.wait().unwrap().success());
    }
    world.wait_teams(40);
    witness.holds_all(&versions);
    went_forward(&repo);
}
