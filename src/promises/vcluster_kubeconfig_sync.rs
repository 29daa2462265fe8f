//! The promise `vcluster-kubeconfig-sync`: a vcluster's kubeconfig, brought into 1Password.

use std::collections::BTreeMap;

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use serde_json::{Value, json};

use super::vcluster::{self, Tenancy, credential_annotations, file, metadata, store_ref};
use super::{Lingering, Promise, Refusal, Request};
use crate::api::{Kind, VClusterKubeconfigSync, VClusterKubeconfigSyncSpec};
use crate::config::{DestinationSelector, SecretStore, Settings};
use crate::error::Mistake;
use crate::known::{Known, Peer};
use crate::manifest::{Content, Output};
use crate::values::RelPath;

/// See the module.
pub(super) struct VclusterKubeconfigSync;

impl Promise for VclusterKubeconfigSync {
    fn name(&self) -> &'static str {
        "vcluster-kubeconfig-sync"
    }

    fn crd(&self) -> &CustomResourceDefinition {
        VClusterKubeconfigSync::definition()
    }

    fn selectors<'a>(&self, settings: &'a Settings) -> &'a [DestinationSelector] {
        &settings.promises.vcluster.destination_selectors
    }

    fn peer(&self, request: &Request, _: &Settings) -> Peer {
        vcluster::peer_with_credentials(request)
    }

    fn lingering(&self, request: &Request, settings: &Settings) -> Vec<Lingering> {
        let Ok(spec) = vcluster::spec::<VClusterKubeconfigSyncSpec>(request) else { return Vec::new() };
        let namespace = spec.target_namespace.unwrap_or_else(|| request.key.namespace.clone());
        let item = spec.onepassword_item.unwrap_or_else(|| settings.promises.vcluster.secrets.item_of(&spec.name));
        lingering(&spec.name, &namespace, &item)
    }

    fn render(&self, request: &Request, settings: &Settings, known: &Known) -> Result<Output, Refusal> {
        let spec: VClusterKubeconfigSyncSpec = vcluster::spec(request)?;
        let tenancy = Tenancy::new(request, settings, known);
        tenancy.not_superseded(&vcluster::vcluster_part(&request.key.namespace, &spec.name))?;
        let job = spec.kubeconfig_sync_job_name.is_some();
        let plan = plan(spec, request, settings, &tenancy)?;
        let no_job = "spec.kubeconfigSyncJobName has no effect: no Job runs any more".to_owned();
        let claims = [vcluster::about(&request.key, &plan.name), vcluster::server(&plan.server)].into();
        let notes = job.then_some(no_job).into_iter().collect();
        Ok(Output { files: files(&plan), claims, notes, ..Output::default() })
    }
}

/// Where a kubeconfig comes from and goes to, with every default resolved.
pub(super) struct Plan {
    /// The vcluster's name.
    pub(super) name: String,
    /// The namespace that it runs in.
    pub(super) namespace: String,
    /// The title of the item.
    pub(super) item: String,
    /// The address under which the vcluster's API is reached. It becomes part of a template: without braces.
    pub(super) server: String,
    /// The store of the item.
    pub(super) store: SecretStore,
    /// A value whose change makes the operator push at once.
    pub(super) reconcile_at: Option<String>,
}

fn plan(
    spec: VClusterKubeconfigSyncSpec,
    request: &Request,
    settings: &Settings,
    tenancy: &Tenancy,
) -> Result<Plan, Vec<Mistake>> {
    let settings = &settings.promises.vcluster;
    let namespace = spec.target_namespace.unwrap_or_else(|| request.key.namespace.clone());
    let item = spec.onepassword_item.unwrap_or_else(|| settings.secrets.item_of(&spec.name));
    let (field, server) = match (spec.server_url, spec.hostname) {
        (Some(server), _) => ("spec.serverUrl", Ok(server)),
        (None, Some(host)) => ("spec.hostname", Ok(format!("https://{host}:{}", spec.api_port.unwrap_or(443)))),
        (None, None) => ("spec.hostname", Err("is missing: name the host of the vcluster's API, or give serverUrl")),
    };
    let server = server
        .map_err(|message| Mistake::new(field, message))
        .and_then(|server| vcluster::server_mistake(field, &server, settings).map_or(Ok(server), Err));
    let mut found: Vec<Mistake> = vcluster::name_mistake(&spec.name).into_iter().collect();
    found.extend(tenancy.namespace("spec.targetNamespace", &namespace));
    found.extend(vcluster::item_mistake(&item));
    found.extend(tenancy.credentials(&spec.name, &item));
    match server {
        Ok(server) if found.is_empty() => Ok(Plan {
            name: spec.name,
            namespace,
            item,
            server,
            store: settings.secrets.clone(),
            reconcile_at: vcluster::reconcile_at(request),
        }),
        server => {
            found.extend(server.err());
            Err(found)
        }
    }
}

/// Argo CD's configuration of a cluster, of the Secret that vcluster itself writes: keys
/// `certificate-authority`, `client-certificate`, `client-key`, and `token` where the kubeconfig is one of a
/// service account. `index` takes a key that is missing or has dashes; the values are JSON because `toJson`
/// makes them so.
const ARGOCD_CONFIG: &str = r#"{{- $ca := index . "certificate-authority" | b64enc -}}
{{- $token := index . "token" -}}
{{- if $token -}}
{{- dict "bearerToken" $token "tlsClientConfig" (dict "insecure" false "caData" $ca) | toJson -}}
{{- else -}}
{{- $cert := index . "client-certificate" | b64enc -}}
{{- $key := index . "client-key" | b64enc -}}
{{- dict "tlsClientConfig" (dict "insecure" false "caData" $ca "certData" $cert "keyData" $key) | toJson -}}
{{- end -}}"#;

/// What stands in the item's notes, where v1 wrote the kubeconfig. Constant, so that once the other
/// properties are deleted nothing that is left holds a credential.
const NOTES: &str = "Written by kept from the Secret of the vcluster; changes made here are overwritten.";

/// How often the item is compared with the Secret, which the operator does not watch. Each time writes each
/// property, changed or not, and 1Password keeps all those versions; who cannot wait has the annotation.
const PUSH: &str = "15m0s";

/// The properties of the item, in the order in which their objects are applied. The first one makes the item,
/// which must not be `notesPlain`: the server adds notes of its own to a new item.
const PROPERTIES: [&str; 5] = ["argocd-config", "argocd-name", "argocd-server", "kubeconfig", "notesPlain"];

/// The name under which Argo CD knows a vcluster.
pub(super) fn argocd_name(vcluster: &str) -> String {
    format!("vcluster-{vcluster}")
}

/// The `PushSecret` of a property.
fn object_name(vcluster: &str, property: &str) -> String {
    format!("vcluster-{vcluster}-{}", property.to_ascii_lowercase())
}

/// A `PushSecret` `vcluster-{name}-{property}` for each property of the item. One for all of them would never
/// come to the end of its deletion: with 1Password Connect, whose reads lag behind its writes, the operator
/// meets a conflict at the second property and begins again with the first
/// (external-secrets/external-secrets#5753).
pub(super) fn files(plan: &Plan) -> BTreeMap<RelPath, Content> {
    PROPERTIES.map(|property| file(push_secret(plan, property))).into()
}

fn push_secret(plan: &Plan, property: &str) -> Value {
    let text = match property {
        "argocd-config" => ARGOCD_CONFIG.to_owned(),
        "argocd-name" => argocd_name(&plan.name),
        "argocd-server" => plan.server.clone(),
        "kubeconfig" => "{{ .config }}".to_owned(),
        _ => NOTES.to_owned(),
    };
    json!({
        "apiVersion": "external-secrets.io/v1alpha1",
        "kind": "PushSecret",
        "metadata": metadata(
            &plan.name,
            &object_name(&plan.name, property),
            &plan.namespace,
            &credential_annotations(plan.reconcile_at.as_deref()),
        ),
        "spec": {
            "refreshInterval": PUSH,
            "updatePolicy": "Replace",
            "deletionPolicy": "Delete",
            "secretStoreRefs": [store_ref(&plan.store)],
            "selector": { "secret": { "name": format!("vc-{}", plan.name) } },
            "template": {
                "engineVersion": "v2",
                "mergePolicy": "Replace",
                "metadata": {},
                "data": { property: text },
            },
            "data": [{
                "match": { "secretKey": property, "remoteRef": { "remoteKey": plan.item, "property": property } },
                "conversionStrategy": "None",
            }],
        },
    })
}

/// What the operator of the credentials has to take out of 1Password once the files are gone.
pub(super) fn lingering(vcluster: &str, namespace: &str, item: &str) -> Vec<Lingering> {
    let one = |property: &str| Lingering {
        group: "external-secrets.io",
        version: "v1alpha1",
        kind: "PushSecret",
        plural: "pushsecrets",
        namespace: namespace.to_owned(),
        name: object_name(vcluster, property),
        help: format!(
            "See that the secret store works; if the item {item} is gone from 1Password, nothing is left to delete"
        ),
    };
    PROPERTIES.map(one).into()
}
