//! The promise `argocd-project`: an Argo CD `AppProject`.

use std::collections::BTreeMap;

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use serde_json::{Value, json};

use super::vcluster::{self, SYNC_WAVE, Tenancy, file};
use super::{Promise, Refusal, Request};
use crate::api::{ArgoCDProject, ArgoCDProjectSpec, Kind};
use crate::config::{DestinationSelector, Settings};
use crate::error::Mistake;
use crate::known::{Known, Peer};
use crate::manifest::{Content, Output};
use crate::values::{Labels, RelPath};

/// See the module.
pub(super) struct ArgoCdProject;

impl Promise for ArgoCdProject {
    fn name(&self) -> &'static str {
        "argocd-project"
    }

    fn crd(&self) -> &CustomResourceDefinition {
        ArgoCDProject::definition()
    }

    fn selectors<'a>(&self, settings: &'a Settings) -> &'a [DestinationSelector] {
        &settings.promises.vcluster.destination_selectors
    }

    fn peer(&self, request: &Request, _: &Settings) -> Peer {
        let name = request.spec["name"].as_str().unwrap_or_default();
        vcluster::peer_of_argocd(vcluster::project_part(&request.key.namespace, name), name)
    }

    fn render(&self, request: &Request, settings: &Settings, known: &Known) -> Result<Output, Refusal> {
        let spec: ArgoCDProjectSpec = vcluster::spec(request)?;
        let tenancy = Tenancy::new(request, settings, known);
        tenancy.not_superseded(&vcluster::project_part(&request.key.namespace, &spec.name))?;
        let plan = plan(spec, settings, &tenancy)?;
        let claims = [vcluster::about(&request.key, &plan.name)].into();
        Ok(Output { files: files(&plan), claims, ..Output::default() })
    }
}

/// A project with every default resolved.
pub(super) struct Plan {
    /// Its name.
    pub(super) name: String,
    /// The namespace it lies in: Argo CD's.
    pub(super) namespace: String,
    /// Its labels.
    pub(super) labels: Labels,
    /// Its annotations; without a sync wave it gets -1.
    pub(super) annotations: Labels,
    /// The `spec` of the `AppProject`.
    pub(super) spec: Value,
}

fn plan(spec: ArgoCDProjectSpec, settings: &Settings, tenancy: &Tenancy) -> Result<Plan, Vec<Mistake>> {
    let rendered = rendered(&spec);
    let mut found = spec.mistakes();
    let namespace = spec.namespace.unwrap_or_else(|| settings.promises.vcluster.argocd_namespace.clone());
    found.extend(tenancy.argocd_namespace("spec.namespace", &namespace));
    found.extend(Tenancy::own_project("spec.name", &spec.name));
    found.extend(tenancy.argocd_name("spec.name", &spec.name));
    for (i, url) in spec.source_repos.iter().flatten().enumerate() {
        found.extend(tenancy.repository(&format!("spec.sourceRepos[{i}]"), url));
    }
    for (i, source) in spec.source_namespaces.iter().flatten().enumerate() {
        found.extend(tenancy.namespace(&format!("spec.sourceNamespaces[{i}]"), source));
    }
    // A leading ! takes one away, and so allows all others: it is no exception.
    for (i, to) in spec.destinations.iter().flatten().enumerate() {
        let at = format!("spec.destinations[{i}]");
        found.extend(tenancy.cluster(&at, to.server.as_deref(), to.name.as_deref()));
        found.extend(tenancy.namespace(&format!("{at}.namespace"), to.namespace.as_deref().unwrap_or_default()));
    }
    let (labels, annotations) = (spec.labels.unwrap_or_default(), spec.annotations.unwrap_or_default());
    found.extend(vcluster::key_mistakes("spec.labels", &labels));
    found.extend(vcluster::key_mistakes("spec.annotations", &annotations));
    if found.is_empty() {
        Ok(Plan { name: spec.name, namespace, labels, annotations, spec: rendered })
    } else {
        Err(found)
    }
}

/// The `spec` of the `AppProject`: the request's fields are Argo CD's, but for those of its metadata.
fn rendered(spec: &ArgoCDProjectSpec) -> Value {
    vcluster::without(spec, &["name", "namespace", "labels", "annotations"])
}

/// The `AppProject`.
pub(super) fn files(plan: &Plan) -> BTreeMap<RelPath, Content> {
    let mut annotations = plan.annotations.clone();
    annotations.entry(SYNC_WAVE.to_owned()).or_insert_with(|| "-1".to_owned());
    let project = json!({
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "AppProject",
        "metadata": {
            "name": plan.name,
            "namespace": plan.namespace,
            "labels": plan.labels,
            "annotations": annotations,
        },
        "spec": plan.spec,
    });
    [file(project)].into()
}
