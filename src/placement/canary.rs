use serde_json::json;

use super::{Destination, Layout};
use crate::manifest::write::to_yaml;
use crate::values::{Map, RelPath};

/// The files that keep a destination's folders from being empty, below the repository's root:
/// Kratix's two canaries at Kratix's paths, or a `.keep` in each folder where `initWorkloads` is off.
/// They belong to nobody and outlive the last request, because Argo CD fails on a path that vanished.
///
/// Paths: `createDependenciesPathWithExample` in Kratix's `destination_controller.go`; only the nested
/// layout has the two folders.
pub fn workload_files(destination: &Destination, root: &RelPath) -> Map<RelPath, Vec<u8>> {
    let namespace = json!({
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {"name": "kratix-worker-system"},
    });
    let config_map = json!({
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "kratix-info", "namespace": "kratix-worker-system"},
        "data": {"canary": "This destination reads from its state store."},
    });
    let nested = destination.layout == Layout::Nested;
    let wanted = if destination.init_workloads {
        vec![
            ("dependencies", "kratix-canary-namespace.yaml", to_yaml(&namespace)),
            ("resources", "kratix-canary-configmap.yaml", to_yaml(&config_map)),
        ]
    } else if nested {
        vec![("dependencies", ".keep", String::new()), ("resources", ".keep", String::new())]
    } else {
        vec![("", ".keep", String::new())]
    };
    wanted
        .into_iter()
        .filter_map(|(folder, name, text)| {
            let below = if nested { format!("{folder}/{name}") } else { name.to_owned() };
            let path: RelPath = below.parse().ok()?;
            Some((root.join(&destination.path).join(&path), text.into_bytes()))
        })
        .collect()
}
