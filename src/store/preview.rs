//! What a commit would change, as a patch that people and tools read.

use git2::{DiffFormat, DiffOptions, Odb, Oid, Repository};

use super::git::objects::{Object, Objects, Sink};
use super::git::tree::{Difference, Dir, Leaf, differences};
use super::records::DIR;
use super::{Error, git};

/// A file that a commit would touch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Touched {
    /// Below the repository's root.
    pub path: String,
    /// What would become of it.
    pub how: How,
}

/// What becomes of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    /// It is not there yet.
    Added,
    /// It holds something else, or is something else than a file.
    Changed,
    /// It goes.
    Removed,
}

/// The differences of two trees: as a patch, without kept's own records unless those are all there is, and all
/// of them by name. What is new in the second one is in `made`.
pub(crate) fn diff(
    objects: &dyn Objects,
    made: &Sink,
    old: Option<Oid>,
    new: Option<Oid>,
) -> Result<(String, Vec<Touched>), Error> {
    let both = Both { objects, made };
    let (mut before, mut after) = (old.map(Dir::stored), new.map(Dir::stored));
    let mut found = differences(&both, before.as_mut(), after.as_mut())?;
    let files = found.iter().map(touched).collect();
    let is_file = |difference: &Difference| difference.path.split('/').all(|part| part != DIR);
    if found.iter().any(is_file) {
        found.retain(is_file);
    }
    Ok((patch(&both, &found)?, files))
}

fn touched(difference: &Difference) -> Touched {
    let how = match (difference.old.is_some(), difference.new.is_some()) {
        (false, _) => How::Added,
        (true, false) => How::Removed,
        (true, true) => How::Changed,
    };
    Touched { path: difference.path.clone(), how }
}

/// libgit2 writes the patch, from a repository in memory that holds what differs and nothing else.
fn patch(objects: &dyn Objects, found: &[Difference]) -> Result<String, Error> {
    let mut sink = Sink::default();
    let old = side(objects, &mut sink, found, |difference| difference.old)?;
    let new = side(objects, &mut sink, found, |difference| difference.new)?;
    let mut text = Vec::new();
    let mut write = || {
        let odb = Odb::new()?;
        odb.add_new_mempack_backend(1)?;
        for object in sink.all() {
            odb.write(object.kind, &object.bytes)?;
        }
        let repo = Repository::from_odb(odb)?;
        let tree = |id: Option<Oid>| id.map(|id| repo.find_tree(id)).transpose();
        let (old, new) = (tree(old)?, tree(new)?);
        let mut options = DiffOptions::new();
        options.ignore_filemode(false).id_abbrev(10);
        let diff = repo.diff_tree_to_tree(old.as_ref(), new.as_ref(), Some(&mut options))?;
        diff.print(DiffFormat::Patch, |_, _, line| {
            if matches!(line.origin(), '+' | '-' | ' ') {
                text.push(line.origin() as u8);
            }
            text.extend_from_slice(line.content());
            true
        })
    };
    write().map_err(|e: git2::Error| git::failed("compare two trees", &e))?;
    Ok(String::from_utf8_lossy(&text).into_owned())
}

/// A tree of what one side has of the differences, and everything in it.
fn side(
    objects: &dyn Objects,
    sink: &mut Sink,
    found: &[Difference],
    of: impl Fn(&Difference) -> Option<Leaf>,
) -> Result<Option<Oid>, Error> {
    let leaves: Vec<(&str, Leaf)> =
        found.iter().filter_map(|difference| Some((difference.path.as_str(), of(difference)?))).collect();
    for (_, leaf) in leaves.iter().filter(|(_, leaf)| leaf.is_here()) {
        let object = objects.read(leaf.id)?;
        sink.insert(object.id, object.kind, &object.bytes);
    }
    Dir::of(leaves.into_iter()).seal(Some(sink))
}

/// What is there already, and what was made.
struct Both<'a> {
    objects: &'a dyn Objects,
    made: &'a Sink,
}

impl Objects for Both<'_> {
    fn read(&self, id: Oid) -> Result<Object, Error> {
        self.made.get(id).cloned().map_or_else(|| self.objects.read(id), Ok)
    }
}
