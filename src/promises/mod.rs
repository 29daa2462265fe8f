//! The promises: one file, or one folder, each. [`all`] is the one list of them.

#[allow(dead_code)]
mod argocd_application;
#[allow(dead_code)]
mod argocd_project;
mod hcl;
mod registry;
mod request;
mod team;
#[allow(dead_code, unused_imports)]
mod vcluster;
#[allow(dead_code)]
mod vcluster_argocd_cluster_registration;
#[allow(dead_code)]
mod vcluster_core;
#[allow(dead_code)]
mod vcluster_coredns;
#[allow(dead_code)]
mod vcluster_kubeconfig_external_secret;
#[allow(dead_code)]
mod vcluster_kubeconfig_sync;

pub use registry::{Promise, Refusal, all, by_kind};
pub use request::Request;
