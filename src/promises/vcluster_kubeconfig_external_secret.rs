//! The promise `vcluster-kubeconfig-external-secret`: a vcluster's kubeconfig, brought back from 1Password.

use std::collections::BTreeMap;

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use serde_json::json;

use super::vcluster::{self, ExternalSecret, Tenancy, credential_annotations, file, metadata};
use super::{Promise, Refusal, Request};
use crate::api::{Kind, VClusterKubeconfigExternalSecret, VClusterKubeconfigExternalSecretSpec};
use crate::config::{DestinationSelector, SecretStore, Settings};
use crate::error::Mistake;
use crate::known::{Known, Peer};
use crate::manifest::{Content, Output};
use crate::values::RelPath;

/// See the module.
pub(super) struct VclusterKubeconfigExternalSecret;

impl Promise for VclusterKubeconfigExternalSecret {
    fn name(&self) -> &'static str {
        "vcluster-kubeconfig-external-secret"
    }

    fn crd(&self) -> &CustomResourceDefinition {
        VClusterKubeconfigExternalSecret::definition()
    }

    fn selectors<'a>(&self, settings: &'a Settings) -> &'a [DestinationSelector] {
        &settings.promises.vcluster.destination_selectors
    }

    fn peer(&self, request: &Request, _: &Settings) -> Peer {
        vcluster::peer_with_credentials(request)
    }

    fn render(&self, request: &Request, settings: &Settings, known: &Known) -> Result<Output, Refusal> {
        let spec: VClusterKubeconfigExternalSecretSpec = vcluster::spec(request)?;
        let tenancy = Tenancy::new(request, settings, known);
        tenancy.not_superseded(&vcluster::vcluster_part(&request.key.namespace, &spec.name))?;
        let plan = plan(spec, request, settings, &tenancy)?;
        let claims = [vcluster::about(&request.key, &plan.name)].into();
        Ok(Output { files: files(&plan), claims, ..Output::default() })
    }
}

/// Where a kubeconfig comes from and goes to, with every default resolved.
pub(super) struct Plan {
    /// The vcluster's name.
    pub(super) name: String,
    /// The namespace that the Secret is made in.
    pub(super) namespace: String,
    /// The title of the item.
    pub(super) item: String,
    /// The store of the item.
    pub(super) store: SecretStore,
    /// A value whose change makes the operator read at once.
    pub(super) reconcile_at: Option<String>,
}

fn plan(
    spec: VClusterKubeconfigExternalSecretSpec,
    request: &Request,
    settings: &Settings,
    tenancy: &Tenancy,
) -> Result<Plan, Vec<Mistake>> {
    let store = &settings.promises.vcluster.secrets;
    let namespace = spec.target_namespace.unwrap_or_else(|| request.key.namespace.clone());
    let item = spec.onepassword_item.unwrap_or_else(|| store.item_of(&spec.name));
    let mut found: Vec<Mistake> = vcluster::name_mistake(&spec.name).into_iter().collect();
    found.extend(tenancy.namespace("spec.targetNamespace", &namespace));
    found.extend(vcluster::item_mistake(&item));
    found.extend(tenancy.credentials(&spec.name, &item));
    if !found.is_empty() {
        return Err(found);
    }
    Ok(Plan { name: spec.name, namespace, item, store: store.clone(), reconcile_at: vcluster::reconcile_at(request) })
}

/// The ExternalSecret `vcluster-{name}-kubeconfig`, which makes the Secret [`secret`].
pub(super) fn files(plan: &Plan) -> BTreeMap<RelPath, Content> {
    let external_secret = ExternalSecret {
        metadata: metadata(
            &plan.name,
            &format!("vcluster-{}-kubeconfig", plan.name),
            &plan.namespace,
            &credential_annotations(plan.reconcile_at.as_deref()),
        ),
        store: &plan.store,
        item: &plan.item,
        secret: secret(&plan.name),
        marks: json!({}),
        data: &[("kubeconfig", "kubeconfig")],
    };
    [file(external_secret.object())].into()
}

/// The Secret that holds a vcluster's kubeconfig, under the key `kubeconfig`.
pub(super) fn secret(vcluster: &str) -> String {
    format!("vcluster-{vcluster}-kubeconfig-external")
}
