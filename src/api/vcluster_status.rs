//! The status of a `VClusterOrchestrator`, and of what else fares well or badly.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::status::{Phase, RequestStatus};

/// Status of a virtual cluster.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct VclusterStatus {
    /// How far it has come: the first of these that is so. `Deleting`; `Ready`: its Application is healthy and synced,
    /// all of its pods are ready and there are some, all Applications in it are healthy, its kubeconfig is where it
    /// belongs; `Scheduled`: Argo CD has yet to apply its files; `Degraded`: its Application is, or fewer than half of
    /// its pods are ready; `Failed`: that for 15 minutes; `Progressing`: anything else. `Unknown`: nothing of that can
    /// be seen here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phase: Option<Phase>,
    /// What is not well, in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// When this status was last changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_reconciled: Option<Time>,
    /// Its name, `spec.name`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vcluster_name: Option<String>,
    /// The namespace on the host cluster that it runs in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target_namespace: Option<String>,
    /// The host name of its API.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hostname: Option<String>,
    /// The environment that it is registered with, such as `development`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub environment: Option<String>,
    /// The address of its API; absent where the load balancer picks one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vip: Option<String>,
    /// Where it is reached, and looked at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub endpoints: Option<Endpoints>,
    /// Where its credentials are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credentials: Option<Credentials>,
    /// How it fares; what cannot be seen here is absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub health: Option<Health>,
    /// What every request has.
    #[serde(flatten)]
    pub request: RequestStatus,
}

/// Where a virtual cluster is reached.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
pub struct Endpoints {
    /// The URL of its API.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub api: Option<String>,
    /// The URL at which Argo CD shows its Application.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub argocd: Option<String>,
}

/// Where the credentials of a virtual cluster are.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct Credentials {
    /// The Secret with its kubeconfig, in the target namespace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kubeconfig_secret: Option<String>,
    /// The item of 1Password with its kubeconfig.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub one_password_item: Option<String>,
    /// The vault of that item.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub one_password_vault: Option<String>,
}

/// How a virtual cluster fares.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct Health {
    /// What Argo CD says of its Application.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub argocd: Option<ArgoHealth>,
    /// The pods in its target namespace that have not ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workloads: Option<Workloads>,
    /// The Applications of Argo CD that deploy to it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sub_apps: Option<SubApps>,
    /// Since when it has been degraded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub degraded_since: Option<Time>,
}

/// What Argo CD says of an Application.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct ArgoHealth {
    /// `Synced`, `OutOfSync` or `Unknown`.
    pub sync_status: String,
    /// `Healthy`, `Progressing`, `Degraded`, `Suspended`, `Missing` or `Unknown`.
    pub health_status: String,
}

/// Pods.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
pub struct Workloads {
    /// How many are ready.
    pub ready: i32,
    /// How many there are.
    pub total: i32,
}

/// The Applications in a virtual cluster.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
pub struct SubApps {
    /// How many are healthy.
    pub healthy: i32,
    /// How many there are.
    pub total: i32,
    /// The names of those that are not, the first 20 of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unhealthy: Vec<String>,
}

/// Status of an `ArgoCDApplication`.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct ApplicationStatus {
    /// How the Application fares; absent where that cannot be seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub health: Option<ApplicationHealth>,
    /// What every request has.
    #[serde(flatten)]
    pub request: RequestStatus,
}

/// How an Application fares.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
pub struct ApplicationHealth {
    /// What Argo CD says of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub argocd: Option<ArgoHealth>,
}
