//! The promise `argocd-application`: an Argo CD `Application`.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::vcluster::{SYNC_WAVE, file};
use crate::manifest::Content;
use crate::values::{Labels, RelPath};

/// An application with every default resolved.
pub(super) struct Plan {
    /// Its name.
    pub(super) name: String,
    /// The namespace it lies in.
    pub(super) namespace: String,
    /// Its labels.
    pub(super) labels: Labels,
    /// Its annotations; without a sync wave it gets 0.
    pub(super) annotations: Labels,
    /// Its finalizers.
    pub(super) finalizers: Vec<String>,
    /// The `spec` of the `Application`.
    pub(super) spec: Value,
}

/// The `Application`.
pub(super) fn files(plan: &Plan) -> BTreeMap<RelPath, Content> {
    let mut annotations = plan.annotations.clone();
    annotations.entry(SYNC_WAVE.to_owned()).or_insert_with(|| "0".to_owned());
    let mut metadata = json!({
        "name": plan.name,
        "namespace": plan.namespace,
        "labels": plan.labels,
        "annotations": annotations,
    });
    if !plan.finalizers.is_empty() {
        metadata["finalizers"] = json!(plan.finalizers);
    }
    let application = json!({
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Application",
        "metadata": metadata,
        "spec": plan.spec,
    });
    [file(application)].into()
}
