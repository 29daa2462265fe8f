//! Secrets never pass: not as objects, not inside lists, not as YAML or JSON inside strings, and not
//! as credentials in any text. What needs one gets an ExternalSecret.

use std::sync::LazyLock;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use regex::Regex;
use serde_json::{Map, Value};
use serde_saphyr::Error;

use super::tokens;
use super::violation::{Rule, Violation};

/// How deep YAML inside YAML inside YAML … is looked into. Helm values inside an Application inside a
/// ConfigMap need three.
const NESTING_MAX: usize = 8;

const ADVICE: &str = "keep it in the secret store and refer to it by an ExternalSecret";

/// What is looked at.
pub(super) enum Subject<'a> {
    /// A document.
    Document(&'a Value),
    /// A text that may be one, or hold some.
    Text(&'a str),
}

/// Reports every secret, with where it lies. `sealed_passes`: Secrets that SOPS has encrypted may be there,
/// which kept itself never renders.
pub(super) fn inspect(subject: Subject, sealed_passes: bool, refuse: &mut dyn FnMut(Violation)) {
    let mut walk = Walk { refuse, sealed_passes, nesting: 0, line: None };
    match subject {
        Subject::Document(value) => walk.document(value, ""),
        Subject::Text(text) => walk.text(text, ""),
    }
}

/// Reports the credentials of a text alone, whatever else it may be.
pub(super) fn credentials(text: &str, refuse: &mut dyn FnMut(Violation)) {
    let mut walk = Walk { refuse, sealed_passes: true, nesting: 0, line: None };
    for (line, what) in tokens::lines(text) {
        walk.credential("", line, what);
    }
}

struct Walk<'a> {
    refuse: &'a mut dyn FnMut(Violation),
    sealed_passes: bool,
    nesting: usize,
    /// The line of the outermost text at which the document begins that is looked at.
    line: Option<usize>,
}

impl Walk<'_> {
    fn report(&mut self, at: &str, what: &str) {
        let verb = if at.is_empty() { "is" } else { "holds" };
        self.refuse(Rule::Secret, at, self.line, format!("{verb} {what}: {ADVICE}"));
    }

    fn credential(&mut self, at: &str, line: Option<usize>, what: &str) {
        self.refuse(Rule::Credential, at, self.line.or(line), format!("holds {what}: {ADVICE}"));
    }

    fn refuse(&mut self, rule: Rule, at: &str, line: Option<usize>, message: String) {
        (self.refuse)(Violation { rule, at: at.to_owned(), line, message });
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
        let under = |key: &str| if at.is_empty() { key.to_owned() } else { format!("{at}.{key}") };
        if is_secret_kind(fields) && has_body(fields) {
            if !self.sealed_passes || !is_sealed(fields) {
                self.report(at, "a Secret");
                return;
            }
            for body in ["data", "stringData"] {
                for (key, _) in entries(fields.get(body)).filter(|(_, value)| !is_sealed_value(value)) {
                    let message = "is not encrypted, although SOPS has encrypted the file: let it do so again";
                    self.refuse(Rule::Secret, &format!("{}.{key}", under(body)), self.line, message.into());
                }
            }
        }
        for (key, value) in fields {
            let found = tokens::find(key);
            // What must not be there at all is not to be repeated.
            let here = if found.is_some() { format!("{at} (a key)") } else { under(key) };
            if let Some(what) = found {
                self.credential(&here, None, what);
            }
            match key.as_str() {
                "client-key-data" if is_credential(value) => {
                    self.report(&here, "a kubeconfig's private key");
                    continue;
                }
                "users" => self.kubeconfig_users(value, &here),
                "secretGenerator" => self.generated(value, &here),
                "binaryData" => self.binary(value, &here),
                _ => {}
            }
            self.value(value, &here);
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

    /// `secretGenerator` of a kustomization: what its literals are is in Git; where its files are is not said.
    fn generated(&mut self, generators: &Value, at: &str) {
        for (i, generator) in generators.as_array().into_iter().flatten().enumerate() {
            if generator["literals"].as_array().is_some_and(|literals| !literals.is_empty()) {
                self.report(&format!("{at}[{i}].literals"), "the values of a Secret");
            }
        }
    }

    /// `binaryData` of a ConfigMap: base64, possibly of text.
    fn binary(&mut self, entries: &Value, at: &str) {
        for (key, value) in self::entries(Some(entries)) {
            // Kubernetes' own decoder passes over line breaks.
            let packed = |text: &str| text.split_ascii_whitespace().collect::<String>();
            let decoded = value.as_str().and_then(|text| STANDARD.decode(packed(text)).ok());
            if let Some(bytes) = decoded {
                self.text(&String::from_utf8_lossy(&bytes), &format!("{at}.{key} (decoded)"));
            }
        }
    }

    fn text(&mut self, text: &str, at: &str) {
        let found = tokens::lines(text);
        if !found.is_empty() {
            for (line, what) in found {
                self.credential(at, line, what);
            }
            return;
        }
        // Without a colon it is no mapping in YAML or JSON.
        if !text.contains(':') || !may_hide(text) {
            return;
        }
        if self.nesting == NESTING_MAX {
            let message = format!("holds YAML inside YAML more than {NESTING_MAX} times over");
            return self.refuse(Rule::Secret, at, self.line, message);
        }
        self.nesting += 1;
        for (i, (line, document)) in split(text).into_iter().enumerate() {
            let here = format!("{at} (document {})", i + 1);
            let outer = self.line;
            self.line = outer.or(Some(line));
            match serde_saphyr::from_str_with_options::<Value>(&document, options()) {
                Ok(value @ (Value::Object(_) | Value::Array(_))) => self.document(&value, &here),
                Err(error) if is_too_much(&error) => {
                    let message = "has YAML aliases that expand to too much to be looked at: write it out";
                    self.refuse(Rule::Secret, &here, self.line, message.into());
                }
                // A Helm template, say: not YAML yet, but soon.
                Err(_) => {
                    if let Some(below) = looks_like_secret(&document) {
                        self.line = outer.or(Some(line + below));
                        self.report(&here, "what looks like a Secret");
                    }
                }
                Ok(_) => {}
            }
            self.line = outer;
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
        LazyLock::new(|| Regex::new(r"kind|client-key-data|users|binaryData|secretGenerator|BEGIN|[\\!]").ok());
    TELLING.as_ref().is_none_or(|telling| telling.is_match(text))
}

fn is_secret_kind(fields: &Map<String, Value>) -> bool {
    let kind = fields.get("kind").and_then(Value::as_str).unwrap_or_default().trim();
    kind.eq_ignore_ascii_case("secret") || kind.eq_ignore_ascii_case("secretlist")
}

fn has_body(fields: &Map<String, Value>) -> bool {
    ["metadata", "data", "stringData", "items"].iter().any(|key| fields.contains_key(*key))
}

fn entries(mapping: Option<&Value>) -> impl Iterator<Item = (&String, &Value)> {
    mapping.and_then(Value::as_object).into_iter().flatten()
}

/// Whether SOPS has put its seal on it.
fn is_sealed(fields: &Map<String, Value>) -> bool {
    fields.get("sops").is_some_and(|sops| sops["mac"].is_string())
}

/// What SOPS writes for a value; of an empty one there is nothing to encrypt.
fn is_sealed_value(value: &Value) -> bool {
    value.as_str().is_some_and(|text| text.is_empty() || text.starts_with("ENC[") && text.ends_with(']'))
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

/// The YAML documents of a text, each with the line at which it begins, so that one that cannot be read
/// hides none of the others.
fn split(text: &str) -> Vec<(usize, String)> {
    let mut documents = vec![(1, String::new())];
    for (i, line) in text.lines().enumerate() {
        let marker = line == "---" || line.starts_with("--- ") || line.starts_with("---\t") || line == "...";
        if marker {
            let rest = line.get(3..).unwrap_or_default();
            documents.push((if rest.is_empty() { i + 2 } else { i + 1 }, rest.to_owned()));
        } else if let Some((_, current)) = documents.last_mut() {
            current.push_str(line);
        }
        if let Some((_, current)) = documents.last_mut() {
            current.push('\n');
        }
    }
    documents.retain(|(_, document)| document.contains(':'));
    documents
}

/// Whether it has the lines of a Secret, and how many lines stand before the one that says so.
fn looks_like_secret(text: &str) -> Option<usize> {
    static KIND: LazyLock<Option<Regex>> = LazyLock::new(|| {
        Regex::new(r#"(?im)^[\s{,-]*(?<kind>["']?kind)["']?\s*:\s*["']?secret(list)?["']?\s*(,|\}|#|$)"#).ok()
    });
    static BODY: LazyLock<Option<Regex>> =
        LazyLock::new(|| Regex::new(r#"(?m)^[\s{,-]*["']?(data|stringData|metadata|items)["']?\s*:"#).ok());
    BODY.as_ref().filter(|body| body.is_match(text))?;
    let kind = KIND.as_ref()?.captures(text)?.name("kind")?;
    Some(text[..kind.start()].matches('\n').count())
}
