use std::fmt;
use std::time::Duration;

use kube::ResourceExt;

use super::{Branch, Landscape, Remote, Site};
use crate::api;
use crate::api::destination::{Cleanup, FilepathMode};
use crate::api::git_state_store::SecretRef;
use crate::error::{Invalid, Mistake};
use crate::store::{Access, AuthMethod, Credentials, SigningKey};
use crate::values::{Labels, RelPath, Timestamp};

/// Bound on each operation with a remote.
const TIMEOUT: Duration = Duration::from_secs(30);

/// Where a Secret is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecretName {
    /// The Secret's namespace.
    pub namespace: String,
    /// The Secret's name.
    pub name: String,
}

impl From<&SecretRef> for SecretName {
    fn from(named: &SecretRef) -> Self {
        Self { namespace: named.namespace.clone(), name: named.name.clone() }
    }
}

impl fmt::Display for SecretName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.namespace, self.name)
    }
}

/// A store's credentials: `spec.authMethod` and `spec.secretRef`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Auth {
    /// How the Secret is read.
    pub method: AuthMethod,
    /// The Secret; absent: anonymous, or a local repository.
    pub secret: Option<SecretName>,
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
    /// The Secret with the key that commits are signed with, if they are.
    pub signing: Option<SecretName>,
    /// A PEM bundle that replaces the system's certificate authorities.
    pub ca_bundle: Option<Vec<u8>>,
    /// Set by an explicit field only.
    pub insecure_skip_tls_verify: bool,
}

impl StateStore {
    /// Reads a GitStateStore that satisfies its schema.
    pub fn parse(object: &api::GitStateStore) -> Result<Self, Invalid> {
        let spec = &object.spec;
        let path = RelPath::lenient(spec.path.as_deref().unwrap_or_default())
            .map_err(|e| Invalid::request(vec![Mistake::new("spec.path", e.to_string())]))?;
        let method = match spec.auth_method {
            api::git_state_store::AuthMethod::BasicAuth => AuthMethod::Basic,
            api::git_state_store::AuthMethod::Ssh => AuthMethod::Ssh,
            api::git_state_store::AuthMethod::GithubApp => AuthMethod::GithubApp,
        };
        Ok(Self {
            name: object.name_any(),
            url: spec.url.clone(),
            branch: Branch { remote: Remote::new(&spec.url), name: spec.branch.clone() },
            path,
            author: (spec.git_author.name.clone(), spec.git_author.email.clone()),
            auth: Auth { method, secret: spec.secret_ref.as_ref().map(SecretName::from) },
            signing: spec.signing.as_ref().map(|signing| SecretName::from(&signing.secret_ref)),
            ca_bundle: spec.ca_bundle.as_ref().map(|pem| pem.0.clone()),
            insecure_skip_tls_verify: spec.insecure_skip_tls_verify,
        })
    }

    /// How to reach it with these credentials, and to sign with this key.
    pub fn access(&self, credentials: Credentials, signing: Option<SigningKey>) -> Access {
        Access {
            url: self.url.clone(),
            branch: self.branch.name.clone(),
            credentials,
            signing,
            ca_bundle: self.ca_bundle.clone(),
            insecure_skip_tls_verify: self.insecure_skip_tls_verify,
            proxy: None,
            author: self.author.clone(),
            timeout: TIMEOUT,
            create: false,
            cache: None,
        }
    }

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
    /// When it was created; absent for one from a file.
    pub created: Option<Timestamp>,
    /// It is being deleted: nothing new goes there.
    pub leaving: bool,
}

impl Destination {
    /// Reads a Destination that satisfies its schema.
    pub fn parse(object: &api::Destination) -> Result<Self, Invalid> {
        let spec = &object.spec;
        let path_of = |field: &str, text: &str| {
            RelPath::lenient(text).map_err(|e| Invalid::request(vec![Mistake::new(field, e.to_string())]))
        };
        let layout = match spec.filepath.mode {
            FilepathMode::NestedByMetadata => Layout::Nested,
            FilepathMode::None => Layout::Flat,
            FilepathMode::AggregatedYaml => {
                Layout::Aggregated { file: path_of("spec.filepath.filename", spec.filepath.aggregated_name())? }
            }
        };
        Ok(Self {
            name: object.name_any(),
            labels: object.labels().clone(),
            strict: spec.strict_match_labels,
            takes_all: false,
            store: spec.state_store_ref.name.clone(),
            path: path_of("spec.path", &spec.path)?,
            layout,
            init_workloads: spec.init_workloads.enabled,
            cleanup: spec.cleanup == Cleanup::All,
            created: object.creation_timestamp().map(|t| t.0),
            leaving: object.metadata.deletion_timestamp.is_some(),
        })
    }

    /// Kratix's rule: every selected label must be there; a strict destination has no others.
    pub fn matches(&self, selected: &Labels) -> bool {
        let carries_all = selected.iter().all(|(k, v)| self.labels.get(k) == Some(v));
        self.takes_all || carries_all && (!self.strict || self.labels.len() == selected.len())
    }
}

/// The name of an older destination (by creation, then name) whose place in the same branch contains
/// this one's or lies in it. Neither would know whose a file there is.
pub fn overlapping(destination: &Destination, landscape: &Landscape) -> Option<String> {
    let place = |d: &Destination| landscape.site(d).map(|s| (s.branch, s.root.join(&d.path)));
    let (branch, path) = place(destination)?;
    let age = |d: &Destination| (d.created.is_none(), d.created, d.name.clone());
    landscape
        .destinations
        .values()
        .filter(|other| other.name != destination.name && age(other) < age(destination))
        .find(|other| place(other).is_some_and(|(b, p)| b == branch && (p.contains(&path) || path.contains(&p))))
        .map(|other| other.name.clone())
}
