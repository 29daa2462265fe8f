//! What kept has rendered, applied as one Application.

use std::fs;

use serde_json::Value;

use crate::argocd::file;
use crate::manifests::team;
use crate::support::World;

#[test]
fn one_application_applies_all_that_is_for_kubernetes() {
    let mut world = World::up(&["--argocd"]);
    world.install();
    world.prepare_argocd();
    world.repository("state");
    world.apply(&world.secret());
    world.apply(&file(&world, "examples/operator/store.yaml"));
    world.kubectl(&["label", "destination", "host", "capability.vcluster=true"]);
    for namespace in ["platform-requests", "vcluster-halves"] {
        world.kubectl(&["create", "namespace", namespace]);
    }
    world.start("");
    world.apply(&team("default", "payments", "Payments"));
    world.apply(&file(&world, "promises/vcluster-core/request.yaml"));
    world.wait_ready("team/payments");
    world.wait_ready("vclustercore/media -n platform-requests");
    let team = "clusters/host/resources/default/team/payments/backstage-team-payments.yaml";
    assert!(world.files("state", "main").contains(&team.to_owned()), "there is something to leave out");
    // Kratix's state files are YAML, but no objects.
    world.foreign_commit("state", |root| {
        fs::create_dir(root.join("clusters/host/.kratix")).unwrap();
        fs::write(root.join("clusters/host/.kratix/default-payments.yaml"), "files: []\n").unwrap();
    });

    world.deploy(&["project", "application"]);
    let application = world.wait_synced("kept-state", &world.head("state"));
    assert!(application["status"].get("conditions").is_none(), "{:#}", application["status"]["conditions"]);
    let resources = application["status"]["resources"].as_array().expect("resources");
    let named =
        |r: &Value| format!("{} {}", r["kind"].as_str().unwrap_or_default(), r["name"].as_str().unwrap_or_default());
    let found: Vec<String> = resources.iter().map(named).collect();
    for wanted in ["Namespace vcluster-media", "ConfigMap media-vcluster-values", "ConfigMap kratix-info"] {
        assert!(found.iter().any(|f| f == wanted), "{wanted} is not among {found:?}");
    }
    assert!(found.iter().all(|f| f.starts_with("Namespace ") || f.starts_with("ConfigMap ")), "{found:?}");

    // What is removed there goes from the cluster.
    world.kubectl(&["delete", "vclustercore", "media", "-n", "platform-requests"]);
    world.eventually("the namespace is gone", || world.get("namespace vcluster-media").is_null().then_some(()));
}
