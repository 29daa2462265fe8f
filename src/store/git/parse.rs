//! What commits and trees say (gitformat-pack(5) and git-mktree(1) have their shapes).

use git2::{ObjectType, Oid};

use super::objects::Object;
use super::tree::MODULE;
use crate::store::Error;

/// An entry of a tree: its mode, its name and the object.
pub(crate) type Line<'a> = (i32, &'a [u8], Oid);

/// The tree of a commit.
pub(crate) fn tree_of(commit: &Object) -> Result<Oid, Error> {
    let text = commit.bytes.strip_prefix(b"tree ").and_then(|rest| rest.get(..40));
    let id = text.and_then(|text| std::str::from_utf8(text).ok()).and_then(|text| Oid::from_str(text).ok());
    id.ok_or_else(|| Error::Git(format!("{} is not a commit that can be read", commit.id)))
}

/// The first parent of a commit, when it was committed, and what it says.
pub(crate) fn commit(commit: &Object) -> Option<(Option<Oid>, i64, &str)> {
    let (head, message) = std::str::from_utf8(&commit.bytes).ok()?.split_once("\n\n")?;
    let parent = head.lines().find_map(|line| line.strip_prefix("parent ")).and_then(|id| Oid::from_str(id).ok());
    let committer = head.lines().find_map(|line| line.strip_prefix("committer "))?;
    let at = committer.rsplit(' ').nth(1)?.parse().ok()?;
    Some((parent, at, message))
}

/// The objects that a tree consists of. What a submodule names lies in another repository.
pub(crate) fn children(tree: &Object) -> Result<Vec<Oid>, Error> {
    let entries = lines(tree)?;
    Ok(entries.into_iter().filter(|(mode, _, _)| *mode != MODULE).map(|(_, _, id)| id).collect())
}

/// The lines of a tree: each has a mode, a name and an id.
pub(crate) fn lines(tree: &Object) -> Result<Vec<Line<'_>>, Error> {
    let mut lines = Vec::new();
    let mut rest = tree.bytes.as_slice();
    while tree.kind == ObjectType::Tree && !rest.is_empty() {
        let Some((line, after)) = line(rest) else { break };
        lines.push(line);
        rest = after;
    }
    if rest.is_empty() { Ok(lines) } else { Err(Error::Git(format!("{} is not a tree that can be read", tree.id))) }
}

/// One line of a tree, and what follows it.
fn line(bytes: &[u8]) -> Option<(Line<'_>, &[u8])> {
    let end = bytes.iter().position(|byte| *byte == 0)?;
    let (head, rest) = (&bytes[..end], &bytes[end + 1..]);
    let space = head.iter().position(|byte| *byte == b' ')?;
    let mode = std::str::from_utf8(&head[..space]).ok().filter(|mode| !mode.starts_with(['+', '-']))?;
    let mode = i32::from_str_radix(mode, 8).ok()?;
    let (id, rest) = rest.split_at_checked(20)?;
    Some(((mode, &head[space + 1..], Oid::from_bytes(id).ok()?), rest))
}
