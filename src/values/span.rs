//! Something that was done, and when.

use std::time::SystemTime;

/// See the module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Span {
    /// What, in a word.
    pub name: &'static str,
    /// Its begin.
    pub from: SystemTime,
    /// Its end.
    pub to: SystemTime,
}

impl Span {
    /// What began then, and is over now; a clock that was put back meanwhile makes it take no time.
    pub fn since(name: &'static str, from: SystemTime) -> Self {
        Self { name, from, to: SystemTime::now().max(from) }
    }
}
