//! How the operator asks for what is there: as a stream where the API server has that, in pages elsewhere.

use std::path::Path;

use crate::api_proxy::{ApiProxy, Call};
use crate::manifests::{destination, team};
use crate::proxy::Fault;
use crate::support::World;

/// An operator sees what is there, what changes, and what has become of it while it was away.
fn sees_all(features: &str) -> World {
    let mut world = World::up(&["--feature-gates", features]);
    world.install();
    world.repository("state");
    world.apply(&(world.secret() + &world.store("state", "") + &destination("host", "state", ".", "")));
    // More than a page of those that are asked for in pages.
    world.apply(&(0..130).map(|at| team("default", &format!("t{at:03}"), "T")).collect::<String>());
    world.start("");
    world.wait_teams(130);
    world.apply(&team("default", "t129", "Changed"));
    world.wait_teams(130);
    assert!(world.file("state", "resources/default/team/t129/backstage-team-t129.yaml").contains("Changed"));
    world.stop();
    world.apply(&team("default", "t064", "Meanwhile"));
    world.kubectl(&["delete", "team", "t000", "--wait=false"]);
    world.start("");
    world.eventually("what went meanwhile is gone", || world.get("team t000").is_null().then_some(()));
    world.wait_teams(129);
    assert!(world.file("state", "resources/default/team/t064/backstage-team-t064.yaml").contains("Meanwhile"));
    assert!(!world.files("state", "main").iter().any(|file| file.contains("/t000/")));
    world
}

#[test]
fn an_api_server_that_streams_lists_is_asked_to() {
    let log = sees_all("").log();
    let streams = log.lines().filter(|line| line.contains("its objects are streamed")).collect::<Vec<_>>();
    assert!(streams.len() == 2 && streams.iter().all(|line| line.contains("/teams")), "at each start: {streams:?}");
    assert!(!log.contains("does not stream lists"), "{log}");
}

#[test]
fn an_api_server_that_does_not_is_asked_for_pages() {
    let log = sees_all("WatchList=false").log();
    let said = log.lines().filter(|line| line.contains("does not stream lists")).count();
    assert_eq!(said, 2, "once for each start: {log}");
}

/// What happens while a watch is broken is seen when all is listed anew, however slowly that goes.
#[test]
fn what_changed_while_a_watch_was_broken_is_caught_up_with() {
    let mut world = World::new();
    let proxy = ApiProxy::before(Path::new(&world.info("kubeconfig")));
    world.talk_to(&proxy.url);
    world.apply(&(0..130).map(|at| team("default", &format!("t{at:03}"), "T")).collect::<String>());
    world.begin();
    world.wait_teams(130);
    proxy.spoil(&[Call::Watch], Fault::Status(503), usize::MAX);
    proxy.cut();
    world.apply(&(team("default", "new", "New") + &team("default", "t064", "Meanwhile")));
    world.kubectl(&["delete", "team", "t000", "--wait=false"]);
    // They cannot go on where they were.
    proxy.spoil(&[Call::Watch], Fault::Status(410), 40);
    world.wait_ready("team new");
    world.eventually("the edit is committed", || {
        let file = world.file("state", "resources/default/team/t064/backstage-team-t064.yaml");
        file.contains("Meanwhile").then_some(())
    });
    world.eventually("what was deleted is gone", || world.get("team t000").is_null().then_some(()));
}
