//! The promise `vcluster-coredns`: the configuration of a vcluster's DNS server.

use std::collections::BTreeMap;

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use serde_json::json;

use super::vcluster::{self, Tenancy, file, metadata};
use super::{Promise, Refusal, Request};
use crate::api::{Kind, VClusterCoredns, VClusterCorednsSpec};
use crate::config::{DestinationSelector, Settings};
use crate::error::Mistake;
use crate::known::{Known, Peer};
use crate::manifest::{Content, Output};
use crate::values::{Labels, RelPath};

/// See the module.
pub(super) struct VclusterCoredns;

impl Promise for VclusterCoredns {
    fn name(&self) -> &'static str {
        "vcluster-coredns"
    }

    fn crd(&self) -> &CustomResourceDefinition {
        VClusterCoredns::definition()
    }

    fn selectors<'a>(&self, settings: &'a Settings) -> &'a [DestinationSelector] {
        &settings.promises.vcluster.destination_selectors
    }

    fn peer(&self, request: &Request, _: &Settings) -> Peer {
        vcluster::peer_of_part(request)
    }

    fn render(&self, request: &Request, settings: &Settings, known: &Known) -> Result<Output, Refusal> {
        let spec: VClusterCorednsSpec = vcluster::spec(request)?;
        let tenancy = Tenancy::new(request, settings, known);
        tenancy.not_superseded(&vcluster::vcluster_part(&request.key.namespace, &spec.name))?;
        let plan = plan(spec, request, &tenancy)?;
        let claims = [vcluster::about(&request.key, &plan.name)].into();
        Ok(Output { files: files(&plan), claims, ..Output::default() })
    }
}

/// A DNS configuration with every default resolved.
pub(super) struct Plan {
    /// The vcluster's name.
    pub(super) name: String,
    /// The namespace that it runs in.
    pub(super) namespace: String,
    /// The name of the ConfigMap.
    pub(super) config_map: String,
    /// Whether Argo CD removes it once it is gone from the repository.
    pub(super) pruned: bool,
    /// The domain of the vcluster's services.
    pub(super) cluster_domain: String,
}

/// The name that v1 gave the ConfigMap of the vcluster `name`.
pub(super) fn name_of_v1(name: &str) -> String {
    format!("coredns-x-kube-system-x-{name}")
}

fn plan(spec: VClusterCorednsSpec, request: &Request, tenancy: &Tenancy) -> Result<Plan, Vec<Mistake>> {
    let namespace = spec.target_namespace.unwrap_or_else(|| request.key.namespace.clone());
    let mistakes = vcluster::name_mistake(&spec.name).into_iter();
    let found: Vec<Mistake> = mistakes.chain(tenancy.namespace("spec.targetNamespace", &namespace)).collect();
    if !found.is_empty() {
        return Err(found);
    }
    Ok(Plan {
        config_map: name_of_v1(&spec.name),
        pruned: true,
        name: spec.name,
        namespace,
        cluster_domain: spec.cluster_domain.unwrap_or_else(|| "cluster.local".to_owned()),
    })
}

/// The ConfigMap.
pub(super) fn files(plan: &Plan) -> BTreeMap<RelPath, Content> {
    let mut config_map = json!({
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": metadata(&plan.name, &plan.config_map, &plan.namespace, &Labels::new()),
        "data": { "Corefile": corefile(&plan.cluster_domain) },
    });
    if !plan.pruned {
        config_map["metadata"]["annotations"] = json!({ "argocd.argoproj.io/sync-options": "Prune=false" });
    }
    [file(config_map)].into()
}

/// The Corefile that v1 gave every vcluster.
pub(super) fn corefile(cluster_domain: &str) -> String {
    format!(
        "\
.:1053 {{
  errors
  health
  ready
  kubernetes {cluster_domain} in-addr.arpa ip6.arpa {{
    pods insecure
    fallthrough in-addr.arpa ip6.arpa
    ttl 30
  }}
  prometheus 0.0.0.0:9153
  forward . /etc/resolv.conf
  cache 30
  loop
  reload
  loadbalance
}}
"
    )
}
