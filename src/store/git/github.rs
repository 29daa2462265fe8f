//! GitHub Apps: a key signs a claim, GitHub answers with a token for an hour.

use std::collections::HashMap;
use std::sync::{LazyLock, Mutex, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use ring::rand::SystemRandom;
use ring::signature::{RSA_PKCS1_SHA256, RsaKeyPair};
use serde::Deserialize;
use serde_json::json;
use ureq::{Agent, Body, http};
use url::Url;

use super::clean::Secrets;
use crate::store::{Error, GithubApp};
use crate::values::Timestamp;

/// The user that a token is the password of.
pub(crate) const USER: &str = "x-access-token";
/// How long a claim holds: GitHub takes ten minutes at most, and its clock may not be ours.
const CLAIM: i64 = 9 * 60;
/// By how much our clock may be ahead of GitHub's.
const SKEW: i64 = 60;
/// How long before its end a token is not used any more.
const MARGIN: i64 = 5 * 60;

/// Tokens in use, by app and API. They are shared: whoever looks after a store asks again every minute.
static TOKENS: LazyLock<Mutex<HashMap<(GithubApp, String), Token>>> = LazyLock::new(Mutex::default);

#[derive(Clone)]
struct Token {
    text: String,
    /// Seconds since 1970.
    until: i64,
}

/// Gets an app its tokens.
pub(crate) struct Tokens {
    app: GithubApp,
    api: String,
    agent: Agent,
}

impl Tokens {
    /// For the repository at `url`; `agent` reaches `api`.
    pub(crate) fn new(app: &GithubApp, api: String, agent: Agent) -> Self {
        Self { app: app.clone(), api, agent }
    }

    /// A token that is good for some minutes at least, and whether it was at hand.
    pub(crate) fn get(&self, secrets: &Secrets) -> Result<(String, bool), Error> {
        let now = Timestamp::now().as_second();
        let key = (self.app.clone(), self.api.clone());
        if let Some(token) = tokens().get(&key).filter(|token| now < token.until - MARGIN) {
            return Ok((token.text.clone(), true));
        }
        let token = self.ask(now, secrets)?;
        let text = token.text.clone();
        let mut tokens = tokens();
        tokens.retain(|_, token| now < token.until);
        tokens.insert(key, token);
        Ok((text, false))
    }

    /// Takes a token out of use that was refused.
    pub(crate) fn forget(&self, text: &str) {
        let key = (self.app.clone(), self.api.clone());
        let mut tokens = tokens();
        if tokens.get(&key).is_some_and(|token| token.text == text) {
            tokens.remove(&key);
        }
    }

    fn ask(&self, now: i64, secrets: &Secrets) -> Result<Token, Error> {
        #[derive(Deserialize)]
        struct Answer {
            token: String,
            expires_at: Timestamp,
        }
        let claim = claim(&self.app, now)?;
        let id = &self.app.installation_id;
        let request = self
            .agent
            .post(format!("{}/app/installations/{id}/access_tokens", self.api))
            .header("Accept", "application/vnd.github+json")
            .header("Authorization", format!("Bearer {claim}"));
        let clean = |text: &str| secrets.clean(text).replace(&claim, "***");
        let what = format!("a token for the GitHub App {} from {}", self.app.app_id, self.api);
        let mut answer = request.send_empty().map_err(|error| {
            let why = if matches!(error, ureq::Error::Timeout(_)) { "timed out".into() } else { error.to_string() };
            Error::Unreachable(clean(&format!("cannot get {what}: {why}")))
        })?;
        let status = answer.status().as_u16();
        if status == 201 || status == 200 {
            let read: Result<Answer, _> = serde_json::from_reader(answer.body_mut().as_reader());
            // What it holds instead may be a token all the same.
            let read = read.map_err(|_| Error::Git(format!("{what}: the answer cannot be read")))?;
            return Ok(Token { text: read.token, until: read.expires_at.as_second() });
        }
        let words: String = clean(&message(&mut answer)).chars().take(200).collect();
        Err(match status {
            401 => Error::Unauthorized(format!(
                "GitHub does not know the app (HTTP 401{words}): check appID and privateKey, and this machine's clock"
            )),
            403 | 404 | 422 => Error::Unauthorized(format!(
                "no {what} (HTTP {status}{words}): check installationID, and that the app may write contents there"
            )),
            _ => Error::Unreachable(format!("no {what} (HTTP {status}{words})")),
        })
    }
}

fn tokens() -> std::sync::MutexGuard<'static, HashMap<(GithubApp, String), Token>> {
    TOKENS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Where the API of the server is that a repository lies on: github.com's, a tenant's of GitHub's own cloud, or that
/// of a GitHub Enterprise Server.
pub(crate) fn api(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default().trim_start_matches("www.");
    if host == "github.com" || host.ends_with(".ghe.com") {
        return format!("https://api.{host}");
    }
    let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
    format!("{}://{host}{port}/api/v3", url.scheme())
}

/// GitHub's words about an error.
fn message(answer: &mut http::Response<Body>) -> String {
    let read: Result<serde_json::Value, _> = serde_json::from_reader(answer.body_mut().as_reader());
    let message = read.ok().and_then(|body| Some(format!(": {}", body["message"].as_str()?)));
    message.unwrap_or_default()
}

/// A JWT that says who we are, signed with the app's key.
fn claim(app: &GithubApp, now: i64) -> Result<String, Error> {
    let unusable = |why: &str| Error::Unauthorized(format!("the GitHub App's privateKey cannot be used: {why}"));
    let key = rsa_key(&app.private_key).map_err(|why| unusable(&why))?;
    let part = |value: serde_json::Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let head = part(json!({ "alg": "RS256", "typ": "JWT" }));
    let body = part(json!({ "iat": now - SKEW, "exp": now + CLAIM, "iss": app.app_id }));
    let signed = format!("{head}.{body}");
    let mut signature = vec![0; key.public().modulus_len()];
    key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), signed.as_bytes(), &mut signature)
        .map_err(|_| unusable("it does not sign"))?;
    Ok(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature)))
}

/// Reads an RSA key, as GitHub hands it out (PKCS#1) or as openssl rewrites it (PKCS#8).
fn rsa_key(pem: &str) -> Result<RsaKeyPair, String> {
    let mut lines = pem.lines().map(str::trim);
    let kind = lines.find_map(|line| line.strip_prefix("-----BEGIN ")?.strip_suffix("-----"));
    let body: String = lines.take_while(|line| !line.starts_with("-----")).collect();
    let der = STANDARD.decode(body).map_err(|_| "it is not PEM".to_owned())?;
    let key = match kind {
        Some("RSA PRIVATE KEY") => RsaKeyPair::from_der(&der),
        Some("PRIVATE KEY") => RsaKeyPair::from_pkcs8(&der),
        _ => return Err("it is not an RSA key as PEM, without a passphrase".to_owned()),
    };
    key.map_err(|error| format!("{error}"))
}
