//! `VClusterKubeconfigExternalSecret`: a vcluster's kubeconfig, brought back from 1Password.

use kube::{CustomResource, KubeSchema};
use serde::{Deserialize, Serialize};

use super::fields::{patterns, stays};
use super::status::RequestStatus;

// No schema defaults: an object read from a cluster and the file it was applied from are to render
// the same.
/// Which kubeconfig comes from where.
#[derive(CustomResource, KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[kube(
    group = "platform.integratn.tech",
    version = "v1alpha1",
    kind = "VClusterKubeconfigExternalSecret",
    plural = "vclusterkubeconfigexternalsecret",
    singular = "vclusterkubeconfigexternalsecret",
    category = "kept",
    namespaced,
    status = "RequestStatus",
    derive = "PartialEq",
    doc = "A vcluster's kubeconfig, read from a 1Password item into a Secret by an ExternalSecret.",
    printcolumn(name = "VCluster", type_ = "string", json_path = ".spec.name"),
    printcolumn(name = "Target", type_ = "string", json_path = ".spec.targetNamespace"),
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
pub struct VClusterKubeconfigExternalSecretSpec {
    /// The vcluster's name: 1 to 63 lower-case letters, digits and `-`, beginning and ending with a
    /// letter or a digit. Cannot be changed.
    #[schemars(length(min = 1, max = 63), regex(pattern = patterns::DNS_LABEL))]
    #[x_kube(validation = stays())]
    pub name: String,
    /// The namespace on the host cluster that the Secret is made in. Default: the request's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63), regex(pattern = patterns::DNS_LABEL))]
    pub target_namespace: Option<String>,
    /// The title of the 1Password item that holds the kubeconfig. Default: `vcluster-{name}-kubeconfig`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 255), regex(pattern = patterns::WORDS))]
    pub onepassword_item: Option<String>,
}
