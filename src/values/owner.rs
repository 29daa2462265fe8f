use std::fmt;

use serde::{Deserialize, Serialize};

/// When an object was created, as its API server says; absent for objects from files.
pub type Timestamp = jiff::Timestamp;

/// A request, as its users name it: the part of an [`Owner`] that does not depend on who writes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct RequestKey {
    /// The namespace of the request.
    pub namespace: String,
    /// The promise's name, such as `team`.
    pub promise: String,
    /// The request's `metadata.name`.
    pub name: String,
}

impl fmt::Display for RequestKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}/{}", self.promise, self.namespace, self.name)
    }
}

/// Who owns files in a state repository. The request's UID is not part of it: a recreated request
/// takes over what its predecessor left.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Owner {
    /// The writer, so that two operators or an operator and a person can share a repository.
    pub writer: String,
    /// The request.
    #[serde(flatten)]
    pub key: RequestKey,
}

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (writer {})", self.key, self.writer)
    }
}
