//! What an API server says when it has too much to do, is in trouble, or knows better.

use super::Teams;
use crate::api_proxy::{ApiProxy, CALLS, Call};
use crate::chance::Chance;
use crate::manifests::{destination, team};
use crate::proxy::Fault;
use crate::support::World;

/// What happens to calls; the first asks for a second's patience.
const FAULTS: &[Fault] = &[
    Fault::Status(429),
    Fault::Status(500),
    Fault::Status(503),
    Fault::StatusAfter(500),
    Fault::StatusAfter(504),
    Fault::CutBefore,
    Fault::CutAfter,
    Fault::Slow,
];

#[test]
fn calls_of_which_every_fourth_fails() {
    let mut chance = Chance::new("calls of the API server fail");
    let (mut world, proxy) = World::proxied();
    proxy.spoil_some(CALLS, 25, FAULTS, chance.fork());
    let mut teams = Teams::of(&world);
    for turn in 0..6 {
        let next = teams.edit(&world, turn * 10..turn * 10 + 20);
        world.apply(&next);
        teams.delete(&world, turn * 10..turn * 10 + 3);
    }
    // In this weather.
    teams.settle(&mut world);
    let (calls, spoilt) = proxy.calls(CALLS);
    println!("{spoilt} of {calls} calls spoilt");
    assert!(spoilt * 10 > calls, "nothing was spoilt");
}

#[test]
fn conflicts_are_looked_at_again_whoever_claims_them() {
    let (mut world, proxy) = World::proxied();
    // Nothing changes that would bring the object back: the writer has to come back by itself.
    proxy.spoil(&[Call::Status], Fault::Status(409), 2);
    world.apply(&team("default", "one", "One"));
    world.wait_ready("team one");
    proxy.spoil(&[Call::Write], Fault::Status(409), 2);
    world.apply(&team("default", "two", "Two"));
    world.wait_ready("team two");
    proxy.spoil(&[Call::Write], Fault::Status(409), 2);
    world.kubectl(&["delete", "team", "one", "--timeout=60s"]);
    // The same where it was written, and nobody was told.
    proxy.spoil(&[Call::Status, Call::Write], Fault::StatusAfter(409), 2);
    world.apply(&team("default", "three", "Three"));
    world.wait_ready("team three");
    assert_eq!(proxy.calls(CALLS).1, 8, "all of them were spoilt");
    world.kubectl(&["delete", "team", "two", "three", "--timeout=60s"]);
    assert!(!world.files("state", "main").iter().any(|file| file.contains("/team/")));
    assert!(world.runs());
}

#[test]
fn an_api_server_that_asks_for_an_hours_patience_is_asked_again() {
    let (mut world, proxy) = World::proxied();
    proxy.ask_for(3600);
    // More than one call is made again by itself: it fails, and its object is looked at again.
    proxy.spoil(&[Call::Status], Fault::Status(429), 6);
    world.apply(&team("default", "one", "One"));
    world.wait_ready("team one");
    proxy.spoil(&[Call::Read, Call::Write], Fault::Status(429), 6);
    world.kubectl(&["delete", "team", "one", "--timeout=100s"]);
    assert_eq!(proxy.calls(CALLS).1, 12, "all of them were spoilt");
    // One that is only busy for a moment is no reason to say that anything is wrong.
    let failed = "kept_errors_total{kind=\"Team\",reason=\"ApiServer\"}";
    let before = world.metric(failed).unwrap_or_default();
    assert!(before > 0.0, "six in a row are");
    proxy.spoil(&[Call::Status, Call::Write], Fault::Status(503), 2);
    world.apply(&team("default", "two", "Two"));
    world.wait_ready("team two");
    assert_eq!((proxy.calls(CALLS).1, world.metric(failed)), (14, Some(before)));
    assert!(world.runs());
}

#[test]
fn a_start_while_the_api_server_has_nothing_to_say() {
    let mut world = World::new();
    let proxy = ApiProxy::before(std::path::Path::new(&world.info("kubeconfig")));
    world.talk_to(&proxy.url);
    world.repository("state");
    world.apply(&(world.secret() + &world.store("state", "") + &destination("host", "state", ".", "")));
    for fault in [Fault::Status(500), Fault::CutBefore] {
        proxy.spoil(&[Call::Read], fault, 2);
        world.start("");
        world.apply(&team("default", "one", &format!("{fault:?}").replace(['(', ')'], "-")));
        world.wait_ready("team one");
        assert!(world.runs(), "{}", world.log());
        world.stop();
    }
    assert_eq!(proxy.calls(CALLS).1, 4, "all of them were spoilt");
}
