//! What happens while a push is under way, or at the same time as something else.

use std::time::{Duration, Instant};

use crate::manifests::{destination, team};
use crate::support::World;

const FILE: &str = "resources/default/team/one/backstage-team-one.yaml";

#[test]
fn a_request_deleted_during_its_first_push_leaves_nothing() {
    let mut world = World::new();
    world.repository("state");
    world.apply(&(world.secret() + &world.store("state", "") + &destination("host", "state", ".", "")));
    world.start("");
    world.wait_ready("destination/host");
    let before = world.files("state", "main");
    world.stall("state", 4);
    world.apply(&team("default", "one", "One"));
    world.wait_push("state");
    world.kubectl(&["delete", "team", "one"]);
    assert!(world.commits("state") > 1, "the push that was under way arrived");
    assert_eq!(world.files("state", "main"), before, "the object went after its files");
    // The same name at once is another request.
    world.apply(&team("default", "one", "Again"));
    world.wait_ready("team one");
    assert!(world.file("state", FILE).contains("Again"));
}

#[test]
fn a_destination_that_moves_during_a_first_push_leaves_nothing_behind() {
    let mut world = World::new();
    world.repository("state");
    world.repository("other");
    let stores = world.secret() + &world.store("state", "") + &world.store("other", "");
    world.apply(&(stores + &destination("host", "state", ".", "initWorkloads: {enabled: false}")));
    world.start("");
    world.wait_ready("destination/host");
    world.stall("state", 4);
    world.apply(&team("default", "one", "One"));
    world.wait_push("state");
    world.kubectl(&[
        "patch",
        "destination/host",
        "--type=merge",
        "-p",
        r#"{"spec":{"stateStoreRef":{"name":"other"}}}"#,
    ]);
    let has = |repo: &str| world.files(repo, "main").contains(&FILE.to_owned());
    world.eventually("the new place", || has("other").then_some(()));
    world.eventually("the late arrival at the old place", || (world.commits("state") > 1).then_some(()));
    world.eventually("the old place cleared", || (!has("state")).then_some(()));
    world.wait_ready("team one");
}

#[test]
fn a_destination_that_goes_during_a_push_takes_its_files_with_it() {
    let mut world = World::new();
    world.repository("state");
    world.apply(&(world.secret() + &world.store("state", "") + &destination("host", "state", "a", "cleanup: all")));
    world.start("");
    world.wait_ready("destination/host");
    world.stall("state", 3);
    world.apply(&team("default", "one", "One"));
    world.wait_push("state");
    // Waits in the mailbox, beside the destination's own removal.
    world.apply(&team("default", "two", "Two"));
    world.kubectl(&["delete", "destination", "host"]);
    assert_eq!(world.files("state", "main"), [""; 0], "cleanup: all takes what was on its way as well");
    world.wait_reason("team one", "NoDestination");
    world.wait_reason("team two", "NoDestination");
    world.kubectl(&["delete", "team", "--all", "--timeout=20s"]);
}

#[test]
fn a_remote_that_was_down_for_a_moment_is_back_soon() {
    let mut world = World::new();
    world.repository("state");
    world.apply(&(world.secret() + &world.store("state", "") + &destination("host", "state", ".", "")));
    world.start("");
    world.wait_ready("destination/host");
    let down = Instant::now();
    world.server("kill gitea");
    world.apply(&team("default", "one", "One"));
    world.wait_reason("team one", "StoreUnreachable");
    world.wait_reason("gitstatestore state", "StoreUnreachable");
    std::thread::sleep(Duration::from_secs(8)); // long enough to be a measure
    world.server("start gitea");
    let (down, back) = (down.elapsed(), Instant::now());
    world.wait_ready("team one");
    assert!(back.elapsed() < down * 2, "{:?} after an outage of {down:?}", back.elapsed());
}

#[test]
fn what_waits_for_a_destination_to_go_goes_on_at_once() {
    let mut world = World::new();
    world.repository("state");
    world.apply(&(world.secret() + &world.store("state", "") + &destination("outer", "state", "a", "")));
    world.start("");
    world.wait_ready("destination/outer");
    std::thread::sleep(Duration::from_secs(1)); // creation times have whole seconds
    world.apply(&destination("inner", "state", "a/b", "cleanup: all"));
    world.wait_reason("destination inner", "PathOverlaps");
    std::thread::sleep(Duration::from_secs(3)); // what creation set off is over
    world.kubectl(&["delete", "destination", "outer"]);
    world.kubectl(&["wait", "--for=condition=Ready", "destination/inner", "--timeout=15s"]);
    world.kubectl(&["delete", "gitstatestore", "state", "--wait=false"]);
    world.wait_reason("gitstatestore state", "InUse");
    std::thread::sleep(Duration::from_secs(3));
    world.kubectl(&["delete", "destination", "inner"]);
    world.kubectl(&["wait", "--for=delete", "gitstatestore/state", "--timeout=15s"]);
}
