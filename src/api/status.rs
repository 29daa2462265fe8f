//! What the operator says about objects: the status of every kind, and the list of conditions.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The types of conditions that kept writes.
pub mod condition {
    /// The remote holds what the request asks for.
    pub const COMMITTED: &str = "Committed";
    /// [`COMMITTED`], and healthy where health is known. Stores and destinations: usable.
    pub const READY: &str = "Ready";
    /// True while another request renders all that this one asks for.
    pub const SUPERSEDED_BY: &str = "SupersededBy";
    /// Argo CD has applied its Application as it is asked for.
    pub const ARGO_SYNCED: &str = "ArgoSynced";
    /// All pods of a virtual cluster are ready, and there are some.
    pub const PODS_READY: &str = "PodsReady";
    /// The kubeconfig of a virtual cluster is in the secret store, and in its Secret.
    pub const KUBECONFIG_AVAILABLE: &str = "KubeconfigAvailable";
    /// Argo CD knows a virtual cluster.
    pub const CLUSTER_REGISTERED: &str = "ClusterRegistered";
    /// Those that say how a request fares: they stand only while that can be seen.
    pub const HEALTH: [&str; 4] = [ARGO_SYNCED, PODS_READY, KUBECONFIG_AVAILABLE, CLUSTER_REGISTERED];
    /// Nothing is written for it, as its label asks.
    pub const PAUSED: &str = "Paused";
    /// Kratix's names, equal to [`COMMITTED`], for whoever waits on them.
    pub const KRATIX: [&str; 3] = ["Reconciled", "ConfigureWorkflowCompleted", "WorksSucceeded"];
}

/// Where files of a request lie in a state repository, confirmed by the remote.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct Place {
    /// Name of the Destination.
    pub destination: String,
    /// Where in the repository: the request's own directory (nestedByMetadata), the destination's
    /// directory (none), or the aggregated file (aggregatedYAML), from the repository's root.
    pub path: String,
    /// The repository's URL, without credentials.
    pub repository: String,
    /// The branch.
    pub branch: String,
    /// The path of the GitStateStore inside the repository, below which kept's records lie.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub store_path: Option<String>,
    /// The output directories that were routed there by name; empty text stands for the rest.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub directories: Vec<String>,
    /// The commit that last changed this request's files, or, where that is not known, the head at
    /// which they were found unchanged.
    pub commit: String,
    /// When the remote confirmed that commit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pushed_at: Option<Time>,
    /// The files lie in a repository that no GitStateStore names any more: they stay as they are.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub abandoned: bool,
}

/// Status of a request, whatever its kind.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct RequestStatus {
    /// The generation that the rest of the status speaks of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// The newest commit among the places, shortened to what `git log --oneline` shows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
    /// Committed and Ready, and Kratix's Reconciled, ConfigureWorkflowCompleted and WorksSucceeded,
    /// which equal Committed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["type".into()]))]
    pub conditions: Vec<Condition>,
    /// Where the request's files lie. While they move, the old place and the new one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    pub places: Vec<Place>,
    /// What the promise itself knows to say.
    #[serde(flatten)]
    pub facts: BTreeMap<String, Value>,
}

/// How far a virtual cluster has come: the first of these that is so.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// The request is being deleted.
    Deleting,
    /// Everything of it is healthy.
    Ready,
    /// Argo CD has yet to apply its files.
    Scheduled,
    /// Its Application is degraded, or fewer than half of its pods are ready.
    Degraded,
    /// It has been degraded for 15 minutes.
    Failed,
    /// Something of it is not healthy yet.
    Progressing,
    /// Nothing is known here of how it runs.
    Unknown,
}

impl Phase {
    /// As it is written.
    pub fn name(self) -> &'static str {
        match self {
            Self::Deleting => "Deleting",
            Self::Ready => "Ready",
            Self::Scheduled => "Scheduled",
            Self::Degraded => "Degraded",
            Self::Failed => "Failed",
            Self::Progressing => "Progressing",
            Self::Unknown => "Unknown",
        }
    }
}

/// Status of a GitStateStore.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct StoreStatus {
    /// The generation that the rest of the status speaks of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// Ready: the repository is reachable, the credentials are accepted, the branch can be written.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["type".into()]))]
    pub conditions: Vec<Condition>,
    /// The URL at which the store was last ready. Files written there stay when it changes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
}

/// Status of a Destination.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct DestinationStatus {
    /// The generation that the rest of the status speaks of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// Ready: the store is ready and no other destination's path overlaps this one's.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["type".into()]))]
    pub conditions: Vec<Condition>,
}

/// Puts `next` into the list in place of its type's old condition. The old transition time stays
/// where the condition's status does. Answers whether anything but that time changed, so that a
/// status that says nothing new need not be written.
pub fn set(conditions: &mut Vec<Condition>, mut next: Condition) -> bool {
    let Some(old) = conditions.iter_mut().find(|c| c.type_ == next.type_) else {
        conditions.push(next);
        return true;
    };
    if old.status == next.status {
        next.last_transition_time = old.last_transition_time.clone();
    }
    let changed = *old != next;
    *old = next;
    changed
}

/// A commit as printer columns show it: its first ten hexadecimal digits.
pub fn short_commit(commit: &str) -> String {
    commit.chars().take(10).collect()
}
