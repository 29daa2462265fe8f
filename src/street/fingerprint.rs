//! All that decides what comes of a request, in a few bytes: where they are still the same, the street need not be
//! walked again.

use sha2::{Digest, Sha256};

use crate::config::Settings;
use crate::placement::Landscape;
use crate::promises::Request;
use crate::store::Fingerprint;
use crate::values::Branch;

/// Another one for every change of the sources: `build.rs`.
const BUILD: &str = env!("KEPT_BUILD");

/// Takes fingerprints of requests, under the same settings and among the same destinations.
pub struct Fingerprints(Sha256);

impl Fingerprints {
    /// For requests that are walked with these.
    pub fn new(settings: &Settings, landscape: &Landscape) -> Self {
        // Of a store only which others share its branch: a repository has other addresses on other machines.
        let stores = landscape.stores.values();
        let first_of = |branch: &Branch| stores.clone().position(|store| store.branch == *branch);
        let stores: Vec<_> = stores.clone().map(|s| (&s.name, first_of(&s.branch), &s.path)).collect();
        let common = format!("{BUILD} {settings:?} {:?} {stores:?}\0", landscape.destinations);
        Self(Sha256::new_with_prefix(common))
    }

    /// Of one request. None is as good as one that nobody has recorded.
    pub fn of(&self, request: &Request) -> Option<Fingerprint> {
        let Request { key, kind, uid, generation, created, labels, annotations, spec } = request;
        let all = (key, kind, uid, generation, created, labels, annotations, spec);
        let digest = self.0.clone().chain_update(serde_json::to_vec(&all).ok()?).finalize();
        digest.first_chunk().copied()
    }
}
