//! The promises: one file, or one folder, each. [`all`] is the one list of them.

mod argocd_application;
mod argocd_project;
mod hcl;
mod registry;
mod request;
mod team;
mod vcluster;
mod vcluster_argocd_cluster_registration;
mod vcluster_core;
mod vcluster_coredns;
mod vcluster_kubeconfig_external_secret;
mod vcluster_kubeconfig_sync;
mod vcluster_orchestrator;

pub use registry::{Lingering, Promise, Refusal, all, by_kind};
pub use request::Request;
