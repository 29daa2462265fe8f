//! The promises: one file, or one folder, each. [`all`] is the one list of them.

mod hcl;
mod registry;
mod request;
mod team;

pub use registry::{Lingering, Promise, Refusal, all, by_kind};
pub use request::Request;
