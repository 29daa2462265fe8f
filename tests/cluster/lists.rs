//! How the operator asks for what is there: as a stream where the API server has that, in pages elsewhere.

use crate::manifests::{destination, team};
use crate::support::World;

impl World {
    /// How often the API server was asked to list a kind.
    fn lists(&self, plural: &str) -> u64 {
        let page = self.kubectl(&["get", "--raw", "/metrics"]);
        let of_it = page.lines().filter(|line| {
            line.starts_with("apiserver_request_total{")
                && line.contains(&format!("resource=\"{plural}\""))
                && line.contains("verb=\"LIST\"")
        });
        of_it.filter_map(|line| line.rsplit(' ').next()?.parse::<u64>().ok()).sum()
    }
}

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
fn an_api_server_that_streams_lists_is_asked_for_none() {
    let world = sees_all("");
    assert_eq!(world.lists("argocdprojects"), 0, "{}", world.log());
    assert!(!world.log().contains("does not stream lists"));
}

#[test]
fn an_api_server_that_does_not_is_asked_for_pages() {
    let world = sees_all("WatchList=false");
    assert!(world.lists("argocdprojects") > 0, "{}", world.log());
    let said = world.log().lines().filter(|line| line.contains("does not stream lists")).count();
    assert_eq!(said, 2, "once for each start: {}", world.log());
}
