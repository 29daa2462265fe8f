//! What a promise answers with: files by path, the identities it claims, facts for status; and
//! YAML, out (read alike by YAML 1.1 and 1.2 readers) and in (with line numbers).

pub(crate) mod object;
mod observed;
pub mod read;
pub mod write;

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::values::{RelPath, RequestKey, Set};
pub use observed::{Observed, ObservedKind, ObservedObject, VirtualCluster};

/// The content of one rendered file, before policy has seen it.
#[derive(Clone, Debug, PartialEq)]
pub enum Content {
    /// A Kubernetes object: labelled, and required to name its namespace.
    Object(Value),
    /// A YAML document that is no Kubernetes object, such as a Backstage entity: written as it is.
    Document(Value),
    /// Raw text, such as HCL. Cannot be aggregated.
    Text(String),
}

/// The whole answer of a promise to a request, as data.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Output {
    /// Content by path, relative to the request's own place. The first component of a path with
    /// several is its directory, by which it can be routed to another destination.
    pub files: BTreeMap<RelPath, Content>,
    /// Identities this request needs for itself alone.
    pub claims: Set<Claim>,
    /// What else is known at rendering time and belongs in the status, merged into `status`.
    pub facts: BTreeMap<String, Value>,
    /// What its author should know although all is well: a field without effect.
    pub notes: Vec<String>,
    /// For a request that is made of others: whose work a top-level directory is, for the labels of the objects in it.
    pub parts: BTreeMap<String, Part>,
    /// Requests that this one renders all of: what they had, recorded or left by Kratix, goes with its commit.
    pub supersedes: Set<RequestKey>,
    /// The virtual cluster that its files make.
    pub vcluster: Option<VirtualCluster>,
}

/// A part of a request, as if it were a request of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// The promise that rendered it.
    pub promise: &'static str,
    /// The name that such a request would have.
    pub name: String,
}

/// An identity that only one request may hold among one writer's requests, such as `team-id/payments`
/// (compared as it stands: fold case where the thing itself does).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Claim(String);

impl Claim {
    /// A claim on `name` among things of `kind`.
    pub fn new(kind: &str, name: &str) -> Self {
        Self(format!("{kind}/{name}"))
    }

    /// What kind of thing it is a claim on.
    pub fn kind(&self) -> &str {
        self.0.split_once('/').map_or("", |(kind, _)| kind)
    }

    /// The claim as it is recorded.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Claim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.split_once('/') {
            Some((kind, name)) => write!(f, "{} {name:?}", kind.replace('-', " ")),
            None => f.write_str(&self.0),
        }
    }
}
