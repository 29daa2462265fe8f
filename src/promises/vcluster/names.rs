//! The identities that vclusters hold, and by which their requests find each other.

use crate::manifest::Claim;

/// The kind of claim that a vcluster's name is.
pub(in crate::promises) const VCLUSTER: &str = "vcluster";

/// A vcluster's name: one on the whole platform, for items, clusters and Secrets are named after it.
pub(in crate::promises) fn vcluster(name: &str) -> Claim {
    Claim::new(VCLUSTER, name)
}

/// The namespace that a vcluster runs in: it runs there alone.
pub(in crate::promises) fn target_namespace(namespace: &str) -> Claim {
    Claim::new("target-namespace", namespace)
}

/// What an orchestrator renders that a `VCluster…` request in `namespace` with this `spec.name` would.
pub(in crate::promises) fn vcluster_part(namespace: &str, name: &str) -> Claim {
    Claim::new("vcluster-part", &format!("{namespace}/{name}"))
}

/// What an orchestrator renders that an `ArgoCDProject` in `namespace` with this `spec.name` would.
pub(in crate::promises) fn project_part(namespace: &str, name: &str) -> Claim {
    Claim::new("project-part", &format!("{namespace}/{name}"))
}

/// What an orchestrator renders that an `ArgoCDApplication` in `namespace` with this `spec.name` would.
pub(in crate::promises) fn application_part(namespace: &str, name: &str) -> Claim {
    Claim::new("application-part", &format!("{namespace}/{name}"))
}
