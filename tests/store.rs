//! The store against real Git repositories: in the file system, and behind a real `git http-backend`.
#![allow(clippy::unwrap_used)]

#[path = "store/server.rs"]
mod server;
#[path = "store/support.rs"]
mod support;

#[path = "store/actor.rs"]
mod actor;
#[path = "store/commits.rs"]
mod commits;
#[path = "store/conflicts.rs"]
mod conflicts;
#[path = "store/remote.rs"]
mod remote;
#[path = "store/split.rs"]
mod split;
#[path = "store/supersede.rs"]
mod supersede;
