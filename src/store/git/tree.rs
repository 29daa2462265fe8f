//! Editing directory trees: loaded from a base tree only where an edit goes, written back only where
//! something changed.
//!
//! Trees are written by hand rather than by libgit2's builders: those look the whole object database
//! over for each entry and each new tree, and cannot compute an id without storing the object.

use std::collections::BTreeMap;

use git2::{ObjectType, Oid};
use sha1::{Digest, Sha1};

use super::objects::{Objects, Sink};
use super::parse::{Line, lines};
use crate::store::Error;

/// The mode of a regular file.
pub(crate) const FILE: i32 = 0o100_644;
/// The deepest that directories are looked into.
const MAX_DEPTH: usize = 256;
const DIR: i32 = 0o040_000;
const LINK: i32 = 0o120_000;
pub(super) const MODULE: i32 = 0o160_000;

/// Anything in a tree that is not a directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Leaf {
    pub(crate) mode: i32,
    pub(crate) id: Oid,
}

impl Leaf {
    /// A regular file with this content.
    pub(crate) fn file(id: Oid) -> Self {
        Self { mode: FILE, id }
    }

    /// Whether this repository has its content: a submodule's lies in another one.
    pub(crate) fn is_here(self) -> bool {
        self.mode != MODULE
    }

    /// What it is, for people; none for a regular file.
    pub(crate) fn oddity(self) -> Option<&'static str> {
        match self.mode {
            LINK => Some("a symbolic link"),
            MODULE => Some("a submodule"),
            _ => None,
        }
    }
}

/// One entry of a directory.
#[derive(Clone, Debug)]
pub(crate) enum Entry {
    /// A file, a symbolic link or a submodule.
    Leaf(Leaf),
    /// A directory.
    Dir(Dir),
}

type Entries = BTreeMap<Vec<u8>, Entry>;

/// A directory, loaded when first looked into.
#[derive(Clone, Debug, Default)]
pub(crate) struct Dir {
    /// The tree that the repository already holds.
    base: Option<Oid>,
    /// The id of what is here now; unknown once touched.
    id: Option<Oid>,
    /// Absent until loaded from `base`.
    entries: Option<Entries>,
}

/// What lies at a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// Nothing.
    Absent,
    /// A file, a symbolic link or a submodule.
    Leaf(Leaf),
    /// A directory with something in it.
    Dir,
    /// Something on the way that is not a directory: its path, and what it is.
    Blocked(String, &'static str),
}

impl Dir {
    /// A directory that the repository holds.
    pub(crate) fn stored(id: Oid) -> Self {
        Self { base: Some(id), id: Some(id), entries: None }
    }

    /// A new directory with these files.
    pub(crate) fn of<'a>(files: impl Iterator<Item = (&'a str, Leaf)>) -> Self {
        let mut dir = Self { entries: Some(Entries::new()), ..Self::default() };
        for (path, leaf) in files {
            dir.add(path, Entry::Leaf(leaf));
        }
        dir
    }

    fn add(&mut self, path: &str, entry: Entry) {
        let entries = self.entries.get_or_insert_default();
        match path.split_once('/') {
            None => {
                entries.insert(path.into(), entry);
            }
            Some((first, rest)) => {
                let below = entries.entry(first.into()).or_insert_with(|| Entry::Dir(Self::default()));
                if let Entry::Dir(dir) = below {
                    dir.add(rest, entry);
                }
            }
        }
    }

    /// The entries, loaded if need be.
    pub(crate) fn entries(&mut self, objects: &dyn Objects) -> Result<&mut Entries, Error> {
        if self.entries.is_none() {
            self.entries = Some(match self.base {
                Some(id) => load(objects, id)?,
                None => Entries::new(),
            });
        }
        Ok(self.entries.get_or_insert_default())
    }

    /// The id, unless something was changed and not sealed since.
    pub(crate) fn id(&self) -> Option<Oid> {
        self.id
    }

    /// Whether no file lies anywhere below. Directories that the repository holds are never empty.
    fn is_empty(&self) -> bool {
        match &self.entries {
            None => self.base.is_none(),
            Some(entries) => entries.values().all(|entry| matches!(entry, Entry::Dir(dir) if dir.is_empty())),
        }
    }

    /// Computes the id, dropping empty directories; with a sink, stores what the repository lacks.
    /// None if there is nothing in it.
    pub(crate) fn seal(&mut self, mut sink: Option<&mut Sink>) -> Result<Option<Oid>, Error> {
        let stored = self.id.is_some() && self.id == self.base;
        if stored || (self.id.is_some() && sink.is_none()) {
            return Ok(self.id);
        }
        let entries = self.entries.get_or_insert_default();
        let mut gone = Vec::new();
        let mut lines: Vec<(Vec<u8>, i32, Oid)> = Vec::with_capacity(entries.len());
        for (name, entry) in entries.iter_mut() {
            match entry {
                Entry::Leaf(leaf) => lines.push((name.clone(), leaf.mode, leaf.id)),
                Entry::Dir(dir) => match dir.seal(sink.as_deref_mut())? {
                    // Git sorts a directory as if its name ended in a slash.
                    Some(id) => lines.push(([name, b"/".as_slice()].concat(), DIR, id)),
                    None => gone.push(name.clone()),
                },
            }
        }
        for name in &gone {
            entries.remove(name);
        }
        if lines.is_empty() {
            return Ok(None);
        }
        lines.sort_unstable_by(|a, b| a.0.cmp(&b.0));
        let mut bytes = Vec::with_capacity(lines.len() * 48);
        for (name, mode, id) in lines {
            let name = if mode == DIR { &name[..name.len() - 1] } else { &name[..] };
            bytes.extend_from_slice(format!("{mode:o} ").as_bytes());
            bytes.extend_from_slice(name);
            bytes.push(0);
            bytes.extend_from_slice(id.as_bytes());
        }
        let id = hash(ObjectType::Tree, &bytes)?;
        if let Some(sink) = sink
            && self.base != Some(id)
        {
            sink.insert(id, ObjectType::Tree, &bytes);
        }
        self.id = Some(id);
        Ok(Some(id))
    }
}

/// The id that bytes have as an object. libgit2's own way is slower by half: it looks for collisions, in what
/// we have just made.
pub(crate) fn hash(kind: ObjectType, bytes: &[u8]) -> Result<Oid, Error> {
    let mut hasher = Sha1::new_with_prefix(format!("{} {}\0", kind.str(), bytes.len()));
    hasher.update(bytes);
    Oid::from_bytes(&hasher.finalize()).map_err(|e| super::failed("hash an object", &e))
}

fn load(objects: &dyn Objects, id: Oid) -> Result<Entries, Error> {
    let tree = objects.read(id)?;
    let entry = |(mode, name, id): Line<'_>| {
        let entry = if mode == DIR { Entry::Dir(Dir::stored(id)) } else { Entry::Leaf(Leaf { mode, id }) };
        (name.to_vec(), entry)
    };
    Ok(lines(&tree)?.into_iter().map(entry).collect())
}

/// How one file differs between two directories.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Difference {
    /// Below the directories.
    pub(crate) path: String,
    /// What the first one holds.
    pub(crate) old: Option<Leaf>,
    /// What the second one holds.
    pub(crate) new: Option<Leaf>,
}

/// Every file that differs between two directories; what is equal by id is not looked into.
pub(crate) fn differences(
    objects: &dyn Objects,
    old: Option<&mut Dir>,
    new: Option<&mut Dir>,
) -> Result<Vec<Difference>, Error> {
    let mut found = Vec::new();
    compare(objects, "", old, new, &mut found)?;
    Ok(found)
}

fn compare(
    objects: &dyn Objects,
    prefix: &str,
    old: Option<&mut Dir>,
    new: Option<&mut Dir>,
    found: &mut Vec<Difference>,
) -> Result<(), Error> {
    // Git servers refuse more than 2048 levels; a thread has room for fewer.
    if prefix.matches('/').count() > MAX_DEPTH {
        let top: String = prefix.chars().take(100).collect();
        return Err(Error::Blocked(format!(
            "directories are nested more than {MAX_DEPTH} levels deep below {top}…: remove them"
        )));
    }
    let mut none = (Entries::new(), Entries::new());
    if let (Some(old), Some(new)) = (&old, &new)
        && old.id.is_some()
        && old.id == new.id
    {
        return Ok(());
    }
    let old = old.map_or(Ok(&mut none.0), |dir| dir.entries(objects))?;
    let new = new.map_or(Ok(&mut none.1), |dir| dir.entries(objects))?;
    let mut names: Vec<Vec<u8>> = old.keys().chain(new.keys()).cloned().collect();
    names.sort_unstable();
    names.dedup();
    for name in names {
        let path = format!("{prefix}{}", String::from_utf8_lossy(&name));
        let (old_leaf, old_dir) = split(old.get_mut(&name));
        let (new_leaf, new_dir) = split(new.get_mut(&name));
        if old_leaf != new_leaf {
            found.push(Difference { path: path.clone(), old: old_leaf, new: new_leaf });
        }
        if old_dir.is_some() || new_dir.is_some() {
            compare(objects, &format!("{path}/"), old_dir, new_dir, found)?;
        }
    }
    Ok(())
}

fn split(entry: Option<&mut Entry>) -> (Option<Leaf>, Option<&mut Dir>) {
    entry.map_or((None, None), |entry| match entry {
        Entry::Leaf(leaf) => (Some(*leaf), None),
        Entry::Dir(dir) => (None, Some(dir)),
    })
}

/// A tree under edit. Edits are remembered, so that those of one owner can be taken back.
#[derive(Debug)]
pub(crate) struct Work {
    root: Dir,
    undo: Vec<(String, Option<Entry>)>,
}

impl Work {
    /// Starts from a tree, or from nothing.
    pub(crate) fn new(base: Option<Oid>) -> Self {
        Self { root: base.map_or_else(Dir::default, Dir::stored), undo: Vec::new() }
    }

    /// What lies at `path` (the root itself is a directory).
    pub(crate) fn find(&mut self, objects: &dyn Objects, path: &str) -> Result<Found, Error> {
        let mut dir = &mut self.root;
        let mut rest = path;
        while !rest.is_empty() {
            let (name, below) = rest.split_once('/').unwrap_or((rest, ""));
            match dir.entries(objects)?.get_mut(name.as_bytes()) {
                None => return Ok(Found::Absent),
                Some(Entry::Leaf(leaf)) if below.is_empty() => return Ok(Found::Leaf(*leaf)),
                Some(Entry::Leaf(leaf)) => {
                    let here = &path[..path.len() - below.len() - 1];
                    return Ok(Found::Blocked(here.to_owned(), leaf.oddity().unwrap_or("a file")));
                }
                Some(Entry::Dir(next)) => dir = next,
            }
            rest = below;
        }
        Ok(if dir.is_empty() { Found::Absent } else { Found::Dir })
    }

    /// The directory at `path`, if there is one.
    pub(crate) fn dir(&mut self, objects: &dyn Objects, path: &str) -> Result<Option<&mut Dir>, Error> {
        let mut dir = &mut self.root;
        for name in path.split('/').filter(|name| !name.is_empty()) {
            match dir.entries(objects)?.get_mut(name.as_bytes()) {
                Some(Entry::Dir(next)) => dir = next,
                _ => return Ok(None),
            }
        }
        Ok(Some(dir))
    }

    /// Puts an entry at `path`, or takes away what is there. Directories are made on the way; that
    /// nothing else is in the way must have been seen before.
    pub(crate) fn set(&mut self, objects: &dyn Objects, path: &str, entry: Option<Entry>) -> Result<(), Error> {
        let old = self.swap(objects, path, entry)?;
        self.undo.push((path.to_owned(), old));
        Ok(())
    }

    fn swap(&mut self, objects: &dyn Objects, path: &str, entry: Option<Entry>) -> Result<Option<Entry>, Error> {
        let mut dir = &mut self.root;
        let mut rest = path;
        loop {
            // Loaded before it is marked as touched: the mark forgets nothing that loading needs.
            dir.entries(objects)?;
            dir.id = None;
            let entries = dir.entries.get_or_insert_default();
            let Some((name, below)) = rest.split_once('/') else {
                return Ok(match entry {
                    Some(entry) => entries.insert(rest.into(), entry),
                    None => entries.remove(rest.as_bytes()),
                });
            };
            if entry.is_none() && !entries.contains_key(name.as_bytes()) {
                return Ok(None);
            }
            match entries.entry(name.into()).or_insert_with(|| Entry::Dir(Dir::default())) {
                Entry::Dir(next) => dir = next,
                Entry::Leaf(_) if entry.is_none() => return Ok(None),
                Entry::Leaf(_) => return Err(Error::Git(format!("{path}: something in the way is not a directory"))),
            }
            rest = below;
        }
    }

    /// A point to come back to.
    pub(crate) fn mark(&self) -> usize {
        self.undo.len()
    }

    /// Takes back everything since `mark`.
    pub(crate) fn roll_back(&mut self, objects: &dyn Objects, mark: usize) -> Result<(), Error> {
        for (path, entry) in self.undo.split_off(mark).into_iter().rev() {
            self.swap(objects, &path, entry)?;
        }
        Ok(())
    }

    /// Stores what is new and answers the tree's id; none if nothing is left in it.
    pub(crate) fn seal(&mut self, sink: &mut Sink) -> Result<Option<Oid>, Error> {
        self.root.seal(Some(sink))
    }

    /// The id of the directory at `path`, once sealed.
    pub(crate) fn id(&mut self, objects: &dyn Objects, path: &str) -> Result<Option<Oid>, Error> {
        Ok(self.dir(objects, path)?.and_then(|dir| dir.id))
    }
}
