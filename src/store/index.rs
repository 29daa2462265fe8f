//! What the records of one store root say, ready to be asked: who holds a path, a claim, an object.

use std::collections::{BTreeMap, HashMap};
use std::ops::Bound;
use std::sync::Arc;

use git2::Oid;
use rayon::prelude::*;

use super::git::objects::Objects;
use super::git::tree::{Dir, Entry, Leaf, Work};
use super::records::{DIR, Record, RecordedPlace};
use super::{Error, git};
use crate::manifest::Claim;
use crate::values::{Owner, RelPath, RequestKey};

/// How many records are read before they are made sense of, on all cores.
const AT_ONCE: usize = 1_000;

type Held = BTreeMap<String, Arc<Record>>;
/// The order of documents in an aggregated file.
type FragmentOrder = (RequestKey, String);

/// The records of one store root. Paths are folded, so that what collides on any file system collides here.
#[derive(Debug, Default)]
pub(crate) struct Index {
    /// The `.kept` tree this was read from.
    pub(crate) tree: Option<Oid>,
    records: BTreeMap<Owner, Arc<Record>>,
    /// How many records each writer has. There are few of them.
    writers: BTreeMap<String, usize>,
    dirs: Held,
    files: Held,
    claims: HashMap<String, HashMap<Claim, Arc<Record>>>,
    objects: HashMap<String, HashMap<String, Arc<Record>>>,
    fragments: HashMap<RelPath, BTreeMap<FragmentOrder, Arc<Record>>>,
    /// The aggregated files by folded path, for the other layouts to keep clear of.
    aggregated: BTreeMap<String, RelPath>,
}

impl Index {
    /// Reads all records below a store root. One that cannot be read fails them all: who owns what is never guessed.
    pub(crate) fn load(objects: &dyn Objects, work: &mut Work, root: &RelPath) -> Result<Self, Error> {
        let kept = join(root, DIR);
        let strange = |path: &str| {
            Error::Git(format!(
                "{path} is not what kept puts there; nothing can be written below {root} until it is gone"
            ))
        };
        match work.find(objects, &kept)? {
            git::tree::Found::Absent => return Ok(Self::default()),
            git::tree::Found::Dir => {}
            git::tree::Found::Leaf(_) => return Err(strange(&kept)),
            git::tree::Found::Blocked(path, what) => {
                return Err(Error::Blocked(format!(
                    "{path} is {what}, where the store's path {root} needs a directory"
                )));
            }
        }
        let tree = work.id(objects, &kept)?;
        let nothing = Self { tree, ..Self::default() };
        let owners = join(root, &format!("{DIR}/owners"));
        match work.find(objects, &owners)? {
            git::tree::Found::Absent => return Ok(nothing),
            git::tree::Found::Dir => {}
            _ => return Err(strange(&owners)),
        }
        let Some(dir) = work.dir(objects, &owners)? else { return Ok(nothing) };
        let mut records = Vec::new();
        let mut found = Vec::with_capacity(AT_ONCE);
        for (shard, entry) in dir.entries(objects)?.iter_mut() {
            let shard = format!("{owners}/{}", String::from_utf8_lossy(shard));
            let Entry::Dir(shard_dir) = entry else { return Err(strange(&shard)) };
            for (name, entry) in shard_dir.entries(objects)?.iter() {
                let path = format!("{shard}/{}", String::from_utf8_lossy(name));
                let Entry::Leaf(leaf) = entry else { return Err(strange(&path)) };
                if leaf.oddity().is_some() {
                    return Err(strange(&path));
                }
                found.push((path, objects.read(leaf.id)?.bytes));
            }
            if found.len() >= AT_ONCE {
                read(&mut found, &mut records)?;
            }
        }
        read(&mut found, &mut records)?;
        Ok(Self { tree, ..Self::of(records) })
    }

    /// Makes sense of records all at once, which is cheaper than to take in one after the other: what is in order
    /// already makes a map without any comparison of paths.
    fn of(mut records: Vec<Arc<Record>>) -> Self {
        records.par_sort_unstable_by(|a, b| a.owner.cmp(&b.owner));
        let held = |of: fn(&RecordedPlace) -> &[RelPath]| {
            let paths = records.par_iter().flat_map_iter(|record| {
                let paths = record.places.iter().flat_map(of);
                paths.map(|path| (path.folded(), Arc::clone(record)))
            });
            let mut held: Vec<_> = paths.collect();
            held.par_sort_by(|a, b| a.0.cmp(&b.0));
            Held::from_iter(held)
        };
        let (dirs, files) = (held(dirs_of), held(files_of));
        let mut index = Self { dirs, files, ..Self::default() };
        for record in &records {
            index.learn(record);
        }
        index.records = records.into_iter().map(|record| (record.owner.clone(), record)).collect();
        index
    }

    /// Follows the records from the tree they were read from to another one, at the cost of what differs.
    pub(crate) fn follow(&mut self, objects: &dyn Objects, tree: Option<Oid>, root: &RelPath) -> Result<(), Error> {
        let mut trees = (self.tree.map(Dir::stored), tree.map(Dir::stored));
        let changes = git::tree::differences(objects, trees.0.as_mut(), trees.1.as_mut())?;
        let read = |path: &str, leaf: Leaf| {
            let path = join(root, &format!("{DIR}/{path}"));
            let is_record = path.strip_prefix(&join(root, DIR)).is_some_and(|path| path.matches('/').count() == 3);
            if leaf.oddity().is_some() || !is_record || !path.contains("/owners/") {
                return Err(Error::Git(format!("{path} is not what kept puts there")));
            }
            Record::from_bytes(&objects.read(leaf.id)?.bytes, &path)
        };
        for change in &changes {
            if let Some(leaf) = change.old {
                self.set(&read(&change.path, leaf)?.owner, None);
            }
        }
        for change in &changes {
            if let Some(leaf) = change.new {
                let record = read(&change.path, leaf)?;
                self.set(&record.owner.clone(), Some(Arc::new(record)));
            }
        }
        self.tree = tree;
        Ok(())
    }

    /// All records, by owner.
    pub(crate) fn all(&self) -> impl Iterator<Item = &Arc<Record>> {
        self.records.values()
    }

    /// An owner's record.
    pub(crate) fn get(&self, owner: &Owner) -> Option<&Arc<Record>> {
        self.records.get(owner)
    }

    /// The records of one request, by whatever writer.
    pub(crate) fn of_request(&self, key: &RequestKey) -> impl Iterator<Item = &Arc<Record>> {
        self.writers.keys().filter_map(|writer| {
            let owner = Owner { writer: writer.clone(), key: key.clone() };
            self.records.get(&owner)
        })
    }

    /// Replaces an owner's record, and answers the one before.
    pub(crate) fn set(&mut self, owner: &Owner, record: Option<Arc<Record>>) -> Option<Arc<Record>> {
        let old = self.records.remove(owner);
        if let Some(old) = &old {
            self.forget(old);
        }
        if let Some(record) = record {
            for place in &record.places {
                self.dirs.extend(dirs_of(place).iter().map(|dir| (dir.folded(), record.clone())));
                self.files.extend(files_of(place).iter().map(|file| (file.folded(), record.clone())));
            }
            self.learn(&record);
            self.records.insert(owner.clone(), record);
        }
        old
    }

    /// All but the paths.
    fn learn(&mut self, record: &Arc<Record>) {
        let owner = &record.owner;
        *self.writers.entry(owner.writer.clone()).or_default() += 1;
        for claim in &record.claims {
            self.claims.entry(owner.writer.clone()).or_default().insert(claim.clone(), record.clone());
        }
        for place in &record.places {
            if !place.objects.is_empty() {
                let objects = self.objects.entry(place.destination.clone()).or_default();
                objects.extend(place.objects.iter().map(|object| (object.clone(), record.clone())));
            }
            if let Some(fragment) = &place.fragment {
                self.aggregated.insert(fragment.file.folded(), fragment.file.clone());
                self.fragments.entry(fragment.file.clone()).or_default().insert(order(owner), record.clone());
            }
        }
    }

    fn forget(&mut self, record: &Record) {
        let owner = &record.owner;
        let theirs = |held: &Arc<Record>| held.owner == *owner;
        if let Some(count) = self.writers.get_mut(&owner.writer) {
            *count -= 1;
            if *count == 0 {
                self.writers.remove(&owner.writer);
            }
        }
        if let Some(claims) = self.claims.get_mut(&owner.writer) {
            for claim in &record.claims {
                if claims.get(claim).is_some_and(theirs) {
                    claims.remove(claim);
                }
            }
        }
        for place in &record.places {
            let held =
                dirs_of(place).iter().map(|dir| (true, dir)).chain(files_of(place).iter().map(|file| (false, file)));
            for (is_dir, path) in held {
                let map = if is_dir { &mut self.dirs } else { &mut self.files };
                let path = path.folded();
                if map.get(&path).is_some_and(theirs) {
                    map.remove(&path);
                }
            }
            if let Some(objects) = self.objects.get_mut(&place.destination) {
                for object in &place.objects {
                    if objects.get(object).is_some_and(theirs) {
                        objects.remove(object);
                    }
                }
            }
            if let Some(fragment) = &place.fragment
                && let Some(parts) = self.fragments.get_mut(&fragment.file)
            {
                parts.remove(&order(owner));
                if parts.is_empty() {
                    self.fragments.remove(&fragment.file);
                    self.aggregated.remove(&fragment.file.folded());
                }
            }
        }
    }

    /// The record that holds a claim among its writer's requests.
    pub(crate) fn claim(&self, writer: &str, claim: &Claim) -> Option<&Arc<Record>> {
        self.claims.get(writer)?.get(claim)
    }

    /// The record that holds an object at a destination.
    pub(crate) fn object(&self, destination: &str, object: &str) -> Option<&Arc<Record>> {
        self.objects.get(destination)?.get(object)
    }

    /// The record with a file at exactly this path.
    pub(crate) fn file(&self, path: &RelPath) -> Option<&Arc<Record>> {
        self.files.get(&path.folded())
    }

    /// A record that holds a file below the store's root, be it the whole of it or only a part.
    pub(crate) fn holder(&self, path: &str) -> Option<&Arc<Record>> {
        let path = path.to_ascii_lowercase();
        let part = || self.fragments.get(self.aggregated.get(&path)?)?.values().next();
        self.files.get(&path).or_else(|| self.dir_at(&path)).or_else(part)
    }

    /// The record whose directory is this path or holds it.
    pub(crate) fn dir_around(&self, path: &RelPath) -> Option<&Arc<Record>> {
        self.dir_at(&path.folded())
    }

    fn dir_at(&self, path: &str) -> Option<&Arc<Record>> {
        let mut ends = path.match_indices('/').map(|(at, _)| at).chain([path.len()]);
        ends.find_map(|end| self.dirs.get(&path[..end]))
    }

    /// The records that hold something strictly below a directory.
    pub(crate) fn below(&self, dir: &RelPath) -> Vec<&Arc<Record>> {
        let prefix = dir.folded() + "/";
        let aggregated = below(&self.aggregated, &prefix);
        let parts = aggregated.filter_map(|file| self.fragments.get(file)?.values().next());
        let (dirs, files) = (below(&self.dirs, &prefix), below(&self.files, &prefix));
        dirs.chain(files).chain(parts).collect()
    }

    /// A record with a part in an aggregated file of this path.
    pub(crate) fn aggregated_at(&self, path: &RelPath) -> Option<&Arc<Record>> {
        self.fragments.get(self.aggregated.get(&path.folded())?)?.values().next()
    }

    /// The content of an aggregated file; none if nobody has a part in it.
    pub(crate) fn compose(&self, file: &RelPath) -> Option<Vec<u8>> {
        let mut text = String::new();
        for record in self.fragments.get(file)?.values() {
            let parts = record.places.iter().filter_map(|place| place.fragment.as_ref());
            for document in parts.filter(|part| part.file == *file).flat_map(|part| &part.documents) {
                if !text.is_empty() {
                    text.push_str("---\n");
                }
                text.push_str(document);
                if !text.ends_with('\n') {
                    text.push('\n');
                }
            }
        }
        Some(text.into_bytes())
    }
}

/// Takes in the records of these files.
fn read(files: &mut Vec<(String, Vec<u8>)>, records: &mut Vec<Arc<Record>>) -> Result<(), Error> {
    let read = |(path, bytes): (String, Vec<u8>)| Record::from_bytes(&bytes, &path).map(Arc::new);
    let read: Vec<_> = files.par_drain(..).with_min_len(64).map(read).collect();
    for record in read {
        records.push(record?);
    }
    Ok(())
}

fn dirs_of(place: &RecordedPlace) -> &[RelPath] {
    place.dir.as_slice()
}

fn files_of(place: &RecordedPlace) -> &[RelPath] {
    &place.files
}

fn below<'h: 'b, 'b, T>(
    held: &'h BTreeMap<String, T>,
    prefix: &'b str,
) -> impl Iterator<Item = &'h T> + use<'h, 'b, T> {
    let from = held.range::<str, _>((Bound::Included(prefix), Bound::Unbounded));
    from.take_while(move |(path, _)| path.starts_with(prefix)).map(|(_, held)| held)
}

fn order(owner: &Owner) -> FragmentOrder {
    (owner.key.clone(), owner.writer.clone())
}

/// A path below a store's root, as text below the repository's root.
pub(crate) fn join(root: &RelPath, below: &str) -> String {
    match (root.as_str(), below) {
        ("", below) => below.to_owned(),
        (root, "") => root.to_owned(),
        (root, below) => format!("{root}/{below}"),
    }
}
