//! `VClusterKubeconfigSync`: a vcluster's kubeconfig, brought into 1Password.

use kube::{CustomResource, KubeSchema};
use serde::{Deserialize, Serialize};

use super::fields::{patterns, stays};
use super::status::RequestStatus;

// No schema defaults: an object read from a cluster and the file it was applied from are to render
// the same.
/// Which kubeconfig goes where.
#[derive(CustomResource, KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[kube(
    group = "platform.integratn.tech",
    version = "v1alpha1",
    kind = "VClusterKubeconfigSync",
    plural = "vclusterkubeconfigsync",
    singular = "vclusterkubeconfigsync",
    category = "kept",
    namespaced,
    status = "RequestStatus",
    derive = "PartialEq",
    doc = "A vcluster's kubeconfig, brought into a 1Password item.",
    printcolumn(name = "VCluster", type_ = "string", json_path = ".spec.name"),
    printcolumn(name = "Target", type_ = "string", json_path = ".spec.targetNamespace"),
    printcolumn(name = "Server", type_ = "string", json_path = ".spec.serverUrl"),
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
pub struct VClusterKubeconfigSyncSpec {
    /// The vcluster's name: 1 to 63 lower-case letters, digits and `-`, beginning and ending with a
    /// letter or a digit. Its kubeconfig is read from the Secret `vc-{name}`. Cannot be changed.
    #[schemars(length(min = 1, max = 63), regex(pattern = patterns::DNS_LABEL))]
    #[x_kube(validation = stays())]
    pub name: String,
    /// The namespace on the host cluster that the vcluster runs in. Default: the request's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63), regex(pattern = patterns::DNS_LABEL))]
    pub target_namespace: Option<String>,
    /// Has no effect: no Job runs any more. Accepted, so that older requests stay valid.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 253), regex(pattern = patterns::LINE))]
    pub kubeconfig_sync_job_name: Option<String>,
    /// The title of the 1Password item that holds the kubeconfig. Default: `vcluster-{name}-kubeconfig`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 255), regex(pattern = patterns::WORDS))]
    pub onepassword_item: Option<String>,
    /// The host name under which the vcluster's API is reached. Default: that of `serverUrl`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253), regex(pattern = patterns::DNS_NAME))]
    pub hostname: Option<String>,
    /// The port at that host. Default: 443.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<i32>", range(min = 1, max = 65535))]
    pub api_port: Option<u16>,
    /// The address that the kubeconfig is to name, such as `https://dev.example.org:8443`. Default:
    /// made of `hostname` and `apiPort`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 2048), regex(pattern = patterns::URL))]
    pub server_url: Option<String>,
}
