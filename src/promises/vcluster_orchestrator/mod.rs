//! The promise `vcluster-orchestrator`: a virtual cluster with all that belongs to it, as one request.
//!
//! It is made of other promises' work: their plans are made here and their renderers called, and each
//! one's files lie in a directory of its name.

mod before;
mod chart;
mod compose;
mod confined;
mod fields;
mod identity;
mod network;
mod plan;
mod presets;
mod rules;
mod values;

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use serde::Deserialize;

use super::vcluster::IDENTITY;
use super::{Lingering, Promise, Refusal, Request, vcluster_kubeconfig_sync};
use crate::api::vcluster_orchestrator::Exposure;
use crate::api::{Kind, VClusterOrchestrator};
use crate::config::{DestinationSelector, Settings};
use crate::known::{Known, Peer, Peers};
use crate::manifest::Output;
use compose::compose;
use identity::Identity;
use network::Address;
use plan::Plan;

/// See the module.
pub(super) struct VclusterOrchestrator;

impl Promise for VclusterOrchestrator {
    fn name(&self) -> &'static str {
        "vcluster-orchestrator"
    }

    fn crd(&self) -> &CustomResourceDefinition {
        VClusterOrchestrator::definition()
    }

    fn selectors<'a>(&self, settings: &'a Settings) -> &'a [DestinationSelector] {
        &settings.promises.vcluster.destination_selectors
    }

    fn identity(&self) -> &'static [(&'static str, &'static str)] {
        IDENTITY
    }

    fn peer(&self, request: &Request, settings: &Settings) -> Peer {
        let Some(identity) = identity_of(request) else { return Peer::default() };
        // Whoever is refused for what it names has nothing to offer, and stands in nobody's way.
        let confined = !settings.promises.vcluster.is_request_namespace(&request.key.namespace);
        if confined && !identity.is_at_home() {
            return Peer::default();
        }
        let exposure = Exposure::deserialize(&request.spec["exposure"]).unwrap_or_default();
        let address = Address::wanted(&exposure, &mut Vec::new());
        // A namespace with other people's requests is refused, and an address that somebody has.
        let asks = [Peers::residence(&identity.namespace)].into_iter().chain(address.given()).collect();
        let address = address.offer();
        Peer { created: None, offers: identity.claims().into_iter().chain(address).collect(), asks }
    }

    fn lingering(&self, request: &Request, settings: &Settings) -> Vec<Lingering> {
        let Some(identity) = identity_of(request) else { return Vec::new() };
        let item = settings.promises.vcluster.secrets.item_of(&identity.name);
        vcluster_kubeconfig_sync::lingering(&identity.name, &identity.namespace, &item)
    }

    fn makes_vcluster(&self) -> bool {
        true
    }

    fn render(&self, request: &Request, settings: &Settings, known: &Known) -> Result<Output, Refusal> {
        Ok(compose(Plan::new(request, settings, known)?, &settings.promises.vcluster))
    }
}

/// The names of a request that nobody has checked.
fn identity_of(request: &Request) -> Option<Identity> {
    let text = |field: &str| request.spec[field].as_str();
    Some(Identity::new(&request.key, text("name")?, text("targetNamespace"), text("projectName")))
}
