//! How the objects of a vcluster look, and the files that they lie in.

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::manifest::Content;
use crate::values::{Labels, RelPath};

/// The annotation by which Argo CD orders what it applies: an integer, 0 where absent.
pub(in crate::promises) const SYNC_WAVE: &str = "argocd.argoproj.io/sync-wave";

/// The longest part of a path that file systems take, in bytes.
const COMPONENT_MAX: usize = 255;

/// The metadata of an object of a vcluster, labelled with its name.
pub(in crate::promises) fn metadata(vcluster: &str, name: &str, namespace: &str, annotations: &Labels) -> Value {
    let mut metadata = json!({
        "name": name,
        "namespace": namespace,
        "labels": { "app": "vcluster", "instance": vcluster },
    });
    if !annotations.is_empty() {
        metadata["annotations"] = json!(annotations);
    }
    metadata
}

/// An object and its file, `{kind}-{name}.yaml`. A name that is too long for a file ends in a hash there.
pub(in crate::promises) fn file(object: Value) -> (RelPath, Content) {
    let kind = object["kind"].as_str().unwrap_or_default().to_ascii_lowercase();
    let name = object["metadata"]["name"].as_str().unwrap_or_default();
    let mut stem = format!("{kind}-{name}");
    let max = COMPONENT_MAX - ".yaml".len();
    if stem.len() > max {
        let digest = Sha256::digest(name);
        let hash = format!("-{:08x}", u32::from_be_bytes([digest[0], digest[1], digest[2], digest[3]]));
        stem.truncate(stem.floor_char_boundary(max - hash.len()));
        stem.push_str(&hash);
    }
    // What cannot be a path becomes the root, which policy refuses as a file.
    (format!("{stem}.yaml").parse().unwrap_or_default(), Content::Object(object))
}
