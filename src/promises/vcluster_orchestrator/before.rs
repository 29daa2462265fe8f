//! What a vcluster was like when Kratix wrote it, where its request leaves that open: clients know its port, its
//! address is in use, and a `StatefulSet` cannot change its volumes.
//!
//! It is read off what Kratix left in the repository, and from then on remembered as claims of the request, which
//! hold until the request says otherwise.

use std::net::Ipv4Addr;

use serde_json::Value;
use serde_saphyr::options::DuplicateKeyPolicy;

use super::identity::Identity;
use crate::api::VClusterOrchestratorSpec;
use crate::api::fields::patterns;
use crate::api::schema::pattern;
use crate::api::vcluster_orchestrator::Persistence;
use crate::config::VclusterSettings;
use crate::known::Known;
use crate::manifest::Claim;
use crate::promises::vcluster_coredns::name_of_v1;
use crate::values::{RequestKey, Set};

/// The kind of the claims.
const AS_BEFORE: &str = "as-before";
/// What the chart makes where nobody says anything, of `vcluster/chart/values.yaml`
/// (`controlPlane.statefulSet.persistence.volumeClaim`).
const CHART_SIZE: &str = "5Gi";

/// See the module.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Before {
    port: Option<u16>,
    volume: Option<bool>,
    size: Option<String>,
    class: Option<String>,
    /// The address; it is a claim of its own once it is kept's.
    pub(super) vip: Option<Ipv4Addr>,
    /// The vcluster's DNS server has its configuration from the ConfigMap that v1 wrote.
    pub(super) coredns: bool,
}

impl Before {
    /// What is remembered of the request, or else what Kratix left of it.
    pub(super) fn new(request: &RequestKey, identity: &Identity, settings: &VclusterSettings, known: &Known) -> Self {
        let mut recorded = known.recorded_claims(request).peekable();
        if recorded.peek().is_some() {
            return Self::remembered(request, recorded);
        }
        // Whose an object was that Kratix wrote is told by its directory. Where there are none, it is a request's
        // that may name any vcluster.
        let may_be = settings.is_request_namespace(&request.namespace) && !known.is_left_over_elsewhere(request);
        if may_be || known.is_left_over(request) {
            Self::left_over(identity, settings, known).sound()
        } else {
            Self::default()
        }
    }

    /// Without what no request could say.
    fn sound(mut self) -> Self {
        let is = |form: &str, text: &str| text.len() <= 253 && pattern(form).is_some_and(|form| form.is_match(text));
        self.size = self.size.filter(|size| size.len() <= 32 && is(patterns::QUANTITY, size));
        self.class = self.class.filter(|class| is(patterns::DNS_NAME, class));
        self.port = self.port.filter(|port| *port > 0);
        self
    }

    fn remembered<'a>(request: &RequestKey, claims: impl Iterator<Item = &'a Claim>) -> Self {
        let mut before = Self::default();
        let own = format!("{AS_BEFORE}/{}/{}/", request.namespace, request.name);
        for claim in claims {
            let Some(fact) = claim.as_str().strip_prefix(&own) else { continue };
            match fact.split_once('=') {
                Some(("apiPort", port)) => before.port = port.parse().ok(),
                Some(("volume", enabled)) => before.volume = enabled.parse().ok(),
                Some(("size", size)) => before.size = Some(size.to_owned()),
                Some(("storageClass", class)) => before.class = Some(class.to_owned()),
                _ => before.coredns |= fact == "coredns",
            }
        }
        before
    }

    fn left_over(identity: &Identity, settings: &VclusterSettings, known: &Known) -> Self {
        let Identity { name, namespace, application, .. } = identity;
        let id = |group: &str, kind: &str, namespace: &str, name: &str| format!("{group}/{kind}/{namespace}/{name}");
        let application =
            known.object_left_over(&id("argoproj.io", "Application", &settings.argocd_namespace, application));
        let config = known.object_left_over(&id("", "ConfigMap", namespace, &format!("{name}-vcluster-values")));
        let coredns = known.object_left_over(&id("", "ConfigMap", namespace, &name_of_v1(name)));
        // What runs goes before what was meant to.
        let running = application.as_ref().and_then(|found| helm_values(&found["spec"]["source"]["helm"]));
        let meant = config.as_ref().and_then(|found| values(found["data"]["values.yaml"].as_str()?));
        let mut before = Self { coredns: coredns.is_some(), ..Self::default() };
        for values in [running.as_ref(), meant.as_ref()].into_iter().flatten() {
            before.port = before.port.or_else(|| port(values));
            let vip = &values["controlPlane"]["service"]["spec"]["loadBalancerIP"];
            before.vip = before.vip.or_else(|| vip.as_str()?.parse().ok());
        }
        if let Some(values) = running.as_ref().or(meant.as_ref()) {
            before.take_volume(values);
        }
        before
    }

    fn take_volume(&mut self, values: &Value) {
        let claim = &values["controlPlane"]["statefulSet"]["persistence"]["volumeClaim"];
        let stores = values["controlPlane"]["backingStore"].as_object();
        // The chart has a volume for the database that is part of the vcluster, and for no other.
        let by_itself = stores.is_none_or(serde_json::Map::is_empty);
        self.volume = claim["enabled"].as_bool().or(by_itself.then_some(true));
        if self.volume == Some(true) {
            self.size = Some(claim["size"].as_str().unwrap_or(CHART_SIZE).to_owned());
            self.class = claim["storageClass"].as_str().filter(|class| !class.is_empty()).map(str::to_owned);
        }
    }

    /// Fills in what the request leaves open; answers the claims that remember it.
    pub(super) fn fill(&self, request: &RequestKey, spec: &mut VClusterOrchestratorSpec) -> Set<Claim> {
        let mut claims = Set::new();
        let mut remember = |fact: String| {
            claims.insert(Claim::new(AS_BEFORE, &format!("{}/{}/{fact}", request.namespace, request.name)));
        };
        let given = spec.exposure.clone().unwrap_or_default().api_port;
        if let (None, Some(port)) = (given, self.port) {
            spec.exposure.get_or_insert_default().api_port = Some(port);
            remember(format!("apiPort={port}"));
        }
        let mut volume = spec.vcluster.clone().unwrap_or_default().persistence.unwrap_or_default();
        if let (None, Some(enabled)) = (volume.enabled, self.volume) {
            volume.enabled = Some(enabled);
            remember(format!("volume={enabled}"));
        }
        if let (None, Some(size)) = (&volume.size, &self.size) {
            volume.size = Some(size.clone());
            remember(format!("size={size}"));
        }
        if let (None, Some(class)) = (&volume.storage_class, &self.class) {
            volume.storage_class = Some(class.clone());
            remember(format!("storageClass={class}"));
        }
        if volume != Persistence::default() {
            spec.vcluster.get_or_insert_default().persistence = Some(volume);
        }
        if self.coredns {
            remember("coredns".to_owned());
        }
        claims
    }
}

/// The values of a Helm source: a tree, or a text.
fn helm_values(helm: &Value) -> Option<Value> {
    match &helm["valuesObject"] {
        Value::Null => values(helm["values"].as_str()?),
        tree => Some(tree.clone()),
    }
}

/// v1 wrote `controlPlane` twice; the first holds what is asked for here.
fn values(text: &str) -> Option<Value> {
    let options = serde_saphyr::options! {
        duplicate_keys: DuplicateKeyPolicy::FirstWins,
        alias_limits: serde_saphyr::alias_limits! { max_total_replayed_events: 10_000 },
    };
    serde_saphyr::from_str_with_options(text, options).ok()
}

/// The port at which clients know it.
fn port(values: &Value) -> Option<u16> {
    let ports = values["controlPlane"]["service"]["spec"]["ports"].as_array();
    let of_service = ports.into_iter().flatten().find(|port| port["name"] == "https").map(|port| &port["port"]);
    let of_service = of_service.and_then(Value::as_u64).and_then(|port| port.try_into().ok());
    of_service.or_else(|| {
        let server: url::Url = values["exportKubeConfig"]["server"].as_str()?.parse().ok()?;
        server.port_or_known_default()
    })
}
