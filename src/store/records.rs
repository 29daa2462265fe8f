//! Ownership records: one small file per owner below `<store root>/.kept/`.

use std::fmt::Write;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::Error;
use crate::manifest::Claim;
use crate::values::{Owner, RelPath, Set};

/// The directory of a store root that is kept's own.
pub(crate) const DIR: &str = ".kept";

/// What is recorded of one owner under one store root.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Record {
    /// Whose record.
    #[serde(flatten)]
    pub owner: Owner,
    /// The UID of the request that was written last; empty if it had none.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub uid: String,
    /// The identities it holds.
    #[serde(default)]
    pub claims: Set<Claim>,
    /// Where its files lie.
    pub places: Vec<RecordedPlace>,
}

/// One place of a record.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RecordedPlace {
    /// The destination's name.
    pub destination: String,
    /// The output directories routed there (`""`: the rest).
    pub directories: Set<String>,
    /// Kubernetes objects in it.
    #[serde(default)]
    pub objects: Set<String>,
    /// The directory it has to itself (nested layout).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dir: Option<RelPath>,
    /// The Git tree of that directory as it was written: another one there is drift.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tree: Option<String>,
    /// Its files among others' (flat layout).
    #[serde(default, skip_serializing_if = "Set::is_empty")]
    pub files: Set<RelPath>,
    /// Its part of an aggregated file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fragment: Option<Fragment>,
}

/// A part of an aggregated file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Fragment {
    /// The aggregated file.
    pub file: RelPath,
    /// The documents in it.
    pub documents: Vec<String>,
}

impl Record {
    /// The record's file, as it is written.
    pub(crate) fn to_bytes(&self) -> Result<Vec<u8>, Error> {
        let mut bytes = serde_json::to_vec_pretty(self)
            .map_err(|e| Error::Git(format!("cannot write the record of {}: {e}", self.owner)))?;
        bytes.push(b'\n');
        Ok(bytes)
    }

    /// Reads a record's file at `path` (below the repository's root), whose name must fit its owner.
    pub(crate) fn from_bytes(bytes: &[u8], path: &str) -> Result<Self, Error> {
        let damaged = |why: &str| {
            Error::Git(format!(
                "the record {path} cannot be read: {why}; restore it from the repository's history: \
                 nothing is written below its store's path meanwhile"
            ))
        };
        let mut record: Self = serde_json::from_slice(bytes).map_err(|e| damaged(&e.to_string()))?;
        // What grew while it was read has room for more.
        record.places.shrink_to_fit();
        if path.ends_with(&file_name(&record.owner)) {
            Ok(record)
        } else {
            Err(damaged(&format!("it is the record of {}, which belongs into another file", record.owner)))
        }
    }
}

/// The name of an owner's record, below the store's root. It has no extension, so that nothing takes it
/// for a manifest.
pub(crate) fn file_name(owner: &Owner) -> String {
    let mut hasher = Sha256::new();
    for part in [&owner.writer, &owner.key.namespace, &owner.key.promise] {
        hasher.update(part.as_bytes());
        hasher.update(b"/");
    }
    hasher.update(owner.key.name.as_bytes());
    let hash = hasher.finalize().iter().fold(String::with_capacity(64), |mut hash, byte| {
        let _ = write!(hash, "{byte:02x}");
        hash
    });
    format!("{DIR}/owners/{}/{hash}", &hash[..2])
}
