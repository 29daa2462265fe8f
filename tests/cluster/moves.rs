//! Changed stores and destinations: what moves, what stays, what goes.

use crate::manifests::{destination, team};
use crate::support::World;

#[test]
fn a_changed_path_branch_or_store_moves_the_files() {
    let mut world = World::new();
    world.repository("state");
    world.repository("other");
    world.apply(
        &(world.secret()
            + &world.store("state", "")
            + &world.store("other", "")
            + &destination("host", "state", "a", "")),
    );
    world.start("");
    world.apply(&team("default", "one", "One"));
    world.wait_ready("team one");
    let file = "resources/default/team/one/backstage-team-one.yaml";
    let has = |repo: &str, branch: &str, path: &str| world.files(repo, branch).contains(&path.to_owned());
    assert!(has("state", "main", &format!("a/{file}")));

    // The destination's path: one commit.
    let patch = |what: &str, spec: &str| {
        world.kubectl(&["patch", what, "--type=merge", "-p", &format!(r#"{{"spec":{spec}}}"#)])
    };
    patch("destination/host", r#"{"path":"b"}"#);
    world.eventually("the new path", || has("state", "main", &format!("b/{file}")).then_some(()));
    assert!(!has("state", "main", &format!("a/{file}")), "old and new place in one commit");

    // The store's path: its records lie elsewhere then, still one commit.
    patch("gitstatestore/state", r#"{"path":"deep"}"#);
    world.eventually("the new root", || has("state", "main", &format!("deep/b/{file}")).then_some(()));
    assert!(!has("state", "main", &format!("b/{file}")));
    assert!(!world.git("state", &["ls-tree", "--name-only", "main"]).contains(".kept"), "the old records went too");

    // The branch: first there, then gone here.
    patch("gitstatestore/state", r#"{"branch":"next"}"#);
    world.eventually("the new branch", || has("state", "next", &format!("deep/b/{file}")).then_some(()));
    world.eventually("the old one cleared", || (!has("state", "main", &format!("deep/b/{file}"))).then_some(()));

    // The store.
    patch("destination/host", r#"{"stateStoreRef":{"kind":"GitStateStore","name":"other"}}"#);
    world.eventually("the other repository", || has("other", "main", &format!("b/{file}")).then_some(()));
    world.eventually("the old one cleared", || (!has("state", "next", &format!("deep/b/{file}"))).then_some(()));
    world.eventually("one place in the status", || {
        let places = world.get("team one")["status"]["places"].clone();
        (places
            .as_array()
            .is_some_and(|p| p.len() == 1 && p[0]["repository"].as_str().is_some_and(|r| r.ends_with("/other"))))
        .then_some(())
    });

    // The url: the old repository is left as it is, and the store says so.
    world.repository("third");
    patch("gitstatestore/other", &format!(r#"{{"url":"{}"}}"#, world.url("third")));
    world.eventually("the third repository", || has("third", "main", &format!("b/{file}")).then_some(()));
    assert!(has("other", "main", &format!("b/{file}")));
    world.eventually("the store says so", || {
        let message =
            world.condition("gitstatestore other", "Ready")["message"].as_str().unwrap_or_default().to_owned();
        message.contains("/other").then_some(())
    });
}

#[test]
fn a_store_under_another_name_is_recognised_and_nothing_is_removed() {
    let mut world = World::new();
    world.repository("state");
    let alias = world.url("state").replace("127.0.0.1", "localhost");
    assert_ne!(alias, world.url("state"));
    world.apply(
        &(world.secret()
            + &world.store("state", "")
            + &crate::manifests::store("alias", &alias, "")
            + &destination("host", "state", ".", "")),
    );
    world.start("");
    world.apply(&team("default", "one", "One"));
    world.wait_ready("team one");
    world.kubectl(&[
        "patch",
        "destination",
        "host",
        "--type=merge",
        "-p",
        r#"{"spec":{"stateStoreRef":{"name":"alias"}}}"#,
    ]);
    world.eventually("the move", || {
        let places = world.get("team one")["status"]["places"].clone();
        (places
            .as_array()
            .is_some_and(|p| p.len() == 1 && p[0]["repository"].as_str().is_some_and(|r| r.contains("localhost"))))
        .then_some(())
    });
    assert!(world.files("state", "main").contains(&"resources/default/team/one/backstage-team-one.yaml".into()));
}

#[test]
fn placement_is_kept_and_a_mismatch_is_said() {
    let mut world = World::new();
    world.repository("state");
    world.apply(&(world.secret() + &world.store("state", "") + &destination("a", "state", "a", "")));
    let settings = "promises: {team: {destinationSelectors: [{matchLabels: {tier: gold}}]}}\n";
    world.start(settings);
    world.apply(&team("default", "one", "One"));
    let message = world.wait_reason("team one", "NoDestination");
    assert!(message.contains("tier=gold"), "{message}");
    world.kubectl(&["label", "destination", "a", "tier=gold"]);
    world.wait_ready("team one");
    world.apply(&destination("b", "state", "b", ""));
    world.kubectl(&["label", "destination", "b", "tier=gold"]);
    world.kubectl(&["label", "destination", "a", "tier-"]);
    world.eventually("the mismatch", || (world.condition("team one", "Ready")["reason"] == "Misplaced").then_some(()));
    assert_eq!(world.condition("team one", "Ready")["status"], "True");
    world.stop();
    world.kubectl(&[
        "patch",
        "team",
        "one",
        "--subresource=status",
        "--type=merge",
        "-p",
        r#"{"status":{"places":[]}}"#,
    ]);
    world.start(settings);
    world.kubectl(&["patch", "team", "one", "--type=merge", "-p", r#"{"spec":{"name":"Uno"}}"#]);
    world.wait_ready("team one");
    let files = world.files("state", "main");
    assert!(files.iter().any(|f| f.starts_with("a/resources/default/team/one/")), "the record remembers: {files:?}");
    assert!(!files.iter().any(|f| f.starts_with("b/resources/default/team/one/")));
}

#[test]
fn a_destination_goes_with_or_without_its_files_and_a_used_store_stays() {
    let mut world = World::new();
    world.repository("state");
    world.apply(&(world.secret() + &world.store("state", "") + &destination("all", "state", "all", "cleanup: all")));
    world.start("");
    world.apply(&team("default", "one", "One"));
    world.wait_ready("team one");

    world.kubectl(&["delete", "gitstatestore", "state", "--wait=false"]);
    let message = world.wait_reason("gitstatestore state", "InUse");
    assert!(message.contains("all"), "{message}");

    world.kubectl(&["delete", "destination", "all"]);
    assert!(world.files("state", "main").is_empty(), "cleanup: all takes the files and the canaries");
    world.eventually("the store goes once unused", || world.get("gitstatestore state").is_null().then_some(()));
    world.wait_reason("team one", "NoDestination");

    world.apply(&(world.store("state", "") + &destination("none", "state", "none", "")));
    world.wait_ready("team one");
    world.kubectl(&["delete", "destination", "none"]);
    let file = "none/resources/default/team/one/backstage-team-one.yaml";
    assert!(world.files("state", "main").contains(&file.into()), "cleanup: none leaves the files");
    world.wait_reason("team one", "NoDestination");
    let place = world.get("team one")["status"]["places"][0].clone();
    assert_eq!(place["abandoned"], true, "and each request says so");
    world.kubectl(&["delete", "team", "one"]);
    assert!(world.files("state", "main").contains(&file.into()), "they are nobody's now");
}

#[test]
fn the_later_of_two_overlapping_destinations_is_not_ready() {
    let mut world = World::new();
    world.repository("state");
    world.apply(&(world.secret() + &world.store("state", "") + &destination("outer", "state", "a", "")));
    world.start("");
    world.wait_ready("destination/outer");
    std::thread::sleep(std::time::Duration::from_secs(1)); // creation times have whole seconds
    world.apply(&destination("inner", "state", "a/b", ""));
    let message = world.wait_reason("destination inner", "PathOverlaps");
    assert!(message.contains("outer"), "{message}");
    world.apply(&(0..8).map(|i| team("default", &format!("t{i}"), "T")).collect::<String>());
    world.wait_ready("team --all");
    assert!(!world.files("state", "main").iter().any(|f| f.starts_with("a/b/")));
}

#[test]
fn a_destination_that_comes_to_overlap_keeps_what_it_has() {
    let mut world = World::new();
    world.repository("state");
    let settings = "promises: {team: {destinationSelectors: [{matchLabels: {tier: gold}}]}}\n";
    world.apply(&(world.secret() + &world.store("state", "") + &destination("old", "state", "a", "")));
    world.start(settings);
    world.wait_ready("destination/old");
    std::thread::sleep(std::time::Duration::from_secs(1)); // creation times have whole seconds
    world.apply(&destination("new", "state", "b", ""));
    world.kubectl(&["label", "destination", "new", "tier=gold"]);
    world.apply(&team("default", "one", "One"));
    world.wait_ready("team one");
    world.kubectl(&["label", "destination", "old", "tier=gold"]);
    let move_to = |path: &str| {
        let patch = format!(r#"{{"spec":{{"path":"{path}"}}}}"#);
        world.kubectl(&["patch", "destination/new", "--type=merge", "-p", &patch]);
    };
    move_to("a/b");
    let message = world.wait_reason("team one", "PathOverlaps");
    assert!(message.contains("old"), "{message}");
    let file = "b/resources/default/team/one/backstage-team-one.yaml".to_owned();
    assert!(world.files("state", "main").contains(&file), "a slip moves nothing to another destination");
    move_to("b");
    world.wait_ready("team one");
    assert!(world.files("state", "main").contains(&file));
}

#[test]
fn an_old_branch_is_listed_until_it_is_cleared_with_the_credentials_of_the_day() {
    let mut world = World::new();
    let url = world.repository("state");
    let user = world.info("giteaUser");
    let secret = |token: &str| crate::manifests::secret_with("default", &user, token);
    world.apply(&secret(&world.token("first")));
    world.apply(&(crate::manifests::store("state", &url, "") + &destination("host", "state", ".", "")));
    world.start("");
    world.apply(&team("default", "one", "One"));
    world.wait_ready("team one");
    world.pre_receive("state", "while read _ _ ref; do [ $ref != refs/heads/main ] || exit 1; done");
    world.kubectl(&["patch", "gitstatestore/state", "--type=merge", "-p", r#"{"spec":{"branch":"next"}}"#]);
    world.wait_reason("team one", "PushRejected");
    assert_eq!(world.get("team one")["status"]["places"].as_array().map_or(0, Vec::len), 2, "both places hold it");
    // A rotated Secret serves the old branch as well. It is what has that tried again: the hook is gone before.
    world.no_pre_receive("state");
    world.apply(&secret(&world.token("second")));
    world.revoke("first");
    world.kubectl(&["annotate", "gitstatestore", "state", "look=again"]);
    world.eventually("the old branch cleared", || {
        let files = world.files("state", "main");
        (!files.iter().any(|f| f.contains("team/one"))).then_some(())
    });
    world.wait_ready("team one");
    assert_eq!(world.get("team one")["status"]["places"].as_array().map_or(0, Vec::len), 1);
}
