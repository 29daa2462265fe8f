use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use serde_json::Value;

use crate::api;
use crate::error::{Invalid, Mistake};
use crate::values::{Labels, RequestKey, Timestamp};

/// A custom resource as parsed: the user's words, checked against its schema, with defaults filled in
/// for nothing. Made from a file or from the API server by [`super::Promise::request`].
#[derive(Clone, Debug, PartialEq)]
pub struct Request {
    /// Namespace, promise and name.
    pub key: RequestKey,
    /// The kind, such as `Team`.
    pub kind: String,
    /// Tells incarnations of one name apart; empty for requests from files.
    pub uid: String,
    /// `metadata.generation`; 0 for requests from files.
    pub generation: i64,
    /// `metadata.creationTimestamp`; absent for requests from files.
    pub created: Option<Timestamp>,
    /// The request's labels.
    pub labels: Labels,
    /// The request's annotations.
    pub annotations: Labels,
    /// `spec`, as given.
    pub spec: Value,
}

/// See [`super::Promise::request`].
pub(super) fn parse(
    promise: &str,
    crd: &CustomResourceDefinition,
    object: &Value,
    default_namespace: Option<&str>,
) -> Result<Request, Invalid> {
    let mut found = api::check(crd, object);
    let metadata = &object["metadata"];
    let given = metadata["namespace"].as_str().or(default_namespace);
    if given.is_none() && metadata["namespace"].is_null() {
        found.push(Mistake::new("metadata.namespace", "is missing: the object belongs into a namespace"));
    }
    let namespace = match given {
        Some(namespace) if found.is_empty() => namespace,
        _ => return Err(Invalid::request(found)),
    };
    let name = metadata["name"].as_str().unwrap_or_default();
    let key = RequestKey { namespace: namespace.into(), promise: promise.into(), name: name.into() };
    let served = default_namespace.is_none();
    Ok(Request {
        key,
        kind: crd.spec.names.kind.clone(),
        uid: metadata["uid"].as_str().filter(|_| served).unwrap_or_default().into(),
        generation: metadata["generation"].as_i64().filter(|_| served).unwrap_or_default(),
        created: metadata["creationTimestamp"].as_str().filter(|_| served).and_then(|t| t.parse().ok()),
        labels: texts(&metadata["labels"]),
        annotations: texts(&metadata["annotations"]),
        spec: object["spec"].clone(),
    })
}

fn texts(entries: &Value) -> Labels {
    let entries = entries.as_object().into_iter().flatten();
    entries.filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned()))).collect()
}
