use std::collections::HashMap;

use crate::manifest::Claim;
use crate::values::{RequestKey, Set};

/// Who holds which identity, asked from either side.
#[derive(Clone, Debug, Default)]
pub(super) struct Claims {
    holders: HashMap<Claim, RequestKey>,
    held: HashMap<RequestKey, Set<Claim>>,
}

impl Claims {
    /// The first who holds it keeps it.
    pub(super) fn hold(&mut self, request: &RequestKey, claim: &Claim) {
        if !self.holders.contains_key(claim) {
            self.holders.insert(claim.clone(), request.clone());
            self.held.entry(request.clone()).or_default().insert(claim.clone());
        }
    }

    pub(super) fn release(&mut self, request: &RequestKey) {
        for claim in self.held.remove(request).into_iter().flatten() {
            self.holders.remove(&claim);
        }
    }

    pub(super) fn holder(&self, claim: &Claim) -> Option<&RequestKey> {
        self.holders.get(claim)
    }

    pub(super) fn of(&self, request: &RequestKey) -> impl Iterator<Item = &Claim> {
        self.held.get(request).into_iter().flatten()
    }
}
