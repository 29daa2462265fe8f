//! Ownership records: one small file per owner below `<store root>/.kept/`.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::manifest::Claim;
use crate::values::{Owner, RelPath};

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
    pub claims: BTreeSet<Claim>,
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
    pub directories: BTreeSet<String>,
    /// Kubernetes objects in it.
    #[serde(default)]
    pub objects: BTreeSet<String>,
    /// The directory it has to itself (nested layout).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dir: Option<RelPath>,
    /// Its files among others' (flat layout).
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub files: BTreeSet<RelPath>,
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
