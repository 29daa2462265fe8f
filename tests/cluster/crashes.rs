//! The operator killed at any moment, and a network that fails: nothing is lost and nothing half-written.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use crate::chance::Chance;
use crate::manifests::{destination, store, team};
use crate::proxy::{Proxy, SWIFT};
use crate::support::World;
use crate::witness::{Versions, Witness, log_moves, request_in, went_forward};

/// Teams with new names, which are wanted from now on.
pub fn edit(world: &World, versions: &mut Versions, which: &BTreeSet<usize>, counter: &mut usize) -> String {
    let mut teams = String::new();
    for at in which {
        *counter += 1;
        teams += &team("default", &format!("t{at:03}"), &format!("Version {counter}"));
    }
    want(world, versions, &teams);
    teams
}

/// Notes how teams are rendered as what is wanted.
pub fn want(world: &World, versions: &mut Versions, teams: &str) {
    let dir = world.desk().join("rendering");
    std::fs::create_dir_all(&dir).unwrap();
    std::fs::write(dir.join("teams.yaml"), teams).unwrap();
    let done = Command::new(env!("CARGO_BIN_EXE_kept"))
        .args(["render", "-f", "teams.yaml", "--out", "out"])
        .current_dir(&dir)
        .output()
        .expect("kept runs");
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    versions.learn_dir(&dir.join("out"));
    std::fs::remove_dir_all(dir).unwrap();
}

/// Waits until the branch holds all that is wanted.
pub fn settles(world: &World, witness: &mut Witness, versions: &Versions) {
    world.eventually("the branch holds what is wanted", || {
        witness.look(versions);
        (witness.requests == versions.now).then_some(())
    });
    witness.holds_all(versions);
    world.wait_teams(versions.now.len());
}

#[test]
fn an_operator_that_is_killed_at_any_moment() {
    let mut chance = Chance::new("an operator is killed");
    let mut world = World::new();
    world.repository("state");
    log_moves(&world.bare("state"));
    world.apply(&(world.secret() + &world.store("state", "") + &destination("host", "state", ".", "")));
    world.start("");
    world.wait_ready("destination/host");
    let (mut versions, mut counter) = (Versions::default(), 0);
    world.apply(&edit(&world, &mut versions, &(0..60).collect(), &mut counter));
    let mut gone = BTreeSet::new();
    let mut witness = Witness::new(&world.bare("state"));
    let mut commits = Vec::new();
    for _ in 0..10 {
        std::thread::sleep(chance.while_of(Duration::from_secs(3)));
        world.crash();
        commits.push(witness.look(&versions));
        world.start("");
        let leaving = chance.below(60);
        if gone.insert(leaving) {
            world.kubectl(&["delete", "team", &format!("t{leaving:03}"), "--wait=false"]);
            versions.forget(&format!("t{leaving:03}"));
        }
        let edited = (0..60).filter(|at| !gone.contains(at) && chance.percent(25)).collect();
        let teams = edit(&world, &mut versions, &edited, &mut counter);
        world.apply(&teams);
    }
    settles(&world, &mut witness, &versions);
    let moves = went_forward(&world.bare("state"));
    println!("10 kills, commits between them: {commits:?}; {moves} moves of the branch, all forward; {counter} edits");
}

#[test]
fn a_network_of_which_every_twentieth_call_fails() {
    let mut chance = Chance::new("a network that fails");
    let mut world = World::new();
    world.repository("state");
    log_moves(&world.bare("state"));
    let proxy = Proxy::before(&world.info("giteaUrl"));
    let url = world.url("state").replace(&world.info("giteaUrl"), &proxy.url);
    world.apply(&(world.secret() + &store("state", &url, "") + &destination("host", "state", ".", "")));
    world.start("");
    world.wait_ready("destination/host");
    proxy.spoil_some(5, SWIFT, chance.fork());
    let (mut versions, mut counter) = (Versions::default(), 0);
    let mut witness = Witness::new(&world.bare("state"));
    // A few at a time, so that there are many calls.
    for turn in 0..100 {
        let teams = edit(&world, &mut versions, &(turn * 5..(turn + 1) * 5).collect(), &mut counter);
        world.apply(&teams);
    }
    settles(&world, &mut witness, &versions);
    went_forward(&world.bare("state"));
    let (calls, spoilt) = proxy.calls();
    println!("{} teams in {} commits, {spoilt} of {calls} calls spoilt", versions.now.len(), witness.commits);
    assert!(witness.touched.values().all(|times| *times == 1), "nothing twice");
}

#[test]
fn a_destination_that_moves_while_the_operator_is_killed() {
    const TEAMS: usize = 20;
    let mut chance = Chance::new("a destination moves");
    let mut world = World::new();
    let log = world.desk().join("moves.log");
    world.apply(&world.secret());
    for name in ["one", "two"] {
        world.repository(name);
        log_moves(&world.bare(name));
        let hook = world.bare(name).join("hooks/post-receive.d/moves");
        std::fs::create_dir_all(hook.parent().unwrap()).unwrap();
        std::fs::write(&hook, format!("#!/bin/sh\nread old new ref\necho {name} $new >>'{}'\n", log.display()))
            .unwrap();
        std::fs::set_permissions(&hook, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
        world.apply(&world.store(name, ""));
    }
    world.apply(&destination("host", "one", ".", ""));
    world.start("");
    world.apply(&(0..TEAMS).map(|at| team("default", &format!("t{at:03}"), "T")).collect::<String>());
    world.wait_teams(TEAMS);
    let bare = ["one", "two"].map(|name| world.bare(name));
    let mut kills = 0;
    for turn in 1..=5 {
        let to = ["one", "two"][turn % 2];
        let patch = format!(r#"{{"spec":{{"stateStoreRef":{{"name":"{to}"}}}}}}"#);
        world.kubectl(&["patch", "destination/host", "--type=merge", "-p", &patch]);
        for _ in 0..chance.below(3) {
            std::thread::sleep(chance.while_of(Duration::from_millis(1500)));
            world.crash();
            kills += 1;
            world.start("");
        }
        world.eventually(&format!("all are in {to}"), || {
            let [one, two] = [0, 1].map(|at| requests(&bare[at], "main").len());
            ([one, two] == if turn % 2 == 0 { [TEAMS, 0] } else { [0, TEAMS] }).then_some(())
        });
    }
    // Both servers' own account, in the order of what happened: at no moment is a request in neither.
    let mut now = [BTreeSet::new(), BTreeSet::new()];
    let mut known = BTreeSet::new();
    let log = std::fs::read_to_string(log).unwrap();
    for line in log.lines() {
        let (name, commit) = line.split_once(' ').unwrap();
        let at = usize::from(name == "two");
        now[at] = requests(&bare[at], commit);
        known.extend(now[at].iter().cloned());
        let lost: Vec<_> = known.iter().filter(|team| !now.iter().any(|now| now.contains(*team))).collect();
        assert!(lost.is_empty(), "after {line} these are in neither: {lost:?}\n{log}");
    }
    assert_eq!(known.len(), TEAMS);
    for repo in &bare {
        went_forward(repo);
    }
    println!("5 moves, {kills} kills, {} commits in both repositories", log.lines().count());
}

/// The teams that a commit holds.
fn requests(repo: &Path, commit: &str) -> BTreeSet<String> {
    let list = Command::new("git").arg("-C").arg(repo).args(["ls-tree", "-r", "--name-only", commit]).output();
    let list = String::from_utf8(list.expect("git runs").stdout).unwrap();
    list.lines().filter_map(request_in).map(str::to_owned).collect()
}
