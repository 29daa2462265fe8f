//! The promise `vcluster-core`: the namespace of a vcluster and the Helm values it runs with.

use std::collections::BTreeMap;

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use serde_json::{Value, json};

use super::vcluster::{self, SYNC_WAVE, Tenancy, file, metadata};
use super::{Promise, Refusal, Request};
use crate::api::{Kind, VClusterCore, VClusterCoreSpec};
use crate::config::{DestinationSelector, PodSecurity, Settings};
use crate::error::Mistake;
use crate::known::{Known, Peer, Peers};
use crate::manifest::read::documents_joined;
use crate::manifest::write::to_yaml;
use crate::manifest::{Content, Output};
use crate::values::{Labels, RelPath};

/// See the module.
pub(super) struct VclusterCore;

impl Promise for VclusterCore {
    fn name(&self) -> &'static str {
        "vcluster-core"
    }

    fn crd(&self) -> &CustomResourceDefinition {
        VClusterCore::definition()
    }

    fn selectors<'a>(&self, settings: &'a Settings) -> &'a [DestinationSelector] {
        &settings.promises.vcluster.destination_selectors
    }

    fn identity(&self) -> &'static [(&'static str, &'static str)] {
        vcluster::IDENTITY
    }

    fn peer(&self, request: &Request, _: &Settings) -> Peer {
        let name = request.spec["name"].as_str().unwrap_or_default();
        let namespace = request.spec["targetNamespace"].as_str().unwrap_or(&request.key.namespace);
        Peer {
            created: None,
            offers: [vcluster::vcluster(name), vcluster::target_namespace(namespace)].into(),
            asks: [vcluster::vcluster_part(&request.key.namespace, name), Peers::residence(namespace)].into(),
        }
    }

    fn render(&self, request: &Request, settings: &Settings, known: &Known) -> Result<Output, Refusal> {
        let spec: VClusterCoreSpec = vcluster::spec(request)?;
        let tenancy = Tenancy::new(request, settings, known);
        tenancy.not_superseded(&vcluster::vcluster_part(&request.key.namespace, &spec.name))?;
        let plan = plan(spec, request, settings, known)?;
        Ok(Output {
            files: files(&plan),
            claims: [
                vcluster::vcluster(&plan.name),
                vcluster::target_namespace(&plan.namespace),
                vcluster::about(&request.key, &plan.name),
            ]
            .into(),
            ..Output::default()
        })
    }
}

/// A namespace and Helm values with every default resolved.
pub(super) struct Plan {
    /// The vcluster's name.
    pub(super) name: String,
    /// The namespace that it runs in.
    pub(super) namespace: String,
    /// Its Helm values: a mapping.
    pub(super) values: Value,
    /// What the namespace enforces.
    pub(super) pod_security: PodSecurity,
    /// Why that is not what the settings say.
    pub(super) pod_security_reason: Option<String>,
    /// Whether the namespace outlives the request, because the request itself lies in it.
    pub(super) keep_namespace: bool,
}

fn plan(spec: VClusterCoreSpec, request: &Request, settings: &Settings, known: &Known) -> Result<Plan, Vec<Mistake>> {
    let own = &request.key.namespace;
    let namespace = spec.target_namespace.unwrap_or_else(|| own.clone());
    // Requests for other parts of the same vcluster may lie in its namespace: that is where v1 put them.
    let parts = vcluster::parts(&namespace, &spec.name, &format!("vcluster-{}", spec.name));
    let tenancy = Tenancy::new(request, settings, known);
    let target = tenancy.target("spec.targetNamespace", &namespace, |other| vcluster::is_part(&parts, other, known));
    let mut found: Vec<Mistake> = vcluster::name_mistake(&spec.name).into_iter().chain(target).collect();
    let values = values(spec.values_yaml.as_deref().unwrap_or_default()).unwrap_or_else(|message| {
        found.push(Mistake::new("spec.valuesYaml", message));
        Value::Null
    });
    if !found.is_empty() {
        return Err(found);
    }
    let level = settings.promises.vcluster.pod_security;
    let needs = vcluster::needs_host_path(&values).filter(|_| level != PodSecurity::Privileged);
    if let Some(field) = &needs
        && let Some(mistake) = tenancy.pod_security("spec.valuesYaml", PodSecurity::Privileged, Some(field))
    {
        return Err(vec![mistake]);
    }
    Ok(Plan {
        keep_namespace: namespace == *own,
        name: spec.name,
        namespace,
        values,
        pod_security: if needs.is_some() { PodSecurity::Privileged } else { level },
        pod_security_reason: needs.map(|field| format!("{field} in spec.valuesYaml")),
    })
}

/// Helm values: one mapping. v1 wrote `controlPlane` in two halves, which are joined.
fn values(text: &str) -> Result<Value, String> {
    let mut documents = documents_joined(text.as_bytes());
    if documents.len() > 1 {
        return Err("has more than one YAML document: Helm values are one mapping".to_owned());
    }
    match documents.pop() {
        None => Ok(json!({})),
        Some(Ok(document)) if document.value.is_object() => Ok(document.value),
        Some(Ok(_)) => Err("is no mapping: Helm values are keys with values".to_owned()),
        Some(Err(fault)) => {
            let place = fault.position.map(|position| format!(" at {position} of the text")).unwrap_or_default();
            Err(format!("cannot be read as YAML{place}: {fault}"))
        }
    }
}

/// The Namespace and the ConfigMap `{name}-vcluster-values`.
pub(super) fn files(plan: &Plan) -> BTreeMap<RelPath, Content> {
    let config_map = json!({
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": metadata(&plan.name, &format!("{}-vcluster-values", plan.name), &plan.namespace, &Labels::new()),
        "data": { "values.yaml": to_yaml(&plan.values) },
    });
    [file(namespace(plan)), file(config_map)].into()
}

/// Labels are those of both Namespaces that v1 wrote.
fn namespace(plan: &Plan) -> Value {
    let mut annotations = Labels::from([(SYNC_WAVE.to_owned(), "-2".to_owned())]);
    if let Some(reason) = &plan.pod_security_reason {
        annotations.insert("platform.integratn.tech/pod-security-reason".to_owned(), reason.clone());
    }
    if plan.keep_namespace {
        annotations.insert("argocd.argoproj.io/sync-options".to_owned(), "Prune=false,Delete=false".to_owned());
    }
    json!({
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {
            "name": plan.namespace,
            "labels": {
                "app": "vcluster",
                "instance": plan.name,
                "app.kubernetes.io/name": "vcluster",
                "app.kubernetes.io/instance": plan.name,
                "kratix.io/resource-request": plan.name,
                "pod-security.kubernetes.io/enforce": plan.pod_security.as_str(),
                "pod-security.kubernetes.io/warn": "restricted",
                "pod-security.kubernetes.io/audit": "restricted",
            },
            "annotations": annotations,
        },
    })
}
