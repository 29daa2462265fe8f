//! Secrets never pass: not as objects, not inside lists, not as YAML or JSON inside strings, and not
//! as credentials in any text. What needs one gets an ExternalSecret.

use std::sync::LazyLock;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use regex::Regex;
use serde_json::{Map, Value};
use serde_saphyr::Error;

use super::tokens;
use crate::manifest::Content;

/// How deep YAML inside YAML inside YAML … is looked into. Helm values inside an Application inside a
/// ConfigMap need three.
const NESTING_MAX: usize = 8;

const ADVICE: &str = "keep it in the secret store and refer to it by an ExternalSecret";

/// Reports every secret in the content, with where it lies.
pub(super) fn inspect(content: &Content, refuse: &mut dyn FnMut(String)) {
    let mut walk = Walk { refuse, nesting: 0 };
    match content {
        Content::Object(value) | Content::Document(value) => walk.document(value, ""),
        Content::Text(text) => walk.text(text, "its text"),
    }
}

struct Walk<'a> {
    refuse: &'a mut dyn FnMut(String),
    nesting: usize,
}

impl Walk<'_> {
    fn report(&mut self, at: &str, what: &str) {
        let place = if at.is_empty() { String::new() } else { format!("{at} ") };
        (self.refuse)(format!("{place}holds {what}: {ADVICE}"));
    }

    /// A whole document: here `kind: Secret` alone makes a Secret.
    fn document(&mut self, value: &Value, at: &str) {
        if value.as_object().is_some_and(|fields| is_secret_kind(fields) && !has_body(fields)) {
            self.report(at, "a Secret");
        }
        self.value(value, at);
    }

    fn value(&mut self, value: &Value, at: &str) {
        match value {
            Value::Object(fields) => self.fields(fields, at),
            Value::Array(items) => {
                for (i, item) in items.iter().enumerate() {
                    self.value(item, &format!("{at}[{i}]"));
                }
            }
            Value::String(text) => self.text(text, at),
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }

    fn fields(&mut self, fields: &Map<String, Value>, at: &str) {
        // A reference to a Secret has a kind and a name, but no body.
        if is_secret_kind(fields) && has_body(fields) {
            self.report(at, "a Secret");
            return;
        }
        let under = |key: &str| if at.is_empty() { key.to_owned() } else { format!("{at}.{key}") };
        for (key, value) in fields {
            if let Some(what) = tokens::find(key) {
                self.report(&format!("a key below {}", if at.is_empty() { "the root" } else { at }), what);
            }
            if key == "client-key-data" && is_credential(value) {
                self.report(&under(key), "a kubeconfig's private key");
                continue;
            }
            if key == "users" {
                self.kubeconfig_users(value, &under(key));
            }
            if key == "binaryData" {
                self.binary(value, &under(key));
            }
            self.value(value, &under(key));
        }
    }

    /// `users[].user` of a kubeconfig.
    fn kubeconfig_users(&mut self, users: &Value, at: &str) {
        for (i, entry) in users.as_array().into_iter().flatten().enumerate() {
            for key in ["token", "password"] {
                if entry["user"].get(key).is_some_and(is_credential) {
                    self.report(&format!("{at}[{i}].user.{key}"), "a kubeconfig's credentials");
                }
            }
        }
    }

    /// `binaryData` of a ConfigMap: base64, possibly of text.
    fn binary(&mut self, entries: &Value, at: &str) {
        for (key, value) in entries.as_object().into_iter().flatten() {
            let decoded = value.as_str().and_then(|text| STANDARD.decode(text).ok());
            if let Some(text) = decoded.and_then(|bytes| String::from_utf8(bytes).ok()) {
                self.text(&text, &format!("{at}.{key} (decoded)"));
            }
        }
    }

    fn text(&mut self, text: &str, at: &str) {
        if let Some(what) = tokens::find(text) {
            self.report(at, what);
            return;
        }
        // Without a colon it is no mapping in YAML or JSON.
        if !text.contains(':') || !may_hide(text) {
            return;
        }
        if self.nesting == NESTING_MAX {
            (self.refuse)(format!("{at} holds YAML inside YAML more than {NESTING_MAX} times over"));
            return;
        }
        self.nesting += 1;
        for (i, document) in split(text).into_iter().enumerate() {
            let here = format!("{at} (document {})", i + 1);
            match serde_saphyr::from_str_with_options::<Value>(&document, options()) {
                Ok(value @ (Value::Object(_) | Value::Array(_))) => self.document(&value, &here),
                Err(error) if is_too_much(&error) => {
                    (self.refuse)(format!(
                        "{here} has YAML aliases that expand to too much to be looked at: write it out"
                    ));
                }
                // A Helm template, say: not YAML yet, but soon.
                Err(_) if looks_like_secret(&document) => self.report(&here, "what looks like a Secret"),
                Ok(_) | Err(_) => {}
            }
        }
        self.nesting -= 1;
    }
}

/// A few lines of aliases can stand for gigabytes.
fn options() -> serde_saphyr::Options {
    serde_saphyr::options! { alias_limits: serde_saphyr::alias_limits! { max_total_replayed_events: 10_000 } }
}

fn is_too_much(mut error: &Error) -> bool {
    while let Error::AliasError { error: inner, .. } | Error::WithSnippet { error: inner, .. } = error {
        error = inner;
    }
    matches!(
        error,
        Error::AliasReplayLimitExceeded { .. }
            | Error::AliasReplayStackDepthExceeded { .. }
            | Error::AliasReplayCounterOverflow { .. }
            | Error::Budget { .. }
    )
}

/// Whether reading a text as YAML may bring to light what its letters do not show: Helm values are long,
/// and hardly ever do. Every rule about structure needs one of these words, in whatever nesting; a
/// credential can be told from the letters as they stand, unless they are escaped, tagged, or its blanks
/// are line breaks.
fn may_hide(text: &str) -> bool {
    static TELLING: LazyLock<Option<Regex>> =
        LazyLock::new(|| Regex::new(r"kind|client-key-data|users|binaryData|BEGIN|[\\!]").ok());
    TELLING.as_ref().is_none_or(|telling| telling.is_match(text))
}

fn is_secret_kind(fields: &Map<String, Value>) -> bool {
    let kind = fields.get("kind").and_then(Value::as_str).unwrap_or_default().trim();
    kind.eq_ignore_ascii_case("secret") || kind.eq_ignore_ascii_case("secretlist")
}

fn has_body(fields: &Map<String, Value>) -> bool {
    ["metadata", "data", "stringData", "items"].iter().any(|key| fields.contains_key(*key))
}

/// Whether there is something, and not only the place of something: `{{ .token }}`, `$(TOKEN)`.
fn is_credential(value: &Value) -> bool {
    match value {
        Value::String(text) => {
            let text = text.trim();
            !text.is_empty() && !["{{", "${", "$("].iter().any(|placeholder| text.starts_with(placeholder))
        }
        other => other.is_number(),
    }
}

/// The YAML documents of a text, so that one that cannot be read hides none of the others.
fn split(text: &str) -> Vec<String> {
    let mut documents = vec![String::new()];
    for line in text.lines() {
        let marker = line == "---" || line.starts_with("--- ") || line.starts_with("---\t") || line == "...";
        if marker {
            documents.push(line.get(3..).unwrap_or_default().to_owned());
        } else if let Some(current) = documents.last_mut() {
            current.push_str(line);
        }
        if let Some(current) = documents.last_mut() {
            current.push('\n');
        }
    }
    documents.retain(|document| document.contains(':'));
    documents
}

fn looks_like_secret(text: &str) -> bool {
    static KIND: LazyLock<Option<Regex>> =
        LazyLock::new(|| Regex::new(r#"(?im)^[\s{,-]*["']?kind["']?\s*:\s*["']?secret(list)?["']?\s*(,|\}|#|$)"#).ok());
    static BODY: LazyLock<Option<Regex>> =
        LazyLock::new(|| Regex::new(r#"(?m)^[\s{,-]*["']?(data|stringData|metadata|items)["']?\s*:"#).ok());
    let both = [&KIND, &BODY];
    both.iter().all(|pattern| pattern.as_ref().is_some_and(|pattern| pattern.is_match(text)))
}
