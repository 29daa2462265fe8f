//! `kept apply` over HTTP, told to stop in the middle of it.

use std::process::Command;
use std::time::Duration;

use crate::chance::Chance;
use crate::desk::{Desk, Layout, name, succeeds};
use crate::server::Server;
use crate::support::*;
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
    for (round, signal) in ["TERM", "INT", "HUP", "KILL"].into_iter().cycle().take(12).enumerate() {
        desk.edit(&mut chance, 60);
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
        // Its end is what is asked for: whether it had ended before makes no difference.
        let _ = Command::new("kill").args([&format!("-{signal}"), &child.id().to_string()]).output().unwrap();
        child.wait().unwrap();
        server.hold(false);
        assert!(desk.left_over().is_empty(), "after {signal}: {:?}", desk.left_over());
        succeeds(desk.apply().output().unwrap());
        witness.holds_all(&desk.versions);
    }
    witness.is_clean();
}
