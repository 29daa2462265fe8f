//! `ArgoCDApplication`: an Argo CD Application.

use std::collections::BTreeMap;

use kube::{CustomResource, KubeSchema};
use serde::{Deserialize, Serialize};

use super::argocd::{ApplicationDestination, IgnoreDifference, Info, Source, SyncPolicy, messages};
use super::fields::{annotations, labels, patterns, stays};
use super::vcluster_status::ApplicationStatus;

/// What the rule about sources says.
pub(super) const ONE_OR_MANY: &str = "needs a source, or sources for several, and not both";

// No schema defaults: an object read from a cluster and the file it was applied from are to render
// the same.
/// The Application.
#[derive(CustomResource, KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[kube(
    group = "platform.integratn.tech",
    version = "v1alpha1",
    kind = "ArgoCDApplication",
    plural = "argocdapplications",
    singular = "argocdapplication",
    category = "kept",
    namespaced,
    status = "ApplicationStatus",
    derive = "PartialEq",
    doc = "An Argo CD Application.",
    printcolumn(name = "Application", type_ = "string", json_path = ".spec.name"),
    printcolumn(name = "Project", type_ = "string", json_path = ".spec.project"),
    printcolumn(name = "Target", type_ = "string", json_path = ".spec.destination.namespace"),
    printcolumn(name = "Ready", type_ = "string", json_path = ".status.conditions[?(@.type==\"Ready\")].status"),
    printcolumn(name = "Commit", type_ = "string", json_path = ".status.commit"),
    printcolumn(name = "Argo", type_ = "string", json_path = ".status.health.argocd.healthStatus"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"),
    printcolumn(
        name = "Reason",
        type_ = "string",
        json_path = ".status.conditions[?(@.type==\"Ready\")].reason",
        priority = 1
    )
)]
#[x_kube(
    validation = Rule::new("has(self.source) != has(self.sources)").message(ONE_OR_MANY),
    validation = Rule::new("!has(self.source) || has(self.source.chart) || has(self.source.path) || !has(self.source.ref)")
        .message(messages::ONE_SOURCE)
        .field_path(".source"),
)]
#[serde(rename_all = "camelCase")]
pub struct ArgoCDApplicationSpec {
    /// The Application's name: 1 to 253 lower-case letters, digits, `-` and `.`. Cannot be changed.
    #[schemars(length(min = 1, max = 253), regex(pattern = patterns::DNS_NAME))]
    #[x_kube(validation = stays())]
    pub name: String,
    /// The namespace that the Application lies in. Default: Argo CD's, from the settings.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63), regex(pattern = patterns::DNS_LABEL))]
    pub namespace: Option<String>,
    /// Annotations of the Application.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "annotations")]
    pub annotations: Option<BTreeMap<String, String>>,
    /// Labels of the Application; kept's own win.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "labels")]
    pub labels: Option<BTreeMap<String, String>>,
    /// Finalizers of the Application: with `resources-finalizer.argocd.argoproj.io`, what it
    /// deployed goes with it. Default: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 20), inner(length(min = 1, max = 253), regex(pattern = patterns::FINALIZER)))]
    pub finalizers: Option<Vec<String>>,
    /// The Argo CD project that it belongs to.
    #[schemars(length(min = 1, max = 253), regex(pattern = patterns::DNS_NAME))]
    pub project: String,
    /// Where its manifests come from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<Source>,
    /// Where its manifests come from, if from several sources.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 20))]
    pub sources: Option<Vec<Source>>,
    /// Where they are applied.
    pub destination: ApplicationDestination,
    /// How it is kept in sync. Default: only when asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sync_policy: Option<SyncPolicy>,
    /// Fields in which the cluster may differ from the source.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 100))]
    pub ignore_differences: Option<Vec<IgnoreDifference>>,
    /// How many earlier deployments are remembered. Default 10.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 1000))]
    pub revision_history_limit: Option<i64>,
    /// Things worth knowing about it, shown by Argo CD.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 50))]
    pub info: Option<Vec<Info>>,
}
