//! What is rendered is what a real API server takes with Argo CD's and the External Secrets Operator's own
//! definitions, field by field, and stores without adding anything.

use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::support::{World, part};

/// Requests whose output Kubernetes is to take: all but the teams', which are for others.
fn requests() -> Vec<std::path::PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let promises =
        std::fs::read_dir(root.join("promises")).expect("promises").map(|entry| entry.expect("an entry").path());
    let platform = promises.filter(|path| !path.ends_with("team")).map(|path| path.join("request.yaml"));
    platform.chain([root.join("examples/vclusters")]).collect()
}

fn rendered(request: &Path) -> Vec<Value> {
    let output = Command::new(env!("CARGO_BIN_EXE_kept"))
        .args(["render", "-n", "platform-requests", "-f"])
        .arg(request)
        .output()
        .expect("kept runs");
    assert!(output.status.success(), "{}: {}", request.display(), String::from_utf8_lossy(&output.stderr));
    serde_saphyr::from_multiple(&String::from_utf8_lossy(&output.stdout)).expect("YAML")
}

#[test]
fn every_rendered_object_is_accepted_in_strict_mode_and_stored_as_it_is() {
    let world = World::empty();
    for crds in ["argocd-crds", "eso-crds"] {
        // The definitions are too large for the annotation of a plain apply.
        let folder = part(crds).display().to_string();
        world.try_kubectl(&["apply", "--server-side", "-R", "-f", &folder], "");
    }
    world.kubectl(&["wait", "--for=condition=Established", "crd", "--all", "--timeout=60s"]);
    for kind in ["applications.argoproj.io", "appprojects.argoproj.io", "pushsecrets.external-secrets.io"] {
        world.kubectl(&["get", "crd", kind]);
    }
    let mut seen = std::collections::BTreeSet::new();
    for request in requests() {
        for object in rendered(&request) {
            if let Some(namespace) = object["metadata"]["namespace"].as_str() {
                world.try_kubectl(&["create", "namespace", namespace], "");
            }
            let applied = world.try_kubectl(
                &["apply", "--server-side", "--force-conflicts", "--validate=strict", "-o", "json", "-f", "-"],
                &object.to_string(),
            );
            let words = String::from_utf8_lossy(&applied.stderr);
            assert!(
                applied.status.success() && !words.contains("unknown field"),
                "{}: {words}\n{object:#}",
                request.display()
            );
            let kind = object["kind"].as_str().unwrap_or_default().to_owned();
            let stored: Value = serde_json::from_slice(&applied.stdout).expect("JSON");
            // A default that is not rendered would be a difference to Argo CD for ever.
            if kind != "Namespace" {
                assert_eq!(stored["spec"], object["spec"], "{}: {kind}", request.display());
                assert_eq!(stored["data"], object["data"], "{}: {kind}", request.display());
            }
            seen.insert(kind);
        }
    }
    let kinds = ["AppProject", "Application", "ConfigMap", "ExternalSecret", "Namespace", "PushSecret"];
    assert_eq!(seen.into_iter().collect::<Vec<_>>(), kinds);
}
