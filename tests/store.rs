//! The store against real Git repositories: in the file system, and behind a real `git http-backend`
//! or `sshd`.
#![allow(clippy::unwrap_used)]

#[path = "store/server.rs"]
mod server;
#[path = "store/sshd.rs"]
mod sshd;
#[path = "store/support.rs"]
mod support;

#[path = "store/actor.rs"]
mod actor;
#[path = "store/commits.rs"]
mod commits;
#[path = "store/conflicts.rs"]
mod conflicts;
#[path = "store/credentials.rs"]
mod credentials;
#[path = "store/fence.rs"]
mod fence;
#[path = "store/github.rs"]
mod github;
#[path = "store/remote.rs"]
mod remote;
#[path = "store/signing.rs"]
mod signing;
#[path = "store/split.rs"]
mod split;
#[path = "store/ssh.rs"]
mod ssh;
#[path = "store/supersede.rs"]
mod supersede;
