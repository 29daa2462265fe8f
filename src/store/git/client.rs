//! HTTP, with what a store's settings say of trust and credentials, and errors that show no secrets.

use std::io::Read;
use std::time::Duration;

use ureq::tls::{PemItem, RootCerts, TlsConfig, parse_pem};
use ureq::{Agent, Body, Proxy, http};

use super::protocol::Fault;
use crate::store::{Access, Error};

/// Servers close connections that idle; one that is as old as this is not used again.
const IDLE: Duration = Duration::from_secs(10);

/// One agent with the store's own trust and credentials.
pub(crate) struct Client {
    agent: Agent,
    authorization: Option<String>,
    /// What must not show up in an error, whoever says it.
    secrets: Vec<String>,
}

/// Why a request has no answer.
pub(crate) struct Failure {
    pub(crate) error: Error,
    /// Whether the server may have got it.
    pub(crate) sent: bool,
    /// Whether it took too long.
    pub(crate) stalled: bool,
}

impl Client {
    /// A client with this trust and these credentials.
    pub(crate) fn new(access: &Access) -> Result<Self, Error> {
        let roots = match &access.ca_bundle {
            None => RootCerts::PlatformVerifier,
            Some(pem) => {
                let mut certificates = Vec::new();
                for item in parse_pem(pem) {
                    match item {
                        Ok(PemItem::Certificate(certificate)) => certificates.push(certificate),
                        Ok(_) => {}
                        Err(_) => return Err(Error::Unauthorized("the store's CA bundle is not PEM".to_owned())),
                    }
                }
                if certificates.is_empty() {
                    return Err(Error::Unauthorized("the store's CA bundle holds no certificate".to_owned()));
                }
                RootCerts::new_with_certs(&certificates)
            }
        };
        let tls = TlsConfig::builder().root_certs(roots).disable_verification(access.insecure_skip_tls_verify).build();
        // Plain http is for this machine and the cluster; what goes there is not for a proxy's eyes.
        let proxy = if access.url.starts_with("http://") { None } else { Proxy::try_from_env() };
        let agent = Agent::config_builder()
            .proxy(proxy)
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .timeout_global(Some(access.timeout))
            .max_idle_age(IDLE)
            .user_agent(concat!("kept/", env!("CARGO_PKG_VERSION")))
            .tls_config(tls)
            .build()
            .new_agent();
        let (mut authorization, mut secrets) = (None, Vec::new());
        if let Some((user, password)) = &access.basic {
            let token = base64(format!("{user}:{password}").as_bytes());
            authorization = Some(format!("Basic {token}"));
            secrets = vec![token, password.clone()];
            secrets.retain(|secret| !secret.is_empty());
        }
        Ok(Self { agent, authorization, secrets })
    }

    /// Asks for something.
    pub(crate) fn get(&self, url: &str) -> Result<http::Response<Body>, Error> {
        let mut request = self.agent.get(url);
        if let Some(authorization) = &self.authorization {
            request = request.header("Authorization", authorization);
        }
        self.checked(url, request.call()).map_err(|failure| failure.error)
    }

    /// Calls one of Git's services.
    pub(crate) fn post(&self, url: &str, service: &str, body: &[u8]) -> Result<http::Response<Body>, Failure> {
        let url = format!("{url}/{service}");
        let mut request = self
            .agent
            .post(&url)
            .header("Content-Type", format!("application/x-{service}-request"))
            .header("Accept", format!("application/x-{service}-result"));
        if let Some(authorization) = &self.authorization {
            request = request.header("Authorization", authorization);
        }
        self.checked(&url, request.send(body))
    }

    /// Sorts an answer that is none.
    fn checked(
        &self,
        url: &str,
        answer: Result<http::Response<Body>, ureq::Error>,
    ) -> Result<http::Response<Body>, Failure> {
        let place = url.split('?').next().unwrap_or(url);
        let place =
            ["/info/refs", "/git-upload-pack", "/git-receive-pack"].iter().find_map(|end| place.strip_suffix(end));
        let place = self.clean(place.unwrap_or(url));
        let failure = |sent, stalled, error| Failure { error, sent, stalled };
        let mut answer = match answer {
            Ok(answer) => answer,
            Err(error) => {
                let (sent, stalled) = (was_sent(&error), matches!(error, ureq::Error::Timeout(_)));
                let what = if stalled { "timed out".to_owned() } else { self.clean(&explain(&error)) };
                return Err(failure(sent, stalled, Error::Unreachable(format!("cannot reach {place}: {what}"))));
            }
        };
        let status = answer.status().as_u16();
        let error = match status {
            200 => return Ok(answer),
            300..=399 => {
                let location = answer.headers().get("location").and_then(|to| to.to_str().ok());
                Error::NotFound(format!(
                    "{place} sends us on to {}; credentials are not sent after it: set the store's url to that",
                    self.clean(&target(location.unwrap_or_default()))
                ))
            }
            401 | 403 => {
                let hint = match &self.authorization {
                    None => "no credentials were given",
                    Some(_) => "check the user, the password or token, and what it may write",
                };
                Error::Unauthorized(format!("{place} refuses access (HTTP {status}): {hint}"))
            }
            404 | 410 => Error::NotFound(format!(
                "there is no repository at {place} (HTTP {status}), or these credentials may not see it"
            )),
            408 | 429 | 500..=599 => {
                let words = self.words(&mut answer);
                return Err(failure(true, false, Error::Unreachable(format!("{place} fails (HTTP {status}){words}"))));
            }
            _ => Error::Rejected(format!("{place} refuses (HTTP {status}){}", self.words(&mut answer))),
        };
        Err(failure(false, false, error))
    }

    /// The first line of a plain text answer.
    fn words(&self, answer: &mut http::Response<Body>) -> String {
        let mut bytes = Vec::new();
        let _ = answer.body_mut().as_reader().take(300).read_to_end(&mut bytes);
        let text = String::from_utf8_lossy(&bytes);
        let line = text.lines().next().unwrap_or_default().trim();
        if line.is_empty() || line.starts_with('<') { String::new() } else { self.clean(&format!(": {line}")) }
    }

    /// What is wrong with an answer, as an error of the store.
    pub(crate) fn fault(&self, fault: &Fault) -> Error {
        match fault {
            Fault::Broken(error) if is_timeout(error) => Error::Unreachable("the server's answer timed out".to_owned()),
            Fault::Broken(error) => {
                Error::Unreachable(self.clean(&format!("the server's answer ended early: {error}")))
            }
            Fault::Strange(what) => Error::Git(self.clean(&format!("the server's answer cannot be read: {what}"))),
            Fault::Refused(words) => Error::Git(self.clean(&format!("the server says: {words}"))),
        }
    }

    /// A text of somebody else's, fit to be shown.
    pub(crate) fn clean(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for secret in &self.secrets {
            text = text.replace(secret.as_str(), "***");
        }
        text.retain(|c| c == '\n' || !c.is_control());
        text
    }

    /// An error that may hold somebody else's text, fit to be shown.
    pub(crate) fn cleaned(&self, error: Error) -> Error {
        match error {
            Error::Git(words) => Error::Git(self.clean(&words)),
            other => other,
        }
    }
}

/// Where a redirect points, without what may be secret in it.
fn target(location: &str) -> String {
    let Ok(mut url) = url::Url::parse(location) else {
        return location.split(['?', '#']).next().unwrap_or_default().to_owned();
    };
    let _ = url.set_username("");
    let _ = url.set_password(None);
    url.set_query(None);
    url.set_fragment(None);
    url.as_str().trim_end_matches("/info/refs").to_owned()
}

/// Whether the server may have seen the request that failed so.
fn was_sent(error: &ureq::Error) -> bool {
    use ureq::{Error as E, Timeout};
    match error {
        E::HostNotFound
        | E::ConnectionFailed
        | E::Tls(_)
        | E::Rustls(_)
        | E::BadUri(_)
        | E::InvalidProxyUrl
        | E::Timeout(Timeout::Resolve | Timeout::Connect) => false,
        E::Io(error) => error.kind() != std::io::ErrorKind::ConnectionRefused,
        _ => true,
    }
}

/// What went wrong, with a hint where one helps.
fn explain(error: &ureq::Error) -> String {
    let text = error.to_string();
    let text = text.strip_prefix("io: ").unwrap_or(&text);
    if text.contains("certificate") {
        return format!("{text}; give the certificate of the server's authority as the store's CA bundle");
    }
    text.to_owned()
}

/// Whether reading took too long.
pub(crate) fn is_timeout(error: &std::io::Error) -> bool {
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<ureq::Error>());
    error.kind() == std::io::ErrorKind::TimedOut || matches!(inner, Some(ureq::Error::Timeout(_)))
}

fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let bits = chunk.iter().fold(0_usize, |bits, byte| bits << 8 | usize::from(*byte)) << (8 * (3 - chunk.len()));
        for digit in 0..4 {
            let known = digit <= chunk.len();
            text.push(if known { char::from(DIGITS[bits >> (18 - 6 * digit) & 63]) } else { '=' });
        }
    }
    text
}
