//! What a repository asks of those who want in. It lives in memory alone; no `Debug` shows a secret.

use std::fmt;
use std::path::PathBuf;

use super::Error;

/// How a store's Secret is to be read: `spec.authMethod`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AuthMethod {
    /// `username` and `password`, or `bearerToken`.
    Basic,
    /// `sshPrivateKey` and `knownHosts`.
    Ssh,
    /// `appID`, `installationID` and `privateKey`.
    GithubApp,
}

impl AuthMethod {
    /// As users write it, and what the Secret needs for it.
    fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::Basic => ("basicAuth", "username and password, or bearerToken"),
            Self::Ssh => ("ssh", "sshPrivateKey and knownHosts"),
            Self::GithubApp => ("githubApp", "appID, installationID and privateKey"),
        }
    }
}

/// Keys that log in over SSH, and the servers that they may be shown to.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct SshLogin {
    /// Private keys, each as the text of its file; tried in this order.
    pub private_keys: Vec<String>,
    /// The socket of an agent that holds more of them; they are tried first.
    pub agent: Option<PathBuf>,
    /// The servers' public keys, as in `~/.ssh/known_hosts`.
    pub known_hosts: String,
}

/// A GitHub App, which gets itself short-lived tokens.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct GithubApp {
    /// The app's number, or its client ID.
    pub app_id: String,
    /// The number of its installation at the repository's owner.
    pub installation_id: String,
    /// Its RSA key, as PEM.
    pub private_key: String,
}

/// Who asks.
#[derive(Clone, PartialEq, Eq, Default)]
pub enum Credentials {
    /// Nobody in particular.
    #[default]
    None,
    /// A user, over HTTP.
    Basic {
        /// The user's name.
        username: String,
        /// The password, or a token in its place.
        password: String,
    },
    /// The bearer of a token, over HTTP.
    Bearer(String),
    /// A key, over SSH.
    Ssh(SshLogin),
    /// A GitHub App, over HTTP.
    GithubApp(GithubApp),
}

impl Credentials {
    /// A user and a password.
    pub fn basic(username: impl Into<String>, password: impl Into<String>) -> Self {
        Self::Basic { username: username.into(), password: password.into() }
    }

    /// Whether there are none.
    pub fn is_none(&self) -> bool {
        *self == Self::None
    }

    /// Reads a store's credentials out of a Secret's data. `secret` names it for the error.
    pub fn from_secret(
        method: AuthMethod,
        read: impl Fn(&str) -> Option<Vec<u8>>,
        secret: &str,
    ) -> Result<Self, Error> {
        let (name, needs) = method.words();
        let text = |key: &str| {
            let missing = || format!("the Secret {secret} lacks the key {key:?}: authMethod {name} needs {needs}");
            read_text(&read, key, secret)?.ok_or_else(|| Error::Unauthorized(missing()))
        };
        // `echo secret | base64` leaves a newline that no server accepts.
        let line = |key: &str| text(key).map(|text| text.trim_end_matches(['\r', '\n']).to_owned());
        let full = |key: &str, text: String| {
            let empty = || Error::Unauthorized(format!("the key {key:?} of the Secret {secret} is empty"));
            if text.trim().is_empty() { Err(empty()) } else { Ok(text) }
        };
        match method {
            AuthMethod::Basic => match (read("bearerToken"), read("password")) {
                (Some(_), Some(_)) => Err(Error::Unauthorized(format!(
                    "the Secret {secret} has both bearerToken and password: remove what the server does not ask for"
                ))),
                (Some(_), None) => Ok(Self::Bearer(full("bearerToken", line("bearerToken")?)?)),
                (None, _) => Ok(Self::basic(line("username")?, line("password")?)),
            },
            AuthMethod::Ssh => Ok(Self::Ssh(SshLogin {
                private_keys: vec![full("sshPrivateKey", text("sshPrivateKey")?)?],
                agent: None,
                known_hosts: full("knownHosts", text("knownHosts")?)?,
            })),
            AuthMethod::GithubApp => {
                let installation_id = full("installationID", line("installationID")?)?;
                if !installation_id.bytes().all(|b| b.is_ascii_digit()) {
                    let advice = "is not a number: it is the end of the URL of the installation's settings";
                    let text = format!("the key \"installationID\" of the Secret {secret} {advice}");
                    return Err(Error::Unauthorized(text));
                }
                Ok(Self::GithubApp(GithubApp {
                    app_id: full("appID", line("appID")?)?,
                    installation_id,
                    private_key: full("privateKey", text("privateKey")?)?,
                }))
            }
        }
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("None"),
            Self::Basic { username, .. } => write!(f, "Basic({username:?}, ***)"),
            Self::Bearer(_) => f.write_str("Bearer(***)"),
            Self::Ssh(_) => f.write_str("Ssh(***)"),
            Self::GithubApp(app) => write!(f, "GithubApp({:?}, {:?}, ***)", app.app_id, app.installation_id),
        }
    }
}

/// The private key that commits are signed with, as the text of its file.
#[derive(Clone, PartialEq, Eq)]
pub struct SigningKey(pub String);

impl SigningKey {
    /// Reads the key out of a Secret's data. `secret` names it for the error.
    pub fn from_secret(read: impl Fn(&str) -> Option<Vec<u8>>, secret: &str) -> Result<Self, Error> {
        let missing = || {
            Error::Unauthorized(format!("the Secret {secret} lacks the key \"sshPrivateKey\": spec.signing needs it"))
        };
        read_text(&read, "sshPrivateKey", secret)?.map(Self).ok_or_else(missing)
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SigningKey(***)")
    }
}

fn read_text(read: impl Fn(&str) -> Option<Vec<u8>>, key: &str, secret: &str) -> Result<Option<String>, Error> {
    let strange = |_| Error::Unauthorized(format!("the key {key:?} of the Secret {secret} is not UTF-8 text"));
    read(key).map(String::from_utf8).transpose().map_err(strange)
}
