//! The store against real Git repositories: in the file system, and behind a real `git http-backend`.

#[path = "store/support.rs"]
mod support;

#[path = "store/commits.rs"]
mod commits;
#[path = "store/conflicts.rs"]
mod conflicts;
