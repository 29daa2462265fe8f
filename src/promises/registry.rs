use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use serde_json::Value;

use super::Request;
use super::argocd_application::ArgoCdApplication;
use super::argocd_project::ArgoCdProject;
use super::team::TeamPromise;
use super::vcluster_argocd_cluster_registration::VclusterArgoCdClusterRegistration;
use super::vcluster_core::VclusterCore;
use super::vcluster_coredns::VclusterCoredns;
use super::vcluster_kubeconfig_external_secret::VclusterKubeconfigExternalSecret;
use super::vcluster_kubeconfig_sync::VclusterKubeconfigSync;
use super::vcluster_orchestrator::VclusterOrchestrator;
use crate::config::{DestinationSelector, Settings};
use crate::error::{Explain, Invalid, Mistake, Retry};
use crate::known::{Known, Peer};
use crate::manifest::Output;
use crate::values::RequestKey;

/// A promise: what a kind of request turns into. Object-safe, so that one lifecycle serves them all.
pub trait Promise: Send + Sync {
    /// The promise's name: a path component and a label value, such as `team`.
    fn name(&self) -> &'static str;

    /// The kind's CustomResourceDefinition, generated from its Rust type.
    fn crd(&self) -> &CustomResourceDefinition;

    /// The destination selectors that the settings give this promise.
    fn selectors<'a>(&self, settings: &'a Settings) -> &'a [DestinationSelector];

    /// The fields that make a request what it is, and the kinds of claim that they become. An API server
    /// refuses to change them by the kind's own rules; for requests from files the records say what they were.
    fn identity(&self) -> &'static [(&'static str, &'static str)] {
        &[]
    }

    /// What other requests need to know of this one. Its age is filled in by the caller.
    fn peer(&self, request: &Request, settings: &Settings) -> Peer {
        let _ = (request, settings);
        Peer::default()
    }

    /// Objects that another operator has to clean up after, once the request's files are gone: what they hold
    /// outside the cluster would otherwise stay behind unseen.
    fn lingering(&self, request: &Request, settings: &Settings) -> Vec<Lingering> {
        let _ = (request, settings);
        Vec::new()
    }

    /// Whether rendering asks for nothing but the request and the settings: such requests can be worked
    /// out side by side, and need not be while neither changes.
    fn is_alone(&self) -> bool {
        false
    }

    /// Whether what it makes is a virtual cluster, whose status says how far it has come.
    fn makes_vcluster(&self) -> bool {
        false
    }

    /// Plans and renders. Pure: the same request, settings and memory give the same output.
    fn render(&self, request: &Request, settings: &Settings, known: &Known) -> Result<Output, Refusal>;

    /// Makes a request of a parsed object, checked against the kind's schema; all mistakes are
    /// reported together. `default_namespace` is for objects from files, which may leave it to the
    /// command line; what only an API server can know of an object (UID, generation, creation time)
    /// is then passed over. `None`: the object comes from an API server.
    fn request(&self, object: &Value, default_namespace: Option<&str>) -> Result<Request, Invalid> {
        super::request::parse(self.name(), self.crd(), object, default_namespace)
    }
}

/// An object whose deletion is not over when its file is removed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lingering {
    /// Its API group.
    pub group: &'static str,
    /// The group's version.
    pub version: &'static str,
    /// Its kind.
    pub kind: &'static str,
    /// The kind's plural.
    pub plural: &'static str,
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// What to do if it does not go, in words: `Restore the item`.
    pub help: String,
}

/// Why a promise renders nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The request is wrong.
    #[error(transparent)]
    Invalid(#[from] Invalid),
    /// It needs what another request has, and may get it when that one goes.
    #[error("{0}")]
    Taken(String),
    /// Another request renders all of it.
    #[error("{0} renders it: there is nothing left to do here")]
    Superseded(RequestKey),
}

impl From<Vec<Mistake>> for Refusal {
    fn from(mistakes: Vec<Mistake>) -> Self {
        Invalid::request(mistakes).into()
    }
}

impl Explain for Refusal {
    fn reason(&self) -> &'static str {
        match self {
            Self::Invalid(invalid) => invalid.reason,
            Self::Taken(_) => "Conflict",
            Self::Superseded(_) => "SupersededBy",
        }
    }

    fn retry(&self) -> Retry {
        match self {
            Self::Invalid(_) | Self::Superseded(_) => Retry::OnChange,
            Self::Taken(_) => Retry::Recheck,
        }
    }
}

/// Every promise that kept serves, in the order in which they are listed.
pub fn all() -> &'static [&'static dyn Promise] {
    &[
        &TeamPromise,
        &VclusterOrchestrator,
        &VclusterCore,
        &VclusterCoredns,
        &VclusterKubeconfigSync,
        &VclusterKubeconfigExternalSecret,
        &VclusterArgoCdClusterRegistration,
        &ArgoCdProject,
        &ArgoCdApplication,
    ]
}

/// The promise that serves `kind` of the API group `group`.
pub fn by_kind(group: &str, kind: &str) -> Option<&'static dyn Promise> {
    all().iter().copied().find(|p| p.crd().spec.group == group && p.crd().spec.names.kind == kind)
}
