//! Kratix's labels by which people control a request.

use std::time::Duration;

use serde_json::Value;

use crate::manifests::{destination, team};
use crate::support::World;

const FILE: &str = "resources/default/team/a/backstage-team-a.yaml";

fn started() -> World {
    let mut world = World::new();
    world.repository("state");
    world.apply(&(world.secret() + &world.store("state", "") + &destination("host", "state", ".", "")));
    world.start("");
    world.wait_ready("destination/host");
    world.apply(&team("default", "a", "First"));
    world.wait_ready("team/a");
    world
}

#[test]
fn a_paused_request_is_written_by_nobody_until_it_goes_on_or_goes() {
    let world = started();
    world.kubectl(&["label", "team", "a", "kratix.io/paused=true"]);
    world.eventually("it says so", || (world.condition("team a", "Paused")["status"] == "True").then_some(()));
    let reconciled = world.condition("team a", "Reconciled");
    assert_eq!(reconciled["status"], "Unknown", "as Kratix has it: {reconciled}");
    assert_eq!(reconciled["reason"], "Paused");
    let before = world.commits("state");
    world.apply(&team("default", "a", "Second"));
    world.foreign_commit("state", |clone| std::fs::write(clone.join(FILE), "by: hand\n").unwrap());
    // Another request goes its way meanwhile, and with it the operator looks at the branch.
    world.apply(&team("default", "b", "Other"));
    world.wait_ready("team/b");
    std::thread::sleep(Duration::from_secs(2));
    assert_eq!(world.file("state", FILE), "by: hand\n");
    assert_eq!(world.commits("state"), before + 2, "of the other request, and of the person");
    let paused = world.get("team a");
    assert_eq!(paused["status"]["observedGeneration"], 1, "what nobody has looked at is not observed");

    world.kubectl(&["label", "team", "a", "kratix.io/paused-"]);
    world.eventually("the edit arrives", || world.file("state", FILE).contains("Second").then_some(()));
    world.eventually("and it says so", || (world.condition("team a", "Paused") == Value::Null).then_some(()));
    world.wait_ready("team/a");

    world.kubectl(&["label", "team", "a", "kratix.io/paused=true"]);
    world.kubectl(&["delete", "team", "a"]);
    assert!(!world.files("state", "main").contains(&FILE.to_owned()), "a deletion is no write that waits");
}

#[test]
fn a_label_has_a_request_compared_at_once_and_goes_when_that_is_done() {
    let world = started();
    world.foreign_commit("state", |clone| std::fs::write(clone.join(FILE), "by: hand\n").unwrap());
    world.kubectl(&["label", "team", "a", "kratix.io/manual-reconciliation=true"]);
    let label = || world.get("team a")["metadata"]["labels"]["kratix.io/manual-reconciliation"].clone();
    world.eventually("the label goes", || (label() == Value::Null).then_some(()));
    assert!(world.file("state", FILE).contains("First"), "what it asked for is done by then");
    world.eventually("an event tells", || {
        let events = world.kubectl(&["get", "events", "-A", "-o", "json"]);
        events.contains("DriftRepaired").then_some(())
    });
}
