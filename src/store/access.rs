//! How a repository is reached, and by whom.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use super::{Credentials, SigningKey};

/// How to reach a repository. Credentials live here and nowhere else; `Debug` does not show them.
#[derive(Clone, PartialEq, Eq)]
pub struct Access {
    /// A path, a `file://`, `http(s)://` or `ssh://` URL without a password, or `user@host:path`.
    pub url: String,
    /// The branch.
    pub branch: String,
    /// Who asks.
    pub credentials: Credentials,
    /// What commits are signed with, if they are.
    pub signing: Option<SigningKey>,
    /// A PEM bundle that replaces the system's certificate authorities.
    pub ca_bundle: Option<Vec<u8>>,
    /// Only by an explicit field: do not verify the server's certificate.
    pub insecure_skip_tls_verify: bool,
    /// The proxy's URL, whatever the environment says; empty: none is used.
    pub proxy: Option<String>,
    /// Commit author.
    pub author: (String, String),
    /// Bound on each network operation.
    pub timeout: Duration,
    /// Whether a missing local repository is made.
    pub create: bool,
    /// Where the disposable cache of a remote repository is made; a temporary directory if absent.
    pub cache: Option<PathBuf>,
}

impl fmt::Debug for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Access")
            .field("url", &self.url)
            .field("branch", &self.branch)
            .field("credentials", &self.credentials)
            .finish_non_exhaustive()
    }
}
