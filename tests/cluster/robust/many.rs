//! Much at once: a thousand requests that go, a status with more to say than fits, and a hook with too many words.

use std::path::Path;

use futures::{StreamExt as _, TryStreamExt as _, stream};
use kube::api::{Api, DynamicObject, PostParams};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};
use serde_json::{Value, json};

use super::World;
use crate::manifests::team;

impl World {
    /// Creates so many teams side by side, as fast as the API server takes them.
    fn create_teams(&self, count: usize) {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(async {
            let kubeconfig = Kubeconfig::read_from(Path::new(&self.info("kubeconfig"))).unwrap();
            let config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await.unwrap();
            let teams = kept::cluster::resource("Team", "teams");
            let api: Api<DynamicObject> = Api::namespaced_with(Client::try_from(config).unwrap(), "default", &teams);
            let create = |at: usize| {
                let api = api.clone();
                async move {
                    let manifest = team("default", &format!("t{at:04}"), "T");
                    let object: DynamicObject = serde_saphyr::from_str(manifest.trim_end_matches("---\n")).unwrap();
                    api.create(&PostParams::default(), &object).await
                }
            };
            let created = stream::iter(0..count).map(create).buffer_unordered(32);
            created.try_collect::<Vec<_>>().await.expect("all are created");
        });
    }

    /// Gives an object a status.
    fn patch_status(&self, what: &str, status: &Value) -> bool {
        let patch = json!({"status": status}).to_string();
        let args = ["patch", what, "--subresource=status", "--type=merge", "--patch-file=/dev/stdin"];
        self.try_kubectl(&args, &patch).status.success()
    }
}

#[test]
fn a_thousand_requests_deleted_at_once() {
    let mut world = World::new();
    world.begin();
    world.create_teams(1000);
    world.wait_teams(1000);
    let before = world.commits("state");
    world.kubectl(&["delete", "--raw", "/apis/platform.kratix.io/v1alpha1/namespaces/default/teams"]);
    world.eventually("all are gone", || (world.teams() == 0).then_some(()));
    let all = world.git("state", &["ls-tree", "-r", "--name-only", "main"]);
    assert!(!all.contains("team"), "something is left over:\n{all}");
    let commits = world.commits("state") - before;
    println!("a thousand were removed in {commits} commits");
    assert!(commits <= 20, "{commits} commits");
    world.apply(&team("default", "next", "Next"));
    world.wait_ready("team next");
}

#[test]
fn more_than_a_status_can_hold_is_cut_and_the_request_moves_all_the_same() {
    let mut world = World::new();
    world.begin();
    world.apply(&team("default", "one", "One"));
    world.wait_ready("team one");
    world.stop();
    // Destinations that went and left their files behind, one after the other, until etcd takes no more of them.
    let place = |at: usize| {
        json!({
            "destination": format!("old-{at:04}"), "repository": "https://git.example.org/old", "branch": "main",
            "path": format!("old-{at:04}/{}", "p".repeat(500)), "commit": "0".repeat(40), "abandoned": true,
        })
    };
    let fill = |count: usize| {
        let places: Vec<Value> = (0..count).map(place).collect();
        world.patch_status("team/one", &json!({"conditions": [], "places": places}))
    };
    let most = (0..40).map(|step| 2_335 - step).find(|count| fill(*count)).expect("some are taken");
    assert!(most < 2_335, "there was room for all");
    world.start("");
    world.apply(&team("default", "one", "Anew"));
    world.wait_ready("team one");
    assert!(world.file("state", "resources/default/team/one/backstage-team-one.yaml").contains("Anew"));
    let now = world.get("team one");
    let (places, size) = (now["status"]["places"].as_array().unwrap(), now["status"].to_string().len());
    println!("{} of {} places in {size} bytes", places.len(), most + 1);
    assert_eq!(places[0]["destination"], "host", "what there is now comes first");
    assert!(places.len() > 50 && size < 200_000, "{} places in {size} bytes", places.len());
    world.kubectl(&["delete", "team", "one", "--timeout=60s"]);
    assert!(!world.files("state", "main").iter().any(|file| file.contains("/team/")));
}

#[test]
fn a_hook_with_too_many_words_is_quoted_in_part() {
    let mut world = World::new();
    world.begin();
    world.pre_receive(
        "state",
        "echo 'no, says the hook' >&2; head -c 400000 /dev/zero | tr '\\0' x | fold -w 99 >&2; exit 1",
    );
    world.apply(&(0..5).map(|at| team("default", &format!("t{at:03}"), "T")).collect::<String>());
    for at in 0..5 {
        let message = world.wait_reason(&format!("team t{at:03}"), "PushRejected");
        assert!(message.contains("no, says the hook") && message.len() < 3000, "{}: {message}", message.len());
    }
    assert!(world.log().lines().all(|line| line.len() < 5000), "the log is not flooded");
    world.no_pre_receive("state");
    world.apply(&(0..5).map(|at| team("default", &format!("t{at:03}"), "U")).collect::<String>());
    world.wait_teams(5);
}
