//! Credentials that can be told by their looks. Entropy is not judged: digests, public keys and
//! certificates pass.

use std::sync::LazyLock;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use regex::{RegexSet, RegexSetBuilder};
use serde_json::Value;

/// What tokens of well-known services look like. Each needs the length of a real one, so that prose
/// may name a prefix.
const TOKENS: &[(&str, &str)] = &[
    ("a GitHub token", r"\bgh[opsur]_[A-Za-z0-9]{36}|\bgithub_pat_[A-Za-z0-9_]{22}"),
    ("a GitLab token", r"\bgl(pat|dt|rt|cbt|ptt|ft|imt|agent|oas|soat|ffct)-[A-Za-z0-9_.-]{20}"),
    ("a Slack token", r"\bxox[abceoprs]-[A-Za-z0-9-]{10}|\bxapp-[0-9]-[A-Za-z0-9-]{10}"),
    ("an AWS access key", r"\b(AKIA|ASIA)[A-Z0-9]{16}\b"),
    ("a 1Password service account token", r"\bops_ey[A-Za-z0-9_=-]{40}"),
    ("a Google API key", r"\bAIza[A-Za-z0-9_-]{35}"),
    ("a Google OAuth secret", r"\bGOCSPX-[A-Za-z0-9_-]{28}"),
    ("a Stripe key", r"\b[rs]k_live_[A-Za-z0-9]{16}"),
    ("an npm token", r"\bnpm_[A-Za-z0-9]{36}"),
    ("a PyPI token", r"\bpypi-AgE[A-Za-z0-9_-]{50}"),
    ("a crates.io token", r"\bcio[A-Za-z0-9]{32}\b"),
    ("a Docker Hub token", r"\bdckr_(pat|oat)_[A-Za-z0-9_-]{20}"),
    ("a HashiCorp Vault token", r"\bhv[bsr]\.[A-Za-z0-9_-]{20}"),
    ("a Terraform Cloud token", r"\.atlasv1\.[A-Za-z0-9_=-]{40}"),
    ("a DigitalOcean token", r"\bdo[opr]_v1_[a-f0-9]{64}"),
    ("a Grafana token", r"\bgl(sa|c)_[A-Za-z0-9+/=_]{32}"),
    ("a SendGrid key", r"\bSG\.[A-Za-z0-9_-]{22}\.[A-Za-z0-9_-]{43}"),
    ("a Hugging Face token", r"\bhf_[A-Za-z0-9]{34}"),
    ("a Tailscale key", r"\btskey-[a-z]+-[A-Za-z0-9-]{16}"),
    ("an OpenAI or Anthropic key", r"\bsk-(proj|ant|svcacct)-[A-Za-z0-9_-]{20}"),
    ("an age private key", r"\bAGE-SECRET-KEY-1[A-Z0-9]{50}"),
    ("a private key", r"-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----|\bPuTTY-User-Key-File-[0-9]:"),
];

/// No credential is shorter, and most keys and values are.
const SHORTEST: usize = 15;

/// The first credential in the text, as people call it.
pub(super) fn find(text: &str) -> Option<&'static str> {
    // All at once: one walk over a text is a twentieth of one for each. Words end where ASCII ones do, or
    // a text of other letters would be walked by a slower engine.
    static COMPILED: LazyLock<Option<RegexSet>> =
        LazyLock::new(|| RegexSetBuilder::new(TOKENS.iter().map(|(_, pattern)| pattern)).unicode(false).build().ok());
    let all = COMPILED.as_ref().filter(|_| text.len() >= SHORTEST)?;
    let known = all.is_match(text).then(|| all.matches(text).iter().next()).flatten();
    known.map(|i| TOKENS[i].0).or_else(|| jwt(text)).or_else(|| encoded_key(text))
}

/// Every line with a credential and what it is; without a number where the text has but one line, or where
/// the credential has several.
pub(super) fn lines(text: &str) -> Vec<(Option<usize>, &'static str)> {
    let Some(first) = find(text) else { return Vec::new() };
    let lines = text.trim_end().lines().enumerate();
    let mut found: Vec<_> = lines.filter_map(|(i, line)| Some((Some(i + 1), find(line)?))).collect();
    if found.is_empty() || !text.trim_end().contains('\n') {
        found = vec![(None, first)];
    }
    found
}

/// A JSON Web Token: three parts of base64url, of which the first is a JSON object that says `alg`.
fn jwt(text: &str) -> Option<&'static str> {
    let in_token = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    let runs = text.split(|c| !in_token(c)).filter(|run| run.len() > 20);
    let mut headers = runs.flat_map(|run| {
        let parts: Vec<&str> = run.split('.').collect();
        let followed = parts.len().saturating_sub(2);
        parts.into_iter().take(followed).collect::<Vec<_>>()
    });
    headers
        .any(|header| {
            let decoded = URL_SAFE_NO_PAD.decode(header).ok();
            let parsed = decoded.and_then(|bytes| serde_json::from_slice::<Value>(&bytes).ok());
            parsed.is_some_and(|header| header.get("alg").is_some_and(Value::is_string))
        })
        .then_some("a JSON Web Token")
}

/// A private key as PEM, base64-encoded once more, as kubeconfigs and Secrets have it.
fn encoded_key(text: &str) -> Option<&'static str> {
    // `-----BEGIN`, encoded, as far as what follows does not matter.
    let starts = text.match_indices("LS0tLS1CRUdJTi");
    starts
        .into_iter()
        .any(|(start, _)| {
            let rest: String = text[start..].chars().filter(|c| !c.is_ascii_whitespace()).take(80).collect();
            let body: String = rest.chars().take_while(|c| c.is_ascii_alphanumeric() || "+/".contains(*c)).collect();
            let whole = &body[..body.len() - body.len() % 4];
            STANDARD_NO_PAD.decode(whole).is_ok_and(|bytes| String::from_utf8_lossy(&bytes).contains("PRIVATE KEY-"))
        })
        .then_some("a private key in base64")
}
