//! Commit messages that a person can read, with trailers that a machine can.

use std::collections::BTreeMap;
use std::fmt::Write;

use sha2::{Digest, Sha256};

use super::stage::Effect;
use super::{Access, Change, Chore};
use crate::values::{Owner, Remote};

/// How many requests the body lists.
const LISTED: usize = 20;

/// The message of a commit that makes these changes and does these chores.
pub(crate) fn message(access: &Access, changes: &[(&Change, &Effect)], chores: &[&Chore]) -> String {
    let mut text = subject(changes, chores);
    text.push('\n');
    let lines = changes.iter().map(|(change, effect)| format!("{} ({})", title(change, effect), files(effect.files)));
    let lines = lines.chain(chores.iter().map(|chore| chore_title(chore)));
    if changes.len() + chores.len() > 1 {
        text.push('\n');
        for line in lines.take(LISTED) {
            let _ = writeln!(text, "- {line}");
        }
        if let Some(more) = (changes.len() + chores.len()).checked_sub(LISTED).filter(|more| *more > 0) {
            let _ = writeln!(text, "- and {more} more");
        }
    }
    text.push('\n');
    trailers(&mut text, access, changes);
    text
}

fn subject(changes: &[(&Change, &Effect)], chores: &[&Chore]) -> String {
    match (changes, chores) {
        ([(change, effect)], _) => title(change, effect),
        ([], [chore]) => chore_title(chore),
        ([], chores) => format!("Look after {} destinations", chores.len()),
        (changes, _) => {
            let first = verb(changes[0].1);
            let same = changes.iter().all(|(_, effect)| verb(effect) == first);
            format!("{} {} requests", if same { first } else { "Update" }, changes.len())
        }
    }
}

fn verb(effect: &Effect) -> &'static str {
    match (effect.removed, effect.had) {
        (true, _) => "Remove",
        (_, false) => "Add",
        _ => "Update",
    }
}

fn title(change: &Change, effect: &Effect) -> String {
    let key = &change.owner.key;
    let kind = if change.kind.is_empty() { &key.promise } else { &change.kind };
    format!("{} {} {}/{}", verb(effect), clean(kind), clean(&key.namespace), clean(&key.name))
}

fn chore_title(chore: &Chore) -> String {
    match chore {
        Chore::Ensure { .. } => "Prepare the destination's folders".to_owned(),
        Chore::Retire { destination, .. } => format!("Retire destination {}", clean(destination)),
    }
}

fn files(count: usize) -> String {
    if count == 1 { "1 file".to_owned() } else { format!("{count} files") }
}

fn trailers(text: &mut String, access: &Access, changes: &[(&Change, &Effect)]) {
    let mut by_writer: BTreeMap<&str, Vec<&Change>> = BTreeMap::new();
    for (change, _) in changes {
        by_writer.entry(&change.owner.writer).or_default().push(change);
    }
    // A writer's trailer stands before those of its requests.
    for (writer, changes) in by_writer {
        let _ = writeln!(text, "Kept-Writer: {}", clean(writer));
        for change in changes {
            let key = &change.owner.key;
            let _ =
                write!(text, "Kept-Request: {} {}/{}", clean(&key.promise), clean(&key.namespace), clean(&key.name));
            for (name, value) in [("uid", &change.uid), ("input", &change.input)] {
                if !value.is_empty() {
                    let _ = write!(text, " {name}={}", clean(value));
                }
            }
            if change.generation != 0 {
                let _ = write!(text, " generation={}", change.generation);
            }
            text.push('\n');
        }
    }
    let _ = writeln!(text, "Kept-Branch: {} repository={}", clean(&access.branch), short(access));
    let _ = writeln!(text, "Kept-Version: {}", env!("CARGO_PKG_VERSION"));
}

/// Stands for a repository and branch without saying where that is. Two branches that get the same files upon the same commit, or
/// upon none, within one second would hold one and the same commit if it did not say for which it was made: then a
/// removal from one would spare its files, as if they were what was just written to the other.
fn short(access: &Access) -> String {
    let digest = Sha256::digest(format!("{} {}", Remote::new(&access.url), access.branch));
    digest.iter().take(6).map(|byte| format!("{byte:02x}")).collect()
}

/// The owners that a message names, by writer, promise, namespace and name as they stand there.
pub(crate) fn owners(message: &str) -> impl Iterator<Item = (&str, &str)> {
    let mut writer = "";
    message.lines().filter_map(move |line| {
        if let Some(name) = line.strip_prefix("Kept-Writer: ") {
            writer = name;
        }
        let request = line.strip_prefix("Kept-Request: ")?;
        // The promise and the name: what follows says more of it.
        let end = request.match_indices(' ').nth(1).map_or(request.len(), |(at, _)| at);
        Some((writer, &request[..end]))
    })
}

/// How [`owners`] names one.
pub(crate) fn named(owner: &Owner) -> (String, String) {
    let key = &owner.key;
    (clean(&owner.writer), format!("{} {}/{}", clean(&key.promise), clean(&key.namespace), clean(&key.name)))
}

/// A name as it may stand in a message: one line, and nothing that a CI system takes for an order
/// (`[skip ci]`, `***NO_CI***`).
fn clean(text: &str) -> String {
    let text = text.chars().take(253);
    text.map(|c| match c {
        c if c.is_ascii_alphanumeric() || "-_./:@+=,".contains(c) => c,
        _ => '_',
    })
    .collect()
}
