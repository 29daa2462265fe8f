//! Paths of one request that are the same path, or in each other's way, on some file system; and
//! names that the state repository needs itself. What a single path may be is [`RelPath`]'s matter.

use std::collections::BTreeMap;

use crate::error::Mistake;
use crate::values::RelPath;

/// Names below which records lie, kept's and Kratix's.
const RESERVED: [&str; 2] = [".kept", ".kratix"];

pub(super) fn violations<'a>(paths: impl Iterator<Item = &'a RelPath>) -> Vec<Mistake> {
    let mut found = Vec::new();
    let mut all = Vec::new();
    for path in paths {
        let mut refuse = |message: String| found.push(Mistake::new(path.to_string(), message));
        if path.is_root() {
            refuse("a file needs a name".into());
        }
        if let Some(name) = path.components().find(|c| RESERVED.contains(&c.to_ascii_lowercase().as_str())) {
            refuse(format!("{name} holds records and cannot be part of a path"));
        }
        all.push(path.as_str());
    }
    found.extend(collisions(all.into_iter()).into_iter().map(|(path, message)| Mistake::new(path, message)));
    found
}

/// Paths that some file system cannot hold side by side, each with why.
pub(super) fn collisions<'a>(paths: impl Iterator<Item = &'a str>) -> Vec<(&'a str, String)> {
    let mut found = Vec::new();
    let mut folded: BTreeMap<String, &str> = BTreeMap::new();
    // Every directory that a path needs, folded, with a path that needs it.
    let mut directories: BTreeMap<String, &str> = BTreeMap::new();
    for path in paths {
        let key = path.to_ascii_lowercase();
        for (end, _) in key.match_indices('/') {
            directories.entry(key[..end].to_owned()).or_insert(path);
        }
        if let Some(other) = folded.insert(key, path) {
            found.push((path, format!("is the same path as {other} on file systems that ignore case")));
        }
    }
    for (key, path) in &folded {
        if let Some(below) = directories.get(key) {
            found.push((*path, format!("is a file where {below} needs a directory")));
        }
    }
    // `A/x` and `a/y` do not collide as files, but are one directory or two.
    let mut spelled: BTreeMap<String, &str> = BTreeMap::new();
    for path in folded.values() {
        for (end, _) in path.match_indices('/') {
            let directory = &path[..end];
            let first = spelled.entry(directory.to_ascii_lowercase()).or_insert(directory);
            if *first != directory {
                let message = format!("{directory} is the same directory as {first} on file systems that ignore case");
                found.push((*path, message));
                break;
            }
        }
    }
    found
}
