//! Requests for teams as people write them: no two alike, some with all fields, some with few.

use std::fs;
use std::path::Path;

const WORDS: [&str; 12] = [
    "payments", "search", "checkout", "identity", "media", "billing", "catalog", "delivery", "insight", "mobile",
    "platform", "support",
];
const PEOPLE: [&str; 8] = ["ada", "grace", "edsger", "barbara", "donald", "frances", "ken", "radia"];

/// How many namespaces they are in.
const NAMESPACES: usize = 10;

/// The name of a team.
pub fn name(at: usize) -> String {
    format!("{}-{at:05}", WORDS[at % WORDS.len()])
}

/// The namespace of a team.
pub fn namespace(at: usize) -> String {
    format!("area-{}", at % NAMESPACES)
}

/// All of these namespaces, as manifests.
pub fn namespaces() -> String {
    let all = (0..NAMESPACES).map(namespace);
    all.map(|name| format!("apiVersion: v1\nkind: Namespace\nmetadata: {{name: {name}}}\n---\n")).collect()
}

/// A request; another `edition` describes itself in other words.
pub fn manifest(at: usize, edition: usize) -> String {
    let (name, namespace) = (name(at), namespace(at));
    let word = WORDS[at % WORDS.len()];
    let mut text = format!(
        "apiVersion: platform.kratix.io/v1alpha1\nkind: Team\nmetadata:\n  name: {name}\n  namespace: {namespace}\n\
         spec:\n  id: {name}\n  name: \"{word} & more, no. {at}\"\n  email: {name}@example.org\n"
    );
    text += &format!("  description: |\n    Looks after {word}, by day and by night, in its edition {edition}.\n");
    if !at.is_multiple_of(3) {
        text += "    On call around the clock: see the runbook \"first things first\".\n";
    }
    text += "  parent: group:default/engineering\n  members:\n";
    for member in 0..2 + at % 5 {
        let person = PEOPLE[(at + member) % PEOPLE.len()];
        text += &format!("    - user:default/{person}.{}\n", (at * 7 + member) % 1000);
    }
    if at.is_multiple_of(4) {
        text += &format!("  picture: https://avatars.example.org/{name}.png\n");
    }
    text
}

/// One file for each of `count` teams.
pub fn write_files(dir: &Path, count: usize) {
    fs::create_dir_all(dir).expect("a directory");
    for at in 0..count {
        fs::write(dir.join(format!("{}.yaml", name(at))), manifest(at, 1)).expect("a file");
    }
}

/// All teams in one file.
pub fn write_file(file: &Path, count: usize) {
    let texts: Vec<String> = (0..count).map(|at| manifest(at, 1)).collect();
    fs::write(file, texts.join("---\n")).expect("a file");
}
