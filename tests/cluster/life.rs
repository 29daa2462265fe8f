//! The life of a request, and of many.

use std::fs;
use std::time::{Duration, Instant};

use crate::manifests::{destination, store, team};
use crate::support::World;

fn simple(world: &mut World) {
    world.repository("state");
    world.apply(&(world.secret() + &world.store("state", "") + &destination("host", "state", "clusters/host", "")));
    world.start("");
    world.wait_ready("gitstatestore/state");
    world.wait_ready("destination/host");
}

#[test]
fn a_team_is_created_edited_and_deleted() {
    let mut world = World::new();
    simple(&mut world);
    world.apply(&team("default", "payments", "Payments"));
    world.wait_ready("team/payments");

    let head = world.git("state", &["rev-parse", "main"]);
    let at = "clusters/host/resources/default/team/payments";
    assert_eq!(
        world.files("state", "main"),
        [
            "clusters/host/dependencies/kratix-canary-namespace.yaml".to_owned(),
            format!("{at}/backstage-team-payments.yaml"),
            format!("{at}/terraform/org-payments.tf"),
            "clusters/host/resources/kratix-canary-configmap.yaml".to_owned(),
        ]
    );
    let object = world.get("team payments");
    let place = &object["status"]["places"][0];
    assert_eq!(place["commit"].as_str(), Some(head.trim()), "status names the commit that the remote holds");
    assert_eq!(place["path"], at);
    assert_eq!(place["destination"], "host");
    for type_ in ["Committed", "Ready", "Reconciled", "ConfigureWorkflowCompleted", "WorksSucceeded"] {
        let condition = world.condition("team payments", type_);
        assert_eq!(condition["status"], "True", "{type_}");
        assert_eq!(condition["observedGeneration"], 1, "{type_}");
    }
    let columns = world.kubectl(&["get", "teams"]);
    assert!(columns.lines().next().is_some_and(|h| h.contains("READY") && h.contains("COMMIT") && h.contains("AGE")));
    assert!(columns.contains("True") && columns.contains(&head[..7]), "{columns}");

    let message = world.git("state", &["log", "-1", "--format=%an%n%B", "--", at]);
    assert!(message.starts_with("kratix\n"), "the author is the store's: {message}");
    assert!(message.contains("Kept-Request: team default/payments"), "{message}");

    world.kubectl(&["patch", "team", "payments", "--type=merge", "-p", r#"{"spec":{"name":"Payments and Fraud"}}"#]);
    world.wait_ready("team/payments");
    assert!(world.file("state", &format!("{at}/backstage-team-payments.yaml")).contains("Payments and Fraud"));

    let commits = world.commits("state");
    world.kubectl(&["annotate", "team", "payments", "note=nothing-to-render"]);
    world.kubectl(&["delete", "team", "payments"]);
    assert_eq!(world.commits("state"), commits + 1, "an annotation alone is no commit, the removal is one");
    assert_eq!(world.files("state", "main").len(), 2, "only the canaries stay");
    assert!(!world.git("state", &["ls-tree", "-r", "--name-only", "main"]).contains(".kept/"), "no record stays");
}

#[test]
fn a_team_waits_for_the_remote_and_many_share_a_commit() {
    let mut world = World::new();
    simple(&mut world);
    world.apply(&team("default", "first", "First"));
    world.wait_ready("team/first");
    let before = world.commits("state");
    world.pre_receive("state", "sleep 5");
    let since = Instant::now();
    world.apply(&team("default", "stalled", "Stalled"));
    // The push of this one is under way while the others arrive.
    world.eventually("the stalled push", || (since.elapsed() > Duration::from_secs(1)).then_some(()));
    assert_eq!(
        world.condition("team stalled", "Ready")["status"],
        serde_json::Value::Null,
        "not before the remote has it"
    );
    let many: String = (0..500).map(|i| team("default", &format!("t{i}"), "Many")).collect();
    world.apply(&many);
    world.wait_teams(502);
    assert_eq!(world.files("state", "main").len(), 2 + 2 * 502);
    let further = world.commits("state") - before - 1;
    // kubectl itself takes longer than one push to create 500 objects; what counts is that nobody
    // waits in line: one commit for each push that was under way meanwhile.
    let pushes = since.elapsed().as_secs() / 5 + 1;
    assert!(further as u64 <= pushes, "{further} commits after the stalled one in {:?}", since.elapsed());
}

#[test]
fn five_hundred_waiting_requests_are_at_most_two_commits() {
    let mut world = World::new();
    simple(&mut world);
    world.stop();
    let many: String = (0..500).map(|i| team("default", &format!("t{i}"), "Many")).collect();
    world.apply(&many);
    let before = world.commits("state");
    world.pre_receive("state", "sleep 5");
    world.start("");
    world.wait_teams(500);
    assert!(world.commits("state") - before <= 3, "one that stalls, and two");
}

#[test]
fn a_restart_changes_nothing_and_a_foreign_commit_is_no_obstacle() {
    let mut world = World::new();
    simple(&mut world);
    world.apply(&(team("default", "one", "One") + &team("default", "two", "Two")));
    world.wait_ready("team --all");
    let (before, status) = (world.commits("state"), world.get("team one")["status"].clone());
    world.stop();
    world.start("");
    world.foreign_commit("state", |dir| fs::write(dir.join("README.md"), "ours\n").expect("a file"));
    world.apply(&team("default", "three", "Three"));
    world.wait_ready("team three");
    assert_eq!(world.commits("state"), before + 2, "the foreign commit and the one for the third team");
    assert_eq!(world.file("state", "README.md"), "ours\n");
    assert_eq!(world.get("team one")["status"], status, "another request's commit never writes this status");
}

#[test]
fn drift_is_put_back_and_said() {
    let mut world = World::new();
    world.repository("state");
    world.apply(&(world.secret() + &world.store("state", "") + &destination("host", "state", ".", "")));
    world.start("recheckIntervalSeconds: 3\n");
    world.wait_ready("destination/host");
    world.apply(&team("default", "one", "One"));
    world.wait_ready("team one");
    let at = "resources/default/team/one/backstage-team-one.yaml";
    let wanted = world.file("state", at);
    world.foreign_commit("state", |dir| fs::write(dir.join(at), "nonsense\n").expect("a file"));
    world.eventually("the repair", || (world.file("state", at) == wanted).then_some(()));
    world.eventually("the event", || {
        world.kubectl(&["get", "events", "-o", "jsonpath={..reason}"]).contains("DriftRepaired").then_some(())
    });
}

#[test]
fn two_repositories_a_flat_layout_and_tls() {
    let mut world = World::new();
    world.repository("catalog");
    world.repository("infra");
    world.foreign_commit("infra", |dir| {
        fs::create_dir_all(dir.join("terraform")).expect("a directory");
        fs::write(dir.join("terraform/provider.tf"), "# ours\n").expect("a file");
    });
    let ca = fs::read_to_string(world.info("caFile")).expect("the CA");
    let ca = base64(ca.as_bytes());
    let https = world.url("infra").replace(&world.info("giteaUrl"), &world.info("giteaHttpsUrl"));
    let objects = world.secret()
        + &world.store("catalog", "")
        + &store("infra", &https, "")
        + &destination("catalog", "catalog", ".", "")
        + &destination("infra", "infra", ".", "filepath: {mode: none}\ninitWorkloads: {enabled: false}");
    world.apply(&objects);
    world.start(
        "promises:\n  team:\n    destinationSelectors:\n      - matchLabels: {name: catalog}\n      - directory: terraform\n        matchLabels: {name: infra}\n",
    );
    let message = world.wait_reason("gitstatestore infra", "StoreUnreachable");
    assert!(message.to_lowercase().contains("certificate"), "{message}");
    world.kubectl(&[
        "patch",
        "gitstatestore",
        "infra",
        "--type=merge",
        "-p",
        &format!(r#"{{"spec":{{"caBundle":"{ca}"}}}}"#),
    ]);
    world.wait_ready("gitstatestore/infra");
    world.apply(&team("default", "payments", "Payments"));
    world.wait_ready("team payments");
    assert_eq!(world.files("infra", "main"), [".keep", "terraform/org-payments.tf", "terraform/provider.tf"]);
    assert!(
        world.files("catalog", "main").contains(&"resources/default/team/payments/backstage-team-payments.yaml".into())
    );
    assert!(!world.files("catalog", "main").iter().any(|f| f.contains("terraform")));
    let places = world.get("team payments")["status"]["places"].as_array().map_or(0, Vec::len);
    assert_eq!(places, 2);
    world.kubectl(&["delete", "team", "payments"]);
    assert_eq!(world.files("infra", "main"), [".keep", "terraform/provider.tf"]);
}

fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    bytes
        .chunks(3)
        .flat_map(|chunk| {
            let n = chunk.iter().fold(0_u32, |n, b| n << 8 | u32::from(*b)) << (8 * (3 - chunk.len()));
            (0..4).map(
                move |i| {
                    if i > chunk.len() { '=' } else { char::from(ALPHABET[(n >> (18 - 6 * i) & 63) as usize]) }
                },
            )
        })
        .collect()
}
