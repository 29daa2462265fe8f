//! The plan: every default, preset and derived name of a vcluster resolved.

use std::net::Ipv4Addr;

use serde_json::Value;

use super::before::Before;
use super::chart::ChartVersion;
use super::confined::values_mistakes;
use super::fields::{Chart, Exposed, Registered, Selectors, kubernetes_version, pod_security};
use super::identity::Identity;
use super::presets::Size;
use super::rules::Settling;
use super::values::Base;
use crate::api::VClusterOrchestratorSpec;
use crate::config::{PodSecurity, Settings, VclusterSettings};
use crate::error::Mistake;
use crate::known::Known;
use crate::manifest::Claim;
use crate::promises::vcluster::{Tenancy, base_domain, reconcile_at, spec};
use crate::promises::{Refusal, Request, vcluster_coredns};
use crate::values::{RequestKey, Set};

/// A vcluster and all that belongs to it, with nothing left open.
pub(super) struct Plan {
    /// Its names.
    pub(super) identity: Identity,
    /// How it is reached.
    pub(super) exposed: Exposed,
    /// At which address; absent: the load balancer picks one.
    pub(super) vip: Option<Ipv4Addr>,
    /// How Argo CD knows it.
    pub(super) registered: Registered,
    /// The domain below which hosts of the platform are named.
    pub(super) base_domain: String,
    /// The domain of its services.
    pub(super) cluster_domain: String,
    /// What installs it.
    pub(super) chart: Chart,
    /// Its Helm values, whole.
    pub(super) values: Value,
    /// What its namespace enforces.
    pub(super) pod_security: PodSecurity,
    /// Why that is not what the settings say.
    pub(super) pod_security_reason: Option<String>,
    /// A value whose change makes the operator of the credentials look at once.
    pub(super) reconcile_at: Option<String>,
    /// The requests that it stands for.
    pub(super) supersedes: Set<RequestKey>,
    /// What Kratix left open for it, as claims.
    pub(super) remembered: Set<Claim>,
    /// The ConfigMap that v1 wrote for its DNS server stays.
    pub(super) keeps_v1_coredns: bool,
    /// What in the request has no effect.
    pub(super) notes: Vec<String>,
}

impl Plan {
    /// Plans a vcluster, or says all that is wrong with the request, or who is in its way.
    pub(super) fn new(request: &Request, settings: &Settings, known: &Known) -> Result<Self, Refusal> {
        let mut spec: VClusterOrchestratorSpec = spec(request)?;
        let mut found = spec.mistakes();
        let mut notes = Vec::new();
        let platform = &settings.promises.vcluster;
        let VClusterOrchestratorSpec { name, target_namespace, project_name, .. } = &spec;
        let identity = Identity::new(&request.key, name, target_namespace.as_deref(), project_name.as_deref());
        let supersedes = identity.superseded(known);
        let before = Before::new(&request.key, &identity, platform, known);
        let remembered = before.fill(&request.key, &mut spec);

        let vcluster = spec.vcluster.unwrap_or_default();
        if vcluster.isolation_mode.is_some() {
            notes.push("spec.vcluster.isolationMode has no effect".to_owned());
        }
        let chart = Chart::resolve(spec.argocd_application.unwrap_or_default(), platform, &mut found);
        let tenancy = Tenancy::new(request, settings, known);
        may_name(&tenancy, &identity, &chart, &supersedes, platform, &mut found);
        if tenancy.is_confined() {
            found.extend(values_mistakes(&vcluster, platform));
        }
        let base_domain = base_domain(request, platform).unwrap_or_else(|mistake| {
            found.push(mistake);
            platform.base_domain.clone()
        });
        let exposed = Exposed::resolve(spec.exposure, &identity, &base_domain, platform, &mut found);
        let address = exposed.address.resolve(&request.key, known, before.vip, platform.network_offset);
        let integrations = spec.integrations.unwrap_or_default();
        let registered = Registered::resolve(integrations.argocd.as_ref(), vcluster.preset, platform, &mut found);
        let selectors = Selectors::resolve(&integrations, platform, &mut found);
        let cluster_domain = vcluster.networking.as_ref().and_then(|networking| networking.cluster_domain.clone());
        let cluster_domain = cluster_domain.unwrap_or_else(|| "cluster.local".to_owned());
        let vip = address.as_ref().ok().copied().flatten();
        let base = Base {
            name: &identity.name,
            namespace: &identity.namespace,
            environment: &registered.environment,
            kubernetes: &kubernetes_version(vcluster.k8s_version.as_deref(), platform, &mut found),
            image: &platform.image,
            size: &Size::resolve(&vcluster, &mut found),
            cluster_domain: &cluster_domain,
            corefile: &vcluster_coredns::corefile(&cluster_domain),
            hostname: &exposed.hostname,
            vip,
            port: exposed.port,
            server: &exposed.server,
            issuers: &selectors.issuers,
            stores: &selectors.stores,
        };
        let mut values = base.with(&vcluster, &mut found);
        let mut settling = Settling { given: &vcluster, values: &mut values, found: &mut found, notes: &mut notes };
        settling.settle(ChartVersion::of(&chart.revision));
        settling.name_fits(&identity.name);
        let (pod_security, pod_security_reason) = pod_security(spec.pod_security, &values, platform);
        found.extend(tenancy.pod_security("spec.podSecurity", pod_security, pod_security_reason.as_deref()));
        if !found.is_empty() {
            return Err(found.into());
        }
        address.map_err(Refusal::Taken)?;
        let reconcile_at = reconcile_at(request);
        Ok(Self {
            identity,
            exposed,
            vip,
            registered,
            base_domain,
            cluster_domain,
            chart,
            values,
            pod_security,
            pod_security_reason,
            reconcile_at,
            supersedes,
            remembered,
            keeps_v1_coredns: before.coredns,
            notes,
        })
    }
}

/// What there is against the names of others' things.
fn may_name(
    tenancy: &Tenancy,
    identity: &Identity,
    chart: &Chart,
    supersedes: &Set<RequestKey>,
    platform: &VclusterSettings,
    found: &mut Vec<Mistake>,
) {
    found.extend(tenancy.target("spec.targetNamespace", &identity.namespace, |other| supersedes.contains(other)));
    found.extend(tenancy.repository("spec.argocdApplication.repoURL", &chart.repository));
    found.extend(Tenancy::own_project("spec.projectName", &identity.project));
    let own = [
        ("spec.argocdApplication.chart", &chart.name, &platform.chart.name),
        ("spec.argocdApplication.destinationServer", &chart.server, &platform.in_cluster_server),
        ("spec.projectName", &identity.project, &identity.application),
    ];
    found.extend(own.into_iter().filter(|(_, given, own)| tenancy.is_confined() && given != own).map(
        |(field, given, own)| {
            let message = format!(
                "{given} is not {own}, which is what requests outside the request namespaces have (setting \
                 promises.vcluster.requestNamespaces): leave it out"
            );
            Mistake::new(field, message)
        },
    ));
}
