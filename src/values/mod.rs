//! The small types that cannot be wrong. Everyone may import this room; it imports nothing of ours.

mod owner;
mod path;
mod remote;
mod set;
mod span;

pub use owner::{Owner, RequestKey, Timestamp};
pub use path::{PathError, RelPath};
pub use remote::{Branch, Remote};
pub use set::Set;
pub use span::Span;

/// A small map as a list in order, for the same reason as [`Set`].
pub type Map<K, V> = litemap::LiteMap<K, V>;

/// Labels as Kubernetes has them.
pub type Labels = std::collections::BTreeMap<String, String>;
