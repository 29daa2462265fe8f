//! Bad input, missing Secrets, stores that are gone: a clear word each, and nothing lost.

use crate::manifests::{destination, secret_with, team};
use crate::support::World;

#[test]
fn mistakes_are_caught_at_kubectl_apply() {
    let world = World::new();
    for (manifest, expected) in [
        (team("default", "Bad!", "X").replace("name: bad!", "name: bad"), "spec.id"),
        (team("default", "x", "X").replace("id: x", "id: no"), "spec.id"),
        (team("default", "x", "X").replace("spec: {", "spec: {emial: a@b.cd, "), "emial"),
        (team("default", "x", "X").replace("spec: {", "spec: {email: nobody, "), "spec.email"),
        (team("default", "x", "X").replace(", name: X", ""), "spec.name"),
        (team("default", "x", &"x".repeat(10_000)), "spec.name"),
        (crate::manifests::store("s", "https://user:password@git.example/r.git", ""), "spec.url"),
        (crate::manifests::store("s", "http://git.example/r.git", ""), "spec.url"),
        (crate::manifests::store("s", "https://git.example/r.git", "path: ../x"), "spec.path"),
        (destination("d", "s", "a/../b", ""), "spec.path"),
        (destination("d", "s", "a", "filepath: {mode: nested}"), "spec.filepath.mode"),
    ] {
        let said = world.refused(&manifest);
        assert!(said.contains(expected), "{expected} is not in: {said}");
    }
    world.apply(&team("default", "'no'", "Quoted").replace("name: 'no'", "name: quoted"));
    let said = world.refused(&team("default", "other", "Quoted").replace("name: other", "name: quoted"));
    assert!(said.contains("spec.id"), "the id is immutable: {said}");
}

#[test]
fn a_stored_team_outside_the_pattern_says_so_and_keeps_its_files() {
    let mut world = World::new();
    world.repository("state");
    world.apply(&(world.secret() + &world.store("state", "") + &destination("host", "state", ".", "")));
    world.start("");
    world.apply(&team("default", "good", "Good"));
    world.wait_ready("team good");
    world.stop();
    // What the original accepted: its definition had no pattern.
    let mut crd = world.get("crd teams.platform.kratix.io");
    let version = crd["spec"]["versions"][0].as_object_mut().expect("a version");
    version["schema"]["openAPIV3Schema"] =
        serde_json::json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true});
    world.kubectl(&["patch", "crd", "teams.platform.kratix.io", "--type=json", "-p", &serde_json::json!([
        {"op": "replace", "path": "/spec/versions/0/schema/openAPIV3Schema", "value": version["schema"]["openAPIV3Schema"]}
    ]).to_string()]);
    world.eventually("the old definition", || {
        world
            .try_kubectl(&["patch", "team", "good", "--type=merge", "-p", r#"{"spec":{"id":"not good"}}"#], "")
            .status
            .success()
            .then_some(())
    });
    let crds = std::process::Command::new(env!("CARGO_BIN_EXE_kept")).arg("crd").output().expect("kept runs");
    world.apply(&String::from_utf8_lossy(&crds.stdout));
    world.start("");
    let message = world.wait_reason("team good", "InvalidRequest");
    assert!(message.contains("spec.id"), "{message}");
    assert!(world.files("state", "main").contains(&"resources/default/team/good/backstage-team-good.yaml".into()));
    world.kubectl(&["delete", "team", "good", "--timeout=60s"]);
    assert!(!world.files("state", "main").iter().any(|f| f.contains("team-good")));
}

#[test]
fn one_id_for_one_team_and_the_loser_gets_it_when_it_is_freed() {
    let mut world = World::new();
    world.repository("state");
    world.kubectl(&["create", "namespace", "elsewhere"]);
    world.apply(&(world.secret() + &world.store("state", "") + &destination("host", "state", ".", "")));
    world.start("");
    world.apply(&team("default", "Payments", "First"));
    world.wait_ready("team payments");
    world.apply(&team("elsewhere", "payments", "Second"));
    let message = world.wait_reason("team -n elsewhere payments", "Conflict");
    assert!(message.contains("default/payments"), "the holder is named: {message}");
    assert!(!world.files("state", "main").iter().any(|f| f.contains("elsewhere")));
    world.kubectl(&["delete", "team", "payments", "-n", "default"]);
    world.wait_ready("team -n elsewhere payments");
}

#[test]
fn a_store_says_what_is_wrong_with_its_secret_and_recovers() {
    let mut world = World::new();
    world.repository("state");
    world.apply(&(world.store("state", "") + &destination("host", "state", ".", "") + &team("default", "one", "One")));
    world.start("");
    let message = world.wait_reason("gitstatestore state", "StoreUnauthorized");
    assert!(message.contains("default/git"), "{message}");
    let message = world.wait_reason("team one", "StoreUnauthorized");
    assert!(message.contains("default/git"), "{message}");
    world.apply("apiVersion: v1\nkind: Secret\nmetadata: {name: git, namespace: default}\nstringData: {username: x}\n");
    world.eventually("the missing key", || {
        world.kubectl(&["annotate", "--overwrite", "gitstatestore", "state", "look=1"]);
        world.condition("gitstatestore state", "Ready")["message"]
            .as_str()
            .is_some_and(|m| m.contains("password"))
            .then_some(())
    });
    world.apply(&secret_with("default", "nobody", "not-the-password"));
    world.eventually("the refusal", || {
        world.condition("gitstatestore state", "Ready")["message"]
            .as_str()
            .is_some_and(|m| m.contains("HTTP 401"))
            .then_some(())
    });
    assert!(!world.log().contains("not-the-password"), "credentials are not logged");
    world.apply(&world.secret());
    world.wait_ready("gitstatestore/state");
    world.wait_ready("team one");
}

#[test]
fn a_second_store_on_the_branch_with_wrong_credentials_harms_only_itself() {
    let mut world = World::new();
    world.repository("state");
    world.apply(&(world.secret() + &world.store("state", "") + &destination("host", "state", ".", "")));
    world.start("");
    world.wait_ready("destination/host");
    let anonymous = world.store("anonymous", "").replace(&world.url("anonymous"), &world.url("state"));
    world.apply(&anonymous.replace("  secretRef: {name: git, namespace: default}\n", ""));
    world.wait_reason("gitstatestore anonymous", "StoreUnauthorized");
    world.apply(&team("default", "one", "One"));
    world.wait_ready("team one");
    world.kubectl(&["annotate", "gitstatestore", "anonymous", "look=again"]);
    world.apply(&team("default", "two", "Two"));
    world.wait_ready("team two");
    world.kubectl(&["delete", "gitstatestore", "anonymous", "--timeout=60s"]);
}

#[test]
fn a_rejected_push_is_said_in_the_servers_words() {
    let mut world = World::new();
    world.repository("state");
    world.apply(&(world.secret() + &world.store("state", "") + &destination("host", "state", ".", "")));
    world.start("");
    world.wait_ready("destination/host");
    world.pre_receive("state", "echo 'change window is closed' >&2; exit 1");
    world.apply(&team("default", "one", "One"));
    let message = world.wait_reason("team one", "PushRejected");
    assert!(message.contains("change window is closed"), "{message}");
    world.no_pre_receive("state");
    // What was refused is not asked again for ten minutes, unless it is another thing by then.
    world.apply(&team("default", "one", "Another"));
    world.wait_ready("team one");
}

#[test]
fn a_request_whose_store_is_gone_can_be_let_go() {
    let mut world = World::new();
    world.repository("state");
    world.apply(&(world.secret() + &world.store("state", "") + &destination("host", "state", ".", "")));
    world.start("");
    world.apply(&team("default", "one", "One"));
    world.wait_ready("team one");
    world.stop();
    std::fs::remove_dir_all(world.bare("state")).expect("the repository goes");
    world.start("");
    world.kubectl(&["delete", "team", "one", "--wait=false"]);
    let message = world.eventually("the way out", || {
        let ready = world.condition("team one", "Ready");
        ready["message"].as_str().filter(|m| m.contains("kept.integratn.tech/abandon=true")).map(str::to_owned)
    });
    assert!(message.contains("kubectl annotate"), "{message}");
    world.kubectl(&["annotate", "team", "one", "kept.integratn.tech/abandon=true"]);
    world.kubectl(&["wait", "--for=delete", "team/one", "--timeout=60s"]);
}

#[test]
fn a_namespace_goes_with_its_requests_and_the_stores_secret() {
    let mut world = World::new();
    world.repository("state");
    world.kubectl(&["create", "namespace", "tenant"]);
    world.secrets_in("tenant");
    let store = world.store("state", "").replace("namespace: default", "namespace: tenant");
    let secret = secret_with("tenant", &world.info("giteaUser"), &world.info("giteaPassword"));
    world.apply(&(secret + &store + &destination("host", "state", ".", "")));
    world.start("");
    world.apply(&(0..5).map(|i| team("tenant", &format!("t{i}"), "T")).collect::<String>());
    world.wait_ready("team --all -n tenant");
    world.kubectl(&["delete", "secret", "git", "-n", "tenant"]);
    world.kubectl(&["annotate", "gitstatestore", "state", "look=1"]);
    world.wait_reason("gitstatestore state", "StoreUnauthorized");
    world.kubectl(&["delete", "namespace", "tenant", "--timeout=100s"]);
    assert!(!world.files("state", "main").iter().any(|f| f.contains("/tenant/")));
}
