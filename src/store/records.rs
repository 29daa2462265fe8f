//! Ownership records: one small file per owner below `<store root>/.kept/`.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{Error, Fingerprint};
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
    /// Hash of the rest of this record and of the fingerprint of the change that wrote it. While it fits both, and the
    /// directories are as recorded, rendering anew would change nothing. Whoever edits the record breaks it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seal: Option<Box<str>>,
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
    /// Everything but the seal.
    fn content(&self) -> (&Owner, &str, &Set<Claim>, &[RecordedPlace]) {
        let Self { owner, uid, claims, places, seal: _ } = self;
        (owner, uid, claims, places)
    }

    /// Whether both say the same, be they sealed or not.
    pub(crate) fn says_the_same(&self, other: &Self) -> bool {
        self.content() == other.content()
    }

    /// The seal that it has where the change has this fingerprint.
    pub fn seal_for(&self, fingerprint: &Fingerprint) -> Result<Box<str>, Error> {
        let content = serde_json::to_vec(&self.content()).map_err(|e| self.unwritable(&e))?;
        let digest = Sha256::new_with_prefix(fingerprint).chain_update(content).finalize();
        Ok(hex(&digest[..16]).into())
    }

    fn unwritable(&self, error: &serde_json::Error) -> Error {
        Error::Git(format!("cannot write the record of {}: {error}", self.owner))
    }

    /// Whether a change of this fingerprint wrote it, and nobody has edited it since.
    pub fn is_sealed_for(&self, fingerprint: &Fingerprint) -> bool {
        self.seal.is_some() && self.seal_for(fingerprint).ok() == self.seal
    }

    /// The record's file, as it is written.
    pub(crate) fn to_bytes(&self) -> Result<Vec<u8>, Error> {
        let mut bytes = serde_json::to_vec_pretty(self).map_err(|e| self.unwritable(&e))?;
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
    let hash = hex(&hasher.finalize());
    format!("{DIR}/owners/{}/{hash}", &hash[..2])
}

fn hex(bytes: &[u8]) -> String {
    let digit = |half: u8| char::from(b"0123456789abcdef"[usize::from(half)]);
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}
