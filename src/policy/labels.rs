//! Every Kubernetes object says which request it came from.

use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use super::tokens;
use crate::manifest::object;

/// What Kubernetes takes as a label's value, in characters.
const VALUE_MAX: usize = 63;

/// Puts the labels on the object, or on each item of a list. What cannot carry labels is left for
/// [`inspect`] to refuse.
pub(super) fn stamp(promise: &str, name: &str, object: &mut Value) {
    if object::is_list(object)
        && let Some(items) = object["items"].as_array_mut()
    {
        for item in items {
            stamp(promise, name, item);
        }
        return;
    }
    let Some(labels) = labels(object) else { return };
    for (key, value) in [
        ("kratix.io/promise-name", label_value(promise)),
        ("kratix.io/resource-name", label_value(name)),
        ("app.kubernetes.io/managed-by", "kratix".to_owned()),
    ] {
        labels.insert(key.to_owned(), value.into());
    }
}

fn labels(object: &mut Value) -> Option<&mut Map<String, Value>> {
    let metadata = object.as_object_mut()?.entry("metadata").or_insert_with(|| json!({})).as_object_mut()?;
    let labels = metadata.entry("labels").or_insert_with(|| json!({}));
    if labels.is_null() {
        *labels = json!({});
    }
    labels.as_object_mut()
}

/// Whether there are labels at all, and all are ones to Kubernetes.
pub(super) fn inspect(object: &Value, refuse: &mut dyn FnMut(String)) {
    if object["metadata"]["labels"].is_object() {
        values(object, &mut |_, message| refuse(message));
    } else {
        refuse("its metadata cannot carry labels: it is no Kubernetes object".into());
    }
}

/// Values that Kubernetes refuses, by label.
pub(super) fn values(object: &Value, refuse: &mut dyn FnMut(&str, String)) {
    for (key, value) in object["metadata"]["labels"].as_object().into_iter().flatten() {
        // What must not be there at all is not to be repeated.
        let key = if tokens::find(key).is_some() { "(a key)" } else { key };
        match value.as_str() {
            Some(text) if is_label_value(text) => {}
            Some(text) => {
                let shown = if tokens::find(text).is_some() { "this".to_owned() } else { format!("{text:?}") };
                let rule = "at most 63 letters, digits and -_. with a letter or digit at both ends";
                refuse(key, format!("{shown} cannot be the value of label {key}: {rule}"));
            }
            None => refuse(key, format!("the value of label {key} is no string: put it in quotes")),
        }
    }
}

fn is_label_value(text: &str) -> bool {
    let ends = |c: Option<char>| c.is_none_or(|c| c.is_ascii_alphanumeric());
    text.len() <= VALUE_MAX
        && text.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c))
        && ends(text.chars().next())
        && ends(text.chars().next_back())
}

/// A name as a label's value: itself, or its beginning and a hash where it is too long.
fn label_value(name: &str) -> String {
    if is_label_value(name) {
        return name.to_owned();
    }
    let digest = Sha256::digest(name);
    let hash = format!("{:08x}", u32::from_be_bytes([digest[0], digest[1], digest[2], digest[3]]));
    let fits: String =
        name.chars().map(|c| if c.is_ascii_alphanumeric() || "-_.".contains(c) { c } else { '-' }).collect();
    let start = fits[..fits.len().min(VALUE_MAX - hash.len() - 1)].trim_matches(|c: char| !c.is_ascii_alphanumeric());
    if start.is_empty() { hash } else { format!("{start}-{hash}") }
}
