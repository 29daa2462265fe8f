//! The kinds of `platform.integratn.tech` on a real API server: the definitions are within its limits,
//! and requests are stored as they were written.

use std::path::Path;

use serde_json::Value;

use crate::support::World;

#[test]
fn requests_are_stored_as_written_and_their_identities_stay() {
    let world = World::new();
    for namespace in ["platform-requests", "vcluster-orders"] {
        world.kubectl(&["create", "namespace", namespace]);
    }
    for file in ["as-before.yaml", "full.yaml"] {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/platform").join(file);
        let text = std::fs::read_to_string(path).expect("a file");
        // `apply` would leave out keys without values before the server sees them.
        let created = world.try_kubectl(&["create", "--validate=strict", "-f", "-"], &text);
        assert!(created.status.success(), "{file}: {}", String::from_utf8_lossy(&created.stderr));
        let objects: Vec<Value> = serde_saphyr::from_multiple(&text).expect("readable YAML");
        for object in objects {
            let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str).unwrap_or("default").to_owned();
            let what = format!("{} {} -n {}", text("/kind"), text("/metadata/name"), text("/metadata/namespace"));
            assert_eq!(world.get(&what)["spec"], object["spec"], "{file}: {what}");
        }
    }
    for (kind, change) in [
        ("vclusterorchestrator", r#"{"spec":{"name":"other"}}"#),
        ("vclusterorchestrator", r#"{"spec":{"targetNamespace":"other"}}"#),
        ("vclustercore", r#"{"spec":{"targetNamespace":null}}"#),
    ] {
        let namespace = if kind == "vclustercore" { "default" } else { "platform-requests" };
        let patched = world.try_kubectl(&["patch", kind, "full", "-n", namespace, "--type=merge", "-p", change], "");
        let said = String::from_utf8_lossy(&patched.stderr);
        assert!(!patched.status.success() && said.contains("cannot be changed"), "{kind} {change}: {said}");
    }
    // To name what is the default anyway changes nothing.
    let same = r#"{"spec":{"targetNamespace":null}}"#;
    world.kubectl(&["patch", "vclusterorchestrator", "full", "-n", "platform-requests", "--type=merge", "-p", same]);
}
