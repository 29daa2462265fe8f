//! `VClusterCore`: the namespace of a vcluster and the Helm values it runs with.

use kube::{CustomResource, KubeSchema};
use serde::{Deserialize, Serialize};

use super::fields::{TARGET_STAYS, patterns, stays};
use super::status::RequestStatus;

// No schema defaults: an object read from a cluster and the file it was applied from are to render
// the same.
/// What the vcluster runs in and with.
#[derive(CustomResource, KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[kube(
    group = "platform.integratn.tech",
    version = "v1alpha1",
    kind = "VClusterCore",
    plural = "vclustercore",
    singular = "vclustercore",
    category = "kept",
    namespaced,
    status = "RequestStatus",
    derive = "PartialEq",
    doc = "The namespace of a vcluster and a ConfigMap with its Helm values.",
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
#[x_kube(
    validation = Rule::new(
        "has(self.targetNamespace) == has(oldSelf.targetNamespace) && (!has(self.targetNamespace) || self.targetNamespace == oldSelf.targetNamespace)"
    )
    .message(TARGET_STAYS)
    .field_path(".targetNamespace"),
)]
#[serde(rename_all = "camelCase")]
pub struct VClusterCoreSpec {
    /// The vcluster's name: 1 to 63 lower-case letters, digits and `-`, beginning and ending with a
    /// letter or a digit. Cannot be changed.
    #[schemars(length(min = 1, max = 63), regex(pattern = patterns::DNS_LABEL))]
    #[x_kube(validation = stays())]
    pub name: String,
    /// The namespace on the host cluster that the vcluster runs in; it is created. Default: the
    /// request's own. Cannot be changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63), regex(pattern = patterns::DNS_LABEL))]
    pub target_namespace: Option<String>,
    /// The Helm values, as YAML text. Default: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 524_288), regex(pattern = patterns::TEXT))]
    pub values_yaml: Option<String>,
}
