//! Settings: the one configuration file that the operator and the command line both read, parsed
//! once. Everything has a default, so that no file is needed.

mod leader_election;
mod vcluster;

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::values::Labels;

pub use leader_election::LeaderElection;
pub use vcluster::{AddonNamespaces, Chart, PodSecurity, Repository, SecretStore, VclusterSettings};

/// The settings file, `--config FILE`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
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
    /// What the operator has to do with Argo CD.
    pub argocd: ArgocdSettings,
    /// Whether the operator says how what was committed fares, as far as its own cluster can tell: what Argo CD, the
    /// External Secrets Operator and the pods of vclusters say. False where the files are applied to other clusters.
    pub health: bool,
    /// Which of several replicas of the operator works.
    pub leader_election: LeaderElection,
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
            argocd: ArgocdSettings::default(),
            health: true,
            leader_election: LeaderElection::default(),
            promises: Promises::default(),
        }
    }
}

impl Settings {
    /// Reads a settings file.
    pub fn load(path: &Path) -> Result<Self, Error> {
        let fail = |place: String, message: String| Error { file: path.display().to_string(), place, message };
        let text = std::fs::read_to_string(path).map_err(|e| fail(String::new(), e.to_string()))?;
        // A file in which everything is commented out holds nothing at all.
        let read: Result<Option<Self>, _> = serde_saphyr::from_str(&text);
        let settings = read.map_err(|e| {
            let place = e.location().map(|l| format!(":{}:{}", l.line(), l.column())).unwrap_or_default();
            // The position is said already, and the excerpt is for people who do not have the file.
            let message = e.without_snippet().to_string();
            let message = message.split(" at line ").next().unwrap_or_default().to_owned();
            fail(place, message)
        })?;
        let settings = settings.unwrap_or_default();
        match settings.mistake() {
            Some(mistake) => Err(fail(String::new(), mistake)),
            None => Ok(settings),
        }
    }

    /// What no type rules out.
    fn mistake(&self) -> Option<String> {
        let named = self.writer.iter().map(|w| ("writer", w)).chain(self.adopt.iter().map(|a| ("adopt", a)));
        for (field, name) in named {
            if !is_name(name) {
                return Some(format!("{field}: {name:?} is not a name: {NAME_RULE}"));
            }
        }
        for (i, namespace) in self.argocd.namespaces.iter().enumerate() {
            if !is_name(namespace) {
                return Some(format!("argocd.namespaces[{i}]: {namespace:?} is not a namespace: {NAME_RULE}"));
            }
        }
        let promises = &self.promises;
        self.leader_election
            .mistake()
            .or_else(|| selectors_mistake("promises.team.destinationSelectors", &promises.team.destination_selectors))
            .or_else(|| promises.vcluster.mistake())
    }

    /// The re-check interval.
    pub fn recheck_interval(&self) -> Duration {
        Duration::from_secs(self.recheck_interval_seconds)
    }
}

/// Why a settings file cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{file}{place}: {message}")]
pub struct Error {
    file: String,
    /// `:line:column`, where it is known.
    place: String,
    message: String,
}

/// What [`is_name`] asks for.
pub const NAME_RULE: &str = "at most 63 lower-case letters, digits and -, no - at the ends";

/// Whether a text can be a writer's name, which becomes part of paths and of commit messages.
pub fn is_name(text: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    (1..=63).contains(&text.len()) && text.bytes().all(allowed) && !text.starts_with('-') && !text.ends_with('-')
}

/// Kratix's rules: a directory is a top-level one and named once, and a selector selects something.
fn selectors_mistake(field: &str, selectors: &[DestinationSelector]) -> Option<String> {
    let mut seen = BTreeSet::new();
    for (i, selector) in selectors.iter().enumerate() {
        let here = format!("{field}[{i}]");
        if selector.match_labels.is_empty() {
            return Some(format!("{here}.matchLabels: must not be empty: name at least one label"));
        }
        let directory = selector.directory.as_deref();
        if directory.is_some_and(|d| d.is_empty() || d == "." || d.contains('/')) {
            return Some(format!("{here}.directory: must be one top-level directory, such as terraform"));
        }
        if !seen.insert(directory) {
            let what = directory.map_or("the entry without a directory".to_owned(), |d| format!("the directory {d:?}"));
            return Some(format!("{here}: {what} has an entry already"));
        }
    }
    None
}

/// Limits on what one request may render.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
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

/// What the operator has to do with Argo CD, where there is one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct ArgocdSettings {
    /// Whether Argo CD is told of each push at once, by an annotation on each `Application` and `ApplicationSet`
    /// that reads what was pushed. Default true; false: it finds out by itself, every three minutes.
    pub notify: bool,
    /// The namespaces of the objects that are told. Default `[argocd]`.
    pub namespaces: Vec<String>,
}

impl Default for ArgocdSettings {
    fn default() -> Self {
        Self { notify: true, namespaces: vec!["argocd".into()] }
    }
}

/// Settings of the promises, by promise name.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Promises {
    /// The promise `team`.
    pub team: TeamSettings,
    /// The vcluster promises and the Argo CD primitives.
    pub vcluster: VclusterSettings,
}

/// Settings of the promise `team`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
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
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct DestinationSelector {
    /// Labels that the destination must carry, all of them.
    pub match_labels: Labels,
    /// The top-level directory of the output that this entry is for; absent: everything else.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub directory: Option<String>,
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    fn load(text: &str) -> Result<Settings, String> {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("settings.yaml");
        std::fs::write(&path, text).expect("written");
        Settings::load(&path).map_err(|e| e.to_string().replace(&*path.to_string_lossy(), "settings.yaml"))
    }

    #[test]
    fn nothing_has_to_be_said() {
        assert_eq!(load(""), Ok(Settings::default()));
        assert_eq!(load("# writer: x\n"), Ok(Settings::default()));
        assert_eq!(load("{}"), Ok(Settings::default()));
    }

    #[test]
    fn the_documented_file_has_every_setting_with_its_default() {
        fn fields(value: &Value, at: &str, found: &mut Vec<String>) {
            for (key, value) in value.as_object().into_iter().flatten() {
                let here = format!("{at}.{key}");
                fields(value, &here, found);
                found.push(here);
            }
        }
        let text = include_str!("../../docs/settings.yaml");
        assert_eq!(load(text), Ok(Settings::default()));
        let (mut wanted, mut there) = (Vec::new(), Vec::new());
        fields(&serde_json::to_value(Settings::default()).expect("JSON"), "", &mut wanted);
        fields(&serde_saphyr::from_str(text).expect("YAML"), "", &mut there);
        wanted.sort();
        there.sort();
        assert_eq!(wanted, there);
    }

    #[test]
    fn a_part_of_a_repository_leaves_the_rest_as_it_was() {
        let settings = load("promises: {vcluster: {workloadRepo: {path: mine}}}").expect("settings");
        let repository = &settings.promises.vcluster.workload_repo;
        assert_eq!((repository.path.as_str(), repository.revision.as_str()), ("mine", "main"));
        assert_eq!(settings.promises.vcluster.addons_repo, VclusterSettings::default().addons_repo);
    }

    #[test]
    fn mistakes_are_placed() {
        let refused = [
            ("promises:\n  team:\n    emailDomian: x\n", "settings.yaml:3:5: ", "emailDomian"),
            ("limits:\n  fileBytes: many\n", "settings.yaml:2:14: ", ""),
            ("a: [\n", "settings.yaml:", ""),
            ("promises: {vcluster: {chart: {version: ''}}}", "settings.yaml: promises.vcluster.chart.version", "empty"),
            ("promises: {vcluster: {secrets: {item: all}}}", "settings.yaml: promises.vcluster.secrets.item", "{name}"),
            ("promises: {vcluster: {addonsRepo: {uri: x}}}", "settings.yaml:1:", "uri"),
            ("writer: No\n", "settings.yaml: writer: ", "63"),
            ("leaderElection: {name: No}", "settings.yaml: leaderElection.name: ", "63"),
            ("leaderElection: {namespace: ''}", "settings.yaml: leaderElection.namespace: ", "63"),
            (
                "leaderElection: {renewDeadlineSeconds: 15}",
                "settings.yaml: leaderElection: ",
                "leaseDurationSeconds (15)",
            ),
            ("leaderElection: {retryPeriodSeconds: 0}", "settings.yaml: leaderElection: ", "retryPeriodSeconds (0)"),
            ("leaderElection: {leaseDurationSeconds: 3601}", "settings.yaml: leaderElection: ", "3600"),
            ("argocd: {namespaces: [argocd, '*']}", "settings.yaml: argocd.namespaces[1]: ", "63"),
            (
                "promises: {team: {destinationSelectors: [{directory: a/b, matchLabels: {x: y}}]}}",
                "settings.yaml: promises.team.destinationSelectors[0].directory",
                "top-level",
            ),
            (
                "promises: {team: {destinationSelectors: [{directory: a}]}}",
                "settings.yaml: promises.team.destinationSelectors[0].matchLabels",
                "empty",
            ),
            (
                "promises: {team: {destinationSelectors: [{matchLabels: {x: y}}, {matchLabels: {x: z}}]}}",
                "settings.yaml: promises.team.destinationSelectors[1]",
                "already",
            ),
        ];
        for (text, place, words) in refused {
            let message = load(text).expect_err(text);
            assert!(message.starts_with(place) && message.contains(words), "{text}: {message}");
        }
        assert!(Settings::load(Path::new("/nowhere/settings.yaml")).is_err());
    }
}
