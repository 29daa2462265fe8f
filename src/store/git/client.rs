//! HTTP, with what a store's settings say of trust and credentials, and errors that show no secrets.

use std::io::Read;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ureq::tls::{PemItem, RootCerts, TlsConfig, parse_pem};
use ureq::{Agent, Body, http};
use url::Url;

use super::clean::Secrets;
use super::github::{self, Tokens};
use super::proxy;
use super::remote::Failure;
use crate::store::{Access, Credentials, Error};

/// Servers close connections that idle; one that is as old as this is not used again.
const IDLE: Duration = Duration::from_secs(10);

type Answer = http::Response<Body>;

/// One agent with the store's own trust and credentials.
pub(crate) struct Client {
    agent: Agent,
    user: User,
    secrets: Secrets,
    /// The token that a GitHub App uses now.
    token: Secrets,
}

/// Who calls.
enum User {
    Nobody,
    /// What the header `Authorization` reads.
    Somebody(String),
    App(Tokens),
}

impl Client {
    /// A client with this trust and these credentials.
    pub(crate) fn new(access: &Access, url: &Url) -> Result<Self, Error> {
        let mut secrets = Secrets::default();
        let agent = agent(access, url, &mut secrets)?;
        let user = match &access.credentials {
            Credentials::None => User::Nobody,
            Credentials::Basic { username, password } => User::Somebody(basic(username, password, &mut secrets)),
            Credentials::Bearer(token) => {
                secrets.add(token);
                User::Somebody(format!("Bearer {token}"))
            }
            Credentials::GithubApp(app) => {
                let api = github::api(url);
                let there = Url::parse(&api).map_err(|e| Error::NotFound(format!("{api}: {e}")))?;
                User::App(Tokens::new(app, api, self::agent(access, &there, &mut secrets)?))
            }
            Credentials::Ssh(_) => {
                let advice = "use authMethod basicAuth, or a url for SSH";
                return Err(Error::Unauthorized(format!("a key for SSH does not log in over http: {advice}")));
            }
        };
        Ok(Self { agent, user, secrets, token: Secrets::default() })
    }

    /// Asks for something.
    pub(crate) fn get(&mut self, url: &str) -> Result<Answer, Error> {
        let answer = self.call(url, |agent, authorization| {
            let request = agent.get(url);
            match authorization {
                Some(authorization) => request.header("Authorization", authorization),
                None => request,
            }
            .call()
        });
        answer.map_err(|failure| failure.error)
    }

    /// Calls one of Git's services.
    pub(crate) fn post(&mut self, url: &str, service: &str, body: &[u8]) -> Result<Answer, Failure> {
        let url = format!("{url}/{service}");
        self.call(&url, |agent, authorization| {
            let request = agent
                .post(&url)
                .header("Content-Type", format!("application/x-{service}-request"))
                .header("Accept", format!("application/x-{service}-result"));
            match authorization {
                Some(authorization) => request.header("Authorization", authorization),
                None => request,
            }
            .send(body)
        })
    }

    /// Sends a request, and once more if the server does not take a token any more that it gave us before.
    fn call(
        &mut self,
        url: &str,
        send: impl Fn(&Agent, Option<&str>) -> Result<Answer, ureq::Error>,
    ) -> Result<Answer, Failure> {
        let mut renewed = false;
        loop {
            let mut used = None;
            let authorization = match &self.user {
                User::Nobody => None,
                User::Somebody(authorization) => Some(authorization.clone()),
                User::App(tokens) => {
                    let got = tokens.get(&self.secrets);
                    let (token, known) = got.map_err(|error| Failure { error, sent: false, stalled: false })?;
                    self.token = Secrets::default();
                    let authorization = basic(github::USER, &token, &mut self.token);
                    used = Some(token).filter(|_| known);
                    Some(authorization)
                }
            };
            let answer = send(&self.agent, authorization.as_deref());
            if let (User::App(tokens), Some(token), Ok(refused)) = (&self.user, used, &answer)
                && refused.status() == 401
                && !renewed
            {
                tokens.forget(&token);
                renewed = true;
                continue;
            }
            return self.checked(url, answer);
        }
    }

    /// Sorts an answer that is none.
    fn checked(&self, url: &str, answer: Result<Answer, ureq::Error>) -> Result<Answer, Failure> {
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
                let hint = match &self.user {
                    User::Nobody => "no credentials were given",
                    User::Somebody(_) => {
                        "check the user, the password or token, what it may write, and that the repository exists"
                    }
                    User::App(_) => "check that the GitHub App is installed there and may write contents",
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
    fn words(&self, answer: &mut Answer) -> String {
        let mut bytes = Vec::new();
        let _ = answer.body_mut().as_reader().take(300).read_to_end(&mut bytes);
        let text = String::from_utf8_lossy(&bytes);
        let line = text.lines().next().unwrap_or_default().trim();
        if line.is_empty() || line.starts_with('<') { String::new() } else { self.clean(&format!(": {line}")) }
    }

    /// A text of somebody else's, fit to be shown.
    pub(crate) fn clean(&self, text: &str) -> String {
        self.token.clean(&self.secrets.clean(text))
    }
}

/// An agent for what is at `url`, with the store's own trust.
fn agent(access: &Access, url: &Url, secrets: &mut Secrets) -> Result<Agent, Error> {
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
    let proxy = proxy::choose(url, access.proxy.as_deref(), &proxy::PROCESS)?;
    if let Some(proxy) = &proxy
        && let Some(user) = proxy.username()
    {
        basic(user, proxy.password().unwrap_or_default(), secrets);
        let authority = proxy.uri().authority();
        if let Some((login, _)) = authority.and_then(|authority| authority.as_str().rsplit_once('@')) {
            secrets.add(login);
        }
    }
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
    Ok(agent)
}

/// The header for a user and a password, which is a secret as well.
fn basic(user: &str, password: &str, secrets: &mut Secrets) -> String {
    let token = STANDARD.encode(format!("{user}:{password}"));
    let header = format!("Basic {token}");
    secrets.add(password);
    secrets.add(token);
    header
}

/// Where a redirect points, without what may be secret in it.
fn target(location: &str) -> String {
    let Ok(mut url) = Url::parse(location) else {
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
        | E::ConnectProxyFailed(_)
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
