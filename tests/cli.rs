//! The command line from outside: the built binary, real files, real Git repositories.

#[path = "cli/support.rs"]
mod support;

#[path = "cli/apply.rs"]
mod apply;
#[path = "cli/bad_input.rs"]
mod bad_input;
#[path = "cli/credentials.rs"]
mod credentials;
#[path = "cli/input.rs"]
mod input;
#[path = "cli/output.rs"]
mod output;
#[path = "cli/prune.rs"]
mod prune;
#[path = "cli/render.rs"]
mod render;
#[path = "cli/stores.rs"]
mod stores;
