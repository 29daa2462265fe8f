//! What Kratix wrote into a flat store: the files that its state files list.

use std::collections::{HashMap, HashSet};

use serde::Deserialize;

use super::DIR;
use super::documents::{self, Document};
use crate::store::Error;
use crate::store::git::objects::Objects;
use crate::store::git::tree::{Entry, Found, Work};
use crate::store::index::join;
use crate::values::RelPath;

#[derive(Deserialize)]
struct State {
    #[serde(default)]
    files: Vec<String>,
}

/// Files by path, and the objects in each if it holds nothing else.
pub(crate) type Files = HashMap<String, Option<Vec<Document>>>;

/// What the state files above a file list, below the repository's root.
#[derive(Clone, Debug, Default)]
pub(crate) struct Listed {
    /// The lists do not say what they are relative to, so each entry counts for the repository, for the store's
    /// root and for the directory that holds the state files; never for anything outside of that directory.
    pub(crate) paths: HashSet<String>,
    /// The objects in those that are there; read when first asked for.
    files: Option<Files>,
}

impl Listed {
    /// Reads the state files above `file`.
    pub(crate) fn above(objects: &dyn Objects, work: &mut Work, root: &RelPath, file: &RelPath) -> Result<Self, Error> {
        let full = join(root, file.as_str());
        let parents = std::iter::once(0).chain(full.match_indices('/').map(|(at, _)| at)).map(|end| &full[..end]);
        let mut listed = Self::default();
        for parent in parents.filter(|parent| parent.len() >= root.as_str().len()) {
            listed.add(objects, work, root, parent)?;
        }
        Ok(listed)
    }

    /// Reads the state files in one directory.
    pub(crate) fn add(
        &mut self,
        objects: &dyn Objects,
        work: &mut Work,
        root: &RelPath,
        parent: &str,
    ) -> Result<(), Error> {
        let state = if parent.is_empty() { DIR.to_owned() } else { format!("{parent}/{DIR}") };
        let Some(dir) = work.dir(objects, &state)? else { return Ok(()) };
        for (name, entry) in dir.entries(objects)?.iter() {
            let Entry::Leaf(leaf) = entry else { continue };
            if !is_yaml(name) || leaf.oddity().is_some() {
                continue;
            }
            let blob = objects.read(leaf.id)?;
            // A file that says nothing readable gives nothing away.
            let Ok(text) = std::str::from_utf8(&blob.bytes) else { continue };
            let Ok(state) = serde_saphyr::from_str::<State>(text) else { continue };
            for path in state.files.iter().filter_map(|path| RelPath::lenient(path).ok()) {
                let beside = if parent.is_empty() { path.to_string() } else { format!("{parent}/{path}") };
                let readings = [join(root, path.as_str()), beside, path.into()].into_iter();
                let is_inside = |path: &String| {
                    parent.is_empty() || path.strip_prefix(parent).is_some_and(|rest| rest.starts_with('/'))
                };
                self.paths.extend(readings.filter(is_inside));
            }
        }
        Ok(())
    }

    /// The listed files that are there, and the objects in each if it holds nothing else.
    pub(crate) fn files(&mut self, objects: &dyn Objects, work: &mut Work) -> Result<&Files, Error> {
        if self.files.is_none() {
            let mut files = Files::new();
            for path in self.paths.iter().filter(|path| is_yaml(path.as_bytes())) {
                if let Found::Leaf(leaf) = work.find(objects, path)?
                    && leaf.oddity().is_none()
                {
                    files.insert(path.clone(), documents::all(&objects.read(leaf.id)?.bytes));
                }
            }
            self.files = Some(files);
        }
        Ok(self.files.get_or_insert_default())
    }
}

/// Whether a file's name says that it is YAML, which JSON is too.
pub(crate) fn is_yaml(name: &[u8]) -> bool {
    [&b".yaml"[..], b".yml", b".json"].iter().any(|end| name.ends_with(end))
}
