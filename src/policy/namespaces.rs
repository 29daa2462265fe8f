//! Every namespaced object names its namespace, and not one that belongs to the cluster itself.

use serde_json::Value;

use crate::manifest::object::{group_kind, is_cluster_scoped};

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
