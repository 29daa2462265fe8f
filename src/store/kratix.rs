//! What Kratix wrote into a flat store, as its own state files tell.

use std::collections::HashSet;

use git2::Repository;
use serde::Deserialize;

use super::git::tree::{Entry, Work};
use super::index::join;
use super::{Error, git};
use crate::values::RelPath;

/// The directory of Kratix's state files.
pub(crate) const DIR: &str = ".kratix";

#[derive(Deserialize)]
struct State {
    #[serde(default)]
    files: Vec<String>,
}

/// Every path that a Kratix state file above `file` lists, below the repository's root. The lists do
/// not say what they are relative to, so each entry counts for the repository, for the store's root and
/// for the directory that holds the state file.
pub(crate) fn listed(
    repo: &Repository,
    work: &mut Work,
    root: &RelPath,
    file: &RelPath,
) -> Result<HashSet<String>, Error> {
    let odb = repo.odb().map_err(|e| git::failed("open the objects", &e))?;
    let full = join(root, file.as_str());
    let parents = std::iter::once(0).chain(full.match_indices('/').map(|(at, _)| at)).map(|end| &full[..end]);
    let mut listed = HashSet::new();
    for parent in parents.filter(|parent| parent.len() >= root.as_str().len()) {
        let state = if parent.is_empty() { DIR.to_owned() } else { format!("{parent}/{DIR}") };
        let Some(dir) = work.dir(repo, &state)? else { continue };
        for (name, entry) in dir.entries(repo)?.iter() {
            let is_yaml = name.ends_with(b".yaml") || name.ends_with(b".yml");
            let Entry::Leaf(leaf) = entry else { continue };
            if !is_yaml || leaf.oddity().is_some() {
                continue;
            }
            let blob = odb.read(leaf.id).map_err(|e| git::failed(&format!("read a file in {state}"), &e))?;
            // A file that says nothing readable gives nothing away.
            let Ok(text) = std::str::from_utf8(blob.data()) else { continue };
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
