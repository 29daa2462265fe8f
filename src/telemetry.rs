//! How the operator can be seen: logs (text for people, JSON by flag, filtered by `KEPT_LOG`, `info` by default),
//! metrics, traces and probes.

pub mod http;
pub mod metrics;
pub mod traces;

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt;

/// Starts logging to standard error. Called once, by `kept run`.
pub fn start(json: bool) {
    let filter = EnvFilter::try_from_env("KEPT_LOG").unwrap_or_else(|_| EnvFilter::new("info"));
    let builder = fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_target(false)
        .with_ansi(std::io::stderr().is_terminal());
    if json {
        builder.json().init();
    } else {
        builder.init();
    }
}
