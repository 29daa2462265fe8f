//! A repository behind Git's smart HTTP protocol. libgit2's own client is not used: it cannot push
//! against a commit of the caller's choice, and its timeouts are those of the whole process.

use std::io::Read;
use std::time::Duration;

use git2::{Oid, Repository, RepositoryInitOptions};
use ureq::tls::{PemItem, RootCerts, TlsConfig, parse_pem};
use ureq::{Agent, Body, http};

use super::protocol::{self, Advertisement, Fault, Report};
use super::{Pushed, Transport, failed, objects};
use crate::store::{Access, Error};

const FETCH: &str = "git-upload-pack";
const PUSH: &str = "git-receive-pack";
/// Packs in the cache before it is written anew: each one makes every look-up slower.
const MAX_PACKS: usize = 100;
/// Servers close connections that idle; one that is as old as this is not used again.
const IDLE: Duration = Duration::from_secs(10);

/// A repository at a server.
pub(crate) struct Http {
    url: String,
    reference: String,
    client: Client,
    cache: Cache,
    access: Access,
    /// What the server said when it was asked last, of fetching and of pushing.
    reader: Option<Advertisement>,
    writer: Option<Advertisement>,
}

impl Http {
    /// Prepares a client and an empty cache; makes no connection yet.
    pub(crate) fn open(access: &Access) -> Result<Self, Error> {
        let url =
            url::Url::parse(&access.url).map_err(|e| Error::NotFound(format!("the store's url is not one: {e}")))?;
        if !url.username().is_empty() || url.password().is_some() {
            return Err(Error::Unauthorized(
                "a url must not hold credentials; give them by a Secret, the environment or git's credential helper"
                    .to_owned(),
            ));
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(Error::NotFound("a repository's url has no query and no fragment".to_owned()));
        }
        Ok(Self {
            url: url.as_str().trim_end_matches('/').to_owned(),
            reference: format!("refs/heads/{}", access.branch),
            client: Client::new(access)?,
            cache: Cache::new(access)?,
            access: access.clone(),
            reader: None,
            writer: None,
        })
    }

    fn advertisement(&self, service: &str) -> Result<Advertisement, Error> {
        let url = format!("{}/info/refs?service={service}", self.url);
        let mut answer = self.client.get(&url)?;
        let kind = format!("application/x-{service}-advertisement");
        if answer.headers().get("content-type").is_none_or(|given| *given != *kind) {
            return Err(Error::NotFound(format!(
                "{} answers, but not as a Git repository; check the url",
                self.client.clean(&self.url)
            )));
        }
        Advertisement::read(&mut answer.body_mut().as_reader(), service).map_err(|fault| self.client.fault(&fault))
    }
}

impl Transport for Http {
    fn repo(&self) -> &Repository {
        &self.cache.repo
    }

    fn head(&mut self) -> Result<Option<Oid>, Error> {
        let server = self.advertisement(FETCH)?;
        let head = server.get(&self.reference);
        self.reader = Some(server);
        Ok(head)
    }

    fn is_near(&self) -> bool {
        false
    }

    fn fetch(&mut self, commit: Oid, have: Option<Oid>) -> Result<(), Error> {
        let server = match self.reader.take() {
            Some(server) => server,
            None => self.advertisement(FETCH)?,
        };
        let body = protocol::fetch_request(&server, commit, have);
        let answer = self.client.post(&self.url, FETCH, &body);
        let mut answer = answer.map_err(|failure| failure.error)?;
        let reader = answer.body_mut().as_reader();
        let pack = protocol::fetch_answer(reader, &server).map_err(|fault| match fault {
            // It moved again, backwards, since it was looked at.
            Fault::Refused(words) if words.contains("not our ref") => Error::Contended(self.client.clean(&words)),
            fault => self.client.fault(&fault),
        })?;
        self.cache.add(pack).map_err(|error| self.client.cleaned(error))?;
        self.cache.tidy(&self.access, commit)
    }

    fn push(&mut self, old: Option<Oid>, new: Oid, pack: &[u8]) -> Result<Pushed, Error> {
        let server = match self.writer.take() {
            Some(server) => server,
            None => {
                let server = self.advertisement(PUSH)?;
                if server.get(&self.reference) != old {
                    self.writer = Some(server);
                    return Ok(Pushed::Moved("the branch moved".to_owned()));
                }
                server
            }
        };
        let body = protocol::push_request(&server, &self.reference, old, new, pack);
        let mut answer = match self.client.post(&self.url, PUSH, &body) {
            Ok(answer) => answer,
            Err(Failure { error, sent: false, .. }) => return Err(error),
            Err(Failure { error, stalled, .. }) => return Ok(Pushed::Unknown { error, stalled }),
        };
        let report = protocol::push_answer(answer.body_mut().as_reader(), &server);
        self.writer = Some(server);
        match report {
            Ok(Report::Done) => {
                self.cache.add(pack)?;
                self.cache.tidy(&self.access, new)?;
                Ok(Pushed::Done)
            }
            Ok(Report::Refused { reason, .. }) if protocol::is_race(&reason) => {
                Ok(Pushed::Moved(self.client.clean(&reason)))
            }
            Ok(Report::Refused { reason, words }) => {
                let words = if words.trim().is_empty() { String::new() } else { format!(": {}", words.trim()) };
                Err(Error::Rejected(self.client.clean(&format!("the server refused the push ({reason}){words}"))))
            }
            Err(Fault::Refused(words)) => {
                Err(Error::Rejected(self.client.clean(&format!("the server refused the push: {words}"))))
            }
            Err(fault) => {
                let stalled = matches!(&fault, Fault::Broken(error) if is_timeout(error));
                Ok(Pushed::Unknown { error: self.client.fault(&fault), stalled })
            }
        }
    }

    fn set_access(&mut self, access: &Access) -> Result<(), Error> {
        self.client = Client::new(access)?;
        self.access = access.clone();
        self.writer = None;
        Ok(())
    }

    fn probe(&mut self) -> Result<Option<Oid>, Error> {
        let server = self.advertisement(PUSH)?;
        let head = server.get(&self.reference);
        self.writer = Some(server);
        Ok(head)
    }
}

/// Where the objects of the remote are kept meanwhile. It goes with the engine, and may go at any time.
struct Cache {
    repo: Repository,
    packs: usize,
    _dir: tempfile::TempDir,
}

impl Cache {
    fn new(access: &Access) -> Result<Self, Error> {
        let mut builder = tempfile::Builder::new();
        let builder = builder.prefix("kept-cache-");
        let dir = access.cache.clone().unwrap_or_else(std::env::temp_dir);
        let io = |e: std::io::Error| Error::Git(format!("cannot make a cache in {}: {e}", dir.display()));
        std::fs::create_dir_all(&dir).map_err(io)?;
        let place = builder.tempdir_in(&dir).map_err(io)?;
        let mut options = RepositoryInitOptions::new();
        options.bare(true).external_template(false);
        let repo = Repository::init_opts(place.path(), &options).map_err(|e| failed("make a cache", &e))?;
        Ok(Self { repo, packs: 0, _dir: place })
    }

    fn add(&mut self, pack: impl Read) -> Result<(), Error> {
        self.packs += 1;
        objects::install(&self.repo, pack, false)
    }

    /// Once there are many packs, begins a new cache with one: what is at `commit`.
    fn tidy(&mut self, access: &Access, commit: Oid) -> Result<(), Error> {
        if self.packs < MAX_PACKS {
            return Ok(());
        }
        let pack = || {
            let mut builder = self.repo.packbuilder()?;
            builder.insert_commit(commit)?;
            let mut pack = git2::Buf::new();
            builder.write_buf(&mut pack)?;
            Ok(pack)
        };
        let pack = pack().map_err(|e: git2::Error| failed("tidy the cache", &e))?;
        let mut fresh = Self::new(access)?;
        fresh.add(&*pack)?;
        *self = fresh;
        Ok(())
    }
}

/// The HTTP side: one agent with the store's own trust and credentials.
struct Client {
    agent: Agent,
    authorization: Option<String>,
    /// What must not show up in an error, whoever says it.
    secrets: Vec<String>,
}

/// Why a request has no answer.
struct Failure {
    error: Error,
    /// Whether the server may have got it.
    sent: bool,
    /// Whether it took too long.
    stalled: bool,
}

impl Client {
    fn new(access: &Access) -> Result<Self, Error> {
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
        let agent = Agent::config_builder()
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

    fn get(&self, url: &str) -> Result<http::Response<Body>, Error> {
        let mut request = self.agent.get(url);
        if let Some(authorization) = &self.authorization {
            request = request.header("Authorization", authorization);
        }
        self.checked(url, request.call()).map_err(|failure| failure.error)
    }

    fn post(&self, url: &str, service: &str, body: &[u8]) -> Result<http::Response<Body>, Failure> {
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
        let place = self.clean(url.split('?').next().unwrap_or(url));
        let failure = |sent, stalled, error| Failure { error, sent, stalled };
        let mut answer = match answer {
            Ok(answer) => answer,
            Err(error) => {
                let (sent, stalled) = (was_sent(&error), matches!(error, ureq::Error::Timeout(_)));
                let what = if stalled { "timed out".to_owned() } else { self.clean(&error.to_string()) };
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

    fn fault(&self, fault: &Fault) -> Error {
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
    fn clean(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for secret in &self.secrets {
            text = text.replace(secret.as_str(), "***");
        }
        text.retain(|c| c == '\n' || !c.is_control());
        text
    }

    fn cleaned(&self, error: Error) -> Error {
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
        E::HostNotFound | E::ConnectionFailed | E::Tls(_) | E::Rustls(_) | E::BadUri(_) | E::InvalidProxyUrl => false,
        E::Timeout(Timeout::Resolve | Timeout::Connect) => false,
        E::Io(error) => error.kind() != std::io::ErrorKind::ConnectionRefused,
        _ => true,
    }
}

fn is_timeout(error: &std::io::Error) -> bool {
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
