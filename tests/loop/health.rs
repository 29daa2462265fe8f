//! Argo CD shows how kept's objects are, and waits for them between waves.

use std::fs;
use std::thread::sleep;
use std::time::Duration;

use serde_json::{Value, json};

use crate::argocd::file;
use crate::manifests::team;
use crate::support::World;

/// One of the documents of a text, in a wave.
fn in_wave(text: &str, document: usize, wave: u32) -> Value {
    let mut objects: Vec<Value> = serde_saphyr::from_multiple(text).expect("YAML");
    let mut object = objects.remove(document);
    object["metadata"]["annotations"]["argocd.argoproj.io/sync-wave"] = wave.to_string().into();
    object
}

/// An Application of the folder `things`, which tries again soon.
fn things(world: &World) -> Value {
    json!({
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Application",
        "metadata": {"name": "things", "namespace": "argocd"},
        "spec": {
            "project": "default",
            "source": {"repoURL": world.url("platform"), "targetRevision": "main", "path": "things"},
            "destination": {"server": "https://kubernetes.default.svc", "namespace": "default"},
            "syncPolicy": {
                "automated": {},
                "retry": {"limit": -1, "backoff": {"duration": "1s", "maxDuration": "2s"}},
            },
        },
    })
}

/// The health of one of an Application's objects, as Argo CD says it.
fn shown(application: &Value, kind: &str, name: &str) -> Value {
    let resources = application["status"]["resources"].as_array().cloned().unwrap_or_default();
    let found = resources.into_iter().find(|r| r["kind"] == kind && r["name"] == name);
    found.map(|r| r["health"].clone()).unwrap_or_default()
}

impl World {
    /// Waits until Argo CD says that of an object of `things`; its words.
    fn wait_shown(&self, kind: &str, name: &str, health: &str) -> String {
        let what = format!("{kind} {name} is {health}");
        let look = || self.application("things");
        let things = self.eventually_told(&what, look, |things| shown(things, kind, name)["status"] == health);
        shown(&things, kind, name)["message"].as_str().unwrap_or_default().to_owned()
    }
}

#[test]
fn health_is_shown_and_waves_wait_for_it() {
    let mut world = World::up(&["--argocd"]);
    world.install();
    world.prepare_argocd();
    world.repository("platform");
    world.apply(&world.secret());
    let operator = file(&world, "examples/operator/store.yaml");
    world.foreign_commit("platform", |root| {
        let objects = [
            ("store", in_wave(&operator, 0, 0)),
            ("destination", in_wave(&operator, 1, 1)),
            ("team", in_wave(&team("default", "payments", "Payments"), 0, 2)),
        ];
        fs::create_dir(root.join("things")).unwrap();
        for (name, object) in objects {
            fs::write(root.join(format!("things/{name}.json")), object.to_string()).unwrap();
        }
    });
    world.apply(&things(&world).to_string());
    // It may have looked before it knew the password of the repository; by itself it looks again in minutes.
    let look = || {
        world.refresh("things");
        sleep(Duration::from_secs(1));
        world.application("things")
    };
    world.eventually_told("Argo CD has read the repository", look, |things| things["status"]["resources"].is_array());

    // Nobody has looked yet; then there is no repository; and the next waves wait.
    world.wait_shown("GitStateStore", "state", "Progressing");
    world.start("");
    let words = world.wait_shown("GitStateStore", "state", "Degraded");
    // Gitea does not say whether there is none or one that is forbidden.
    assert!(words.starts_with("StoreUnauthorized: "), "{words}");
    for what in ["destination host", "team payments"] {
        assert!(world.get(what).is_null(), "{what} waits for the store");
    }
    world.repository("state");
    for (kind, name) in [("GitStateStore", "state"), ("Destination", "host"), ("Team", "payments")] {
        world.wait_shown(kind, name, "Healthy");
    }
    world.wait_health("things", "Healthy");

    // What kept says, and what becomes of it.
    world.stop();
    let generation = world.get("team payments")["metadata"]["generation"].as_i64().expect("a number");
    for (status, reason, generation, health) in [
        ("False", "Conflict", generation, "Degraded"),
        ("False", "StoreUnreachable", generation, "Progressing"),
        ("False", "InvalidRequest", generation, "Degraded"),
        ("False", "SupersededBy", generation, "Healthy"),
        ("True", "Committed", generation - 1, "Progressing"),
        ("True", "Committed", generation, "Healthy"),
    ] {
        let condition = json!({
            "type": "Committed",
            "status": status,
            "reason": reason,
            "message": "as the test has it",
            "observedGeneration": generation,
            "lastTransitionTime": "2026-01-01T00:00:00Z",
        });
        let patch = json!({"status": {"conditions": [condition]}}).to_string();
        world.kubectl(&["patch", "team", "payments", "--subresource=status", "--type=merge", "-p", &patch]);
        world.wait_shown("Team", "payments", health);
    }
}
