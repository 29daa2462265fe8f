//! How a repository is reached, and by whom.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use super::Error;

/// How to reach a repository. Credentials live here and nowhere else; `Debug` does not show them.
#[derive(Clone, PartialEq, Eq)]
pub struct Access {
    /// A path, a `file://` URL, or an `http(s)://` URL without credentials.
    pub url: String,
    /// The branch.
    pub branch: String,
    /// User and password, if any.
    pub basic: Option<(String, String)>,
    /// A PEM bundle that replaces the system's certificate authorities.
    pub ca_bundle: Option<Vec<u8>>,
    /// Only by an explicit field: do not verify the server's certificate.
    pub insecure_skip_tls_verify: bool,
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
            .field("user", &self.basic.as_ref().map(|(user, _)| user))
            .finish_non_exhaustive()
    }
}

/// Reads a store's basic-auth credentials out of a Secret's data. `secret` names it for the error.
pub fn credentials(read: impl Fn(&str) -> Option<Vec<u8>>, secret: &str) -> Result<(String, String), Error> {
    let text = |key: &str| {
        let bytes = read(key).ok_or_else(|| {
            Error::Unauthorized(format!(
                "the Secret {secret} lacks the key {key:?}: authMethod basicAuth needs username and password"
            ))
        })?;
        let text = String::from_utf8(bytes)
            .map_err(|_| Error::Unauthorized(format!("the key {key:?} of the Secret {secret} is not UTF-8 text")))?;
        // `echo secret | base64` leaves a newline that no server accepts.
        Ok(text.trim_end_matches(['\r', '\n']).to_owned())
    };
    Ok((text("username")?, text("password")?))
}
