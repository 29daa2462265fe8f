//! The promise `argocd-application`: an Argo CD `Application`.

use std::collections::BTreeMap;

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use serde_json::{Value, json};

use super::vcluster::{self, SYNC_WAVE, Tenancy, file};
use super::{Promise, Refusal, Request};
use crate::api::argocd::Source;
use crate::api::{ArgoCDApplication, ArgoCDApplicationSpec, Kind};
use crate::config::{DestinationSelector, Settings};
use crate::error::Mistake;
use crate::known::{Known, Peer};
use crate::manifest::{Content, Output};
use crate::values::{Labels, RelPath};

/// See the module.
pub(super) struct ArgoCdApplication;

impl Promise for ArgoCdApplication {
    fn name(&self) -> &'static str {
        "argocd-application"
    }

    fn crd(&self) -> &CustomResourceDefinition {
        ArgoCDApplication::definition()
    }

    fn selectors<'a>(&self, settings: &'a Settings) -> &'a [DestinationSelector] {
        &settings.promises.vcluster.destination_selectors
    }

    fn peer(&self, request: &Request, _: &Settings) -> Peer {
        let name = request.spec["name"].as_str().unwrap_or_default();
        let mut peer = vcluster::peer_of_argocd(vcluster::application_part(&request.key.namespace, name), name);
        if let Some(namespace) = request.spec["destination"]["namespace"].as_str() {
            peer.asks.insert(vcluster::target_namespace(namespace));
        }
        peer
    }

    fn render(&self, request: &Request, settings: &Settings, known: &Known) -> Result<Output, Refusal> {
        let spec: ArgoCDApplicationSpec = vcluster::spec(request)?;
        let tenancy = Tenancy::new(request, settings, known);
        tenancy.not_superseded(&vcluster::application_part(&request.key.namespace, &spec.name))?;
        let plan = plan(spec, settings, &tenancy)?;
        let claims = [vcluster::about(&request.key, &plan.name)].into();
        Ok(Output { files: files(&plan), claims, ..Output::default() })
    }
}

/// An application with every default resolved.
pub(super) struct Plan {
    /// Its name.
    pub(super) name: String,
    /// The namespace it lies in.
    pub(super) namespace: String,
    /// Its labels.
    pub(super) labels: Labels,
    /// Its annotations; without a sync wave it gets 0.
    pub(super) annotations: Labels,
    /// Its finalizers.
    pub(super) finalizers: Vec<String>,
    /// The `spec` of the `Application`.
    pub(super) spec: Value,
}

fn plan(spec: ArgoCDApplicationSpec, settings: &Settings, tenancy: &Tenancy) -> Result<Plan, Vec<Mistake>> {
    let rendered = rendered(&spec);
    let mut found = spec.mistakes();
    let namespace = spec.namespace.unwrap_or_else(|| settings.promises.vcluster.argocd_namespace.clone());
    found.extend(tenancy.argocd_namespace("spec.namespace", &namespace));
    found.extend(tenancy.argocd_name("spec.name", &spec.name));
    found.extend(tenancy.argocd_name("spec.project", &spec.project));
    if let Some(one) = &spec.source {
        found.extend(source_mistakes("spec.source", one, &spec.name, tenancy));
    }
    for (i, one) in spec.sources.iter().flatten().enumerate() {
        found.extend(source_mistakes(&format!("spec.sources[{i}]"), one, &spec.name, tenancy));
    }
    let to = spec.destination.namespace.as_deref().unwrap_or_default();
    let (server, cluster) = (spec.destination.server.as_deref(), spec.destination.name.as_deref());
    found.extend(tenancy.cluster("spec.destination", server, cluster));
    found.extend(tenancy.namespace("spec.destination.namespace", to));
    if spec.sync_policy.is_some_and(|policy| policy.managed_namespace_metadata.is_some()) {
        found.extend(tenancy.unmanaged("spec.syncPolicy.managedNamespaceMetadata", to));
    }
    let (labels, annotations) = (spec.labels.unwrap_or_default(), spec.annotations.unwrap_or_default());
    found.extend(vcluster::key_mistakes("spec.labels", &labels));
    found.extend(vcluster::key_mistakes("spec.annotations", &annotations));
    if !found.is_empty() {
        return Err(found);
    }
    let finalizers = spec.finalizers.unwrap_or_default();
    Ok(Plan { name: spec.name, namespace, labels, annotations, finalizers, spec: rendered })
}

fn source_mistakes(at: &str, source: &Source, application: &str, tenancy: &Tenancy) -> Vec<Mistake> {
    let release = source.helm.as_ref().and_then(|helm| helm.release_name.as_ref());
    let too_long = source.chart.is_some() && release.is_none() && application.len() > vcluster::RELEASE_MAX;
    let release = too_long.then(|| {
        let message = format!(
            "is missing, and the Application's name, which Helm takes for it, is longer than the {} characters that a release can have",
            vcluster::RELEASE_MAX
        );
        Mistake::new(format!("{at}.helm.releaseName"), message)
    });
    tenancy.repository(&format!("{at}.repoURL"), &source.repo_url).into_iter().chain(release).collect()
}

/// The `spec` of the `Application`: the request's fields are Argo CD's, but for those of its metadata.
fn rendered(spec: &ArgoCDApplicationSpec) -> Value {
    vcluster::without(spec, &["name", "namespace", "labels", "annotations", "finalizers"])
}

/// The `Application`.
pub(super) fn files(plan: &Plan) -> BTreeMap<RelPath, Content> {
    let mut annotations = plan.annotations.clone();
    annotations.entry(SYNC_WAVE.to_owned()).or_insert_with(|| "0".to_owned());
    let mut metadata = json!({
        "name": plan.name,
        "namespace": plan.namespace,
        "labels": plan.labels,
        "annotations": annotations,
    });
    if !plan.finalizers.is_empty() {
        metadata["finalizers"] = json!(plan.finalizers);
    }
    let application = json!({
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Application",
        "metadata": metadata,
        "spec": plan.spec,
    });
    [file(application)].into()
}
