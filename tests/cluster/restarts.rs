//! What an operator finds when it starts in the middle of something.

use crate::support::{World, destination, team};

#[test]
fn what_is_being_deleted_is_still_dealt_with_after_a_crash() {
    let mut world = World::new();
    world.repository("state");
    world.apply(&(world.secret() + &world.store("state", "") + &destination("host", "state", "a", "cleanup: all")));
    world.start("");
    world.apply(&team("default", "one", "One"));
    world.wait_ready("team one");
    world.kubectl(&["delete", "gitstatestore", "state", "--wait=false"]);
    world.wait_reason("gitstatestore state", "InUse");
    world.crash();

    // A store that is in use stays, and serves what uses it.
    world.start("");
    world.apply(&team("default", "two", "Two"));
    world.wait_ready("team two");
    assert!(!world.get("gitstatestore state").is_null(), "a store in use cannot vanish");
    world.crash();

    // Whichever is looked at first, the destination's files go before it does, and the store after it.
    world.kubectl(&["delete", "destination", "host", "--wait=false"]);
    world.start("");
    world.kubectl(&["wait", "--for=delete", "destination/host", "--timeout=60s"]);
    assert_eq!(world.files("state", "main"), [""; 0]);
    world.kubectl(&["wait", "--for=delete", "gitstatestore/state", "--timeout=60s"]);
}
