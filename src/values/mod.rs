//! The small types that cannot be wrong. Everyone may import this room; it imports nothing of ours.

mod owner;
mod path;
mod remote;

pub use owner::{Owner, RequestKey, Timestamp};
pub use path::{PathError, RelPath};
pub use remote::{Branch, Remote};

/// Labels as Kubernetes has them.
pub type Labels = std::collections::BTreeMap<String, String>;
