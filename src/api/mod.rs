//! The kinds: one file each, all alike. Fields, validation and CEL rules; no logic beyond saying
//! what is wrong with an object, in the same words inside and outside a cluster.
//!
//! [`crds`] lists every kind that kept serves. [`check`] validates an object against the schema of
//! its kind as an API server would, [`read`] makes a typed one of it.

// The schema derive makes inner copies of each struct, which one lint takes for unreachable; the
// other takes printer columns of one type for a slip.
#[allow(unreachable_pub, clippy::duplicated_attributes)]
pub mod argocd;
#[allow(unreachable_pub, clippy::duplicated_attributes)]
pub mod argocd_application;
#[allow(unreachable_pub, clippy::duplicated_attributes)]
pub mod argocd_project;
#[allow(unreachable_pub, clippy::duplicated_attributes)]
pub mod destination;
pub mod fields;
#[allow(unreachable_pub, clippy::duplicated_attributes)]
pub mod git_state_store;
pub mod schema;
#[allow(unreachable_pub, clippy::duplicated_attributes)]
pub mod status;
#[allow(unreachable_pub, clippy::duplicated_attributes)]
pub mod team;
#[allow(unreachable_pub, clippy::duplicated_attributes)]
pub mod vcluster_argocd_cluster_registration;
#[allow(unreachable_pub, clippy::duplicated_attributes)]
pub mod vcluster_core;
#[allow(unreachable_pub, clippy::duplicated_attributes)]
pub mod vcluster_coredns;
#[allow(unreachable_pub, clippy::duplicated_attributes)]
pub mod vcluster_kubeconfig_external_secret;
#[allow(unreachable_pub, clippy::duplicated_attributes)]
pub mod vcluster_kubeconfig_sync;
#[allow(unreachable_pub, clippy::duplicated_attributes)]
pub mod vcluster_orchestrator;
#[allow(unreachable_pub, clippy::duplicated_attributes)]
pub mod vcluster_status;

mod crd;
mod metadata;
mod read;
mod rules;

pub use argocd_application::{ArgoCDApplication, ArgoCDApplicationSpec};
pub use argocd_project::{ArgoCDProject, ArgoCDProjectSpec};
pub use crd::{crd_file_name, crds};
pub use destination::{Destination, DestinationSpec};
pub use git_state_store::{GitStateStore, GitStateStoreSpec};
pub use metadata::metadata_mistakes;
pub use read::{Kind, read};
pub use schema::check;
pub use status::{DestinationStatus, Phase, Place, RequestStatus, StoreStatus};
pub use team::{Team, TeamSpec};
pub use vcluster_argocd_cluster_registration::{
    VClusterArgoCDClusterRegistration, VClusterArgoCDClusterRegistrationSpec,
};
pub use vcluster_core::{VClusterCore, VClusterCoreSpec};
pub use vcluster_coredns::{VClusterCoredns, VClusterCorednsSpec};
pub use vcluster_kubeconfig_external_secret::{VClusterKubeconfigExternalSecret, VClusterKubeconfigExternalSecretSpec};
pub use vcluster_kubeconfig_sync::{VClusterKubeconfigSync, VClusterKubeconfigSyncSpec};
pub use vcluster_orchestrator::{VClusterOrchestrator, VClusterOrchestratorSpec};
pub use vcluster_status::{ApplicationStatus, VclusterStatus};

/// The API group of teams, stores and destinations: Kratix's, so that manifests written for it keep
/// working.
pub const GROUP: &str = "platform.kratix.io";
/// The API group of virtual clusters and of what Argo CD is told, as it was before kept.
pub const PLATFORM_GROUP: &str = "platform.integratn.tech";
/// The version of every kind here.
pub const VERSION: &str = "v1alpha1";
