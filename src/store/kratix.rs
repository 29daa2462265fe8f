//! What Kratix wrote: into a flat store, as its own state files tell; into a nested one, as its own
//! directories do.

use std::collections::HashSet;

use serde::Deserialize;

use super::Error;
use super::git::objects::Objects;
use super::git::tree::{Dir, Entry, Work};
use super::index::{Index, join};
use super::records;
use crate::values::{RelPath, RequestKey};

/// The directory of Kratix's state files.
pub(crate) const DIR: &str = ".kratix";

/// The directory in which Kratix keeps the files of each pipeline, in the nested layout: the first digits of
/// the MD5 of `.`.
const PIPELINE: &[u8] = b"5058f";
/// Where requests lie in the nested layout.
const RESOURCES: &[u8] = b"resources";
/// How many directories a destination's path can have to be found.
const DEPTH: usize = 6;

#[derive(Deserialize)]
struct State {
    #[serde(default)]
    files: Vec<String>,
}

/// Every path that a Kratix state file above `file` lists, below the repository's root. The lists do
/// not say what they are relative to, so each entry counts for the repository, for the store's root and
/// for the directory that holds the state file.
pub(crate) fn listed(
    objects: &dyn Objects,
    work: &mut Work,
    root: &RelPath,
    file: &RelPath,
) -> Result<HashSet<String>, Error> {
    let full = join(root, file.as_str());
    let parents = std::iter::once(0).chain(full.match_indices('/').map(|(at, _)| at)).map(|end| &full[..end]);
    let mut listed = HashSet::new();
    for parent in parents.filter(|parent| parent.len() >= root.as_str().len()) {
        let state = if parent.is_empty() { DIR.to_owned() } else { format!("{parent}/{DIR}") };
        let Some(dir) = work.dir(objects, &state)? else { continue };
        for (name, entry) in dir.entries(objects)?.iter() {
            let is_yaml = name.ends_with(b".yaml") || name.ends_with(b".yml");
            let Entry::Leaf(leaf) = entry else { continue };
            if !is_yaml || leaf.oddity().is_some() {
                continue;
            }
            let blob = objects.read(leaf.id)?;
            // A file that says nothing readable gives nothing away.
            let Ok(text) = std::str::from_utf8(&blob.bytes) else { continue };
            let Ok(state) = serde_saphyr::from_str::<State>(text) else { continue };
            for path in state.files.iter().filter_map(|path| RelPath::lenient(path).ok()) {
                listed.insert(join(root, path.as_str()));
                listed.insert(if parent.is_empty() { path.to_string() } else { format!("{parent}/{path}") });
                listed.insert(path.into());
            }
        }
    }
    Ok(listed)
}

/// The requests that have a directory of Kratix's making somewhere below a store's root, which no record
/// explains: `resources/<namespace>/<promise>/<name>/<pipeline>/5058f`.
pub(crate) fn left_over(
    objects: &dyn Objects,
    work: &mut Work,
    root: &RelPath,
    index: &Index,
) -> Result<HashSet<RequestKey>, Error> {
    let mut found = HashSet::new();
    if let Some(dir) = work.dir(objects, root.as_str())? {
        search(objects, &mut dir.clone(), "", DEPTH, index, &mut found)?;
    }
    Ok(found)
}

fn search(
    objects: &dyn Objects,
    dir: &mut Dir,
    path: &str,
    depth: usize,
    index: &Index,
    found: &mut HashSet<RequestKey>,
) -> Result<(), Error> {
    for (name, below) in directories(objects, dir)? {
        let path = join_text(path, &name);
        if name.as_bytes() == RESOURCES {
            requests(objects, below, &path, index, found)?;
        } else if depth > 0 && name != records::DIR && name != DIR && name != "dependencies" {
            search(objects, below, &path, depth - 1, index, found)?;
        }
    }
    Ok(())
}

fn requests(
    objects: &dyn Objects,
    resources: &mut Dir,
    path: &str,
    index: &Index,
    found: &mut HashSet<RequestKey>,
) -> Result<(), Error> {
    for (namespace, promises) in directories(objects, resources)? {
        for (promise, names) in directories(objects, promises)? {
            for (name, pipelines) in directories(objects, names)? {
                let explained = format!("{path}/{namespace}/{promise}/{name}")
                    .parse()
                    .is_ok_and(|path| index.dir_around(&path).is_some());
                if explained {
                    continue;
                }
                if is_kratixs(objects, pipelines)? {
                    let (namespace, promise) = (namespace.clone(), promise.clone());
                    found.insert(RequestKey { namespace, promise, name });
                }
            }
        }
    }
    Ok(())
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
