//! `VClusterOrchestrator`: a virtual cluster with all that belongs to it.

use std::collections::BTreeMap;

use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::argocd::SyncPolicy;
use super::fields::{TARGET_STAYS, annotations, free, labels, patterns, stays};
use super::vcluster_status::VclusterStatus;

// No schema defaults: they would hide from a preset what the user left open, and an object read from
// a cluster and the file it was applied from are to render the same.
/// What the virtual cluster is to be.
#[derive(CustomResource, KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[kube(
    group = "platform.integratn.tech",
    version = "v1alpha1",
    kind = "VClusterOrchestrator",
    plural = "vclusterorchestrators",
    singular = "vclusterorchestrator",
    category = "kept",
    namespaced,
    status = "VclusterStatus",
    derive = "PartialEq",
    doc = "A virtual cluster with all that belongs to it: namespace, Helm values, kubeconfig, Argo CD project, application and cluster.",
    printcolumn(name = "Phase", type_ = "string", json_path = ".status.phase"),
    printcolumn(name = "Ready", type_ = "string", json_path = ".status.conditions[?(@.type==\"Ready\")].status"),
    printcolumn(name = "Commit", type_ = "string", json_path = ".status.commit"),
    printcolumn(name = "Argo", type_ = "string", json_path = ".status.health.argocd.healthStatus"),
    printcolumn(name = "Address", type_ = "string", json_path = ".status.endpoints.api"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"),
    printcolumn(name = "VCluster", type_ = "string", json_path = ".spec.name", priority = 1),
    printcolumn(name = "Target", type_ = "string", json_path = ".status.targetNamespace", priority = 1),
    printcolumn(
        name = "Reason",
        type_ = "string",
        json_path = ".status.conditions[?(@.type==\"Ready\")].reason",
        priority = 1
    )
)]
#[x_kube(
    validation = Rule::new(
        "(has(self.targetNamespace) ? self.targetNamespace : 'vcluster-' + self.name) == (has(oldSelf.targetNamespace) ? oldSelf.targetNamespace : 'vcluster-' + oldSelf.name)"
    )
    .message(TARGET_STAYS)
    .field_path(".targetNamespace"),
)]
#[serde(rename_all = "camelCase")]
pub struct VClusterOrchestratorSpec {
    /// The vcluster's name: 1 to 63 lower-case letters, digits and `-`, beginning and ending with a
    /// letter or a digit. Names made of it may not become too long either: the Helm release takes 53
    /// characters. Cannot be changed.
    #[schemars(length(min = 1, max = 63), regex(pattern = patterns::DNS_LABEL))]
    #[x_kube(validation = stays())]
    pub name: String,
    /// The namespace on the host cluster that the vcluster runs in; it is created. Default:
    /// `vcluster-{name}`. Cannot be changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63), regex(pattern = patterns::DNS_LABEL))]
    pub target_namespace: Option<String>,
    /// The name of the Argo CD project. Default: `vcluster-{name}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63), regex(pattern = patterns::DNS_LABEL))]
    pub project_name: Option<String>,
    /// The cluster itself: its size, version and Helm values.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vcluster: Option<VCluster>,
    /// How the cluster's API is reached from outside. Default: a host name made of the vcluster's
    /// name and the base domain, port 443, an address that the load balancer picks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exposure: Option<Exposure>,
    /// What the vcluster shares with the host cluster, and how Argo CD knows it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub integrations: Option<Integrations>,
    /// The Argo CD Application that installs the vcluster's Helm chart.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub argocd_application: Option<ChartApplication>,
    /// Another `PodSecurity` level for the target namespace than the settings give, for a reason.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pod_security: Option<PodSecurity>,
}

/// The cluster itself.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct VCluster {
    /// Version of Kubernetes, whole or without its patch: `v1.34.3`, `1.34`. Default: `v1.34.3`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 16), regex(pattern = patterns::K8S_VERSION))]
    pub k8s_version: Option<String>,
    /// What fills in the fields that are left open. `dev` (default): one small replica without a
    /// volume. `prod`: three larger ones with a volume and a backing store.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub preset: Option<Preset>,
    /// How many replicas the control plane has: 1 to 99. Default: the preset's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<i32>", range(min = 1, max = 99))]
    pub replicas: Option<u32>,
    /// Has no effect, and never had. Accepted, so that older requests stay valid.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub isolation_mode: Option<IsolationMode>,
    /// Compute resources of a replica of the control plane.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resources: Option<Resources>,
    /// The volume of a replica of the control plane.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub persistence: Option<Persistence>,
    /// The vcluster's DNS server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub coredns: Option<Coredns>,
    /// The vcluster's network.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub networking: Option<Networking>,
    /// The chart's `controlPlane.backingStore`, as it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "free")]
    pub backing_store: Option<Map<String, Value>>,
    /// The chart's `exportKubeConfig`, merged over what kept sets.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "free")]
    pub export_kube_config: Option<Map<String, Value>>,
    /// Helm values, merged over all others: maps are merged, lists replaced.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "free")]
    pub helm_overrides: Option<Map<String, Value>>,
}

/// Sizes of virtual clusters.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub enum Preset {
    /// One small replica.
    #[default]
    Dev,
    /// Three larger replicas.
    Prod,
}

/// Modes of isolation, of which none has an effect.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub enum IsolationMode {
    /// No effect.
    Standard,
    /// No effect.
    Strict,
}

/// Compute resources.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct Resources {
    /// What is reserved. What is left out is the preset's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requests: Option<Amounts>,
    /// What is at most used. What is left out is the preset's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limits: Option<Amounts>,
}

/// Amounts of compute resources.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct Amounts {
    /// Processor time: `500m`, `2`. Default: the preset's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 32), regex(pattern = patterns::QUANTITY))]
    pub cpu: Option<String>,
    /// Memory: `512Mi`, `1Gi`. Default: the preset's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 32), regex(pattern = patterns::QUANTITY))]
    pub memory: Option<String>,
}

/// The volume of the control plane.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct Persistence {
    /// Whether there is one. Default: true where any other field of `persistence` is given, else
    /// the preset's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enabled: Option<bool>,
    /// How large: `5Gi`. Default: the preset's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 32), regex(pattern = patterns::QUANTITY))]
    pub size: Option<String>,
    /// The `StorageClass` that it comes from. Default: the host cluster's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253), regex(pattern = patterns::DNS_NAME))]
    pub storage_class: Option<String>,
}

/// The vcluster's DNS server.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct Coredns {
    /// How many replicas it has: 1 to 99. Default: the preset's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<i32>", range(min = 1, max = 99))]
    pub replicas: Option<u32>,
}

/// The vcluster's network.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct Networking {
    /// The domain of its services. Default: `cluster.local`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253), regex(pattern = patterns::DNS_NAME))]
    pub cluster_domain: Option<String>,
}

/// How the API is reached from outside.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct Exposure {
    /// The host name: `dev.example.org`. Default: the vcluster's name and the base domain.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253), regex(pattern = patterns::HOSTNAME))]
    pub hostname: Option<String>,
    /// The IPv4 subnet that the address is taken from: `10.0.6.0/24`. Default: none, and no fixed
    /// address unless `vip` gives one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 18), regex(pattern = patterns::SUBNET))]
    pub subnet: Option<String>,
    /// The IPv4 address, which nobody else may have. Default: a free one of the subnet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 15), regex(pattern = patterns::ADDRESS))]
    pub vip: Option<String>,
    /// The port: 1 to 65535. Default: 8443 where `exposure` is given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<i32>", range(min = 1, max = 65535))]
    pub api_port: Option<u16>,
}

/// What is shared with the host cluster, and how Argo CD knows the vcluster.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct Integrations {
    /// Issuers of certificates.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cert_manager: Option<CertManager>,
    /// Stores of secrets.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub external_secrets: Option<ExternalSecrets>,
    /// The vcluster as a cluster of Argo CD.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub argocd: Option<ArgoCdCluster>,
}

/// Issuers of certificates.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct CertManager {
    /// Labels of the host's `ClusterIssuers` that the vcluster may use. Default: those in the
    /// settings.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "labels")]
    pub cluster_issuer_selector_labels: Option<BTreeMap<String, String>>,
}

/// Stores of secrets.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct ExternalSecrets {
    /// Labels of the host's `ClusterSecretStores` that the vcluster may use. Default: those in the
    /// settings.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "labels")]
    pub cluster_store_selector_labels: Option<BTreeMap<String, String>>,
}

/// The vcluster as a cluster of Argo CD.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct ArgoCdCluster {
    /// The label `environment` of the cluster. Default: `development` where `argocd` is given; else
    /// `production` with preset `prod`, `development` with `dev`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63), regex(pattern = patterns::LABEL_TEXT))]
    pub environment: Option<String>,
    /// More labels of the cluster's Secret; they win over kept's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "labels")]
    pub cluster_labels: Option<BTreeMap<String, String>>,
    /// More annotations of the cluster's Secret; they win over kept's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "annotations")]
    pub cluster_annotations: Option<BTreeMap<String, String>>,
    /// Where the cluster's workloads are found.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workload_repo: Option<WorkloadRepo>,
}

/// A repository of workloads.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct WorkloadRepo {
    /// Its address. Default: the one in the settings.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 2048), regex(pattern = patterns::GRAPHIC))]
    pub url: Option<String>,
    /// A directory above `path`; may be empty. Default: the one in the settings.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 1024), regex(pattern = patterns::LINE))]
    pub base_path: Option<String>,
    /// The directory. Default: the one in the settings.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 1024), regex(pattern = patterns::LINE))]
    pub path: Option<String>,
    /// Branch, tag or commit. Default: the one in the settings.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 255), regex(pattern = patterns::WORDS))]
    pub revision: Option<String>,
}

/// The Argo CD Application that installs the vcluster's Helm chart.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct ChartApplication {
    /// The chart repository. Default: `https://charts.loft.sh`.
    #[serde(rename = "repoURL", default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 2048), regex(pattern = patterns::GRAPHIC))]
    pub repo_url: Option<String>,
    /// The chart. Default: `vcluster`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 255), regex(pattern = patterns::GRAPHIC))]
    pub chart: Option<String>,
    /// The chart's version. Default: the one in the settings.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 255), regex(pattern = patterns::WORDS))]
    pub target_revision: Option<String>,
    /// The API server of the host cluster. Default: `https://kubernetes.default.svc`, the one that
    /// Argo CD runs in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 2048), regex(pattern = patterns::URL))]
    pub destination_server: Option<String>,
    /// How Argo CD keeps the Application in sync, merged over: prune, self-heal, and create the
    /// namespace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sync_policy: Option<SyncPolicy>,
}

/// A `PodSecurity` level, and why.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct PodSecurity {
    /// The level that is enforced in the target namespace.
    pub enforce: PodSecurityLevel,
    /// Why it differs from the settings: one line of at most 500 characters. It is kept in an
    /// annotation of the namespace.
    #[schemars(length(min = 1, max = 500), regex(pattern = patterns::WORDS))]
    pub reason: String,
}

/// The levels of Kubernetes' Pod Security Standards.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub enum PodSecurityLevel {
    /// Everything is allowed.
    Privileged,
    /// Known ways to more privileges are closed.
    Baseline,
    /// Best practice for hardened pods.
    Restricted,
}
