//! Every namespaced object names its namespace, and not one that belongs to the cluster itself.

use serde_json::Value;

use super::objects::group_kind;

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
pub(super) fn is_cluster_scoped(group: &str, kind: &str) -> bool {
    CLUSTER_SCOPED.iter().any(|(g, kinds)| *g == group && kinds.contains(&kind))
}

pub(super) fn inspect(object: &Value, protected: &[String], refuse: &mut dyn FnMut(String)) {
    let (group, kind) = group_kind(object);
    let metadata = &object["metadata"];
    let mut guard = |namespace: &str| {
        if protected.iter().any(|p| p == namespace) {
            refuse(format!(
                "belongs to namespace {namespace}, into which no request may render: choose another one, or take it out of \
                 the setting protectedNamespaces"
            ));
        }
    };
    if is_cluster_scoped(group, kind) {
        if (group, kind) == ("", "Namespace") {
            guard(metadata["name"].as_str().unwrap_or_default());
        }
        return;
    }
    match metadata["namespace"].as_str() {
        Some(namespace) if is_dns_label(namespace) => guard(namespace),
        Some(namespace) => refuse(format!("{namespace:?} cannot be a namespace")),
        None => refuse(format!("{kind} has no metadata.namespace: every namespaced object names its namespace")),
    }
}

fn is_dns_label(text: &str) -> bool {
    (1..=63).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
        && !text.starts_with('-')
        && !text.ends_with('-')
}
