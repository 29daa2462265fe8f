//! The promise `vcluster-core`: the namespace of a vcluster and the Helm values it runs with.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::vcluster::{SYNC_WAVE, file, metadata};
use crate::config::PodSecurity;
use crate::manifest::Content;
use crate::manifest::write::to_yaml;
use crate::values::{Labels, RelPath};

/// A namespace and Helm values with every default resolved.
pub(super) struct Plan {
    /// The vcluster's name.
    pub(super) name: String,
    /// The namespace that it runs in.
    pub(super) namespace: String,
    /// Its Helm values: a mapping.
    pub(super) values: Value,
    /// What the namespace enforces.
    pub(super) pod_security: PodSecurity,
    /// Why that is not what the settings say.
    pub(super) pod_security_reason: Option<String>,
    /// Whether the namespace outlives the request, because the request itself lies in it.
    pub(super) keep_namespace: bool,
}

/// The Namespace and the ConfigMap `{name}-vcluster-values`.
pub(super) fn files(plan: &Plan) -> BTreeMap<RelPath, Content> {
    let config_map = json!({
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": metadata(&plan.name, &format!("{}-vcluster-values", plan.name), &plan.namespace, &Labels::new()),
        "data": { "values.yaml": to_yaml(&plan.values) },
    });
    [file(namespace(plan)), file(config_map)].into()
}

/// Labels are those of both Namespaces that v1 wrote.
fn namespace(plan: &Plan) -> Value {
    let mut annotations = Labels::from([(SYNC_WAVE.to_owned(), "-2".to_owned())]);
    if let Some(reason) = &plan.pod_security_reason {
        annotations.insert("platform.integratn.tech/pod-security-reason".to_owned(), reason.clone());
    }
    if plan.keep_namespace {
        annotations.insert("argocd.argoproj.io/sync-options".to_owned(), "Prune=false,Delete=false".to_owned());
    }
    json!({
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {
            "name": plan.namespace,
            "labels": {
                "app": "vcluster",
                "instance": plan.name,
                "app.kubernetes.io/name": "vcluster",
                "app.kubernetes.io/instance": plan.name,
                "kratix.io/resource-request": plan.name,
                "pod-security.kubernetes.io/enforce": plan.pod_security.as_str(),
                "pod-security.kubernetes.io/warn": "restricted",
                "pod-security.kubernetes.io/audit": "restricted",
            },
            "annotations": annotations,
        },
    })
}
