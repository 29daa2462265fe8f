//! `ArgoCDProject`: an Argo CD `AppProject`.

use std::collections::BTreeMap;

use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::fields::{annotations, labels, patterns, stays};
use super::status::RequestStatus;

/// What the rule about destinations says.
pub(super) const DESTINATION: &str = "needs a server or the name of a cluster; * stands for all";

// No schema defaults: an object read from a cluster and the file it was applied from are to render
// the same.
/// The project.
#[derive(CustomResource, KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[kube(
    group = "platform.integratn.tech",
    version = "v1alpha1",
    kind = "ArgoCDProject",
    plural = "argocdprojects",
    singular = "argocdproject",
    category = "kept",
    namespaced,
    status = "RequestStatus",
    derive = "PartialEq",
    doc = "An Argo CD project (AppProject): what the applications in it may use.",
    printcolumn(name = "Project", type_ = "string", json_path = ".spec.name"),
    printcolumn(name = "Ready", type_ = "string", json_path = ".status.conditions[?(@.type==\"Ready\")].status"),
    printcolumn(name = "Commit", type_ = "string", json_path = ".status.commit"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"),
    printcolumn(
        name = "Reason",
        type_ = "string",
        json_path = ".status.conditions[?(@.type==\"Ready\")].reason",
        priority = 1
    )
)]
#[serde(rename_all = "camelCase")]
pub struct ArgoCDProjectSpec {
    /// The project's name: 1 to 253 lower-case letters, digits, `-` and `.`. Cannot be changed.
    #[schemars(length(min = 1, max = 253), regex(pattern = patterns::DNS_NAME))]
    #[x_kube(validation = stays())]
    pub name: String,
    /// The namespace that the `AppProject` lies in: Argo CD's. Default: the one in the settings.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63), regex(pattern = patterns::DNS_LABEL))]
    pub namespace: Option<String>,
    /// What it is for. At most 255 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 255), regex(pattern = patterns::TEXT))]
    pub description: Option<String>,
    /// Annotations of the `AppProject`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "annotations")]
    pub annotations: Option<BTreeMap<String, String>>,
    /// Labels of the `AppProject`; kept's own win.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "labels")]
    pub labels: Option<BTreeMap<String, String>>,
    /// Repositories that manifests may come from, as globs; with a leading `!`, may not. Default:
    /// none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 500), inner(length(min = 1, max = 2048), regex(pattern = patterns::GRAPHIC)))]
    pub source_repos: Option<Vec<String>>,
    /// Namespaces other than Argo CD's in which applications of the project may lie, as globs.
    /// Default: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 100), inner(length(min = 1, max = 253), regex(pattern = patterns::GRAPHIC)))]
    pub source_namespaces: Option<Vec<String>>,
    /// Clusters and namespaces that may be deployed to. Default: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 500))]
    pub destinations: Option<Vec<ProjectDestination>>,
    /// Cluster-scoped kinds that may be deployed. Default: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 500))]
    pub cluster_resource_whitelist: Option<Vec<GroupKind>>,
    /// Cluster-scoped kinds that may not be deployed. Default: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 500))]
    pub cluster_resource_blacklist: Option<Vec<GroupKind>>,
    /// Namespaced kinds that may be deployed. Default: all. An empty list: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 500))]
    pub namespace_resource_whitelist: Option<Vec<GroupKind>>,
    /// Namespaced kinds that may not be deployed. Default: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 500))]
    pub namespace_resource_blacklist: Option<Vec<GroupKind>>,
    /// Who may do what with the applications of the project.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 100))]
    pub roles: Option<Vec<Role>>,
    /// When applications may be synced, and when not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 100))]
    pub sync_windows: Option<Vec<SyncWindow>>,
    /// Watch for resources in the project's namespaces that belong to no application. Default: no.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub orphaned_resources: Option<OrphanedResources>,
    /// Deploy only to clusters that are registered for this project. Default false.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub permit_only_project_scoped_clusters: Option<bool>,
}

/// A cluster and a namespace that may be deployed to.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[x_kube(validation = Rule::new("has(self.server) || has(self.name)").message(DESTINATION))]
#[serde(rename_all = "camelCase")]
pub struct ProjectDestination {
    /// The address of the cluster's API server, as a glob; with a leading `!`, may not be deployed
    /// to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 2048), regex(pattern = patterns::GRAPHIC))]
    pub server: Option<String>,
    /// The name of the cluster in Argo CD, as a glob; with a leading `!`, may not be deployed to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253), regex(pattern = patterns::WORDS))]
    pub name: Option<String>,
    /// The namespace, as a glob; with a leading `!`, may not be deployed to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253), regex(pattern = patterns::GRAPHIC))]
    pub namespace: Option<String>,
}

/// A kind, or several by globs.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct GroupKind {
    /// The API group: `apps`, `*` for all. The core group has the empty name.
    #[schemars(length(max = 253), regex(pattern = patterns::GRAPHIC_OR_NONE))]
    pub group: String,
    /// The kind: `Deployment`, `*` for all.
    #[schemars(length(min = 1, max = 253), regex(pattern = patterns::GRAPHIC))]
    pub kind: String,
}

/// Who may do what with the applications of the project.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct Role {
    /// The role's name: letters, digits, `-` and `_`.
    #[schemars(length(min = 1, max = 63), regex(pattern = patterns::ROLE))]
    pub name: String,
    /// What it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 255), regex(pattern = patterns::TEXT))]
    pub description: Option<String>,
    /// What it may: `p, proj:PROJECT:ROLE, applications, get, PROJECT/*, allow`, each once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 200), inner(length(min = 1, max = 1024), regex(pattern = patterns::POLICY)))]
    pub policies: Option<Vec<String>>,
    /// The groups of the identity provider that have it, each once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 200), inner(length(min = 1, max = 253), regex(pattern = patterns::WORDS)))]
    pub groups: Option<Vec<String>>,
}

/// A time in which applications may be synced, or may not.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct SyncWindow {
    /// Whether it is a time to sync.
    pub kind: SyncWindowKind,
    /// When it begins, as the five fields of cron: `0 22 * * 1-5`.
    #[schemars(length(min = 9, max = 253), regex(pattern = patterns::SCHEDULE))]
    pub schedule: String,
    /// How long it lasts: `8h`, `1h30m`.
    #[schemars(length(min = 1, max = 40), regex(pattern = patterns::DURATION))]
    pub duration: String,
    /// The applications that it is for, as globs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 200), inner(length(min = 1, max = 253), regex(pattern = patterns::WORDS)))]
    pub applications: Option<Vec<String>>,
    /// The namespaces that it is for, as globs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 200), inner(length(min = 1, max = 253), regex(pattern = patterns::WORDS)))]
    pub namespaces: Option<Vec<String>>,
    /// The clusters that it is for, as globs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 200), inner(length(min = 1, max = 2048), regex(pattern = patterns::WORDS)))]
    pub clusters: Option<Vec<String>>,
    /// Sync when asked, even when it is not the time. Default false.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub manual_sync: Option<bool>,
    /// The time zone of the schedule: `Europe/Vienna`. Default: UTC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 64), regex(pattern = patterns::TIME_ZONE))]
    pub time_zone: Option<String>,
    /// It is for what matches all of applications, namespaces and clusters rather than any. Default
    /// false.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub and_operator: Option<bool>,
    /// What it is for. At most 255 characters. Argo CD knows this field from 3.1 on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 255), regex(pattern = patterns::TEXT))]
    pub description: Option<String>,
}

/// The kinds of windows.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub enum SyncWindowKind {
    /// A time to sync.
    Allow,
    /// Not a time to sync.
    Deny,
}

/// A watch for resources that belong to no application.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct OrphanedResources {
    /// Put a warning on applications of the project when there are such. Default false.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub warn: Option<bool>,
    /// Resources that are left out of account.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 500))]
    pub ignore: Option<Vec<OrphanedResource>>,
}

/// Resources that are left out of account: all that match what is given here.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct OrphanedResource {
    /// The API group, as a glob.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 253), regex(pattern = patterns::GRAPHIC_OR_NONE))]
    pub group: Option<String>,
    /// The kind, as a glob.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253), regex(pattern = patterns::GRAPHIC))]
    pub kind: Option<String>,
    /// The name, as a glob.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253), regex(pattern = patterns::GRAPHIC))]
    pub name: Option<String>,
}
