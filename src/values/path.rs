use std::borrow::Borrow;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The longest path, in bytes; what the common file systems and Git hosts all take.
const MAX_PATH: usize = 1024;
/// The longest component, in bytes (`NAME_MAX` of the common file systems).
const MAX_COMPONENT: usize = 255;

/// A relative path inside a repository that is the same path on every file system and for every
/// Git client: `/` between components of printable ASCII, no `.` or `..`, nothing that Git or
/// Windows reads as something else. May be empty: the root.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RelPath(String);

/// Why a text is not a [`RelPath`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{path:?} cannot be a path in a state repository: {why}")]
pub struct PathError {
    path: String,
    why: &'static str,
}

impl Borrow<str> for RelPath {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl RelPath {
    /// The root of the tree it is relative to.
    pub fn root() -> Self {
        Self::default()
    }

    /// Reads a path as people write it in a Destination or on the command line: leading and
    /// trailing slashes and `.` components mean nothing there (Kratix joins with Go's `path.Join`).
    pub fn lenient(text: &str) -> Result<Self, PathError> {
        let kept: Vec<&str> = text.split('/').filter(|c| !c.is_empty() && *c != ".").collect();
        Self::from_str(&kept.join("/"))
    }

    /// The path as text, without a leading slash.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it is the root.
    pub fn is_root(&self) -> bool {
        self.0.is_empty()
    }

    /// Its components; none for the root.
    pub fn components(&self) -> impl Iterator<Item = &str> {
        self.0.split('/').filter(|c| !c.is_empty())
    }

    /// This path with another one below it.
    #[must_use]
    pub fn join(&self, below: &Self) -> Self {
        match (self.is_root(), below.is_root()) {
            (true, _) => below.clone(),
            (_, true) => self.clone(),
            _ => Self(format!("{}/{}", self.0, below.0)),
        }
    }

    /// The first component, if there is more than one: the directory by which outputs are routed.
    pub fn directory(&self) -> Option<&str> {
        self.0.split_once('/').map(|(first, _)| first)
    }

    /// Whether `other` is this path or lies below it.
    pub fn contains(&self, other: &Self) -> bool {
        self.is_root() || other.0 == self.0 || other.0.strip_prefix(&self.0).is_some_and(|rest| rest.starts_with('/'))
    }

    /// What this path becomes on file systems that ignore case; two paths with one such key collide.
    /// Components are ASCII, so Unicode normalisation changes nothing.
    pub fn folded(&self) -> String {
        self.0.to_ascii_lowercase()
    }
}

impl FromStr for RelPath {
    type Err = PathError;

    fn from_str(text: &str) -> Result<Self, PathError> {
        let refuse = |why| Err(PathError { path: text.chars().take(120).collect(), why });
        if text.is_empty() {
            return Ok(Self::default());
        }
        if text.len() > MAX_PATH {
            return refuse("it is longer than 1024 bytes");
        }
        for component in text.split('/') {
            if let Some(why) = component_fault(component) {
                return refuse(why);
            }
        }
        Ok(Self(text.to_owned()))
    }
}

fn component_fault(component: &str) -> Option<&'static str> {
    let folded = component.to_ascii_lowercase();
    match folded.as_str() {
        "" => return Some("it has an empty component or begins or ends with a slash"),
        "." | ".." => return Some("`.` and `..` are not allowed"),
        ".git" | ".gitmodules" | ".gitattributes" => return Some("Git reads that name as its own"),
        _ => {}
    }
    if folded.starts_with("git~") {
        return Some("Windows reads that name as `.git`");
    }
    if component.len() > MAX_COMPONENT {
        return Some("a component is longer than 255 bytes");
    }
    if !component.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.+@=,~ ()".contains(&b)) {
        return Some("components consist of ASCII letters, digits, spaces and -_.+@=,~()");
    }
    if component.ends_with(['.', ' ']) || component.starts_with(' ') {
        return Some("a component must not begin with a space or end with a space or a dot");
    }
    None
}

impl TryFrom<String> for RelPath {
    type Error = PathError;

    fn try_from(text: String) -> Result<Self, PathError> {
        text.parse()
    }
}

impl From<RelPath> for String {
    fn from(path: RelPath) -> Self {
        path.0
    }
}

impl fmt::Display for RelPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.is_root() { "." } else { &self.0 })
    }
}
