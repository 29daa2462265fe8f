//! Settings: the one configuration file that the operator and the command line both read, parsed
//! once. Everything has a default, so that no file is needed.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::values::Labels;

/// The settings file, `--config FILE`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Settings {
    /// Under which name the operator records what it writes. Default: the UID of the namespace
    /// `kube-system`. The command line has `--writer` instead (default `cli`).
    pub writer: Option<String>,
    /// Writers whose files and records are taken over when a request of the same kind, namespace
    /// and name is written: for a rebuilt cluster, or a move from the command line to the operator.
    pub adopt: Vec<String>,
    /// How often the operator compares every request with its state repositories, in seconds.
    /// Default 36000 (10 hours).
    pub recheck_interval_seconds: u64,
    /// Limits on what one request may render.
    pub limits: Limits,
    /// Namespaces into which no request may render.
    pub protected_namespaces: Vec<String>,
    /// Settings of the promises.
    pub promises: Promises,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            writer: None,
            adopt: Vec::new(),
            recheck_interval_seconds: 36_000,
            limits: Limits::default(),
            protected_namespaces: ["kube-system", "kube-public", "kube-node-lease"].map(String::from).to_vec(),
            promises: Promises::default(),
        }
    }
}

impl Settings {
    /// The re-check interval.
    pub fn recheck_interval(&self) -> Duration {
        Duration::from_secs(self.recheck_interval_seconds)
    }
}

/// Limits on what one request may render.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Limits {
    /// Bytes of one file. Default 1 MiB.
    pub file_bytes: usize,
    /// Files of one request. Default 1000.
    pub request_files: usize,
    /// Bytes of all files of one request. Default 4 MiB.
    pub request_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { file_bytes: 1 << 20, request_files: 1000, request_bytes: 4 << 20 }
    }
}

/// Settings of the promises, by promise name.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Promises {
    /// The promise `team`.
    pub team: TeamSettings,
}

/// Settings of the promise `team`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct TeamSettings {
    /// Domain of the address `{id}@{domain}` that a team without an e-mail gets. Default
    /// `example.com`; empty: such a team has no address.
    pub email_domain: String,
    /// Where the team's files go. Default: any destination that is not strict.
    pub destination_selectors: Vec<DestinationSelector>,
}

impl Default for TeamSettings {
    fn default() -> Self {
        Self { email_domain: "example.com".into(), destination_selectors: Vec::new() }
    }
}

/// One entry of a promise's `destinationSelectors`, as Kratix has them.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct DestinationSelector {
    /// Labels that the destination must carry, all of them.
    pub match_labels: Labels,
    /// The top-level directory of the output that this entry is for; absent: everything else.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub directory: Option<String>,
}
