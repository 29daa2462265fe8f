//! What a request outside the request namespaces may say of Helm values. The chart makes cluster roles, reads
//! Secrets of other namespaces and runs images of them, with Argo CD's rights: what is not known to be
//! harmless is the platform's to set.

use serde_json::{Map, Value};

use crate::api::vcluster_orchestrator::VCluster;
use crate::config::VclusterSettings;
use crate::error::Mistake;

/// The values that are not for it to set, each with the field that sets it.
pub(super) fn values_mistakes(given: &VCluster, settings: &VclusterSettings) -> Vec<Mistake> {
    let mut found = Vec::new();
    let parts = [
        (&given.backing_store, "spec.vcluster.backingStore", "controlPlane.backingStore"),
        (&given.export_kube_config, "spec.vcluster.exportKubeConfig", "exportKubeConfig"),
        (&given.helm_overrides, "spec.vcluster.helmOverrides", ""),
    ];
    for (own, field, path) in parts {
        if let Some(own) = own {
            leaves(own, field, path, &settings.tenant_values, &mut found);
        }
    }
    found
}

fn leaves(own: &Map<String, Value>, field: &str, path: &str, allowed: &[String], found: &mut Vec<Mistake>) {
    for (key, value) in own {
        let here = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
        let field = format!("{field}.{key}");
        // A key with a dot in it is not the path that it looks like.
        let is_plain = !key.contains('.');
        if is_plain && allowed.iter().any(|prefix| covers(prefix, &here)) {
            continue;
        }
        match value {
            Value::Object(fields) if is_plain && !fields.is_empty() => leaves(fields, &field, &here, allowed, found),
            _ => found.push(Mistake::new(
                field,
                "is not for requests outside the request namespaces to set (settings promises.vcluster.tenantValues \
                 and requestNamespaces): leave it out",
            )),
        }
    }
}

fn covers(prefix: &str, path: &str) -> bool {
    prefix == "*" || path.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}
