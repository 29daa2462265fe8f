//! The promise `argocd-project`: an Argo CD `AppProject`.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::vcluster::{SYNC_WAVE, file};
use crate::manifest::Content;
use crate::values::{Labels, RelPath};

/// A project with every default resolved.
pub(super) struct Plan {
    /// Its name.
    pub(super) name: String,
    /// The namespace it lies in: Argo CD's.
    pub(super) namespace: String,
    /// Its labels.
    pub(super) labels: Labels,
    /// Its annotations; without a sync wave it gets -1.
    pub(super) annotations: Labels,
    /// The `spec` of the `AppProject`.
    pub(super) spec: Value,
}

/// The `AppProject`.
pub(super) fn files(plan: &Plan) -> BTreeMap<RelPath, Content> {
    let mut annotations = plan.annotations.clone();
    annotations.entry(SYNC_WAVE.to_owned()).or_insert_with(|| "-1".to_owned());
    let project = json!({
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "AppProject",
        "metadata": {
            "name": plan.name,
            "namespace": plan.namespace,
            "labels": plan.labels,
            "annotations": annotations,
        },
        "spec": plan.spec,
    });
    [file(project)].into()
}
