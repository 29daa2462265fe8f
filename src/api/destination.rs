//! `Destination`: a part of a state store, with labels by which requests find it.

use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::git_state_store::{PATH_PATTERN, path_rule};
use super::status::DestinationStatus;

/// Where rendered files may go. Fields and defaults are Kratix's.
#[derive(CustomResource, KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[kube(
    group = "platform.kratix.io",
    version = "v1alpha1",
    kind = "Destination",
    plural = "destinations",
    singular = "destination",
    shortname = "dest",
    category = "kept",
    status = "DestinationStatus",
    derive = "PartialEq",
    doc = "A part of a state store that requests are written to. Its labels are what promises select it by.",
    printcolumn(name = "Store", type_ = "string", json_path = ".spec.stateStoreRef.name"),
    printcolumn(name = "Path", type_ = "string", json_path = ".spec.path"),
    printcolumn(name = "Ready", type_ = "string", json_path = ".status.conditions[?(@.type==\"Ready\")].status"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"),
    printcolumn(name = "Layout", type_ = "string", json_path = ".spec.filepath.mode", priority = 1),
    printcolumn(
        name = "Reason",
        type_ = "string",
        json_path = ".status.conditions[?(@.type==\"Ready\")].reason",
        priority = 1
    )
)]
#[serde(rename_all = "camelCase")]
pub struct DestinationSpec {
    /// Directory below the store's path that everything for this destination is written to. `.` is
    /// the store's path itself. Must not overlap another destination's in the same repository. No
    /// `..`, no name that Git or kept uses itself (`.git…`, `.kept`, `.kratix`); ASCII letters,
    /// digits, spaces and `-_.+@=,~()` between slashes.
    #[schemars(length(max = 512), regex(pattern = PATH_PATTERN))]
    #[x_kube(validation = path_rule())]
    pub path: String,
    /// The store that it is a part of.
    pub state_store_ref: StateStoreRef,
    /// Only requests whose promise selects it by its labels come here. Default false: a request
    /// without any selector may come here too.
    #[serde(default)]
    pub strict_match_labels: bool,
    /// How files lie at the destination.
    #[serde(default)]
    pub filepath: Filepath,
    /// What becomes of the files when the Destination is deleted: `all`, they are removed first;
    /// `none` (default), they stay.
    #[serde(default)]
    pub cleanup: Cleanup,
    /// What is written before the first request, so that GitOps tools find the paths.
    #[serde(default)]
    pub init_workloads: InitWorkloads,
}

/// Names a state store.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct StateStoreRef {
    /// The kind of store: `GitStateStore`.
    pub kind: StoreKind,
    /// The store's name.
    #[schemars(length(min = 1, max = 253), regex(pattern = r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$"))]
    pub name: String,
}

/// The kinds of stores that kept writes to.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq)]
pub enum StoreKind {
    /// A Git repository.
    GitStateStore,
}

/// How files lie at a destination.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[x_kube(
    validation = Rule::new("!has(self.filename) || self.mode == 'aggregatedYAML'")
        .message("only mode aggregatedYAML takes a filename")
        .field_path(".filename"),
)]
#[serde(rename_all = "camelCase")]
pub struct Filepath {
    /// `nestedByMetadata` (default): a directory for each request. `none`: all files side by side.
    /// `aggregatedYAML`: one file with the documents of all requests. Cannot be changed.
    #[serde(default)]
    #[x_kube(validation = Rule::new("self == oldSelf").message("cannot be changed: make another Destination"))]
    pub mode: FilepathMode,
    /// Name of the file in mode `aggregatedYAML`: letters, digits and `._-`, no directory. Default
    /// `aggregated.yaml`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253), regex(pattern = r"^[A-Za-z0-9_]([A-Za-z0-9._-]*[A-Za-z0-9_-])?$"))]
    pub filename: Option<String>,
}

impl Filepath {
    /// The aggregated file's name.
    pub fn aggregated_name(&self) -> &str {
        self.filename.as_deref().unwrap_or("aggregated.yaml")
    }
}

/// The layouts.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FilepathMode {
    /// `resources/<namespace>/<promise>/<name>/` for each request.
    #[default]
    #[serde(rename = "nestedByMetadata")]
    NestedByMetadata,
    /// The files as rendered, beside other people's.
    #[serde(rename = "none")]
    None,
    /// One file of many documents.
    #[serde(rename = "aggregatedYAML")]
    AggregatedYaml,
}

/// What becomes of files when their Destination goes.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub enum Cleanup {
    /// They stay.
    #[default]
    None,
    /// They go first.
    All,
}

/// What is written before the first request.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct InitWorkloads {
    /// Default true: a canary Namespace and a canary `ConfigMap`, which outlive the last request.
    /// False: empty files that hold the directories.
    #[serde(default = "yes")]
    pub enabled: bool,
}

impl Default for InitWorkloads {
    fn default() -> Self {
        Self { enabled: true }
    }
}

fn yes() -> bool {
    true
}
