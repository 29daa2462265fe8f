//! Who may know whom: the rooms of the house and the directions of their imports.

use std::fs;
use std::path::{Path, PathBuf};

use regex::Regex;

/// Rooms, and the rooms that each may import beside `values`, `error` and `config`, which everyone may.
const ROOMS: &[(&str, &[&str])] = &[
    ("values", &[]),
    ("error", &[]),
    ("config", &[]),
    ("telemetry", &[]),
    ("api", &[]),
    ("manifest", &["api"]),
    ("store", &["manifest"]),
    ("known", &["manifest", "store"]),
    ("promises", &["api", "known", "manifest"]),
    ("policy", &["api", "manifest"]),
    ("placement", &["api", "known", "manifest", "policy", "store"]),
    ("street", &["known", "manifest", "placement", "policy", "promises", "store"]),
    ("cluster", &["api", "placement", "promises", "store"]),
    (
        "controller",
        &["api", "cluster", "known", "manifest", "placement", "policy", "promises", "store", "street", "telemetry"],
    ),
    (
        "cli",
        &["api", "cluster", "known", "manifest", "placement", "policy", "promises", "store", "street", "telemetry"],
    ),
];
const EVERYONES: [&str; 3] = ["config", "error", "values"];
/// What a single file may import beyond its room's: the command that starts the operator.
const EXCEPTIONS: &[(&str, &str)] = &[("cli/run.rs", "controller")];

fn sources(dir: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(dir).expect("a directory") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|e| e == "rs") {
            found.push(path);
        }
    }
}

/// The rooms named in a source: `crate::room`, and `use crate::{room, other::{…}}`.
fn imports(text: &str) -> Vec<String> {
    let comments = Regex::new(r"(?m)//.*$").expect("a pattern");
    let text = comments.replace_all(text, "");
    let single = Regex::new(r"\bcrate::([a-z_]+)").expect("a pattern");
    let mut found: Vec<String> = single.captures_iter(&text).map(|c| c[1].to_owned()).collect();
    for (at, start) in text.match_indices("crate::{") {
        let mut depth = 0;
        let mut word = String::new();
        let mut first = true;
        for c in text[at + start.len()..].chars() {
            match c {
                '}' if depth == 0 => break,
                '{' => depth += 1,
                '}' => depth -= 1,
                ',' if depth == 0 => first = true,
                c if depth == 0 && first && (c.is_ascii_lowercase() || c == '_') => {
                    word.push(c);
                    continue;
                }
                c if c.is_whitespace() => {}
                _ => first = false,
            }
            if !word.is_empty() {
                found.push(std::mem::take(&mut word));
                first = c == ',' && depth == 0;
            }
        }
        if !word.is_empty() {
            found.push(word);
        }
    }
    found
}

/// What breaks the rules in one file.
fn violations(file: &str, text: &str) -> Vec<String> {
    let room = file.split(['/', '.']).next().unwrap_or_default();
    if file == "lib.rs" || file == "main.rs" {
        return Vec::new();
    }
    let Some((_, allowed)) = ROOMS.iter().find(|(name, _)| *name == room) else {
        return vec![format!("src/{file} is in no known room")];
    };
    let may = |import: &str| {
        let everyones = EVERYONES.contains(&import) && !EVERYONES.contains(&room);
        // Settings are made of values; errors of nothing.
        let settings = (room, import) == ("config", "values");
        import == room || allowed.contains(&import) || everyones || settings || EXCEPTIONS.contains(&(file, import))
    };
    imports(text)
        .into_iter()
        .filter(|import| !may(import))
        .map(|import| format!("src/{file} imports crate::{import}"))
        .collect()
}

#[test]
fn rooms_import_only_what_they_may() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    sources(&src, &mut files);
    let found: Vec<String> = files
        .iter()
        .flat_map(|path| {
            let file = path.strip_prefix(&src).expect("below src").to_string_lossy().replace('\\', "/");
            violations(&file, &fs::read_to_string(path).expect("a source"))
        })
        .collect();
    assert!(found.is_empty(), "{}", found.join("\n"));
    assert!(files.len() > 20, "the sources were not found");
}

#[test]
fn a_wrong_direction_is_seen() {
    assert_eq!(violations("policy/x.rs", "use crate::store::Engine;").len(), 1);
    assert_eq!(violations("api/x.rs", "use crate::{error::{Invalid, Mistake}, values::RelPath, policy};").len(), 1);
    assert_eq!(violations("values/x.rs", "fn f(_: crate::error::Mistake) {}").len(), 1);
    assert_eq!(violations("cli/apply.rs", "use crate::{\n    config::Settings,\n    controller,\n};").len(), 1);
    assert!(violations("cli/run.rs", "use crate::controller;").is_empty());
    assert!(violations("api/x.rs", "// as crate::policy does\nuse crate::api::Team;").is_empty());
    assert_eq!(violations("attic/x.rs", "").len(), 1);
}
