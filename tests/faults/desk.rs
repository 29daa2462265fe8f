//! Requests on a disk, and the binary that brings them to a store.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};

use crate::chance::Chance;
use crate::support::Scratch;
use crate::wishes::name;
use crate::witness::Versions;

/// How the files of the requests lie in the store.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Layout {
    /// A directory for each request.
    Nested,
    /// Backstage's documents of all requests in one file, and Terraform's files side by side.
    Mixed,
}

const STORES: &str = "apiVersion: platform.kratix.io/v1alpha1
kind: GitStateStore
metadata: {name: store}
spec: {url: 'URL'}
---
apiVersion: platform.kratix.io/v1alpha1
kind: Destination
metadata: {name: together, labels: {to: together}}
spec:
  path: shared
  stateStoreRef: {kind: GitStateStore, name: store}
  filepath: {mode: aggregatedYAML, filename: all.yaml}
---
apiVersion: platform.kratix.io/v1alpha1
kind: Destination
metadata: {name: flat, labels: {to: flat}}
spec: {path: side, stateStoreRef: {kind: GitStateStore, name: store}, filepath: {mode: none}}
";
const SETTINGS: &str = "promises:
  team:
    destinationSelectors:
      - matchLabels: {to: together}
      - directory: terraform
        matchLabels: {to: flat}
";

/// See the module.
pub(crate) struct Desk {
    pub(crate) scratch: Scratch,
    pub(crate) versions: Versions,
    /// The version of each request that is on the disk.
    pub(crate) asked: BTreeMap<String, usize>,
    counter: usize,
    /// Where rendered files lie: with several stores in the input, each has a directory.
    pub(crate) rendered: String,
    /// What `-f` names beside the requests, and the settings.
    input: String,
    store: String,
}

impl Desk {
    /// Requests for a store: a path or a URL.
    pub(crate) fn new(layout: Layout, store: &str) -> Self {
        let (input, stores) = match layout {
            Layout::Nested => ("", format!("--store {store}")),
            Layout::Mixed => ("-f stores.yaml --config settings.yaml", String::new()),
        };
        let url = if store.contains("://") { store.to_owned() } else { format!("file://{store}") };
        Self::with(input, &stores, &STORES.replace("URL", &url), SETTINGS)
    }

    /// Requests for stores that are described by these objects and settings.
    pub(crate) fn with(input: &str, store: &str, stores: &str, settings: &str) -> Self {
        let scratch = Scratch::new();
        for dir in ["requests", "tmp"] {
            fs::create_dir(scratch.path(dir)).unwrap();
        }
        fs::write(scratch.path("stores.yaml"), stores).unwrap();
        fs::write(scratch.path("settings.yaml"), settings).unwrap();
        Self {
            scratch,
            versions: Versions::default(),
            asked: BTreeMap::new(),
            counter: 0,
            rendered: "rendered".to_owned(),
            input: input.to_owned(),
            store: store.to_owned(),
        }
    }

    /// Has everything go to another store from now on.
    pub(crate) fn store_at(&mut self, store: &str) {
        if self.store.is_empty() {
            fs::write(self.scratch.path("stores.yaml"), STORES.replace("URL", &format!("file://{store}"))).unwrap();
        } else {
            self.store = format!("--store {store}");
        }
    }

    /// Writes new versions of some requests.
    pub(crate) fn write(&mut self, names: &BTreeSet<String>) {
        if names.is_empty() {
            return;
        }
        let mut args = format!("render {} --out rendered", self.input);
        for name in names {
            self.counter += 1;
            self.asked.insert(name.clone(), self.counter);
            let text = format!(
                "apiVersion: platform.kratix.io/v1alpha1\nkind: Team\nmetadata: {{name: {name}}}\nspec: {{id: {name}, name: Version {}}}\n",
                self.counter
            );
            fs::write(self.file(name), text).unwrap();
            args += &format!(" -f requests/{name}.yaml");
        }
        succeeds(self.kept(&args).output().unwrap());
        self.versions.learn_dir(&self.scratch.path(&self.rendered));
        fs::remove_dir_all(self.scratch.path("rendered")).unwrap();
    }

    /// Removes a request.
    pub(crate) fn remove(&mut self, name: &str) {
        fs::remove_file(self.file(name)).unwrap();
        self.asked.remove(name);
        self.versions.forget(name);
    }

    /// Edits, removes and adds a random part of so many requests.
    pub(crate) fn edit(&mut self, chance: &mut Chance, of: usize) {
        let share = 1 + chance.below(30);
        let mut edited = BTreeSet::new();
        for name in (0..of).map(name) {
            if !chance.percent(share) {
                continue;
            }
            if self.asked.contains_key(&name) && chance.percent(20) {
                self.remove(&name);
            } else {
                edited.insert(name);
            }
        }
        self.write(&edited);
    }

    fn file(&self, name: &str) -> PathBuf {
        self.scratch.path(&format!("requests/{name}.yaml"))
    }

    /// `kept` with words as arguments; what it has to put somewhere goes to a directory of its own.
    pub(crate) fn kept(&self, args: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_kept"));
        command.args(args.split_whitespace()).current_dir(self.scratch.path(""));
        command.env("TMPDIR", self.scratch.path("tmp")).env("HOME", self.scratch.path("")).stdin(Stdio::null());
        for name in ["KEPT_GIT_USERNAME", "KEPT_GIT_PASSWORD", "KEPT_GIT_USERNAME_FILE", "KEPT_GIT_PASSWORD_FILE"] {
            command.env_remove(name);
        }
        command
    }

    /// `kept apply` of everything there is.
    pub(crate) fn apply(&self) -> Command {
        self.kept(&format!("apply -f requests --prune --allow-empty {} {}", self.input, self.store))
    }

    /// The same as a process that goes its way.
    pub(crate) fn spawn(&self) -> Child {
        self.apply().stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
    }

    /// What processes left in the directory for temporary things.
    pub(crate) fn left_over(&self) -> Vec<PathBuf> {
        fs::read_dir(self.scratch.path("tmp")).unwrap().map(|entry| entry.unwrap().path()).collect()
    }
}

/// The program ended well; what it printed.
#[track_caller]
pub(crate) fn succeeds(output: Output) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(output.status.success(), "{}\n{}", text(&output.stderr), text(&output.stdout));
    text(&output.stdout)
}
