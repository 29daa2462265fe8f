//! The command line from outside: the built binary, real files, real Git repositories.

#[path = "store/server.rs"]
#[allow(dead_code, clippy::unwrap_used, reason = "shared with the tests of the store")]
mod server;
#[path = "store/sshd.rs"]
#[allow(dead_code, clippy::unwrap_used, reason = "shared with the tests of the store")]
mod sshd;
#[path = "cli/support.rs"]
mod support;

#[path = "cli/apply.rs"]
mod apply;
#[path = "cli/bad_input.rs"]
mod bad_input;
#[path = "cli/check.rs"]
mod check;
#[path = "cli/credentials.rs"]
mod credentials;
#[path = "cli/input.rs"]
mod input;
#[path = "cli/output.rs"]
mod output;
#[path = "cli/proxy.rs"]
mod proxy;
#[path = "cli/prune.rs"]
mod prune;
#[path = "cli/render.rs"]
mod render;
#[path = "cli/ssh.rs"]
mod ssh;
#[path = "cli/status.rs"]
mod status;
#[path = "cli/stores.rs"]
mod stores;
#[path = "cli/unchanged.rs"]
mod unchanged;
#[path = "cli/verify.rs"]
mod verify;
