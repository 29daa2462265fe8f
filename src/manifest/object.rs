//! Which Kubernetes object a manifest describes.

use serde_json::Value;

/// Kinds without a namespace, by API group. Anything else has to name one: a custom resource that is
/// cluster-scoped and missing here is refused rather than left to whatever namespace the tool that
/// applies it has at hand.
const CLUSTER_SCOPED: &[(&str, &[&str])] = &[
    ("", &["Namespace", "Node", "PersistentVolume"]),
    (
        "admissionregistration.k8s.io",
        &[
            "MutatingAdmissionPolicy",
            "MutatingAdmissionPolicyBinding",
            "MutatingWebhookConfiguration",
            "ValidatingAdmissionPolicy",
            "ValidatingAdmissionPolicyBinding",
            "ValidatingWebhookConfiguration",
        ],
    ),
    ("apiextensions.k8s.io", &["CustomResourceDefinition"]),
    ("apiregistration.k8s.io", &["APIService"]),
    ("cert-manager.io", &["ClusterIssuer"]),
    ("certificates.k8s.io", &["CertificateSigningRequest", "ClusterTrustBundle"]),
    ("cilium.io", &["CiliumClusterwideNetworkPolicy", "CiliumLoadBalancerIPPool"]),
    ("external-secrets.io", &["ClusterExternalSecret", "ClusterPushSecret", "ClusterSecretStore"]),
    ("flowcontrol.apiserver.k8s.io", &["FlowSchema", "PriorityLevelConfiguration"]),
    ("gateway.networking.k8s.io", &["GatewayClass"]),
    ("generators.external-secrets.io", &["ClusterGenerator"]),
    ("kyverno.io", &["ClusterPolicy"]),
    ("networking.k8s.io", &["IPAddress", "IngressClass", "ServiceCIDR"]),
    ("node.k8s.io", &["RuntimeClass"]),
    ("platform.kratix.io", &["BucketStateStore", "Destination", "GitStateStore", "Promise", "PromiseRelease"]),
    ("rbac.authorization.k8s.io", &["ClusterRole", "ClusterRoleBinding"]),
    ("scheduling.k8s.io", &["PriorityClass"]),
    ("storage.k8s.io", &["CSIDriver", "CSINode", "StorageClass", "VolumeAttachment", "VolumeAttributesClass"]),
];

/// Whether objects of this kind have no namespace.
pub(crate) fn is_cluster_scoped(group: &str, kind: &str) -> bool {
    CLUSTER_SCOPED.iter().any(|(g, kinds)| *g == group && kinds.contains(&kind))
}

/// The object itself, or the items of a list, each with where it is: `items[3]: `.
pub(crate) fn each(object: &Value) -> Vec<(String, &Value)> {
    match items(object) {
        Some(items) => items.iter().enumerate().map(|(i, item)| (format!("items[{i}]: "), item)).collect(),
        None => vec![(String::new(), object)],
    }
}

/// The items, if it is a list: a `List` or one of a kind of its own, such as `ConfigMapList`.
pub(crate) fn items(object: &Value) -> Option<&Vec<Value>> {
    object["items"].as_array().filter(|_| is_list(object))
}

/// Whether it is a list of objects.
pub(crate) fn is_list(object: &Value) -> bool {
    object["kind"].as_str().is_some_and(|kind| kind.ends_with("List"))
}

/// The API group and the kind.
pub(crate) fn group_kind(object: &Value) -> (&str, &str) {
    let version = object["apiVersion"].as_str().unwrap_or_default();
    (version.split_once('/').map_or("", |(group, _)| group), object["kind"].as_str().unwrap_or_default())
}

/// `group/kind/namespace/name` of a single object.
pub(crate) fn identity(object: &Value) -> Option<String> {
    if is_list(object) {
        return None;
    }
    let (group, kind) = group_kind(object);
    let metadata = &object["metadata"];
    let namespace = metadata["namespace"].as_str().filter(|_| !is_cluster_scoped(group, kind)).unwrap_or_default();
    Some(format!("{group}/{kind}/{namespace}/{}", metadata["name"].as_str()?))
}
