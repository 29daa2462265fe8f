//! What an operator finds when it starts in the middle of something.

use crate::manifests::{destination, team};
use crate::support::World;

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

#[test]
fn a_url_that_changes_leaves_the_old_repository_alone_whenever_it_is_noticed() {
    let mut world = World::new();
    for name in ["first", "second", "third"] {
        world.repository(name);
    }
    let file = "resources/default/team/one/backstage-team-one.yaml".to_owned();
    world.apply(&(world.secret() + &crate::manifests::store("state", &world.url("first"), "")));
    world.apply(&destination("host", "state", ".", ""));
    world.start("");
    world.apply(&team("default", "one", "One"));
    world.wait_ready("team one");
    let move_to = |world: &World, name: &str| {
        let patch = format!(r#"{{"spec":{{"url":"{}"}}}}"#, world.url(name));
        world.kubectl(&["patch", "gitstatestore", "state", "--type=merge", "-p", &patch]);
    };
    let settled = |world: &World, name: &str| {
        world.eventually("one place, in the new repository", || {
            let team = world.get("team one");
            let places = team["status"]["places"].as_array().cloned().unwrap_or_default();
            let there = places.len() == 1 && places[0]["repository"].as_str().is_some_and(|r| r.ends_with(name));
            (there && world.condition("team one", "Ready")["status"] == "True").then_some(())
        });
        std::thread::sleep(std::time::Duration::from_secs(2));
        assert!(world.files(name, "main").contains(&file));
    };
    move_to(&world, "second");
    settled(&world, "second");
    assert!(world.files("first", "main").contains(&file), "the old repository is left as it is");
    world.crash();
    move_to(&world, "third");
    world.start("");
    settled(&world, "third");
    assert!(world.files("second", "main").contains(&file), "also when nobody was looking");
    let said = world.condition("gitstatestore state", "Ready")["message"].clone();
    assert!(said.as_str().is_some_and(|m| m.contains("/second")), "the store says so: {said}");
    world.kubectl(&["delete", "team", "one", "--timeout=30s"]);
    assert!(!world.files("third", "main").contains(&file));
    assert!(world.files("second", "main").contains(&file));
}

#[test]
fn what_was_written_without_a_word_is_not_left_behind() {
    let mut world = World::new();
    world.repository("state");
    world.apply(&(world.secret() + &world.store("state", "") + &destination("host", "state", ".", "")));
    world.start("");
    world.wait_ready("destination/host");
    world.never_answer("state");
    world.apply(&team("default", "one", "One"));
    world.eventually("the push", || (world.commits("state") > 1).then_some(()));
    world.crash();
    assert!(world.get("team one")["status"].is_null());
    std::fs::remove_file(world.bare("state").join("hooks/post-receive.d/test")).expect("the hook was there");
    world.server("kill gitea");
    world.start("");
    world.wait_reason("gitstatestore state", "StoreUnreachable");
    world.kubectl(&["delete", "team", "one", "--wait=false"]);
    world.wait_reason("team one", "StoreUnreachable");
    world.server("start gitea");
    world.kubectl(&["wait", "--for=delete", "team/one", "--timeout=60s"]);
    assert!(!world.files("state", "main").iter().any(|f| f.contains("team/one")));

    world.wait_ready("destination/host");
    world.crash();
    let status = world.get("destination host")["status"].clone();
    world.start("");
    world.apply(&team("default", "two", "Two"));
    world.wait_ready("team two");
    assert_eq!(world.get("destination host")["status"], status, "a start alone says nothing new");
}

#[test]
fn objects_that_go_by_force_or_were_kratixs_hold_up_nobody() {
    let mut world = World::new();
    world.repository("state");
    let held = team("default", "old", "Old")
        .replace("namespace: default", "namespace: default, finalizers: [kratix.io/cleanup]");
    world.apply(&held);
    world.kubectl(&["delete", "team", "old", "--wait=false"]);
    world.apply(&(world.secret() + &world.store("state", "") + &destination("host", "state", ".", "")));
    world.start("");
    world.kubectl(&["wait", "--for=delete", "team/old", "--timeout=30s"]);
    world.wait_ready("destination/host");
    world.apply(&team("default", "one", "One"));
    world.wait_ready("team one");
    // Finalizers taken off by hand: the destination is gone without a word.
    world.server("kill gitea");
    world.kubectl(&["delete", "destination", "host", "--wait=false"]);
    world.wait_reason("destination host", "StoreUnreachable");
    world.kubectl(&["patch", "destination/host", "--type=merge", "-p", r#"{"metadata":{"finalizers":null}}"#]);
    world.wait_reason("team one", "NoDestination");
    assert!(world.get("destination host").is_null());
}

#[test]
fn remotes_that_hang_are_waited_for_side_by_side() {
    let mut world = World::new();
    world.apply(&world.secret());
    for name in ["a", "b", "c"] {
        world.repository(name);
        world.apply(&(world.store(name, "") + &destination(name, name, ".", "")));
    }
    world.start("");
    for name in ["a", "b", "c"] {
        world.wait_ready(&format!("destination/{name}"));
    }
    // How long one takes is the measure for three.
    let mut stop_with = |hung: &[&str], teams: std::ops::Range<u32>| {
        for name in hung {
            world.stall(name, 60);
        }
        world.apply(&teams.map(|at| team("default", &format!("t{at}"), "T")).collect::<String>());
        for name in hung {
            world.wait_push(name);
        }
        let since = std::time::Instant::now();
        world.stop();
        let taken = since.elapsed();
        world.start("");
        taken
    };
    let (one, three) = (stop_with(&["a"], 0..12), stop_with(&["a", "b", "c"], 12..24));
    assert!(three < one * 2, "one: {one:?}, three: {three:?}");
}

#[test]
fn what_waits_for_a_hung_push_does_not_hold_up_a_stop() {
    let mut world = World::new();
    world.repository("state");
    world.apply(&(world.secret() + &world.store("state", "") + &destination("host", "state", "a", "")));
    world.start("");
    world.wait_ready("destination/host");
    world.stall("state", 60);
    world.apply(&team("default", "one", "One"));
    world.wait_push("state");
    // Its folders are to be made next, behind that push.
    world.kubectl(&["patch", "destination/host", "--type=merge", "-p", r#"{"spec":{"path":"b"}}"#]);
    std::thread::sleep(std::time::Duration::from_secs(2));
    world.stop();
}
