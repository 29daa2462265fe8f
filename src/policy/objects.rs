//! What makes a value a Kubernetes object that GitOps tools can apply.

use std::collections::BTreeMap;

use serde_json::Value;

use super::CheckedFile;
use crate::error::Mistake;
use crate::values::RelPath;

pub(super) fn inspect(object: &Value, refuse: &mut dyn FnMut(String)) {
    for field in ["apiVersion", "kind"] {
        if object[field].as_str().is_none_or(str::is_empty) {
            refuse(format!("has no {field}, so it is no Kubernetes object"));
        }
    }
    match object["metadata"]["name"].as_str() {
        None | Some("") => refuse("has no metadata.name: what lies in Git needs a name of its own".into()),
        Some(name) if name.len() > 253 => refuse("metadata.name is longer than 253 characters".into()),
        Some(name)
            if name == "." || name == ".." || name.contains(['/', '%']) || name.chars().any(char::is_control) =>
        {
            refuse(format!("{name:?} cannot be the name of a Kubernetes object"));
        }
        Some(_) => {}
    }
}

/// Two files of one request with the same object.
pub(super) fn duplicates(files: &BTreeMap<RelPath, CheckedFile>) -> Vec<Mistake> {
    let mut first: BTreeMap<&str, &RelPath> = BTreeMap::new();
    let mut found = Vec::new();
    for (path, file) in files {
        let Some(object) = &file.object else { continue };
        if let Some(other) = first.insert(object, path) {
            found.push(Mistake::new(path.to_string(), format!("holds the same object as {other}: {object}")));
        }
    }
    found
}
