//! What makes a value a Kubernetes object that GitOps tools can apply, and which one it is.

use std::collections::BTreeMap;

use serde_json::Value;

use super::CheckedFile;
use super::namespaces::is_cluster_scoped;
use crate::error::Mistake;
use crate::values::RelPath;

/// The object itself, or the items of a list, each with where it is: `items[3]: `.
pub(super) fn each(object: &Value) -> Vec<(String, &Value)> {
    match items(object) {
        Some(items) => items.iter().enumerate().map(|(i, item)| (format!("items[{i}]: "), item)).collect(),
        None => vec![(String::new(), object)],
    }
}

/// The items, if it is a list: a `List` or one of a kind of its own, such as `ConfigMapList`.
pub(super) fn items(object: &Value) -> Option<&Vec<Value>> {
    object["items"].as_array().filter(|_| is_list(object))
}

/// Whether it is a list of objects.
pub(super) fn is_list(object: &Value) -> bool {
    object["kind"].as_str().is_some_and(|kind| kind.ends_with("List"))
}

/// The API group and the kind.
pub(super) fn group_kind(object: &Value) -> (&str, &str) {
    let version = object["apiVersion"].as_str().unwrap_or_default();
    (version.split_once('/').map_or("", |(group, _)| group), object["kind"].as_str().unwrap_or_default())
}

/// `group/kind/namespace/name` of a single object.
pub(super) fn identity(object: &Value) -> Option<String> {
    if is_list(object) {
        return None;
    }
    let (group, kind) = group_kind(object);
    let metadata = &object["metadata"];
    let namespace = metadata["namespace"].as_str().filter(|_| !is_cluster_scoped(group, kind)).unwrap_or_default();
    Some(format!("{group}/{kind}/{namespace}/{}", metadata["name"].as_str()?))
}

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
