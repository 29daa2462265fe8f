use super::{Branch, Site};
use crate::values::{Labels, RelPath};

/// How a store's credentials are named: `spec.authMethod` and `spec.secretRef`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Auth {
    /// No Secret: anonymous, or a local repository.
    None,
    /// `username` and `password` in a Secret.
    Basic {
        /// The Secret's namespace.
        namespace: String,
        /// The Secret's name.
        name: String,
    },
}

/// A GitStateStore, parsed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StateStore {
    /// The object's name.
    pub name: String,
    /// The URL as given, for connecting.
    pub url: String,
    /// The remote and branch it names.
    pub branch: Branch,
    /// Everything lies below this path.
    pub path: RelPath,
    /// Name and e-mail of commits.
    pub author: (String, String),
    /// Where the credentials are.
    pub auth: Auth,
    /// A PEM bundle that replaces the system's certificate authorities.
    pub ca_bundle: Option<Vec<u8>>,
    /// Set by an explicit field only.
    pub insecure_skip_tls_verify: bool,
}

impl StateStore {
    /// Its root.
    pub fn site(&self) -> Site {
        Site { branch: self.branch.clone(), root: self.path.clone() }
    }
}

/// How files lie at a destination: `spec.filepath`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Layout {
    /// A directory for each request.
    Nested,
    /// Files side by side with others.
    Flat,
    /// One file for all requests.
    Aggregated {
        /// Below the destination's path.
        file: RelPath,
    },
}

/// A Destination, parsed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Destination {
    /// The object's name.
    pub name: String,
    /// `metadata.labels`.
    pub labels: Labels,
    /// `spec.strictMatchLabels`: only requests that select exactly these labels.
    pub strict: bool,
    /// The destination of a run without a cluster: it takes every request.
    pub takes_all: bool,
    /// The GitStateStore's name.
    pub store: String,
    /// Below the store's path.
    pub path: RelPath,
    /// The layout.
    pub layout: Layout,
    /// Whether Kratix's canaries are written.
    pub init_workloads: bool,
    /// Whether the files go with the destination: `spec.cleanup: all`.
    pub cleanup: bool,
    /// It is being deleted: nothing new goes there.
    pub leaving: bool,
}

impl Destination {
    /// Kratix's rule: every selected label must be there; a strict destination has no others.
    pub fn matches(&self, selected: &Labels) -> bool {
        let carries_all = selected.iter().all(|(k, v)| self.labels.get(k) == Some(v));
        self.takes_all || carries_all && (!self.strict || self.labels.len() == selected.len())
    }
}
