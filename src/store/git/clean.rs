//! What others say, made fit to be shown.

use crate::store::Error;

/// What must not show up in an error, whoever says it.
#[derive(Default)]
pub(crate) struct Secrets(Vec<String>);

impl Secrets {
    /// Remembers a secret.
    pub(crate) fn add(&mut self, secret: impl Into<String>) {
        let secret = secret.into();
        if !secret.is_empty() && !self.0.contains(&secret) {
            self.0.push(secret);
            // One may hold another.
            self.0.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
        }
    }

    /// A text of somebody else's, fit to be shown.
    pub(crate) fn clean(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for secret in &self.0 {
            text = text.replace(secret.as_str(), "***");
        }
        text.retain(|c| c == '\n' || !c.is_control());
        text
    }
}

/// An error that may hold somebody else's text, fit to be shown.
pub(crate) fn cleaned(error: Error, clean: impl Fn(&str) -> String) -> Error {
    match error {
        Error::Git(words) => Error::Git(clean(&words)),
        Error::Unreachable(words) => Error::Unreachable(clean(&words)),
        other => other,
    }
}
