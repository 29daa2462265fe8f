//! What a commit would change, as a patch that people and tools read.

use git2::{DiffFormat, DiffOptions, Oid, Repository};

use super::records::DIR;
use super::{Error, git};

/// The differences of two trees, without kept's own records unless those are all there is.
pub(crate) fn diff(repo: &Repository, old: Option<Oid>, new: Option<Oid>) -> Result<String, Error> {
    let files = patch(repo, old, new, false)?;
    if files.is_empty() { patch(repo, old, new, true) } else { Ok(files) }
}

fn patch(repo: &Repository, old: Option<Oid>, new: Option<Oid>, records: bool) -> Result<String, Error> {
    let mut text = Vec::new();
    let mut write = || {
        let tree = |id: Option<Oid>| id.map(|id| repo.find_tree(id)).transpose();
        let (old, new) = (tree(old)?, tree(new)?);
        let mut options = DiffOptions::new();
        options.ignore_filemode(false).id_abbrev(10);
        let diff = repo.diff_tree_to_tree(old.as_ref(), new.as_ref(), Some(&mut options))?;
        diff.print(DiffFormat::Patch, |delta, _, line| {
            let path = delta.new_file().path_bytes().or(delta.old_file().path_bytes()).unwrap_or_default();
            if records || !path.split(|b| *b == b'/').any(|part| part == DIR.as_bytes()) {
                if matches!(line.origin(), '+' | '-' | ' ') {
                    text.push(line.origin() as u8);
                }
                text.extend_from_slice(line.content());
            }
            true
        })
    };
    write().map_err(|e: git2::Error| git::failed("compare two trees", &e))?;
    Ok(String::from_utf8_lossy(&text).into_owned())
}
