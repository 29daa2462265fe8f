//! How much one request may render.

use std::collections::BTreeMap;

use super::CheckedFile;
use crate::config::Limits;
use crate::error::Mistake;
use crate::values::RelPath;

pub(super) fn violations(files: &BTreeMap<RelPath, CheckedFile>, limits: &Limits) -> Vec<Mistake> {
    let Limits { file_bytes, request_files, request_bytes } = limits;
    let mut found: Vec<Mistake> = files
        .iter()
        .filter(|(_, file)| file.bytes.len() > *file_bytes)
        .map(|(path, file)| Mistake::new(path.to_string(), too_large(file.bytes.len(), *file_bytes)))
        .collect();
    if files.len() > *request_files {
        let message =
            format!("renders {} files, {request_files} are allowed (setting limits.requestFiles)", files.len());
        found.push(Mistake::new("", message));
    }
    let total: usize = files.values().map(|file| file.bytes.len()).sum();
    if total > *request_bytes {
        let message = format!("renders {total} bytes, {request_bytes} are allowed (setting limits.requestBytes)");
        found.push(Mistake::new("", message));
    }
    found
}

/// What is said of a file, or an object, with so many bytes.
pub(super) fn too_large(bytes: usize, allowed: usize) -> String {
    format!("has {bytes} bytes, {allowed} are allowed (setting limits.fileBytes)")
}
