//! What Kratix wrote: into a nested store, as its directories tell; into a flat one, as its state files do; into
//! one file, as that file itself does.

pub(crate) mod documents;
pub(crate) mod flat;

use std::collections::{BTreeMap, HashMap};

use serde_json::Value;

use self::documents::Document;
use self::flat::{Listed, is_yaml};
use super::Error;
use super::git::objects::Objects;
use super::git::tree::{Dir, Entry, Work};
use super::index::{Index, join};
use super::records;
use crate::values::{Owner, RelPath, RequestKey};

/// The directory of Kratix's state files.
pub(crate) const DIR: &str = ".kratix";
/// In whose name what Kratix left in an aggregated file is recorded, until kept has written it all.
const WRITER: &str = "kratix";

/// The directory in which Kratix keeps the files of each pipeline, in the nested layout: the first digits of
/// the MD5 of `.`.
const PIPELINE: &[u8] = b"5058f";
/// Where requests lie in the nested layout.
const RESOURCES: &[u8] = b"resources";
/// Where everything lies in the aggregated layout, unless the destination names another file.
const AGGREGATED: &[u8] = b"aggregated.yaml";
/// How many directories a destination's path can have to be found.
const DEPTH: usize = 6;

/// What Kratix left under a store's root: no record of kept's explains it.
#[derive(Clone, Debug, Default)]
pub struct LeftOver {
    /// The requests with a directory of Kratix's making, `resources/<namespace>/<promise>/<name>/<pipeline>/5058f`,
    /// and the directory above `resources`, below the store's root.
    pub requests: HashMap<RequestKey, String>,
    /// The objects in such directories, in files that its state files list and in aggregated files, by
    /// `group/kind/namespace/name`, as they stand there.
    pub manifests: BTreeMap<String, String>,
}

impl LeftOver {
    fn take(&mut self, documents: Vec<Document>) {
        self.manifests.extend(documents.into_iter().map(|found| (found.identity, found.text)));
    }

    /// An object, by its `group/kind/namespace/name`.
    pub fn object(&self, identity: &str) -> Option<Value> {
        documents::readable(self.manifests.get(identity)?.as_bytes()).pop().map(|found| found.object)
    }
}

/// Whether a path in a request's directory is one that Kratix writes to: `<pipeline>/5058f/…`.
pub(crate) fn is_in_pipeline(path: &str) -> bool {
    path.split('/').nth(1).is_some_and(|part| part.as_bytes() == PIPELINE)
}

/// In whose name the rest of an aggregated file is recorded.
pub(crate) fn owner_of_rest(file: &RelPath) -> Owner {
    let key = RequestKey { namespace: String::new(), promise: WRITER.to_owned(), name: file.to_string() };
    Owner { writer: WRITER.to_owned(), key }
}

/// Whether that is such an owner.
pub fn is_kratixs_rest(owner: &Owner) -> bool {
    owner.writer == WRITER && owner.key.promise == WRITER
}

/// What is left over somewhere below a store's root.
pub(crate) fn left_over(
    objects: &dyn Objects,
    work: &mut Work,
    root: &RelPath,
    index: &Index,
) -> Result<LeftOver, Error> {
    let mut search = Search { objects, index, found: LeftOver::default(), states: Vec::new() };
    if let Some(dir) = work.dir(objects, root.as_str())? {
        search.look(&mut dir.clone(), "", DEPTH)?;
    }
    let Search { mut found, states, .. } = search;
    let mut listed = Listed::default();
    for parent in states {
        listed.add(objects, work, root, &join(root, &parent))?;
    }
    let is_below = |path: &str| match root.as_str() {
        "" => Some(path.to_owned()),
        root => path.strip_prefix(root)?.strip_prefix('/').map(str::to_owned),
    };
    // The lists stay when kept has written all that is in them.
    listed.paths.retain(|path| is_below(path).is_some_and(|path| index.holder(&path).is_none()));
    for documents in listed.files(objects, work)?.values() {
        found.take(documents.clone().unwrap_or_default());
    }
    for rest in index.all().filter(|record| record.owner.writer == WRITER) {
        let parts = rest.places.iter().filter_map(|place| place.fragment.as_ref()).flat_map(|part| &part.documents);
        parts.for_each(|text| found.take(documents::readable(text.as_bytes())));
    }
    Ok(found)
}

struct Search<'a> {
    objects: &'a dyn Objects,
    index: &'a Index,
    found: LeftOver,
    /// The directories with state files, below the store's root.
    states: Vec<String>,
}

impl Search<'_> {
    fn look(&mut self, dir: &mut Dir, path: &str, depth: usize) -> Result<(), Error> {
        let mut lone = None;
        for (name, entry) in dir.entries(self.objects)?.iter() {
            if let Entry::Leaf(leaf) = entry
                && name == AGGREGATED
                && leaf.oddity().is_none()
                && self.index.holder(&join_text(path, "aggregated.yaml")).is_none()
            {
                lone = Some(leaf.id);
            }
        }
        if let Some(id) = lone {
            self.found.take(documents::readable(&self.objects.read(id)?.bytes));
        }
        for (name, below) in directories(self.objects, dir)? {
            let path_below = join_text(path, &name);
            if name.as_bytes() == RESOURCES {
                self.requests(below, &path_below)?;
            } else if name == DIR {
                self.states.push(path.to_owned());
            } else if depth > 0 && name != records::DIR && name != "dependencies" {
                self.look(below, &path_below, depth - 1)?;
            }
        }
        Ok(())
    }

    fn requests(&mut self, resources: &mut Dir, path: &str) -> Result<(), Error> {
        let objects = self.objects;
        for (namespace, promises) in directories(objects, resources)? {
            for (promise, names) in directories(objects, promises)? {
                for (name, pipelines) in directories(objects, names)? {
                    let explained = format!("{path}/{namespace}/{promise}/{name}")
                        .parse()
                        .is_ok_and(|path| self.index.dir_around(&path).is_some());
                    if explained || !is_kratixs(objects, pipelines)? {
                        continue;
                    }
                    self.files(pipelines, DEPTH)?;
                    let (namespace, promise) = (namespace.clone(), promise.clone());
                    let above = path.rsplit_once('/').map_or("", |(above, _)| above).to_owned();
                    self.found.requests.insert(RequestKey { namespace, promise, name }, above);
                }
            }
        }
        Ok(())
    }

    fn files(&mut self, dir: &mut Dir, depth: usize) -> Result<(), Error> {
        for (name, entry) in dir.entries(self.objects)?.iter_mut() {
            match entry {
                Entry::Dir(below) if depth > 0 => self.files(below, depth - 1)?,
                Entry::Leaf(leaf) if is_yaml(name) && leaf.oddity().is_none() => {
                    self.found.take(documents::readable(&self.objects.read(leaf.id)?.bytes));
                }
                _ => {}
            }
        }
        Ok(())
    }
}

/// Whether a request's directory is of Kratix's making, and holds nothing else.
pub(crate) fn is_kratixs(objects: &dyn Objects, dir: &mut Dir) -> Result<bool, Error> {
    let entries = dir.entries(objects)?;
    for entry in entries.values_mut() {
        let Entry::Dir(pipeline) = entry else { return Ok(false) };
        let below = pipeline.entries(objects)?;
        if below.len() != 1 || !below.contains_key(PIPELINE) {
            return Ok(false);
        }
    }
    Ok(!entries.is_empty())
}

fn directories<'d>(
    objects: &dyn Objects,
    dir: &'d mut Dir,
) -> Result<impl Iterator<Item = (String, &'d mut Dir)> + use<'d>, Error> {
    Ok(dir.entries(objects)?.iter_mut().filter_map(|(name, entry)| match entry {
        Entry::Dir(dir) => Some((String::from_utf8_lossy(name).into_owned(), dir)),
        Entry::Leaf(_) => None,
    }))
}

fn join_text(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}/{name}") }
}
