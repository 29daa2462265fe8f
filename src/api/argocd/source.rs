//! Where manifests come from, and how they are rendered.

use std::collections::BTreeMap;

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::messages;
use crate::api::fields::{annotations, free, labels, patterns};

/// Where manifests come from.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[x_kube(
    validation = Rule::new("has(self.chart) || has(self.path) || has(self.ref)").message(messages::SOURCE),
    validation = Rule::new("!has(self.chart) || !has(self.path)").message(messages::CHART_OR_PATH).field_path(".path"),
    validation = Rule::new("!has(self.chart) || has(self.targetRevision)")
        .message(messages::REVISION)
        .field_path(".targetRevision"),
)]
#[serde(rename_all = "camelCase")]
pub struct Source {
    /// The repository: of Git, of Helm charts, or an OCI registry.
    #[serde(rename = "repoURL")]
    #[schemars(length(min = 1, max = 2048), regex(pattern = patterns::GRAPHIC))]
    pub repo_url: String,
    /// The chart, in a repository of Helm charts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 255), regex(pattern = patterns::GRAPHIC))]
    pub chart: Option<String>,
    /// The directory, in a repository of Git.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 1024), regex(pattern = patterns::WORDS))]
    pub path: Option<String>,
    /// Branch, tag or commit; of a chart, its version. Default: the head of the default branch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 255), regex(pattern = patterns::WORDS))]
    pub target_revision: Option<String>,
    /// A name by which the value files of other sources refer to this one: `$name/values.yaml`.
    #[serde(rename = "ref", default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63), regex(pattern = patterns::LABEL_TEXT))]
    pub reference: Option<String>,
    /// How Helm renders it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub helm: Option<Helm>,
    /// How Kustomize renders it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kustomize: Option<Kustomize>,
    /// Which files of a directory are taken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub directory: Option<Directory>,
}

/// How Helm renders a source.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[x_kube(
    validation = Rule::new("!has(self.values) || !has(self.valuesObject)").message(messages::VALUES).field_path(".values"),
)]
#[serde(rename_all = "camelCase")]
pub struct Helm {
    /// The release. Default: the Application's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 53), regex(pattern = patterns::RELEASE))]
    pub release_name: Option<String>,
    /// The values, as an object.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "free")]
    pub values_object: Option<Map<String, Value>>,
    /// The values, as YAML text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 524_288), regex(pattern = patterns::TEXT))]
    pub values: Option<String>,
    /// Files of values, in the source or in another one that has a `ref`. The last one wins.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 100), inner(length(min = 1, max = 1024), regex(pattern = patterns::WORDS)))]
    pub value_files: Option<Vec<String>>,
    /// Leave out those of `valueFiles` that do not exist. Default false: they are an error.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ignore_missing_value_files: Option<bool>,
    /// Single values, as with `--set`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 100))]
    pub parameters: Option<Vec<HelmParameter>>,
    /// Single values read from files, as with `--set-file`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 100))]
    pub file_parameters: Option<Vec<HelmFileParameter>>,
    /// Give the repository's credentials to all domains that the chart is fetched from. Default
    /// false.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pass_credentials: Option<bool>,
    /// Leave out the chart's `CustomResourceDefinitions`. Default false.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub skip_crds: Option<bool>,
    /// Leave out the chart's tests. Default false.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub skip_tests: Option<bool>,
    /// Do not check the values against the chart's schema. Default false.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub skip_schema_validation: Option<bool>,
    /// The namespace that the templates see. Default: the destination's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63), regex(pattern = patterns::DNS_LABEL))]
    pub namespace: Option<String>,
    /// The version of Kubernetes that the templates see. Default: the destination cluster's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 32), regex(pattern = patterns::GRAPHIC))]
    pub kube_version: Option<String>,
    /// The API versions that the templates see. Default: the destination cluster's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 500), inner(length(min = 1, max = 253), regex(pattern = patterns::GRAPHIC)))]
    pub api_versions: Option<Vec<String>>,
}

/// A single Helm value.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct HelmParameter {
    /// Its path: `controller.replicas`.
    #[schemars(length(min = 1, max = 1024), regex(pattern = patterns::LINE))]
    pub name: String,
    /// The value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 65536), regex(pattern = patterns::TEXT))]
    pub value: Option<String>,
    /// Take it for text, though it looks like a number or a boolean. Default false.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub force_string: Option<bool>,
}

/// A Helm value read from a file.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct HelmFileParameter {
    /// Its path: `controller.config`.
    #[schemars(length(min = 1, max = 1024), regex(pattern = patterns::LINE))]
    pub name: String,
    /// The file, in the source.
    #[schemars(length(min = 1, max = 1024), regex(pattern = patterns::WORDS))]
    pub path: String,
}

/// How Kustomize renders a source.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct Kustomize {
    /// Put before the names of all resources.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253), regex(pattern = patterns::GRAPHIC))]
    pub name_prefix: Option<String>,
    /// Put behind the names of all resources.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253), regex(pattern = patterns::GRAPHIC))]
    pub name_suffix: Option<String>,
    /// The namespace of all resources.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63), regex(pattern = patterns::DNS_LABEL))]
    pub namespace: Option<String>,
    /// Other images: `old=new:tag`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 100), inner(length(min = 1, max = 1024), regex(pattern = patterns::GRAPHIC)))]
    pub images: Option<Vec<String>>,
    /// Labels of all resources.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "labels")]
    pub common_labels: Option<BTreeMap<String, String>>,
    /// Annotations of all resources.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "annotations")]
    pub common_annotations: Option<BTreeMap<String, String>>,
    /// Replace labels that are there already. Default false.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub force_common_labels: Option<bool>,
    /// Replace annotations that are there already. Default false.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub force_common_annotations: Option<bool>,
    /// Keep the labels out of selectors. Default false.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label_without_selector: Option<bool>,
    /// Components, as directories in the source.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 100), inner(length(min = 1, max = 1024), regex(pattern = patterns::WORDS)))]
    pub components: Option<Vec<String>>,
    /// Other numbers of replicas.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 100))]
    pub replicas: Option<Vec<KustomizeReplica>>,
    /// Patches, in their order.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 100))]
    pub patches: Option<Vec<KustomizePatch>>,
    /// The version of Kustomize, one of those that Argo CD has. Default: Argo CD's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63), regex(pattern = patterns::GRAPHIC))]
    pub version: Option<String>,
}

/// Another number of replicas.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct KustomizeReplica {
    /// The name of the Deployment or `StatefulSet`.
    #[schemars(length(min = 1, max = 253), regex(pattern = patterns::DNS_NAME))]
    pub name: String,
    /// How many.
    #[schemars(with = "i32", range(min = 0, max = 10_000))]
    pub count: u32,
}

/// A patch.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct KustomizePatch {
    /// The patch itself, as YAML text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 65536), regex(pattern = patterns::TEXT))]
    pub patch: Option<String>,
    /// The file it is in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 1024), regex(pattern = patterns::WORDS))]
    pub path: Option<String>,
    /// What it is applied to. Default: what the patch itself names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<KustomizeTarget>,
}

/// What a patch is applied to: all that has what is given here.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct KustomizeTarget {
    /// The API group.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 253), regex(pattern = patterns::GRAPHIC_OR_NONE))]
    pub group: Option<String>,
    /// The version of the API.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63), regex(pattern = patterns::GRAPHIC))]
    pub version: Option<String>,
    /// The kind.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253), regex(pattern = patterns::GRAPHIC))]
    pub kind: Option<String>,
    /// The name, as a regular expression.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253), regex(pattern = patterns::GRAPHIC))]
    pub name: Option<String>,
    /// The namespace, as a regular expression.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253), regex(pattern = patterns::GRAPHIC))]
    pub namespace: Option<String>,
    /// A selector of labels.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 1024), regex(pattern = patterns::LINE))]
    pub label_selector: Option<String>,
    /// A selector of annotations.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 1024), regex(pattern = patterns::LINE))]
    pub annotation_selector: Option<String>,
}

/// Which files of a directory are taken.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct Directory {
    /// Those in directories below it too. Default false.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recurse: Option<bool>,
    /// Only those that match this glob: `{*.yml,*.yaml}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 1024), regex(pattern = patterns::LINE))]
    pub include: Option<String>,
    /// None that match this glob.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 1024), regex(pattern = patterns::LINE))]
    pub exclude: Option<String>,
}
