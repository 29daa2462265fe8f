//! `VClusterArgoCDClusterRegistration`: a vcluster, made known to Argo CD.

use std::collections::BTreeMap;

use kube::{CustomResource, KubeSchema};
use serde::{Deserialize, Serialize};

use super::fields::{annotations_or_null, labels_or_null, patterns, stays};
use super::status::RequestStatus;

// No schema defaults: an object read from a cluster and the file it was applied from are to render
// the same.
/// Which vcluster becomes which cluster.
#[derive(CustomResource, KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[kube(
    group = "platform.integratn.tech",
    version = "v1alpha1",
    kind = "VClusterArgoCDClusterRegistration",
    plural = "vclusterargocdclusterregistrations",
    singular = "vclusterargocdclusterregistration",
    category = "kept",
    namespaced,
    status = "RequestStatus",
    derive = "PartialEq",
    doc = "A vcluster, made known to Argo CD as a cluster.",
    printcolumn(name = "VCluster", type_ = "string", json_path = ".spec.name"),
    printcolumn(name = "Target", type_ = "string", json_path = ".spec.argocdNamespace"),
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
pub struct VClusterArgoCDClusterRegistrationSpec {
    /// The vcluster's name: 1 to 63 lower-case letters, digits and `-`, beginning and ending with a
    /// letter or a digit. Cannot be changed.
    #[schemars(length(min = 1, max = 63), regex(pattern = patterns::DNS_LABEL))]
    #[x_kube(validation = stays())]
    pub name: String,
    /// The namespace that Argo CD runs in. Default: the one in the settings.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63), regex(pattern = patterns::DNS_LABEL))]
    pub argocd_namespace: Option<String>,
    /// The title of the 1Password item that holds the kubeconfig. Default: `vcluster-{name}-kubeconfig`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 255), regex(pattern = patterns::WORDS))]
    pub onepassword_item: Option<String>,
    /// Labels of the cluster's Secret, by which `ApplicationSets` find it. A key without a value has
    /// the empty one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "labels_or_null")]
    pub labels: Option<BTreeMap<String, Option<String>>>,
    /// Annotations of the cluster's Secret, which `ApplicationSets` read. A key without a value has
    /// the empty one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "annotations_or_null")]
    pub annotations: Option<BTreeMap<String, Option<String>>>,
}
