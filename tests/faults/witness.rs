//! What a repository's history must show, whatever happened meanwhile: each commit of kept's carries whole
//! versions of requests with their records, touches nothing that is not kept's, and follows the one before.
//!
//! A request is known by its name, `t` and three digits: in a path, or in a document of an aggregated file.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use git2::{Oid, Repository};

/// The name of aggregated files in these tests.
pub(crate) const AGGREGATED: &str = "all.yaml";
/// The address of whoever else commits.
const SOMEONE: &str = "someone@example.com";

/// Why somebody else moves the branch to another place, in the log.
pub(crate) const BY_SOMEONE: &str = "by somebody else";

/// Everything of one request, by path; documents of an aggregated file by path and number.
pub(crate) type Snapshot = BTreeMap<String, String>;

/// The first request's name in a text.
pub(crate) fn request_in(text: &str) -> Option<&str> {
    let bytes = text.as_bytes();
    let inside = |at: usize| bytes.get(at).is_some_and(u8::is_ascii_alphanumeric);
    let found = |at: &usize| {
        bytes[*at] == b't'
            && (at + 1..at + 4).all(|digit| bytes.get(digit).is_some_and(u8::is_ascii_digit))
            && !inside(at + 4)
            && !at.checked_sub(1).is_some_and(inside)
    };
    (0..bytes.len()).find(found).map(|at| &text[at..at + 4])
}

/// The parts of requests in a file.
fn parts(path: &str, text: &str) -> Vec<(String, String, String)> {
    if path.ends_with(AGGREGATED) {
        let mut numbers: HashMap<String, usize> = HashMap::new();
        let documents = text.trim_end_matches('\n').split("\n---\n").filter(|document| !document.is_empty());
        let part = |document: &str| {
            let name = request_in(document).unwrap_or_else(|| panic!("{path} holds {document}")).to_owned();
            let number = numbers.entry(name.clone()).and_modify(|number| *number += 1).or_default();
            (name, format!("{path}#{number}"), document.trim_end_matches('\n').to_owned())
        };
        return documents.map(part).collect();
    }
    request_in(path).map(|name| (name.to_owned(), path.to_owned(), text.to_owned())).into_iter().collect()
}

/// Every version of every request there ever was, and the one that is wanted now.
#[derive(Default)]
pub(crate) struct Versions {
    known: HashMap<String, HashSet<Snapshot>>,
    pub(crate) now: BTreeMap<String, Snapshot>,
}

impl Versions {
    /// Takes in the files of some requests as they are wanted from now on.
    pub(crate) fn learn(&mut self, files: impl IntoIterator<Item = (String, String)>) {
        let mut snapshots: BTreeMap<String, Snapshot> = BTreeMap::new();
        for (path, text) in files {
            for (name, part, text) in parts(&path, &text) {
                snapshots.entry(name).or_default().insert(part, text);
            }
        }
        for (name, snapshot) in snapshots {
            self.known.entry(name.clone()).or_default().insert(snapshot.clone());
            self.now.insert(name, snapshot);
        }
    }

    /// The same of files below a directory.
    pub(crate) fn learn_dir(&mut self, dir: &Path) {
        let mut files = Vec::new();
        read_all(dir, dir, &mut files);
        self.learn(files);
    }

    /// Takes in somebody else's requests.
    pub(crate) fn add(&mut self, others: Self) {
        self.now.extend(others.now);
        for (name, known) in others.known {
            self.known.entry(name).or_default().extend(known);
        }
    }

    /// A request is not wanted any more.
    pub(crate) fn forget(&mut self, name: &str) {
        self.now.remove(name);
    }
}

fn read_all(root: &Path, dir: &Path, files: &mut Vec<(String, String)>) {
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            read_all(root, &path, files);
        } else {
            let name = path.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
            files.push((name, fs::read_to_string(&path).unwrap()));
        }
    }
}

/// Follows the branch `main` of a repository, commit by commit.
pub(crate) struct Witness {
    path: PathBuf,
    repo: Repository,
    head: Option<Oid>,
    texts: HashMap<Oid, String>,
    files: BTreeMap<String, Oid>,
    /// The parts of each request.
    pub(crate) requests: BTreeMap<String, Snapshot>,
    /// The record of each request: its file, and the directories and trees that it names.
    records: BTreeMap<String, (String, Vec<(String, String)>)>,
    /// Commits by kept, and how often each request was in one.
    pub(crate) commits: usize,
    pub(crate) touched: BTreeMap<String, usize>,
    /// Others write into the files of requests: commits in between show what they did, too.
    pub(crate) trusts_only_the_end: bool,
}

impl Witness {
    pub(crate) fn new(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
            repo: Repository::open(path).unwrap(),
            head: None,
            texts: HashMap::new(),
            files: BTreeMap::new(),
            requests: BTreeMap::new(),
            records: BTreeMap::new(),
            commits: 0,
            touched: BTreeMap::new(),
            trusts_only_the_end: false,
        }
    }

    /// Checks every commit since the last look; how many there were.
    pub(crate) fn look(&mut self, versions: &Versions) -> usize {
        let Ok(head) = self.repo.refname_to_id("refs/heads/main") else { return 0 };
        let mut new = Vec::new();
        let mut at = Some(head);
        while at != self.head {
            let id = at.unwrap_or_else(|| panic!("{head} does not follow {:?}", self.head));
            let commit = self.repo.find_commit(id).unwrap();
            assert!(commit.parent_count() < 2, "{id} is a merge");
            new.push(id);
            at = commit.parent_ids().next();
        }
        for id in new.iter().rev() {
            self.step(*id, versions);
        }
        self.head = Some(head);
        new.len()
    }

    /// The requests that the head holds are those that are wanted, and nothing of any other.
    #[track_caller]
    pub(crate) fn holds_all(&mut self, versions: &Versions) {
        self.look(versions);
        let names = |of: &BTreeMap<String, Snapshot>| of.keys().cloned().collect::<BTreeSet<_>>();
        let (found, wanted) = (names(&self.requests), names(&versions.now));
        let lost: Vec<_> = wanted.difference(&found).collect();
        let left: Vec<_> = found.difference(&wanted).collect();
        assert!(lost.is_empty() && left.is_empty(), "lost: {lost:?}, left over: {left:?}");
        for (name, wanted) in &versions.now {
            assert_eq!(&self.requests[name], wanted, "{name}");
        }
    }

    /// Nothing is broken, and nobody left anything lying about.
    #[track_caller]
    pub(crate) fn is_clean(&self) {
        git(&self.path, &["fsck", "--strict", "--full", "--no-dangling"]);
        let left = rubbish(&self.path);
        assert!(left.is_empty(), "{left:?}");
    }

    /// The files that are nobody's among the requests, as they are now.
    pub(crate) fn peoples(&self) -> BTreeMap<String, String> {
        let ours = |path: &str| is_kepts(path) || request_in(path).is_some() || path.ends_with(AGGREGATED);
        self.files
            .iter()
            .filter(|(path, _)| !ours(path))
            .map(|(path, id)| (path.clone(), self.texts[id].clone()))
            .collect()
    }

    fn step(&mut self, id: Oid, versions: &Versions) {
        let commit = self.repo.find_commit(id).unwrap();
        let old = commit.parent(0).ok().map(|parent| parent.tree().unwrap());
        let is_kepts_commit = commit.author().email().unwrap() != SOMEONE;
        let tree = commit.tree().unwrap();
        let diff = self.repo.diff_tree_to_tree(old.as_ref(), Some(&tree), None).unwrap();
        let changes: Vec<(String, Option<Oid>)> = diff
            .deltas()
            .map(|delta| {
                let path = delta.new_file().path().unwrap().to_str().unwrap().to_owned();
                (path, Some(delta.new_file().id()).filter(|_| delta.status() != git2::Delta::Deleted))
            })
            .collect();
        drop((diff, tree, old, commit));
        let mut touched = BTreeSet::new();
        for (path, blob) in changes {
            let ours = is_kepts(&path) || path.ends_with(AGGREGATED) || request_in(&path).is_some();
            assert!(ours || !is_kepts_commit, "commit {id} touched {path}, which is not kept's");
            self.change(&path, blob, &mut touched);
        }
        if !is_kepts_commit {
            return;
        }
        self.commits += 1;
        for name in touched {
            if self.trusts_only_the_end {
                continue;
            }
            let found = self.requests.get(&name);
            let whole = found.is_none_or(|found| versions.known.get(&name).is_some_and(|known| known.contains(found)));
            assert!(whole, "commit {id} carries {name} in no version it ever had: {found:#?}");
            let record = self.records.get(&name);
            assert_eq!(found.is_some(), record.is_some(), "commit {id}: {name} and its record");
            for (dir, tree) in record.iter().flat_map(|(_, dirs)| dirs) {
                let there = self.repo.revparse_single(&format!("{id}:{dir}")).unwrap().id().to_string();
                assert_eq!(*tree, there, "commit {id}: the record of {name} says otherwise of {dir}");
            }
            *self.touched.entry(name).or_default() += 1;
        }
    }

    fn change(&mut self, path: &str, blob: Option<Oid>, touched: &mut BTreeSet<String>) {
        let old = match blob {
            Some(blob) => self.files.insert(path.to_owned(), blob),
            None => self.files.remove(path),
        };
        if path.contains(".kept/") {
            if let Some(name) = self.records.iter().find(|(_, (at, _))| at == path).map(|(name, _)| name.clone()) {
                self.records.remove(&name);
                touched.insert(name);
            }
            if let Some(blob) = blob {
                let (name, dirs) = record(self.text(blob));
                touched.insert(name.clone());
                self.records.insert(name, (path.to_owned(), dirs));
            }
            return;
        }
        let all = |text: Option<&str>| {
            let parts = text.map(|text| parts(path, text)).unwrap_or_default();
            parts.into_iter().map(|(name, part, text)| ((name, part), text)).collect::<BTreeMap<_, _>>()
        };
        let before = old.map(|old| self.text(old).to_owned());
        let after = blob.map(|blob| self.text(blob).to_owned());
        let (before, after) = (all(before.as_deref()), all(after.as_deref()));
        for ((name, part), _) in before.iter().filter(|(key, _)| !after.contains_key(key)) {
            let snapshot = self.requests.get_mut(name).unwrap();
            snapshot.remove(part);
            if snapshot.is_empty() {
                self.requests.remove(name);
            }
            touched.insert(name.clone());
        }
        for ((name, part), text) in after.iter().filter(|(key, text)| before.get(key) != Some(text)) {
            self.requests.entry(name.clone()).or_default().insert(part.clone(), text.clone());
            touched.insert(name.clone());
        }
    }

    fn text(&mut self, blob: Oid) -> &str {
        let read = || String::from_utf8(self.repo.find_blob(blob).unwrap().content().to_vec()).unwrap();
        self.texts.entry(blob).or_insert_with(read)
    }
}

/// What kept writes beside the requests: its records, and the files that keep folders from being empty.
fn is_kepts(path: &str) -> bool {
    path.contains(".kept/") || path.rsplit('/').next().is_some_and(|name| name.starts_with("kratix-canary-"))
}

/// Whose record this is, and which directories with which trees it names.
fn record(text: &str) -> (String, Vec<(String, String)>) {
    let record: serde_json::Value = serde_json::from_str(text).unwrap();
    let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
    let places = record["places"].as_array().unwrap();
    let dirs = places.iter().filter(|place| place["dir"].is_string());
    (text(&record["name"]), dirs.map(|place| (text(&place["dir"]), text(&place["tree"]))).collect())
}

/// Git, which must succeed.
#[track_caller]
fn git(repo: &Path, args: &[&str]) {
    let done = Command::new("git").args(args).current_dir(repo).env("GIT_CONFIG_NOSYSTEM", "1").output().unwrap();
    assert!(done.status.success(), "git {args:?}: {}", String::from_utf8_lossy(&done.stderr));
}

/// Files below a directory that a process left which did not get to its end; not those that `git gc` knows
/// and removes, whoever left them.
pub(crate) fn rubbish(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        let known = ["pack", "idx", "keep", "rev", "bitmap"];
        let in_packs = dir.ends_with("objects/pack");
        if name.starts_with("tmp_") {
            continue;
        }
        if name.ends_with(".lock")
            || name.starts_with(".kept-")
            || in_packs && !known.iter().any(|known| path.extension().is_some_and(|extension| extension == *known))
        {
            found.push(path.clone());
        }
        if path.is_dir() {
            found.extend(rubbish(&path));
        }
    }
    found
}

/// The branch went forward one commit at a time and never back, as the server's own log of it tells.
#[track_caller]
pub(crate) fn went_forward(repo: &Path) -> usize {
    let objects = Repository::open(repo).unwrap();
    let log = moves(repo);
    for (old, new, words) in &log {
        if words != BY_SOMEONE {
            let new = objects.find_commit(Oid::from_str(new).unwrap()).unwrap();
            let parent = new.parent_ids().next().unwrap_or(Oid::ZERO_SHA1).to_string();
            assert_eq!(parent, *old, "{} ({words}) was put in the place of another commit", new.id());
        }
    }
    log.len()
}

/// Every move of `main`: from where, to where, and why.
#[track_caller]
pub(crate) fn moves(repo: &Path) -> Vec<(String, String, String)> {
    let log = fs::read_to_string(repo.join("logs/refs/heads/main")).unwrap();
    let mut moves: Vec<(String, String, String)> = Vec::new();
    for line in log.lines() {
        let (ids, words) = line.split_once('\t').unwrap_or((line, ""));
        let mut ids = ids.split(' ').map(str::to_owned);
        let (old, new) = (ids.next().unwrap(), ids.next().unwrap());
        assert!(moves.last().is_none_or(|(_, last, _)| *last == old), "a move is missing in {log}");
        moves.push((old, new, words.to_owned()));
    }
    moves
}

/// Has a repository log every move of its branches.
pub(crate) fn log_moves(repo: &Path) {
    git(repo, &["config", "core.logAllRefUpdates", "always"]);
    // Its housekeeping only takes time here.
    git(repo, &["config", "receive.autogc", "false"]);
}
