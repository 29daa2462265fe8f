//! An SSH connection that is open to us: to a server that is who it should be, as a user that it knows.

use std::sync::Arc;
use std::time::Duration;

use russh::client::{self, AuthResult, Config, Handle, Handler};
use russh::keys::agent::AgentIdentity;
use russh::keys::agent::client::AgentClient;
use russh::keys::{Algorithm, HashAlg, PrivateKeyWithHashAlg, PublicKey, PublicKeyOrCertificate};
use russh::{AlgorithmKind, Preferred, SshId};
use tokio::net::TcpStream;

use super::keys;
use super::known_hosts::{KnownHosts, Verdict, shown, written};
use crate::store::{Error, SshLogin};

/// Who the server knows us as if the URL does not say it.
const USER: &str = "git";
/// By how much a connection outlives what may be asked over it.
const LINGER: Duration = Duration::from_secs(5);

/// A repository's address: `ssh://user@host:port/path` or `user@host:path`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Address {
    pub(crate) user: String,
    pub(crate) host: String,
    pub(crate) port: u16,
    /// As the server's shell gets it.
    pub(crate) path: String,
}

impl Address {
    pub(crate) fn parse(text: &str) -> Option<Self> {
        if !text.contains("://") {
            let (place, path) = text.split_once(':')?;
            let (user, host) = place.split_once('@').unwrap_or((USER, place));
            // What begins with a dash would be an option for the server's program.
            let is_path = !path.is_empty() && !path.starts_with('-');
            let whole = !user.is_empty() && !host.is_empty() && !place.contains('/') && is_path;
            return whole.then(|| Self { user: user.into(), host: host.into(), port: 22, path: path.into() });
        }
        let url = url::Url::parse(text).ok().filter(|url| url.scheme() == "ssh" && url.password().is_none())?;
        let user = if url.username().is_empty() { USER.to_owned() } else { decoded(url.username()) };
        let host = url.host_str()?.trim_matches(['[', ']']).to_owned();
        let path = decoded(url.path());
        // `/~user/…` lies in that user's home.
        let path = if path.starts_with("/~") { path[1..].to_owned() } else { path };
        (path.len() > 1).then(|| Self { user, host, port: url.port().unwrap_or(22), path })
    }

    fn place(&self) -> String {
        written(&self.host, self.port)
    }
}

/// A part of a URL, without its `%xx`.
fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let code = after.get(..2).and_then(|code| u8::from_str_radix(std::str::from_utf8(code).ok()?, 16).ok());
        match code {
            Some(code) if *first == b'%' => {
                bytes.push(code);
                rest = &after[2..];
            }
            _ => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Connects and logs in. A connection over which nothing comes for longer than `timeout` ends.
pub(crate) async fn log_in(address: &Address, login: &SshLogin, timeout: Duration) -> Result<Handle<HostKeys>, Error> {
    let known = KnownHosts::parse(&login.known_hosts);
    let algorithms = known.algorithms(&address.host, address.port);
    let unreachable = |why: &str| Error::Unreachable(format!("cannot reach {}:{}: {why}", address.host, address.port));
    let stream = TcpStream::connect((address.host.as_str(), address.port)).await;
    let stream = stream.map_err(|error| unreachable(&error.to_string()))?;
    let _ = stream.set_nodelay(true);
    let mut preferred = Preferred::DEFAULT;
    if !algorithms.is_empty() {
        preferred.key = algorithms.clone().into();
    }
    let config = Config {
        client_id: SshId::Standard(concat!("SSH-2.0-kept_", env!("CARGO_PKG_VERSION")).into()),
        preferred,
        inactivity_timeout: Some(timeout + LINGER),
        ..Config::default()
    };
    let host_keys = HostKeys { address: address.clone(), known };
    let mut handle =
        client::connect_stream(Arc::new(config), stream, host_keys).await.map_err(|failed| match failed {
            Failed::Refused(error) => error,
            Failed::Protocol(russh::Error::NoCommonAlgo { kind: AlgorithmKind::Key, .. }) => {
                let kinds: Vec<String> = algorithms.iter().map(ToString::to_string).collect();
                Error::Unauthorized(format!(
                    "{} has no host key of the kinds that are known of it ({}): compare what `ssh-keyscan` prints with \
                 what its owner publishes, and put that into knownHosts",
                    address.place(),
                    kinds.join(", ")
                ))
            }
            Failed::Protocol(error) => unreachable(&error.to_string()),
        })?;
    authenticate(&mut handle, address, login).await?;
    Ok(handle)
}

/// Shows the server one key after the other until it takes one.
async fn authenticate(handle: &mut Handle<HostKeys>, address: &Address, login: &SshLogin) -> Result<(), Error> {
    let place = address.place();
    let unreachable = |error: &dyn std::fmt::Display| Error::Unreachable(format!("cannot log in to {place}: {error}"));
    let mut tried = Vec::new();
    let mut unusable = Vec::new();
    if let Some(socket) = &login.agent
        && let Ok(mut agent) = AgentClient::connect_uds(socket).await
    {
        for identity in agent.request_identities().await.unwrap_or_default() {
            let AgentIdentity::PublicKey { key, .. } = identity else { continue };
            let hash = hash_for(handle, key.algorithm()).await.map_err(|e| unreachable(&e))?;
            tried.push(shown(&key));
            match handle.authenticate_publickey_with(&address.user, key, hash, &mut agent).await {
                Ok(AuthResult::Success) => return Ok(()),
                // An agent may hold a key and not use it; the next one may do.
                Ok(AuthResult::Failure { .. }) | Err(_) => {}
            }
        }
    }
    for text in &login.private_keys {
        let key = match keys::parse(text) {
            Ok(key) => key,
            Err(why) => {
                unusable.push(why);
                continue;
            }
        };
        let hash = hash_for(handle, key.algorithm()).await.map_err(|e| unreachable(&e))?;
        tried.push(shown(key.public_key()));
        let key = PrivateKeyWithHashAlg::new(Arc::new(key), hash);
        if handle.authenticate_publickey(&address.user, key).await.map_err(|e| unreachable(&e))?.success() {
            return Ok(());
        }
    }
    let whom = format!("{}@{place}", address.user);
    Err(Error::Unauthorized(match (tried.is_empty(), unusable.first()) {
        (true, Some(why)) => format!("the private key for {whom} {why}"),
        (true, None) => format!("no private key for {whom} is given"),
        (false, _) if handle.is_closed() => {
            format!("{whom} ended the connection while keys were shown to it: {}", tried.join(", "))
        }
        (false, _) => format!("{whom} does not know the key {}: allow it there", tried.join(", nor ")),
    }))
}

/// RSA signs with SHA-2 alone; a server that says nothing of it is given the benefit of the doubt.
async fn hash_for(handle: &Handle<HostKeys>, key: Algorithm) -> Result<Option<HashAlg>, russh::Error> {
    if !matches!(key, Algorithm::Rsa { .. }) {
        return Ok(None);
    }
    Ok(handle.best_supported_rsa_hash().await?.flatten().or(Some(HashAlg::Sha512)))
}

/// Looks at the server's key before anything is said.
pub(crate) struct HostKeys {
    address: Address,
    known: KnownHosts,
}

/// Why there is no connection.
#[derive(Debug)]
pub(crate) enum Failed {
    Protocol(russh::Error),
    Refused(Error),
}

impl From<russh::Error> for Failed {
    fn from(error: russh::Error) -> Self {
        Self::Protocol(error)
    }
}

impl Handler for HostKeys {
    type Error = Failed;

    async fn check_server_key(&mut self, shown: &PublicKeyOrCertificate) -> Result<bool, Failed> {
        match shown {
            PublicKeyOrCertificate::PublicKey { key, .. } => self.check(key).map(|()| true).map_err(Failed::Refused),
            // None was asked for.
            PublicKeyOrCertificate::Certificate(_) => Ok(false),
        }
    }
}

impl HostKeys {
    fn check(&self, key: &PublicKey) -> Result<(), Error> {
        let Address { host, port, .. } = &self.address;
        let (place, print) = (self.address.place(), shown(key));
        let refused = |text: String| Err(Error::Unauthorized(text));
        match self.known.check(host, *port, key) {
            Verdict::Known => Ok(()),
            Verdict::Unknown => {
                let line = key.to_openssh().unwrap_or_default();
                refused(format!(
                    "the server {place} is not among the known hosts. It shows the key {print}: if that is what its \
                     owner publishes, add the line `{place} {}` to knownHosts",
                    line.trim()
                ))
            }
            Verdict::Changed(known) => refused(format!(
                "the server {place} shows the key {print}, and known of it are {}: either it has a new key, then \
                 replace its lines in knownHosts once its owner confirms that, or somebody else answers in its place",
                known.join(", ")
            )),
            Verdict::Revoked => refused(format!("the server {place} shows the key {print}, which is marked @revoked")),
        }
    }
}
