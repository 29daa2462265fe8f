//! The shapes of Argo CD's Application, under Argo CD's names: what is written in a request is what
//! is rendered.
//!
//! Only fields that Argo CD's definition knows in all its versions 3.x, two aside that say so: a
//! definition drops what it does not know without a word.

use std::collections::BTreeMap;

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::fields::{annotations, labels, patterns};

pub use source::{
    Directory, Helm, HelmFileParameter, HelmParameter, Kustomize, KustomizePatch, KustomizeReplica, KustomizeTarget,
    Source,
};

mod source;

/// The words of the rules.
pub(super) mod messages {
    pub(in crate::api) const SOURCE: &str = "needs a path, a chart, or a ref for other sources to use";
    pub(in crate::api) const ONE_SOURCE: &str = "needs a path or a chart";
    pub(in crate::api) const CHART_OR_PATH: &str = "has a chart and a path: one source is one of them";
    pub(in crate::api) const REVISION: &str = "is missing: a chart needs its version";
    pub(in crate::api) const VALUES: &str = "stands beside valuesObject, and Argo CD would ignore it: use one of them";
    pub(in crate::api) const DESTINATION: &str = "needs a server or the name of a cluster, and not both";
    pub(in crate::api) const POD_SECURITY: &str =
        "may not set pod-security.kubernetes.io labels: the level of a namespace is not a matter of its applications";
}

/// Where manifests are applied. Either `server` or `name`.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[x_kube(validation = Rule::new("has(self.server) != has(self.name)").message(messages::DESTINATION))]
#[serde(rename_all = "camelCase")]
pub struct ApplicationDestination {
    /// The address of the cluster's API server: `https://kubernetes.default.svc`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 2048), regex(pattern = patterns::URL))]
    pub server: Option<String>,
    /// The name of the cluster in Argo CD.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253), regex(pattern = patterns::WORDS))]
    pub name: Option<String>,
    /// The namespace of resources that name none. Default: none, and resources have to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63), regex(pattern = patterns::DNS_LABEL))]
    pub namespace: Option<String>,
}

/// How an Application is kept in sync.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct SyncPolicy {
    /// Sync without being asked. Default: only when asked; a vcluster, always.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub automated: Option<Automated>,
    /// Options, each as `Name=value`: `CreateNamespace=true`, `ServerSideApply=true`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 50), inner(length(min = 1, max = 253), regex(pattern = patterns::GRAPHIC)))]
    pub sync_options: Option<Vec<String>>,
    /// Labels and annotations of the namespace that `CreateNamespace=true` makes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub managed_namespace_metadata: Option<ManagedNamespaceMetadata>,
    /// What happens after a failed sync. Default: an automated one is tried five more times.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry: Option<Retry>,
}

/// Sync without being asked.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct Automated {
    /// Whether to. Default true. Argo CD knows this field from 3.1 on; before, what is written here
    /// does not count.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enabled: Option<bool>,
    /// Remove resources that are no longer in the source. Default: false; true for a vcluster.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prune: Option<bool>,
    /// Undo changes that were made in the cluster. Default: false; true for a vcluster.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub self_heal: Option<bool>,
    /// Remove even the last resource. Default false.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub allow_empty: Option<bool>,
}

/// Labels and annotations of a namespace.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[x_kube(
    validation = Rule::new("!has(self.labels) || self.labels.all(key, !key.startsWith('pod-security.kubernetes.io/'))")
        .message(messages::POD_SECURITY)
        .field_path(".labels"),
)]
#[serde(rename_all = "camelCase")]
pub struct ManagedNamespaceMetadata {
    /// Labels; none of `pod-security.kubernetes.io/`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "labels")]
    pub labels: Option<BTreeMap<String, String>>,
    /// Annotations.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "annotations")]
    pub annotations: Option<BTreeMap<String, String>>,
}

/// What happens after a failed sync.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct Retry {
    /// How often it is tried again; -1: without end. Default 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = -1, max = 1_000_000))]
    pub limit: Option<i64>,
    /// Try the newest revision rather than the one that failed. Default false. Argo CD knows this
    /// field from 3.2 on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refresh: Option<bool>,
    /// How long to wait in between.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backoff: Option<Backoff>,
}

/// How long to wait between tries.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct Backoff {
    /// Before the first: seconds, or a duration such as `2m`. Default 5 seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 40), regex(pattern = patterns::SECONDS_OR_DURATION))]
    pub duration: Option<String>,
    /// How many times longer each time. Default 2.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1000))]
    pub factor: Option<i64>,
    /// At most: seconds, or a duration such as `1h`. Default 3 minutes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 40), regex(pattern = patterns::SECONDS_OR_DURATION))]
    pub max_duration: Option<String>,
}

/// Fields in which the cluster may differ from the source. Which resources: all that have what is
/// given here.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct IgnoreDifference {
    /// Their API group. Default: the core one, which has no name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 253), regex(pattern = patterns::GRAPHIC_OR_NONE))]
    pub group: Option<String>,
    /// Their kind.
    #[schemars(length(min = 1, max = 253), regex(pattern = patterns::GRAPHIC))]
    pub kind: String,
    /// Their name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253), regex(pattern = patterns::GRAPHIC))]
    pub name: Option<String>,
    /// Their namespace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63), regex(pattern = patterns::DNS_LABEL))]
    pub namespace: Option<String>,
    /// The fields, as JSON pointers: `/spec/replicas`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 100), inner(length(min = 1, max = 1024), regex(pattern = patterns::LINE)))]
    pub json_pointers: Option<Vec<String>>,
    /// The fields, as expressions of jq.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 100), inner(length(min = 1, max = 4096), regex(pattern = patterns::TEXT)))]
    pub jq_path_expressions: Option<Vec<String>>,
    /// The fields that these managers own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 100), inner(length(min = 1, max = 253), regex(pattern = patterns::LINE)))]
    pub managed_fields_managers: Option<Vec<String>>,
}

/// Something worth knowing about an Application, shown by Argo CD.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct Info {
    /// What it is.
    #[schemars(length(min = 1, max = 253), regex(pattern = patterns::LINE))]
    pub name: String,
    /// What it says.
    #[schemars(length(max = 4096), regex(pattern = patterns::TEXT))]
    pub value: String,
}
