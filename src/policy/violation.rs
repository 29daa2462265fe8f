//! What a rule has against a file: for what kept renders, and for any other manifest.

use std::fmt;

/// The rules that hold for any manifest. What is about kept's own output alone has no name: it is all
/// `PolicyViolation`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rule {
    /// No Secret, in whatever disguise.
    Secret,
    /// No token and no private key in any text.
    Credential,
    /// What is a label's value is one to Kubernetes.
    Label,
    /// No object is larger than `limits.fileBytes`.
    Limit,
    /// No two paths are one where case is ignored.
    Path,
}

impl Rule {
    /// Every rule, and what it refuses.
    pub const ALL: [(Self, &'static str); 5] = [
        (Self::Secret, "a Secret that is not encrypted, also in lists, texts and templates"),
        (Self::Credential, "a token or a private key in any text, also in comments"),
        (Self::Label, "a label whose value Kubernetes refuses"),
        (Self::Limit, "an object larger than the setting limits.fileBytes"),
        (Self::Path, "paths that are one path where case is ignored"),
    ];

    /// Its name, a CamelCase word as the reasons of errors are.
    pub fn name(self) -> &'static str {
        match self {
            Self::Secret => "Secret",
            Self::Credential => "Credential",
            Self::Label => "Label",
            Self::Limit => "Limit",
            Self::Path => "Path",
        }
    }
}

/// One thing that a rule refuses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// The rule.
    pub rule: Rule,
    /// The field, `data.values.yaml`, and what lies inside its text: ` (document 2).users[0]`. Empty: all of it.
    pub at: String,
    /// The line of the field's text, if that has more than one.
    pub line: Option<usize>,
    /// What is wrong and what to do, without the place.
    pub message: String,
}

impl Violation {
    /// The field in the document itself: what is inside of its text has no place there.
    pub fn field(&self) -> &str {
        self.at.split_once(" (").map_or(self.at.as_str(), |(field, _)| field)
    }

    /// The place in words.
    pub fn place(&self) -> String {
        match self.line {
            Some(line) if !self.at.contains(" (document ") => format!("{} (line {line})", self.at),
            _ => self.at.clone(),
        }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = self.place();
        let place = place.trim_start();
        if place.is_empty() { f.write_str(&self.message) } else { write!(f, "{place} {}", self.message) }
    }
}
