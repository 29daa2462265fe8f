//! kept turns requests (custom resources such as a `Team`) into manifests and commits them to the Git
//! repositories that a GitOps tool reads.
//!
//! A request walks a street of values; each can only be made from the one before:
//!
//! ```text
//! Request ─plan─▶ Plan ─render─▶ Output ─check─▶ Checked ─place─▶ Change ─submit─▶ Receipt ─▶ status
//! ```
//!
//! | Room | Holds |
//! |---|---|
//! | [`values`], [`error`], [`config`] | types that cannot be wrong, the error taxonomy, the settings |
//! | [`api`] | the kinds: one file each |
//! | [`manifest`] | what a promise answers with; YAML out and in |
//! | [`known`] | what is recorded, what is reserved, which requests there are |
//! | [`promises`] | one file or folder per promise; the list of all |
//! | [`policy`] | what may be committed at all: the only way to a `Checked` |
//! | [`placement`] | which destinations, which paths |
//! | [`store`] | records, staging, Git, and one writer per remote and branch |
//! | [`street`] | the chain from request to change |
//! | [`cluster`] | what the operator and the command line both read from a cluster |
//! | [`controller`] | the operator |
//! | [`cli`] | the command line |
//! | [`telemetry`] | logs, metrics, traces, probes |
//!
//! From `plan` to `place` everything is pure; what is recorded and what destinations there are come in as
//! snapshots. `CONTRIBUTING.md` says which room may import which, and `tests/imports.rs` holds it.

pub mod api;
pub mod cli;
pub mod cluster;
pub mod config;
pub mod controller;
pub mod error;
pub mod known;
pub mod manifest;
pub mod placement;
pub mod policy;
pub mod promises;
pub mod store;
pub mod street;
pub mod telemetry;
pub mod values;
