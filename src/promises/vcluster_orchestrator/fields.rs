//! What single fields of a request come to, with the settings where they are left open.

use serde_json::{Value, json};

use super::identity::Identity;
use super::network::Address;
use crate::api::fields::patterns;
use crate::api::schema::pattern;
use crate::api::vcluster_orchestrator::{
    self as api, ArgoCdCluster, ChartApplication, Exposure, Integrations, PodSecurityLevel, Preset, WorkloadRepo,
};
use crate::config::{PodSecurity, Repository, VclusterSettings};
use crate::error::Mistake;
use crate::promises::vcluster::{key_mistakes, needs_host_path, server_mistake, template_mistakes};
use crate::values::Labels;

/// The port of an API that nothing is said about.
const HTTPS: u16 = 443;
/// The port of an API where `exposure` says anything but the port.
const EXPOSED: u16 = 8443;

/// Where the chart comes from and goes to.
pub(super) struct Chart {
    pub(super) repository: String,
    pub(super) name: String,
    pub(super) revision: String,
    pub(super) server: String,
    pub(super) sync_policy: Value,
}

impl Chart {
    pub(super) fn resolve(given: ChartApplication, settings: &VclusterSettings, found: &mut Vec<Mistake>) -> Self {
        let ChartApplication { repo_url, chart, target_revision, destination_server, sync_policy } = given;
        let own = sync_policy.unwrap_or_default();
        if own.managed_namespace_metadata.is_some() {
            let message = "is not for this Application to set: the namespace is rendered as an object of its own, and the \
                           two would fight over it";
            found.push(Mistake::new("spec.argocdApplication.syncPolicy.managedNamespaceMetadata", message));
        }
        let mut sync_policy =
            json!({ "automated": { "selfHeal": true, "prune": true }, "syncOptions": ["CreateNamespace=true"] });
        if let Ok(own) = serde_json::to_value(&own) {
            lay(&mut sync_policy, own);
        }
        Self {
            repository: repo_url.unwrap_or_else(|| settings.chart.repository.clone()),
            name: chart.unwrap_or_else(|| settings.chart.name.clone()),
            revision: target_revision.unwrap_or_else(|| settings.chart.version.clone()),
            server: destination_server.unwrap_or_else(|| settings.in_cluster_server.clone()),
            sync_policy,
        }
    }
}

/// Maps are merged, all else is replaced.
fn lay(slot: &mut Value, over: Value) {
    match (slot, over) {
        (Value::Object(base), Value::Object(over)) => {
            over.into_iter().for_each(|(key, value)| lay(base.entry(key).or_insert(Value::Null), value));
        }
        (slot, over) => *slot = over,
    }
}

/// How the API is reached from outside.
pub(super) struct Exposed {
    pub(super) hostname: String,
    pub(super) port: u16,
    /// `https://{hostname}:{port}`.
    pub(super) server: String,
    pub(super) address: Address,
}

impl Exposed {
    pub(super) fn resolve(
        given: Option<Exposure>,
        identity: &Identity,
        base_domain: &str,
        settings: &VclusterSettings,
        found: &mut Vec<Mistake>,
    ) -> Self {
        let port = if given.is_some() { EXPOSED } else { HTTPS };
        let given = given.unwrap_or_default();
        let port = given.api_port.unwrap_or(port);
        let address = Address::wanted(&given, found);
        let hostname = given.hostname.unwrap_or_else(|| {
            let hostname = format!("{}.{base_domain}", identity.name);
            if hostname.len() > 253 || !pattern(patterns::HOSTNAME).is_some_and(|p| p.is_match(&hostname)) {
                let message = format!(
                    "is missing, and {hostname}, made of the vcluster's name and the base domain, is no host name"
                );
                found.push(Mistake::new("spec.exposure.hostname", message));
            }
            hostname
        });
        let server = format!("https://{hostname}:{port}");
        found.extend(server_mistake("spec.exposure.hostname", &server, settings));
        Self { hostname, port, server, address }
    }
}

/// How Argo CD is to know the vcluster.
pub(super) struct Registered {
    pub(super) environment: String,
    pub(super) labels: Labels,
    pub(super) annotations: Labels,
    pub(super) workload_repo: Repository,
}

impl Registered {
    pub(super) fn resolve(
        given: Option<&ArgoCdCluster>,
        preset: Option<Preset>,
        settings: &VclusterSettings,
        found: &mut Vec<Mistake>,
    ) -> Self {
        // v1's schema filled this in where it found `argocd`, and only there.
        let default = match (given, preset.unwrap_or_default()) {
            (None, Preset::Prod) => "production",
            _ => "development",
        };
        let given = given.cloned().unwrap_or_default();
        let at = "spec.integrations.argocd";
        let labels = given.cluster_labels.unwrap_or_default();
        let annotations = given.cluster_annotations.unwrap_or_default();
        for (field, entries) in [("clusterLabels", &labels), ("clusterAnnotations", &annotations)] {
            found.extend(key_mistakes(&format!("{at}.{field}"), entries));
            found.extend(template_mistakes(&format!("{at}.{field}"), entries));
        }
        let WorkloadRepo { url, base_path, path, revision } = given.workload_repo.unwrap_or_default();
        let default_repo = &settings.workload_repo;
        let mut or_default = |field: &str, given: Option<String>, default: &String| {
            if given.as_ref().is_some_and(|text| text.contains("{{")) {
                let message = "holds {{, which the External Secrets Operator would execute as a template: leave it out";
                found.push(Mistake::new(format!("{at}.workloadRepo.{field}"), message));
            }
            given.unwrap_or_else(|| default.clone())
        };
        Self {
            environment: given.environment.unwrap_or_else(|| default.to_owned()),
            workload_repo: Repository {
                url: or_default("url", url, &default_repo.url),
                base_path: or_default("basePath", base_path, &default_repo.base_path),
                path: or_default("path", path, &default_repo.path),
                revision: or_default("revision", revision, &default_repo.revision),
            },
            labels,
            annotations,
        }
    }
}

/// What the vcluster sees of the host's issuers and secret stores, by their labels.
pub(super) struct Selectors {
    pub(super) issuers: Labels,
    pub(super) stores: Labels,
}

impl Selectors {
    pub(super) fn resolve(given: &Integrations, settings: &VclusterSettings, found: &mut Vec<Mistake>) -> Self {
        let issuers = given.cert_manager.as_ref().and_then(|c| c.cluster_issuer_selector_labels.as_ref());
        let stores = given.external_secrets.as_ref().and_then(|e| e.cluster_store_selector_labels.as_ref());
        let mut or_default = |field: &str, given: Option<&Labels>, default: &Labels| {
            if let Some(given) = given {
                found.extend(key_mistakes(&format!("spec.integrations.{field}"), given));
            }
            given.unwrap_or(default).clone()
        };
        Self {
            issuers: or_default(
                "certManager.clusterIssuerSelectorLabels",
                issuers,
                &settings.cluster_issuer_selector_labels,
            ),
            stores: or_default(
                "externalSecrets.clusterStoreSelectorLabels",
                stores,
                &settings.cluster_store_selector_labels,
            ),
        }
    }
}

/// A whole version: `v1.34.3`. One without its patch gets the patch of the settings.
pub(super) fn kubernetes_version(given: Option<&str>, settings: &VclusterSettings, found: &mut Vec<Mistake>) -> String {
    let wanted = given.unwrap_or(&settings.kubernetes_version);
    let bare = wanted.strip_prefix('v').unwrap_or(wanted);
    let whole = |version: &str| format!("v{}", version.strip_prefix('v').unwrap_or(version));
    if bare.split('.').count() > 2 {
        return whole(bare);
    }
    let patches = &settings.kubernetes_patches;
    patches.get(bare).map_or_else(
        || {
            let known: Vec<&str> = patches.keys().map(String::as_str).collect();
            let message = format!(
                "{wanted} is not among the versions that the settings know a patch release of ({}; setting \
                 promises.vcluster.kubernetesPatches): name a whole version, such as v{bare}.0",
                known.join(", ")
            );
            found.push(Mistake::new("spec.vcluster.k8sVersion", message));
            whole(bare)
        },
        |patch| whole(patch),
    )
}

/// What the target namespace enforces, and why where that is not simply the setting.
pub(super) fn pod_security(
    given: Option<api::PodSecurity>,
    values: &Value,
    settings: &VclusterSettings,
) -> (PodSecurity, Option<String>) {
    if let Some(given) = given {
        let level = match given.enforce {
            PodSecurityLevel::Privileged => PodSecurity::Privileged,
            PodSecurityLevel::Baseline => PodSecurity::Baseline,
            PodSecurityLevel::Restricted => PodSecurity::Restricted,
        };
        return (level, Some(given.reason));
    }
    if settings.pod_security == PodSecurity::Privileged {
        return (PodSecurity::Privileged, None);
    }
    match needs_host_path(values) {
        Some(at) => (PodSecurity::Privileged, Some(format!("{at} in the Helm values needs directories of the nodes"))),
        None => (settings.pod_security, None),
    }
}
