//! The error taxonomy. Each step of the street has an error type of its own; all of them answer the
//! same two questions: what do I show in a condition, and when is it worth another try.

use std::fmt;

/// When an operation that failed should be tried again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retry {
    /// Not before the request, the settings or a destination changes.
    OnChange,
    /// After about a minute: the cause lies in a Secret or a remote that kept does not watch.
    Recheck,
    /// Soon, with back-off: the cause passes by itself.
    Soon,
    /// After ten minutes or so: a remote has looked at it and said no, and would say so again.
    Late,
}

/// What every error of the street can say of itself.
pub trait Explain: std::error::Error {
    /// A stable CamelCase word, used as the reason of conditions and events and as a metric label.
    fn reason(&self) -> &'static str;

    /// When to try again.
    fn retry(&self) -> Retry;

    /// Whether waiting alone can mend it.
    fn is_retryable(&self) -> bool {
        self.retry() != Retry::OnChange
    }
}

/// One mistake in a request, with the path of the field that holds it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mistake {
    /// Dotted path from the object's root, such as `spec.members[2]`; empty for the whole object.
    pub field: String,
    /// What is wrong and what to do, without the field's name: `must not be empty`.
    pub message: String,
}

impl Mistake {
    /// A mistake in `field` (may be empty).
    pub fn new(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self { field: field.into(), message: message.into() }
    }
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.field.is_empty() { f.write_str(&self.message) } else { write!(f, "{}: {}", self.field, self.message) }
    }
}

/// All mistakes of one request that one step found, reported together.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", .mistakes.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
pub struct Invalid {
    /// `InvalidRequest` where the request breaks its schema, `PolicyViolation` where its output is refused.
    pub reason: &'static str,
    /// At least one.
    pub mistakes: Vec<Mistake>,
}

impl Invalid {
    /// The request itself is wrong.
    pub fn request(mistakes: Vec<Mistake>) -> Self {
        Self { reason: "InvalidRequest", mistakes }
    }

    /// What the request renders to is refused.
    pub fn policy(mistakes: Vec<Mistake>) -> Self {
        Self { reason: "PolicyViolation", mistakes }
    }
}

impl Explain for Invalid {
    fn reason(&self) -> &'static str {
        self.reason
    }

    fn retry(&self) -> Retry {
        Retry::OnChange
    }
}
