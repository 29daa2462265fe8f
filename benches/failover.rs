//! How long nothing is written after the leader of two replicas has died: `cargo bench --bench failover --features
//! real-parts`.
//!
//! Measured on a real API server and a real Gitea: two operators, and Teams that are being written when the leader is
//! killed; from then until the next commit. The yardstick is the lease's duration, as the Lease itself says it: for so
//! long nobody else may write.
//!
//! `KEPT_BENCH_RUNS` sets how many rounds.

#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    unreachable_pub,
    dead_code,
    reason = "a program that prints tables"
)]

use std::path::Path;
use std::process::Command;
use std::thread::sleep;
use std::time::{Duration, Instant};

use manifests::destination;
use measure::cluster::Cluster;
use measure::figures::{Samples, Table, ms, runs, verdict};
use measure::operator::Operator;
use measure::teams;
use support::World;

#[path = "../tests/cluster/git.rs"]
mod git;
#[path = "../tests/cluster/manifests.rs"]
mod manifests;
mod measure;
#[path = "../tests/cluster/support.rs"]
mod support;

/// Seconds beyond the lease's.
const SPARE: f64 = 2.0;
/// Teams that change while the leader dies.
const TEAMS: usize = 200;
const NAMESPACE: &str = "default";

fn main() {
    let world = World::new();
    world.repository("state");
    world.apply(&(world.secret() + &world.store("state", "") + &destination("host", "state", ".", "")));
    world.apply(&teams::namespaces());
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let cluster = runtime.block_on(Cluster::of(Path::new(&world.info("kubeconfig"))));
    let start = |name: &str| {
        let log = world.desk().join(format!("{name}.log"));
        Operator::start_replica(&world.info("kubeconfig"), &log, NAMESPACE, name)
    };
    let lease = || world.get(&format!("lease kept -n {NAMESPACE}"))["spec"].clone();
    let leads = |name: &str| {
        let holder = lease()["holderIdentity"].clone();
        holder.as_str().is_some_and(|holder| holder.split('_').next() == Some(name))
    };
    let until = |name: &str| world.eventually(&format!("{name} leads"), || leads(name).then_some(()));

    let mut leader = ("replica-0".to_owned(), start("replica-0"));
    until(&leader.0);
    world.wait_ready("destination/host");
    let mut table = Table::new(["round", "s until the next commit", "the lease's s", "s until all were Ready"]);
    let (mut beyond, mut shares) = (Samples::default(), Samples::default());
    for round in 1..=runs(5) {
        let next = format!("replica-{round}");
        let standby = start(&next);
        // It knows the lease, and the leader has renewed it once or twice since.
        sleep(Duration::from_secs(4) + Duration::from_millis(431) * u32::try_from(round).unwrap());
        world.stall("state", 2);
        runtime.block_on(cluster.put_all(0..TEAMS, round));
        world.wait_push("state");
        let lasts = lease()["leaseDurationSeconds"].as_f64().unwrap();
        let killed = Instant::now();
        assert!(Command::new("kill").args(["-KILL", &leader.1.pid().to_string()]).status().unwrap().success());
        world.no_pre_receive("state");
        // What was under way may still arrive.
        sleep(Duration::from_secs(4));
        let commits = world.commits("state");
        runtime.block_on(cluster.put_all(0..TEAMS, round + 1000));
        while world.commits("state") == commits {
            assert!(killed.elapsed() < support::PATIENCE, "nobody takes over");
            sleep(Duration::from_millis(20));
        }
        let commit = ms(killed.elapsed()) / 1000.0;
        runtime.block_on(cluster.until_ready(TEAMS));
        let all = ms(killed.elapsed()) / 1000.0;
        table.row([round.to_string(), format!("{commit:.1}"), format!("{lasts:.0}"), format!("{all:.1}")]);
        beyond.push(commit - lasts);
        shares.push(commit / lasts);
        until(&next);
        leader = (next, standby);
    }
    println!("\nThe leader of two replicas killed, with {TEAMS} changes on their way");
    table.print();
    let mut table = Table::new(["", "", "target"]);
    table.row(["until the next commit / the lease's duration".into(), shares.shown(2), String::new()]);
    table.row(["seconds beyond the lease's duration".into(), beyond.shown(1), verdict(beyond.median(), SPARE)]);
    table.print();
}
