//! The promise `vcluster-argocd-cluster-registration`: a vcluster, made known to Argo CD.

use std::collections::BTreeMap;

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use serde_json::json;

use super::vcluster::{self, BASE_DOMAIN, ExternalSecret, Tenancy, credential_annotations, file, metadata};
use super::{Promise, Refusal, Request};
use crate::api::{Kind, VClusterArgoCDClusterRegistration, VClusterArgoCDClusterRegistrationSpec};
use crate::config::{DestinationSelector, Repository, SecretStore, Settings, VclusterSettings};
use crate::error::Mistake;
use crate::known::{Known, Peer};
use crate::manifest::{Content, Output};
use crate::values::{Labels, RelPath};

/// See the module.
pub(super) struct VclusterArgoCdClusterRegistration;

impl Promise for VclusterArgoCdClusterRegistration {
    fn name(&self) -> &'static str {
        "vcluster-argocd-cluster-registration"
    }

    fn crd(&self) -> &CustomResourceDefinition {
        VClusterArgoCDClusterRegistration::definition()
    }

    fn selectors<'a>(&self, settings: &'a Settings) -> &'a [DestinationSelector] {
        &settings.promises.vcluster.destination_selectors
    }

    fn peer(&self, request: &Request, _: &Settings) -> Peer {
        vcluster::peer_with_credentials(request)
    }

    fn render(&self, request: &Request, settings: &Settings, known: &Known) -> Result<Output, Refusal> {
        let spec: VClusterArgoCDClusterRegistrationSpec = vcluster::spec(request)?;
        let tenancy = Tenancy::new(request, settings, known);
        tenancy.not_superseded(&vcluster::vcluster_part(&request.key.namespace, &spec.name))?;
        let plan = plan(spec, request, settings, &tenancy)?;
        let claims = [vcluster::about(&request.key, &plan.name)].into();
        Ok(Output { files: files(&plan), claims, ..Output::default() })
    }
}

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

fn plan(
    spec: VClusterArgoCDClusterRegistrationSpec,
    request: &Request,
    settings: &Settings,
    tenancy: &Tenancy,
) -> Result<Plan, Vec<Mistake>> {
    let settings = &settings.promises.vcluster;
    let namespace = spec.argocd_namespace.unwrap_or_else(|| settings.argocd_namespace.clone());
    let item = spec.onepassword_item.unwrap_or_else(|| settings.secrets.item_of(&spec.name));
    // A key without a value has the empty one, as in what v1 wrote.
    let given = |entries: Option<BTreeMap<String, Option<String>>>| -> Labels {
        entries.into_iter().flatten().map(|(key, value)| (key, value.unwrap_or_default())).collect()
    };
    let (labels, annotations) = (given(spec.labels), given(spec.annotations));
    let mut found: Vec<Mistake> = vcluster::name_mistake(&spec.name).into_iter().collect();
    found.extend(tenancy.argocd_namespace("spec.argocdNamespace", &namespace));
    found.extend(vcluster::item_mistake(&item));
    found.extend(tenancy.credentials(&spec.name, &item));
    for (field, entries) in [("spec.labels", &labels), ("spec.annotations", &annotations)] {
        found.extend(vcluster::key_mistakes(field, entries));
        found.extend(vcluster::template_mistakes(field, entries));
    }
    let base_domain = match annotations.get(BASE_DOMAIN) {
        Some(given) => Ok(given.clone()),
        None => vcluster::base_domain(request, settings),
    };
    match base_domain {
        Ok(base_domain) if found.is_empty() => {
            let cluster = Cluster {
                name: &spec.name,
                environment: labels.get("environment").map_or("development", String::as_str),
                base_domain: &base_domain,
                workload_repo: &settings.workload_repo,
            };
            Ok(Plan {
                annotations: cluster.annotations(settings, annotations),
                labels: cluster.labels(labels.clone()),
                name: spec.name,
                namespace,
                item,
                store: settings.secrets.clone(),
                reconcile_at: vcluster::reconcile_at(request),
            })
        }
        base_domain => {
            found.extend(base_domain.err());
            Err(found)
        }
    }
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
        marks: json!({ "labels": plan.labels, "annotations": plan.annotations }),
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
