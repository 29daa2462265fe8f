//! YAML in: as kubectl reads it (YAML 1.1 scalars), with line numbers, bounded.
//!
//! JSON goes the same way: apart from that, every JSON text is YAML.

mod compose;
mod scalar;

use std::fmt;
use std::sync::Arc;

use granit_parser::{Event, Parser, ScanError};
use serde_json::Value;

use compose::Composer;

/// The largest file that is read, in bytes.
pub const MAX_BYTES: usize = 16 << 20;
/// How deep documents may be nested.
const MAX_DEPTH: usize = 100;
/// What aliases of one document may expand to, in nodes and bytes together.
const MAX_ALIASED: usize = 4 << 20;

/// A place in a file; lines and columns count from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position {
    /// The line.
    pub line: usize,
    /// The column, in characters.
    pub column: usize,
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.line, self.column)
    }
}

/// Why a file, or a document in it, cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Fault {
    /// Where, if it is one place.
    pub position: Option<Position>,
    /// What is wrong and what to do.
    pub message: String,
}

impl Fault {
    fn at(position: Position, message: impl Into<String>) -> Self {
        Self { position: Some(position), message: message.into() }
    }
}

impl From<ScanError> for Fault {
    fn from(error: ScanError) -> Self {
        let mark = error.marker();
        Self::at(Position { line: mark.line(), column: mark.col() + 1 }, error.info())
    }
}

/// Where the fields of a document stand.
#[derive(Clone, Debug, Default)]
pub struct Positions {
    /// By field, in order: as many as the document has fields, for as long as the request is known.
    fields: Arc<[(Box<str>, Mark)]>,
    /// The field of the document that is looked at as if it were one.
    root: String,
}

#[derive(Debug)]
struct Mark {
    position: Position,
    /// What stood there unquoted and was read as something other than a text.
    plain: Option<String>,
}

impl Positions {
    /// Of marks as they were met; the first of a field counts.
    fn new(mut marks: Vec<(Box<str>, Mark)>) -> Self {
        marks.sort_by(|a, b| a.0.cmp(&b.0));
        marks.dedup_by(|later, first| later.0 == first.0);
        Self { fields: marks.into(), root: String::new() }
    }

    fn mark(&self, field: &str) -> Option<&Mark> {
        let found = self.fields.binary_search_by(|(known, _)| known.as_ref().cmp(field));
        found.ok().map(|at| &self.fields[at].1)
    }

    /// Where `field` (`spec.members[2]`, empty: the document) stands, or the nearest field around it.
    pub fn of(&self, field: &str) -> Option<Position> {
        let whole = self.whole(field);
        let mut path = whole.as_str();
        loop {
            if let Some(mark) = self.mark(path) {
                return Some(mark.position);
            }
            if path.is_empty() {
                return None;
            }
            path = parent(path);
        }
    }

    /// The words of `field` as they stand in the file, if they were unquoted and are not a text: `no`.
    pub fn unquoted(&self, field: &str) -> Option<&str> {
        self.mark(&self.whole(field))?.plain.as_deref()
    }

    /// What lies below `field`, as a document of its own.
    #[must_use]
    pub fn below(&self, field: &str) -> Self {
        Self { fields: Arc::clone(&self.fields), root: self.whole(field) }
    }

    /// Mistakes write odd keys as `labels["a.b/c"]`, the table as `labels.a.b/c`.
    fn whole(&self, field: &str) -> String {
        let field = field.replace("[\"", ".").replace("\"]", "");
        let dot = if self.root.is_empty() || field.is_empty() || field.starts_with('[') { "" } else { "." };
        format!("{}{dot}{field}", self.root)
    }
}

fn parent(path: &str) -> &str {
    path.rfind(['.', '[']).map_or("", |end| &path[..end])
}

/// One document of a file.
#[derive(Clone, Debug)]
pub struct Document {
    /// What it says.
    pub value: Value,
    /// Where it says so.
    pub positions: Positions,
}

/// Reads all documents of a file, empty ones left out. A document that breaks a rule of ours stands
/// in its place as a fault; where the YAML itself is broken nothing can be said of what follows, and
/// the fault is the last item.
pub fn documents(bytes: &[u8]) -> Vec<Result<Document, Fault>> {
    read(bytes, false)
}

/// Reads as [`documents`] does, but a mapping that stands at the root twice is one, if its two halves
/// have no key in common: Helm values that were written half by half look like that.
pub fn documents_joined(bytes: &[u8]) -> Vec<Result<Document, Fault>> {
    read(bytes, true)
}

fn read(bytes: &[u8], joined: bool) -> Vec<Result<Document, Fault>> {
    let text = match decode(bytes) {
        Ok(text) => text,
        Err(fault) => return vec![Err(fault)],
    };
    let mut options = granit_parser::options! { block_nesting_limit: 2 * MAX_DEPTH, flow_nesting_limit: 2 * MAX_DEPTH };
    options.set_emit_comments(false);
    let mut parser = Parser::new_from_str_with_options(text, options);
    let mut found = Vec::new();
    loop {
        match parser.next_event() {
            None => return found,
            Some(Err(error)) => {
                found.push(Err(error.into()));
                return found;
            }
            Some(Ok((Event::DocumentStart(..), _))) => match Composer::new(&mut parser, joined).document() {
                Ok(document) if document.value.is_null() => {}
                Ok(document) => found.push(Ok(document)),
                Err(compose::Error::Document(fault)) => {
                    found.push(Err(fault));
                    if let Err(error) = parser.proceed_next_document() {
                        found.push(Err(error.into()));
                        return found;
                    }
                }
                Err(compose::Error::Stream(fault)) => {
                    found.push(Err(fault));
                    return found;
                }
            },
            Some(Ok(_)) => {}
        }
    }
}

fn decode(bytes: &[u8]) -> Result<&str, Fault> {
    if bytes.len() > MAX_BYTES {
        let message = format!("the file has {} bytes; more than {MAX_BYTES} are not read: split it", bytes.len());
        return Err(Fault { position: None, message });
    }
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let valid = &bytes[..error.valid_up_to()];
        let start_of_line = valid.iter().rposition(|b| *b == b'\n').map_or(0, |i| i + 1);
        let line = valid.split(|b| *b == b'\n').count();
        let column = String::from_utf8_lossy(&valid[start_of_line..]).chars().count() + 1;
        let message = format!("byte {} is not valid UTF-8: save the file as UTF-8", error.valid_up_to());
        Fault::at(Position { line, column }, message)
    })?;
    Ok(text.strip_prefix('\u{feff}').unwrap_or(text))
}

#[cfg(test)]
mod tests;
