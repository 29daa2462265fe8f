//! Settings of the vcluster promises and of the Argo CD primitives beneath them.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize};

use super::{DestinationSelector, selectors_mistake};
use crate::values::Labels;

/// What the vcluster and Argo CD promises take for granted about the platform: one block for all eight.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct VclusterSettings {
    /// Where their files go. Default: destinations labelled `capability.vcluster: "true"`.
    pub destination_selectors: Vec<DestinationSelector>,
    /// Namespaces whose requests may name any namespace, cluster, project or repository that is not
    /// protected; requests elsewhere are confined to their own namespace. Default `[platform-requests]`.
    pub request_namespaces: Vec<String>,
    /// The Helm values that requests outside the request namespaces may set, by path; what lies below one
    /// goes with it, and `*` is everything. The chart runs with Argo CD's rights.
    pub tenant_values: Vec<String>,
    /// Namespaces that no request may target. A trailing `*` stands for any ending. Default: `kube-*`,
    /// `default`, the namespaces of Argo CD, of the External Secrets Operator and of kept itself.
    pub protected_namespaces: Vec<String>,
    /// The domain below which a vcluster without a hostname gets one. Default `integratn.tech`. A
    /// request has its own with the annotation `platform.integratn.tech/base-domain`.
    pub base_domain: String,
    /// Argo CD's namespace. Default `argocd`.
    pub argocd_namespace: String,
    /// Where people look at Argo CD. Statuses link to a vcluster's Application there.
    pub argocd_url: String,
    /// The cluster that Argo CD deploys to unless told otherwise: its own, `https://kubernetes.default.svc`.
    pub in_cluster_server: String,
    /// The chart of a vcluster.
    pub chart: Chart,
    /// The repository of the vcluster's image. Default `loft-sh/vcluster-oss`.
    pub image: String,
    /// The Kubernetes version of a vcluster that names none. Default `v1.34.3`.
    pub kubernetes_version: String,
    /// The patch release for each minor release, such as `"1.34": v1.34.3`, for requests that name only
    /// the minor one.
    pub kubernetes_patches: BTreeMap<String, String>,
    /// The Pod Security level that the namespace of a vcluster enforces: `baseline` (the default),
    /// `restricted` or `privileged`. It warns of and audits what breaks `restricted`.
    pub pod_security: PodSecurity,
    /// Added to a subnet's address: the first address that is given to a vcluster. Default 100.
    pub network_offset: u32,
    /// Where credentials are kept.
    pub secrets: SecretStore,
    /// Labels of the cluster issuers that a vcluster sees.
    pub cluster_issuer_selector_labels: Labels,
    /// Labels of the cluster-wide secret stores that a vcluster sees.
    pub cluster_store_selector_labels: Labels,
    /// The repository of the addons, as the annotations of a registered cluster name it.
    #[serde(deserialize_with = "addons_repo")]
    pub addons_repo: Repository,
    /// The repository of the workloads, for requests that name none.
    #[serde(deserialize_with = "workload_repo")]
    pub workload_repo: Repository,
    /// Namespaces of addons, as the annotations of a registered cluster name them.
    pub addon_namespaces: AddonNamespaces,
}

impl Default for VclusterSettings {
    fn default() -> Self {
        let label = |key: &str, value: &str| Labels::from([(key.to_owned(), value.to_owned())]);
        let texts = |all: &[&str]| all.iter().map(ToString::to_string).collect();
        Self {
            destination_selectors: vec![DestinationSelector {
                match_labels: label("capability.vcluster", "true"),
                directory: None,
            }],
            request_namespaces: texts(&["platform-requests"]),
            tenant_values: texts(&[
                "controlPlane.advanced.podDisruptionBudget",
                "controlPlane.backingStore",
                "controlPlane.coredns",
                "controlPlane.distro.k8s.version",
                "controlPlane.proxy.extraSANs",
                "controlPlane.serviceMonitor",
                "controlPlane.statefulSet.highAvailability",
                "controlPlane.statefulSet.persistence.volumeClaim",
                "controlPlane.statefulSet.resources",
                "exportKubeConfig.context",
                "exportKubeConfig.insecure",
                "exportKubeConfig.server",
                "exportKubeConfig.serviceAccount",
                "logging",
                "networking.advanced.clusterDomain",
                "policies",
                "sync.toHost.configMaps",
                "sync.toHost.endpoints",
                "sync.toHost.ingresses",
                "sync.toHost.networkPolicies",
                "sync.toHost.persistentVolumeClaims",
                "sync.toHost.secrets",
                "sync.toHost.services",
                "telemetry",
            ]),
            protected_namespaces: texts(&["kube-*", "default", "argocd", "external-secrets", "kept", "kept-system"]),
            base_domain: "integratn.tech".into(),
            argocd_namespace: "argocd".into(),
            argocd_url: "https://argocd.cluster.integratn.tech".into(),
            in_cluster_server: "https://kubernetes.default.svc".into(),
            chart: Chart::default(),
            image: "loft-sh/vcluster-oss".into(),
            kubernetes_version: "v1.34.3".into(),
            kubernetes_patches: [("1.34", "v1.34.3"), ("1.33", "v1.33.7"), ("1.32", "v1.32.11")]
                .map(|(minor, patch)| (minor.to_owned(), patch.to_owned()))
                .into(),
            pod_security: PodSecurity::Baseline,
            network_offset: 100,
            secrets: SecretStore::default(),
            cluster_issuer_selector_labels: label("integratn.tech/cluster-issuer", "letsencrypt-prod"),
            cluster_store_selector_labels: label("integratn.tech/cluster-secret-store", "onepassword-store"),
            addons_repo: Repository::addons(),
            workload_repo: Repository::workloads(),
            addon_namespaces: AddonNamespaces::default(),
        }
    }
}

impl VclusterSettings {
    /// What no type rules out.
    pub(super) fn mistake(&self) -> Option<String> {
        let here = "promises.vcluster";
        if let Some(mistake) = selectors_mistake(&format!("{here}.destinationSelectors"), &self.destination_selectors) {
            return Some(mistake);
        }
        let needed = [
            ("baseDomain", &self.base_domain),
            ("argocdNamespace", &self.argocd_namespace),
            ("inClusterServer", &self.in_cluster_server),
            ("chart.repository", &self.chart.repository),
            ("chart.name", &self.chart.name),
            ("chart.version", &self.chart.version),
            ("image", &self.image),
            ("kubernetesVersion", &self.kubernetes_version),
            ("secrets.store", &self.secrets.store),
            ("secrets.kind", &self.secrets.kind),
        ];
        if let Some((field, _)) = needed.iter().find(|(_, text)| text.trim().is_empty()) {
            return Some(format!("{here}.{field}: must not be empty"));
        }
        if !self.secrets.item.contains(SecretStore::NAME) {
            return Some(format!(
                "{here}.secrets.item: must contain {}, or all vclusters would share one item",
                SecretStore::NAME
            ));
        }
        None
    }

    /// Whether requests of a namespace may name anything that is not protected.
    pub fn is_request_namespace(&self, namespace: &str) -> bool {
        self.request_namespaces.iter().any(|own| own == namespace)
    }

    /// Whether no request may target a namespace.
    pub fn is_protected(&self, namespace: &str) -> bool {
        let covers = |pattern: &String| match pattern.strip_suffix('*') {
            Some(start) => namespace.starts_with(start),
            None => pattern == namespace,
        };
        namespace == self.argocd_namespace || self.protected_namespaces.iter().any(covers)
    }
}

/// A Helm chart.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Chart {
    /// Its repository. Default `https://charts.loft.sh`.
    pub repository: String,
    /// Its name. Default `vcluster`.
    pub name: String,
    /// Its version, for requests that name none. Default `0.36.1`.
    pub version: String,
}

impl Default for Chart {
    fn default() -> Self {
        Self { repository: "https://charts.loft.sh".into(), name: "vcluster".into(), version: "0.36.1".into() }
    }
}

/// A level of the Pod Security Standards, the weakest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum PodSecurity {
    /// Anything goes.
    Privileged,
    /// No known way out of a container.
    Baseline,
    /// Hardened.
    Restricted,
}

impl PodSecurity {
    /// As the label of a namespace has it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Privileged => "privileged",
            Self::Baseline => "baseline",
            Self::Restricted => "restricted",
        }
    }
}

/// Where credentials are kept.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct SecretStore {
    /// The store of the External Secrets Operator. Default `onepassword-store`.
    pub store: String,
    /// Its kind. Default `ClusterSecretStore`.
    pub kind: String,
    /// The 1Password vault that the store writes to, for people to find it. Default `homelab`.
    pub vault: String,
    /// The item of a vcluster's kubeconfig; `{name}` stands for the vcluster's name. Default
    /// `vcluster-{name}-kubeconfig`.
    pub item: String,
}

impl SecretStore {
    /// What stands for the vcluster's name in [`SecretStore::item`].
    const NAME: &'static str = "{name}";

    /// The item of a vcluster's kubeconfig.
    pub fn item_of(&self, vcluster: &str) -> String {
        self.item.replace(Self::NAME, vcluster)
    }
}

impl Default for SecretStore {
    fn default() -> Self {
        Self {
            store: "onepassword-store".into(),
            kind: "ClusterSecretStore".into(),
            vault: "homelab".into(),
            item: "vcluster-{name}-kubeconfig".into(),
        }
    }
}

/// A Git repository and a place in it.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(deny_unknown_fields, transform = all_optional)]
pub struct Repository {
    /// Its URL.
    pub url: String,
    /// The branch, tag or commit.
    pub revision: String,
    /// The folder that `path` is relative to; may be empty.
    pub base_path: String,
    /// The folder.
    pub path: String,
}

/// What is not given is the default's, see [`Repository::read`].
fn all_optional(schema: &mut schemars::Schema) {
    schema.remove("required");
}

const REPOSITORY: &str = "https://github.com/jamesatintegratnio/gitops_homelab_2_0";

impl Repository {
    fn addons() -> Self {
        Self {
            url: REPOSITORY.into(),
            revision: "main".into(),
            base_path: "addons/".into(),
            path: "charts/application-sets".into(),
        }
    }

    fn workloads() -> Self {
        Self { url: REPOSITORY.into(), revision: "main".into(), base_path: String::new(), path: "workloads".into() }
    }

    /// What is given, over what is not.
    fn read<'de, D: Deserializer<'de>>(from: D, default: Self) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase", deny_unknown_fields)]
        struct Given {
            url: Option<String>,
            revision: Option<String>,
            base_path: Option<String>,
            path: Option<String>,
        }
        let given = Given::deserialize(from)?;
        Ok(Self {
            url: given.url.unwrap_or(default.url),
            revision: given.revision.unwrap_or(default.revision),
            base_path: given.base_path.unwrap_or(default.base_path),
            path: given.path.unwrap_or(default.path),
        })
    }
}

fn addons_repo<'de, D: Deserializer<'de>>(from: D) -> Result<Repository, D::Error> {
    Repository::read(from, Repository::addons())
}

fn workload_repo<'de, D: Deserializer<'de>>(from: D) -> Result<Repository, D::Error> {
    Repository::read(from, Repository::workloads())
}

/// Namespaces of addons.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct AddonNamespaces {
    /// cert-manager's. Default `cert-manager`.
    pub cert_manager: String,
    /// external-dns's. Default `external-dns`.
    pub external_dns: String,
    /// That of the NFS provisioner. Default `nfs-provisioner`.
    pub nfs_provisioner: String,
}

impl Default for AddonNamespaces {
    fn default() -> Self {
        Self {
            cert_manager: "cert-manager".into(),
            external_dns: "external-dns".into(),
            nfs_provisioner: "nfs-provisioner".into(),
        }
    }
}
