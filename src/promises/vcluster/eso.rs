//! Objects of the External Secrets Operator.
//!
//! Fields that its definitions default are written out, as far as all versions of
//! `external-secrets.io/v1` know them, and durations as Go prints them: the operator writes its objects
//! back when it adds a finalizer, and Argo CD would take either for drift
//! (external-secrets/external-secrets#5390). Defaults: `config/crds/bases` of v0.20.4.

use serde_json::{Value, json};

use super::objects::SYNC_WAVE;
use crate::config::SecretStore;
use crate::values::Labels;

/// How often the operator looks at both sides, in Go's own words: five minutes.
const REFRESH: &str = "5m0s";

/// The wave of what is unhealthy until the vcluster runs. It is the last: an unhealthy object holds up
/// every later wave. Pruned in reverse, it goes before the namespace it lies in.
const WAVE: &str = "10";

/// The annotation, of requests and of what they become, that makes the operator look at once when its
/// value changes.
pub(super) const RECONCILE_AT: &str = "platform.integratn.tech/reconcile-at";

/// The annotations of what carries credentials.
pub(in crate::promises) fn credential_annotations(reconcile_at: Option<&str>) -> Labels {
    let mut annotations = Labels::from([(SYNC_WAVE.to_owned(), WAVE.to_owned())]);
    if let Some(at) = reconcile_at {
        annotations.insert(RECONCILE_AT.to_owned(), at.to_owned());
    }
    annotations
}

/// A reference to the store of the settings.
pub(in crate::promises) fn store_ref(store: &SecretStore) -> Value {
    json!({ "name": store.store, "kind": store.kind })
}

/// A key of the Secret that is made, and the property of the item that its value is read from.
pub(in crate::promises) type Entry = (&'static str, &'static str);

/// An `ExternalSecret`: some properties of one item become a Secret.
pub(in crate::promises) struct ExternalSecret<'a> {
    /// See [`super::metadata`].
    pub(in crate::promises) metadata: Value,
    /// The store.
    pub(in crate::promises) store: &'a SecretStore,
    /// The title of the item.
    pub(in crate::promises) item: &'a str,
    /// The name of the Secret.
    pub(in crate::promises) secret: String,
    /// The labels and annotations of the Secret.
    pub(in crate::promises) marks: Value,
    /// What is in the Secret.
    pub(in crate::promises) data: &'a [Entry],
}

impl ExternalSecret<'_> {
    /// The object.
    pub(in crate::promises) fn object(self) -> Value {
        let target = json!({
            "name": self.secret,
            "creationPolicy": "Owner",
            "deletionPolicy": "Retain",
            // Without a template the Secret would get the labels and annotations of this object.
            "template": { "engineVersion": "v2", "mergePolicy": "Replace", "type": "Opaque", "metadata": self.marks },
        });
        let entry = |(key, property): &Entry| {
            json!({
                "secretKey": key,
                "remoteRef": {
                    "key": self.item,
                    "property": property,
                    "conversionStrategy": "Default",
                    "decodingStrategy": "None",
                    "metadataPolicy": "None",
                },
            })
        };
        json!({
            "apiVersion": "external-secrets.io/v1",
            "kind": "ExternalSecret",
            "metadata": self.metadata,
            "spec": {
                "refreshInterval": REFRESH,
                "secretStoreRef": store_ref(self.store),
                "target": target,
                "data": self.data.iter().map(entry).collect::<Vec<_>>(),
            },
        })
    }
}
