//! Definitions that come late, go while they are in use, and come back.

use crate::manifests::{destination, team};
use crate::support::World;

const TEAMS: &str = "teams.platform.kratix.io";

#[test]
fn definitions_that_come_late_and_one_that_goes_and_comes_back() {
    let mut world = World::new();
    world.repository("state");
    world.start("");
    world.stop();
    world.kubectl(&["delete", "crd", TEAMS, "gitstatestores.platform.kratix.io"]);
    world.launch();
    world.readyz(503, "GitStateStore is not installed");
    world.install();
    world.apply(&(world.secret() + &world.store("state", "") + &destination("host", "state", ".", "")));
    world.apply(&(0..3).map(|at| team("default", &format!("t{at:03}"), "T")).collect::<String>());
    world.wait_teams(3);

    // Its requests go with it, in order: their files, and then they themselves.
    world.kubectl(&["delete", "crd", TEAMS, "--timeout=60s"]);
    world.readyz(503, "Team is not installed");
    assert!(!world.files("state", "main").iter().any(|file| file.contains("/team/")));
    world.install();
    world.readyz(200, "ready");
    // Under the names of before, and others.
    world.apply(&(2..6).map(|at| team("default", &format!("t{at:03}"), "T")).collect::<String>());
    world.wait_teams(4);
    world.kubectl(&["delete", "team", "t002", "--timeout=60s"]);
    world.counts("kept_requests{kind=\"Team\",phase=\"ready\"}", 3.0);
    assert!(world.runs());
}
