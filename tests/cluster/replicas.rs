//! Two operators at once, as the chart runs them: one works, and the other takes over.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::crashes::want;
use crate::manifests::{destination, team};
use crate::support::{PATIENCE, World};
use crate::witness::{Versions, Witness, log_moves, went_forward};

/// The Lease, as the chart names it.
const LEASE: &str = "lease kept -n kept-system";

/// `kept run` in a pod of its own.
struct Replica {
    name: &'static str,
    child: Child,
    log: std::path::PathBuf,
}

impl Replica {
    /// Starts one with what the chart gives it.
    fn start(world: &World, name: &'static str) -> Self {
        let log = world.desk().join(format!("{name}.log"));
        let file = fs::OpenOptions::new().create(true).append(true).open(&log).expect("a log");
        let mut command = Command::new(env!("CARGO_BIN_EXE_kept"));
        command.arg("run").arg("--config").arg(world.desk().join("settings.yaml"));
        command.env("KUBECONFIG", world.desk().join("operator.kubeconfig")).env("KEPT_LOG", "kept=debug");
        command.env("KEPT_LISTEN", "127.0.0.1:0").env("POD_NAMESPACE", "kept-system").env("POD_NAME", name);
        let child = command.stderr(file).stdin(Stdio::null()).spawn().expect("kept runs");
        Self { name, child, log }
    }

    /// Sends it a signal.
    fn signal(&self, signal: &str) {
        let sent = Command::new("kill").arg(format!("-{signal}")).arg(self.child.id().to_string()).status();
        assert!(sent.expect("kill runs").success());
    }

    fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Waits until it has ended.
    fn ended(&mut self) -> ExitStatus {
        let since = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().expect("wait") {
                return status;
            }
            assert!(since.elapsed() < PATIENCE, "{} does not end\n{}", self.name, self.log());
            sleep(Duration::from_millis(20));
        }
    }

    /// What it answers at a path: the status, and the body.
    fn ask(&self, path: &str) -> Option<(u16, String)> {
        let log = self.log();
        let line = log.lines().rev().find(|line| line.contains("serving /metrics"))?;
        let mut stream = TcpStream::connect(line.rsplit_once("address=")?.1.trim()).ok()?;
        write!(stream, "GET {path} HTTP/1.1\r\nHost: kept\r\n\r\n").ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok()?;
        let (head, body) = answer.split_once("\r\n\r\n")?;
        Some((head.split(' ').nth(1)?.parse().ok()?, body.to_owned()))
    }

    /// Waits until a path answers so.
    fn says(&self, world: &World, path: &str, status: u16, text: &str) {
        world.eventually(&format!("{} says {text} at {path}", self.name), || {
            let (code, said) = self.ask(path)?;
            (code == status && said.contains(text)).then_some(())
        });
    }

    /// How many pushes it has been told were taken.
    fn pushes(&self) -> usize {
        self.log().lines().filter(|line| line.contains("pushed") && line.contains("commit=")).count()
    }
}

impl Drop for Replica {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A world with a store and a destination, the chart's rights and settings, and whatever else is to be applied.
fn world() -> World {
    let mut world = World::new();
    world.repository("state");
    log_moves(&world.bare("state"));
    world.apply(&(world.secret() + &world.store("state", "") + &destination("host", "state", ".", "")));
    world.prepare("");
    world
}

fn holder(world: &World) -> String {
    let lease = world.get(LEASE);
    let holder = lease["spec"]["holderIdentity"].as_str().unwrap_or_default();
    holder.split('_').next().unwrap_or_default().to_owned()
}

/// Waits until the Lease is this one's.
fn leads(world: &World, replica: &Replica) {
    world.eventually(&format!("{} leads", replica.name), || (holder(world) == replica.name).then_some(()));
}

fn transitions(world: &World) -> Value {
    world.get(LEASE)["spec"]["leaseTransitions"].clone()
}

fn signal_api_server(world: &World, signal: &str) {
    let found = Command::new("pgrep").args(["-f", &format!("kube-apiserver.*{}", world.info("dir"))]).output();
    let found = String::from_utf8(found.expect("pgrep runs").stdout).expect("numbers");
    let server = found.lines().next().expect("an API server");
    assert!(Command::new("kill").args([signal, server]).status().expect("kill runs").success());
}

/// One that leads and one that stands by.
fn pair(world: &World) -> (Replica, Replica) {
    let one = Replica::start(world, "one");
    leads(world, &one);
    let two = Replica::start(world, "two");
    two.says(world, "/readyz", 200, "standing by: one_");
    (one, two)
}

fn teams(range: std::ops::Range<usize>, version: &str) -> String {
    range.map(|at| team("default", &format!("t{at:03}"), version)).collect()
}

/// The repository holds what is asked for, each whole and in order, and the teams know.
fn settled(world: &World, witness: &mut Witness, versions: &Versions) {
    world.eventually("the branch holds what is wanted", || {
        witness.look(versions);
        (witness.requests == versions.now).then_some(())
    });
    witness.holds_all(versions);
    world.wait_teams(versions.now.len());
    went_forward(&world.bare("state"));
}

#[test]
fn one_of_two_works_and_a_clean_stop_hands_over_at_once() {
    let world = world();
    let (mut one, two) = pair(&world);
    assert_eq!(transitions(&world), 0);
    for (replica, leader) in [(&one, "1"), (&two, "0")] {
        replica.says(&world, "/healthz", 200, "ok");
        replica.says(&world, "/metrics", 200, &format!("kept_leader {leader}\n"));
    }
    one.says(&world, "/readyz", 200, "ready");
    world.apply(&teams(0..20, "Version 1"));
    world.wait_teams(20);
    assert!(one.pushes() > 0 && two.pushes() == 0, "{}", two.log());

    // A stop, and a kill, each until the other works: the same way but for the Lease that must run out.
    let stopped = Instant::now();
    one.signal("TERM");
    leads(&world, &two);
    let handed_over = stopped.elapsed();
    assert!(one.ended().success(), "{}", one.log());
    world.apply(&teams(20..40, "Version 1"));
    world.wait_teams(40);
    assert!(two.pushes() > 0);
    assert_eq!(transitions(&world), 1);

    let one = Replica::start(&world, "one");
    one.says(&world, "/readyz", 200, "standing by: two_");
    let killed = Instant::now();
    two.signal("KILL");
    leads(&world, &one);
    let ran_out = killed.elapsed();
    assert!(handed_over * 2 < ran_out, "handed over in {handed_over:?}, taken over in {ran_out:?}");
    println!("handed over in {handed_over:?}, taken over in {ran_out:?}");
    one.says(&world, "/metrics", 200, "kept_leader 1\n");
}

#[test]
fn a_leader_killed_in_the_middle_of_its_work_loses_nothing() {
    let world = world();
    let (one, two) = pair(&world);
    let (mut versions, mut witness) = (Versions::default(), Witness::new(&world.bare("state")));
    for version in 1..4 {
        let wanted = teams(0..60, &format!("Version {version}"));
        want(&world, &mut versions, &wanted);
        world.apply(&wanted);
        if version == 1 {
            witness.look(&versions);
        }
    }
    // What it was to do next: one push is under way, the rest waits for it.
    world.stall("state", 2);
    let wanted = teams(30..90, "Version 4");
    want(&world, &mut versions, &wanted);
    world.apply(&wanted);
    world.kubectl(&["delete", "team", "t000", "--wait=false"]);
    versions.forget("t000");
    world.wait_push("state");
    one.signal("KILL");
    world.no_pre_receive("state");
    leads(&world, &two);
    settled(&world, &mut witness, &versions);
    assert!(two.pushes() > 0, "{}", two.log());
}

#[test]
fn a_leader_that_was_paused_does_not_write_when_it_wakes() {
    let world = world();
    let (mut one, two) = pair(&world);
    let (mut versions, mut witness) = (Versions::default(), Witness::new(&world.bare("state")));
    let wanted = teams(0..20, "Version 1");
    want(&world, &mut versions, &wanted);
    world.apply(&wanted);
    settled(&world, &mut witness, &versions);

    // The other takes over, and is paused as well: whatever is written from now on, the first has written.
    one.signal("STOP");
    leads(&world, &two);
    two.says(&world, "/readyz", 200, "ready\n");
    two.signal("STOP");
    let (pushes, commits) = (one.pushes(), world.commits("state"));
    let wanted = teams(0..20, "Version 2");
    want(&world, &mut versions, &wanted);
    world.apply(&wanted);
    let before = world.get("teams -A");
    // The API server has told it of the edits, but cannot say any more whose the lease is: only its clock can.
    signal_api_server(&world, "-STOP");
    one.signal("CONT");
    let status = one.ended();
    signal_api_server(&world, "-CONT");
    assert!(!status.success());
    assert!(one.log().contains("the lease kept-system/kept is lost"), "{}", one.log());
    assert_eq!((one.pushes(), world.commits("state")), (pushes, commits), "{}", one.log());
    let versions_of = |list: &Value| -> Vec<Value> {
        list["items"].as_array().expect("teams").iter().map(|t| t["metadata"]["resourceVersion"].clone()).collect()
    };
    assert_eq!(versions_of(&world.get("teams -A")), versions_of(&before), "no status either");

    two.signal("CONT");
    let _three = Replica::start(&world, "three");
    settled(&world, &mut witness, &versions);
}

#[test]
fn a_lease_that_somebody_deletes_or_takes_is_dealt_with() {
    let world = world();
    let (mut one, two) = pair(&world);
    world.kubectl(&["delete", "lease", "kept", "-n", "kept-system"]);
    leads(&world, &one);
    // The other has seen it go, and has waited for its holder to notice.
    sleep(Duration::from_secs(3));
    assert_eq!((holder(&world).as_str(), two.pushes()), ("one", 0));
    // Something about it that is not the election's stays.
    world.kubectl(&["annotate", "lease", "kept", "-n", "kept-system", "note=mine"]);
    world.apply(&teams(0..5, "Version 1"));
    world.wait_teams(5);
    assert_eq!(world.get(LEASE)["metadata"]["annotations"]["note"], "mine");

    let taken = r#"{"spec":{"holderIdentity":"somebody"}}"#;
    world.kubectl(&["patch", "lease", "kept", "-n", "kept-system", "--type=merge", "-p", taken]);
    assert!(!one.ended().success());
    assert!(one.log().contains("somebody holds it"), "{}", one.log());
    leads(&world, &two);
    world.apply(&teams(5..10, "Version 1"));
    world.wait_teams(10);
}

#[test]
fn an_api_server_that_hangs_ends_the_leaders_work() {
    let world = world();
    let mut one = Replica::start(&world, "one");
    leads(&world, &one);
    world.apply(&teams(0..5, "Version 1"));
    world.wait_teams(5);
    signal_api_server(&world, "-STOP");
    let status = one.ended();
    signal_api_server(&world, "-CONT");
    assert!(!status.success());
    assert!(one.log().contains("could not be renewed for 10 seconds"), "{}", one.log());
    let two = Replica::start(&world, "two");
    leads(&world, &two);
}

/// Deletes a binding until the operator has lost a right by that; how to make it again.
fn take_away(world: &World, binding: &str, right: &[&str]) -> String {
    let mut object = world.get(binding);
    let name = object["metadata"]["name"].clone();
    object["metadata"] = json!({"name": name, "namespace": object["metadata"]["namespace"]});
    world.kubectl(&[&["delete"], &binding.split(' ').collect::<Vec<_>>()[..]].concat());
    let user = "--as=system:serviceaccount:kept-system:kept";
    let ask = [&["auth", "can-i"], right, &[user]].concat();
    world.eventually("the right to go", || (!world.try_kubectl(&ask, "").status.success()).then_some(()));
    object.to_string()
}

#[test]
fn a_replica_that_comes_before_its_rights_says_so_and_waits_for_them() {
    let world = world();
    let lease = ["create", "leases", "-n", "kept-system"];
    let lease = take_away(&world, "rolebinding kept-lease -n kept-system", &lease);
    let stores = ["list", "gitstatestores.platform.kratix.io"];
    let all = take_away(&world, "clusterrolebinding kept-system:kept", &stores);
    let mut one = Replica::start(&world, "one");
    one.says(&world, "/readyz", 503, "the namespace kube-system cannot be read");
    world.apply(&all);
    one.says(&world, "/readyz", 503, "the lease kept-system/kept cannot be read or taken");
    one.says(&world, "/healthz", 200, "ok");
    // It has tried a few times by then.
    sleep(Duration::from_secs(4));
    assert_eq!(one.child.try_wait().expect("wait"), None, "it must not end\n{}", one.log());
    let log = one.log();
    let told: Vec<&str> = log.lines().filter(|line| line.contains("the lease kept-system/kept")).collect();
    assert_eq!(told.len(), 1, "it is said once\n{log}");
    for words in ["forbidden", "create leases", "leaderElection.enabled: false"] {
        assert!(told[0].contains(words), "{words}\n{log}");
    }
    world.apply(&lease);
    leads(&world, &one);
    one.says(&world, "/readyz", 200, "ready\n");
    world.apply(&teams(0..3, "Version 1"));
    world.wait_teams(3);
}

#[test]
fn a_replica_that_waits_for_its_rights_stops_when_it_is_told_to() {
    let world = world();
    take_away(&world, "clusterrolebinding kept-system:kept", &["list", "gitstatestores.platform.kratix.io"]);
    let mut one = Replica::start(&world, "one");
    one.says(&world, "/readyz", 503, "the namespace kube-system cannot be read");
    one.signal("TERM");
    assert!(one.ended().success(), "{}", one.log());
}
