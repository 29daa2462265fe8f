//! What went wrong, with the place in the user's files.

use std::fmt;
use std::sync::Arc;

use serde_json::Value;

use crate::error::{Explain, Mistake};
use crate::manifest::read::{Fault, Position, Positions};

/// Where an object stands in the user's files; without a name, in none.
#[derive(Clone, Debug)]
pub(super) struct Origin {
    pub(super) file: Arc<str>,
    pub(super) positions: Positions,
}

impl Origin {
    /// Of what is in no file.
    pub(super) fn cluster() -> Self {
        Self { file: "".into(), positions: Positions::default() }
    }

    /// `file:line:column` of the whole object.
    pub(super) fn place(&self) -> String {
        located(&self.file, self.positions.of(""))
    }

    fn note(&self, mistake: Mistake) -> Note {
        let position = self.positions.of(&mistake.field);
        let message = match self.positions.unquoted(&mistake.field) {
            // The user sees `no` and reads of a boolean: say that they are one.
            Some(words) if mistake.message.contains("quotes") => format!("{} (`{words}` here)", mistake.message),
            _ => mistake.message,
        };
        let file = Some(Arc::clone(&self.file)).filter(|file| !file.is_empty());
        Note { file, position, field: mistake.field, message }
    }
}

/// Which object is meant.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Subject {
    pub(super) kind: String,
    /// Empty for cluster-scoped kinds.
    pub(super) namespace: String,
    pub(super) name: String,
}

impl Subject {
    /// `namespace/name`, or the name alone.
    pub(super) fn full_name(&self) -> String {
        let name = if self.name.is_empty() { "(no name)" } else { &self.name };
        if self.namespace.is_empty() { name.to_owned() } else { format!("{}/{name}", self.namespace) }
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.kind, self.full_name())
    }
}

/// One thing that is wrong.
#[derive(Clone, Debug)]
pub(super) struct Note {
    pub(super) file: Option<Arc<str>>,
    pub(super) position: Option<Position>,
    pub(super) field: String,
    pub(super) message: String,
}

/// Why something was not done. At least one note.
#[derive(Clone, Debug)]
pub(super) struct Problem {
    pub(super) subject: Option<Subject>,
    pub(super) reason: &'static str,
    pub(super) notes: Vec<Note>,
}

impl Problem {
    /// A file, or a document in it, that cannot be read.
    pub(super) fn unreadable(file: &Arc<str>, fault: Fault) -> Self {
        let note = Note {
            file: Some(Arc::clone(file)),
            position: fault.position,
            field: String::new(),
            message: fault.message,
        };
        Self { subject: None, reason: "Unreadable", notes: vec![note] }
    }

    /// An object that is refused for one reason.
    pub(super) fn refused(subject: Option<Subject>, origin: &Origin, reason: &'static str, mistake: Mistake) -> Self {
        Self { subject, reason, notes: vec![origin.note(mistake)] }
    }

    /// An object whose fields are wrong.
    pub(super) fn mistakes(subject: Subject, origin: &Origin, reason: &'static str, mistakes: Vec<Mistake>) -> Self {
        Self { subject: Some(subject), reason, notes: mistakes.into_iter().map(|m| origin.note(m)).collect() }
    }

    /// An object that is in order but could not be dealt with.
    pub(super) fn failed(subject: Subject, origin: Option<&Origin>, error: &dyn Explain) -> Self {
        let mistake = Mistake::new("", error.to_string());
        let note = match origin {
            Some(origin) => origin.note(mistake),
            None => Note { file: None, position: None, field: String::new(), message: mistake.message },
        };
        Self { subject: Some(subject), reason: error.reason(), notes: vec![note] }
    }

    /// As in the JSON results.
    pub(super) fn json(&self) -> Value {
        let first = self.notes.first();
        let message = self.notes.iter().map(Note::words).collect::<Vec<_>>().join("; ");
        let field = first.map(|n| n.field.as_str()).filter(|f| !f.is_empty());
        serde_json::json!({
            "reason": self.reason,
            "message": message,
            "field": field,
            "file": first.and_then(|n| n.file.as_deref()),
            "line": first.and_then(|n| n.position).map(|p| p.line),
            "column": first.and_then(|n| n.position).map(|p| p.column),
        })
    }
}

impl Note {
    fn words(&self) -> String {
        if self.field.is_empty() { self.message.clone() } else { format!("{}: {}", self.field, self.message) }
    }

    /// `file:line:column`, if it is in a file.
    pub(super) fn location(&self) -> Option<String> {
        self.file.as_deref().map(|file| located(file, self.position))
    }

    /// The rest of the line.
    pub(super) fn text(&self, subject: Option<&Subject>) -> String {
        match subject {
            Some(subject) => format!("{subject}: {}", self.words()),
            None => self.words(),
        }
    }
}

fn located(file: &str, position: Option<Position>) -> String {
    position.map_or_else(|| file.to_owned(), |p| format!("{file}:{p}"))
}
