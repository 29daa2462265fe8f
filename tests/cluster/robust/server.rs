//! An API server that goes away, hangs, or lets go of whoever watches it.

use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

use super::Teams;
use crate::chance::Chance;
use crate::support::World;

/// `kubectl apply` that runs beside the test, and that may fail.
fn apply_meanwhile(world: &World, manifests: &str) -> Child {
    let file = world.desk().join("meanwhile.yaml");
    std::fs::write(&file, manifests).unwrap();
    let mut command = Command::new(world.info("kubectl"));
    command.args(["apply", "-f"]).arg(file).env("KUBECONFIG", world.info("kubeconfig"));
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("kubectl runs")
}

#[test]
fn an_api_server_that_crashes_while_requests_come_and_go() {
    let mut chance = Chance::new("an API server crashes");
    let mut world = World::new();
    world.begin();
    let mut teams = Teams::of(&world);
    let first = teams.edit(&world, 0..20);
    world.apply(&first);
    for turn in 0..2 {
        teams.delete(&world, turn * 5..turn * 5 + 5);
        let next = teams.edit(&world, 10 + turn * 10..40);
        let mut applying = apply_meanwhile(&world, &next);
        sleep(chance.while_of(Duration::from_millis(1500)));
        world.server("kill apiserver");
        let _ = (applying.kill(), applying.wait());
        sleep(chance.while_of(Duration::from_secs(2)));
        world.server("start apiserver");
        world.apply(&next);
    }
    teams.settle(&mut world);
}

#[test]
fn an_api_server_whose_etcd_stops_and_goes_on() {
    let mut chance = Chance::new("etcd is slow");
    let mut world = World::new();
    world.begin();
    let mut teams = Teams::of(&world);
    for turn in 0..4 {
        let next = teams.edit(&world, turn * 5..turn * 5 + 20);
        let mut applying = apply_meanwhile(&world, &next);
        for _ in 0..6 {
            world.signal("etcd", "STOP");
            sleep(Duration::from_millis(100) + chance.while_of(Duration::from_millis(600)));
            world.signal("etcd", "CONT");
            sleep(chance.while_of(Duration::from_millis(200)));
        }
        let _ = applying.wait();
        world.apply(&next);
        teams.delete(&world, turn * 2..turn * 2 + 2);
    }
    teams.settle(&mut world);
}

#[test]
fn watches_that_are_cut_again_and_again() {
    let mut chance = Chance::new("watches are cut");
    let (mut world, proxy) = World::proxied();
    let mut teams = Teams::of(&world);
    for turn in 0..10 {
        let next = teams.edit(&world, turn * 3..turn * 3 + 15);
        proxy.cut();
        world.apply(&next);
        sleep(chance.while_of(Duration::from_millis(400)));
        proxy.cut();
        teams.delete(&world, [turn * 3]);
    }
    proxy.cut();
    teams.settle(&mut world);
    let (watches, _) = proxy.calls(&[crate::api_proxy::Call::Watch]);
    println!("{watches} watches");
    // Eleven kinds are watched.
    assert!(watches > 3 * 11, "they were not cut");
}
