//! `kept apply` over HTTP, told to stop in the middle of it.

use std::process::{Child, Command};
use std::time::Duration;

use crate::chance::Chance;
use crate::desk::{Desk, Layout, succeeds};
use crate::proxy::{Call, Fault, Proxy};
use crate::server::Server;
use crate::support::*;
use crate::wishes::name;
use crate::witness::Witness;

#[test]
fn whoever_is_told_to_stop_leaves_nothing_lying_about() {
    let mut chance = Chance::new("told to stop");
    let scratch = Scratch::new();
    let repo = scratch.bare("r");
    let server = Server::start(&scratch.path(""));
    let mut desk = Desk::new(Layout::Nested, &server.repo("r"));
    desk.write(&(0..60).map(name).collect());
    let mut witness = Witness::new(&repo);
    for (round, signal) in ["TERM", "INT", "HUP", "KILL"].into_iter().cycle().take(8).enumerate() {
        desk.edit(&mut chance, 60);
        // Else there might be nothing to push.
        desk.write(&[name(round)].into());
        // Every third is in the middle of its push; the others anywhere.
        let hold = round % 3 == 0;
        let pushes = || server.requests().iter().filter(|line| line.ends_with("POST /r/git-receive-pack")).count();
        let so_far = pushes();
        server.hold(hold);
        let mut child = desk.spawn();
        if hold {
            server.wait_for_pushes(so_far + 1);
        } else {
            std::thread::sleep(chance.while_of(Duration::from_millis(300)));
        }
        tell(&mut child, signal);
        server.hold(false);
        assert!(desk.left_over().is_empty(), "after {signal}: {:?}", desk.left_over());
        succeeds(desk.apply().output().unwrap());
        witness.holds_all(&desk.versions);
    }
    witness.is_clean();
}

#[test]
fn whoever_is_told_to_stop_while_it_fetches_leaves_nothing_either() {
    let scratch = Scratch::new();
    let repo = scratch.bare("r");
    let server = Server::start(&scratch.path(""));
    let proxy = Proxy::before(&server.url);
    let mut desk = Desk::new(Layout::Nested, &format!("{}/r", proxy.url));
    desk.write(&(0..30).map(name).collect());
    succeeds(desk.apply().output().unwrap());
    for (round, signal) in ["TERM", "INT", "HUP"].into_iter().enumerate() {
        desk.write(&[name(round)].into());
        proxy.spoil(Call::Fetch, Fault::StallHalfway, 1);
        let mut child = desk.spawn();
        proxy.wait_spoilt(round + 1);
        // What came so far is on its way to the disk.
        std::thread::sleep(Duration::from_millis(200));
        tell(&mut child, signal);
        assert!(desk.left_over().is_empty(), "after {signal}: {:?}", desk.left_over());
        succeeds(desk.apply().output().unwrap());
        Witness::new(&repo).holds_all(&desk.versions);
    }
}

/// Sends a signal, and waits for the end that it asks for. Whether it had come before makes no difference.
fn tell(child: &mut Child, signal: &str) {
    let _ = Command::new("kill").args([&format!("-{signal}"), &child.id().to_string()]).output().unwrap();
    child.wait().unwrap();
}
