//! The promise `vcluster-kubeconfig-sync`: a vcluster's kubeconfig, brought into 1Password.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::vcluster::{REFRESH, credential_annotations, file, metadata, store_ref};
use crate::config::SecretStore;
use crate::manifest::Content;
use crate::values::RelPath;

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

/// The `PushSecret` `vcluster-{name}-kubeconfig`.
pub(super) fn files(plan: &Plan) -> BTreeMap<RelPath, Content> {
    let name = format!("vcluster-{}", plan.name);
    let templates = [
        ("kubeconfig", "{{ .config }}"),
        ("argocd-name", name.as_str()),
        ("argocd-server", &plan.server),
        ("argocd-config", ARGOCD_CONFIG),
        ("notesPlain", NOTES),
    ];
    let entry = |(property, _): &(&str, &str)| {
        json!({
            "match": { "secretKey": property, "remoteRef": { "remoteKey": plan.item, "property": property } },
            "conversionStrategy": "None",
        })
    };
    let push_secret = json!({
        "apiVersion": "external-secrets.io/v1alpha1",
        "kind": "PushSecret",
        "metadata": metadata(
            &plan.name,
            &format!("{name}-kubeconfig"),
            &plan.namespace,
            &credential_annotations(plan.reconcile_at.as_deref()),
        ),
        "spec": {
            "refreshInterval": REFRESH,
            "updatePolicy": "Replace",
            "deletionPolicy": "Delete",
            "secretStoreRefs": [store_ref(&plan.store)],
            "selector": { "secret": { "name": format!("vc-{}", plan.name) } },
            "template": {
                "engineVersion": "v2",
                "mergePolicy": "Replace",
                "data": templates.iter().map(|(key, text)| ((*key).to_owned(), Value::from(*text))).collect::<serde_json::Map<_, _>>(),
            },
            "data": templates.iter().map(entry).collect::<Vec<_>>(),
        },
    });
    [file(push_secret)].into()
}
