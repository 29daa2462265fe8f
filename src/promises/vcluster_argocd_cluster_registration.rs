//! The promise `vcluster-argocd-cluster-registration`: a vcluster, made known to Argo CD.

use std::collections::BTreeMap;

use serde_json::json;

use super::vcluster::{ExternalSecret, credential_annotations, file, metadata};
use crate::config::{Repository, SecretStore, VclusterSettings};
use crate::manifest::Content;
use crate::values::{Labels, RelPath};

/// A cluster of Argo CD with every default resolved.
pub(super) struct Plan {
    /// The vcluster's name.
    pub(super) name: String,
    /// Argo CD's namespace.
    pub(super) namespace: String,
    /// The title of the item.
    pub(super) item: String,
    /// The labels of the cluster's Secret: all of them.
    pub(super) labels: Labels,
    /// The annotations of the cluster's Secret: all of them.
    pub(super) annotations: Labels,
    /// The store of the item.
    pub(super) store: SecretStore,
    /// A value whose change makes the operator read at once.
    pub(super) reconcile_at: Option<String>,
}

/// The ExternalSecret `vcluster-{name}-argocd-cluster`, which makes the Secret `vcluster-{name}`.
pub(super) fn files(plan: &Plan) -> BTreeMap<RelPath, Content> {
    let external_secret = ExternalSecret {
        metadata: metadata(
            &plan.name,
            &format!("vcluster-{}-argocd-cluster", plan.name),
            &plan.namespace,
            &credential_annotations(plan.reconcile_at.as_deref()),
        ),
        store: &plan.store,
        item: &plan.item,
        secret: format!("vcluster-{}", plan.name),
        template: Some(json!({
            "engineVersion": "v2",
            "mergePolicy": "Replace",
            "type": "Opaque",
            "metadata": { "labels": plan.labels, "annotations": plan.annotations },
        })),
        data: &[("name", "argocd-name"), ("server", "argocd-server"), ("config", "argocd-config")],
    };
    [file(external_secret.object())].into()
}

/// What `ApplicationSets` may ask of a vcluster.
pub(super) struct Cluster<'a> {
    /// Its name.
    pub(super) name: &'a str,
    /// Its environment, such as `development`.
    pub(super) environment: &'a str,
    /// The domain that its host name lies below by default.
    pub(super) base_domain: &'a str,
    /// Where its workloads are found.
    pub(super) workload_repo: &'a Repository,
}

/// The label that makes a Secret a cluster of Argo CD.
const SECRET_TYPE: (&str, &str) = ("argocd.argoproj.io/secret-type", "cluster");

impl Cluster<'_> {
    /// All labels of the cluster's Secret. Those of the request win, but it stays a cluster.
    pub(super) fn labels(&self, given: Labels) -> Labels {
        let enabled =
            ["argocd", "gateway_api_crds", "nginx_gateway_fabric", "cert_manager", "external_secrets", "external_dns"];
        let mut labels: Labels =
            enabled.into_iter().map(|addon| (format!("enable_{addon}"), "true".to_owned())).collect();
        labels.extend(owned([
            ("akuity.io/argo-cd-cluster-name", self.name),
            ("cluster_name", self.name),
            ("cluster_role", "vcluster"),
            ("cluster_type", "vcluster"),
            ("environment", self.environment),
        ]));
        labels.extend(given);
        labels.extend(owned([SECRET_TYPE]));
        labels
    }

    /// All annotations of the cluster's Secret: a template that reads one which is missing fails, so the
    /// keys are always the same. Those of the request win.
    pub(super) fn annotations(&self, settings: &VclusterSettings, given: Labels) -> Labels {
        let (addons, workloads) = (&settings.addons_repo, self.workload_repo);
        let namespaces = &settings.addon_namespaces;
        let mut annotations = owned([
            ("addons_repo_url", &addons.url),
            ("addons_repo_revision", &addons.revision),
            ("addons_repo_basepath", &addons.base_path),
            ("addons_repo_path", &addons.path),
            ("managed-by", "argocd.argoproj.io"),
            ("cert_manager_namespace", &namespaces.cert_manager),
            ("external_dns_namespace", &namespaces.external_dns),
            ("nfs_subdir_external_provisioner_namespace", &namespaces.nfs_provisioner),
            ("cluster_name", self.name),
            ("environment", self.environment),
            ("platform.integratn.tech/base-domain", self.base_domain),
            ("platform.integratn.tech/base-domain-sanitized", &self.base_domain.replace('.', "-")),
            ("workload_repo_url", &workloads.url),
            ("workload_repo_basepath", &workloads.base_path),
            ("workload_repo_path", &workloads.path),
            ("workload_repo_revision", &workloads.revision),
        ]);
        annotations.extend(given);
        annotations
    }
}

fn owned<const N: usize>(entries: [(&str, &str); N]) -> Labels {
    entries.map(|(key, value)| (key.to_owned(), value.to_owned())).into()
}
