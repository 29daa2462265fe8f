//! Paths of one request that are the same path, or in each other's way, on some file system; and
//! names that the state repository needs itself. What a single path may be is [`RelPath`]'s matter.

use std::collections::BTreeMap;

use crate::error::Mistake;
use crate::values::RelPath;

/// Names below which records lie, kept's and Kratix's.
const RESERVED: [&str; 2] = [".kept", ".kratix"];

pub(super) fn violations<'a>(paths: impl Iterator<Item = &'a RelPath>) -> Vec<Mistake> {
    let mut found = Vec::new();
    let mut folded: BTreeMap<String, &RelPath> = BTreeMap::new();
    // Every directory that a path needs, folded, with a path that needs it.
    let mut directories: BTreeMap<String, &RelPath> = BTreeMap::new();
    for path in paths {
        let mut refuse = |message: String| found.push(Mistake::new(path.to_string(), message));
        if path.is_root() {
            refuse("a file needs a name".into());
        }
        if let Some(name) = path.components().find(|c| RESERVED.contains(&c.to_ascii_lowercase().as_str())) {
            refuse(format!("{name} holds records and cannot be part of a path"));
        }
        let key = path.folded();
        for (end, _) in key.match_indices('/') {
            directories.entry(key[..end].to_owned()).or_insert(path);
        }
        if let Some(other) = folded.insert(key, path) {
            refuse(format!("is the same path as {other} on file systems that ignore case"));
        }
    }
    for (key, path) in &folded {
        if let Some(below) = directories.get(key) {
            found.push(Mistake::new(path.to_string(), format!("is a file where {below} needs a directory")));
        }
    }
    // `A/x` and `a/y` do not collide as files, but are one directory or two.
    let mut spelled: BTreeMap<String, &str> = BTreeMap::new();
    for path in folded.values() {
        let text = path.as_str();
        for (end, _) in text.match_indices('/') {
            let directory = &text[..end];
            let first = spelled.entry(directory.to_ascii_lowercase()).or_insert(directory);
            if *first != directory {
                let message = format!("{directory} is the same directory as {first} on file systems that ignore case");
                found.push(Mistake::new(path.to_string(), message));
                break;
            }
        }
    }
    found
}
