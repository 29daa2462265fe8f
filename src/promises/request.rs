use serde_json::Value;

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
