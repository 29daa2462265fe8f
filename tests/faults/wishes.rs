//! Changes for engines: small requests in each layout, beside each other.

use std::time::Duration;

use kept::store::{Access, Change, Engine, Footprint};

use crate::store_support::*;
use crate::witness::Versions;

/// The name of a request by its number.
pub(crate) fn name(number: usize) -> String {
    format!("t{number:03}")
}

/// What some requests want, and wanted before.
pub(crate) struct Wishes {
    pub(crate) versions: Versions,
    /// The version that is wanted of all.
    pub(crate) version: usize,
    pub(crate) writer: &'static str,
}

impl Default for Wishes {
    fn default() -> Self {
        Self { versions: Versions::default(), version: 1, writer: "cli" }
    }
}

impl Wishes {
    /// The changes of some requests, and nobody says yet that they are wanted.
    pub(crate) fn changes(&mut self, which: &[usize]) -> Vec<Change> {
        let all: Vec<_> = which.iter().map(|at| wish(*at, self.version)).collect();
        // A commit of them is one of whole versions, whatever becomes of it.
        let now = self.versions.now.clone();
        for (_, files) in &all {
            self.versions.learn(files.clone());
        }
        self.versions.now = now;
        all.into_iter().map(|(change, _)| change.by(self.writer)).collect()
    }

    /// Some requests are to be there from now on.
    pub(crate) fn wanted(&mut self, which: &[usize]) {
        for at in which {
            self.versions.learn(wish(*at, self.version).1);
        }
    }

    /// Commits them, which must succeed.
    #[track_caller]
    pub(crate) fn commit(&mut self, engine: &mut Engine, which: &[usize]) {
        for outcome in engine.commit(&self.changes(which), &[]).unwrap() {
            outcome.unwrap();
        }
        self.wanted(which);
    }
}

/// A request by its number, and its files: one has a directory to itself, the next has files among
/// others', the next has documents in the file of all and a directory too.
pub(crate) fn wish(at: usize, version: usize) -> (Change, Vec<(String, String)>) {
    let name = name(at);
    let text = |part: &str| format!("# {name}\n{part}: {version}\n");
    let files = |dir: &str, names: &[&str]| -> Vec<(String, String)> {
        names.iter().map(|file| (format!("{dir}{file}"), text(file))).collect()
    };
    let change = change(&name);
    let exclusive = |dir: &str| Footprint::Exclusive {
        dir: path(&format!("{dir}/{name}")),
        files: file_map(&[("a", &text("a")), ("b/c", &text("b/c"))]),
        clears: kept::values::Set::new(),
    };
    match at % 3 {
        0 => (change.at("", exclusive("own")), files(&format!("own/{name}/"), &["a", "b/c"])),
        1 => {
            let all = files("side/", &[&format!("x-{name}"), &format!("y/{name}")]);
            let shared = all.iter().map(|(file, text)| (path(file), text.as_bytes().to_vec())).collect();
            (change.at("", Footprint::Shared { files: shared }), all)
        }
        _ => {
            let documents = vec![text("first"), text("second")];
            let mut all = files(&format!("half/{name}/"), &["a", "b/c"]);
            all.push(("all.yaml".to_owned(), documents.join("---\n")));
            let fragment = Footprint::Fragment { file: path("all.yaml"), documents };
            (change.at("", exclusive("half")).at("", fragment), all)
        }
    }
}

/// An engine's access to a URL, for servers of which some never answer.
pub(crate) fn impatient(url: &str) -> Access {
    Access { timeout: Duration::from_millis(2500), ..access(url) }
}
