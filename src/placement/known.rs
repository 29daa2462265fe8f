use std::collections::{BTreeSet, HashMap};

use super::Branch;
use crate::manifest::Claim;
use crate::store::{Change, Record};
use crate::values::{RelPath, RequestKey};

/// A store's root in a branch: where one owner has one record.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Site {
    /// The remote and branch.
    pub branch: Branch,
    /// The store's `path`.
    pub root: RelPath,
}

/// Where files of a request lie already.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownPlace {
    /// The destination's name.
    pub destination: String,
    /// The output directories that were routed there; `""`: the rest.
    pub directories: BTreeSet<String>,
    /// Where that is.
    pub site: Site,
}

impl KnownPlace {
    /// The places that a change asks for in a branch.
    pub fn wanted(branch: &Branch, change: &Change) -> impl Iterator<Item = Self> {
        change.roots.iter().flat_map(|(root, places)| {
            let site = Site { branch: branch.clone(), root: root.clone() };
            places.iter().map(move |place| Self {
                destination: place.destination.clone(),
                directories: place.directories.clone(),
                site: site.clone(),
            })
        })
    }

    /// The places that a record at a site names.
    pub fn recorded(site: &Site, record: &Record) -> impl Iterator<Item = Self> {
        record.places.iter().map(|place| Self {
            destination: place.destination.clone(),
            directories: place.directories.clone(),
            site: site.clone(),
        })
    }
}

/// What one writer has already decided and recorded, as a snapshot.
#[derive(Clone, Debug, Default)]
pub struct Known {
    places: HashMap<RequestKey, Vec<KnownPlace>>,
    claims: HashMap<Claim, RequestKey>,
    unread: BTreeSet<Site>,
}

impl Known {
    /// Remembers a place and the claims of its owner.
    pub fn add<'a>(&mut self, request: &RequestKey, place: KnownPlace, claims: impl IntoIterator<Item = &'a Claim>) {
        for claim in claims {
            self.claims.entry(claim.clone()).or_insert_with(|| request.clone());
        }
        let places = self.places.entry(request.clone()).or_default();
        if !places.contains(&place) {
            places.push(place);
        }
    }

    /// Remembers that nobody knows what lies at a site: its records cannot be read.
    pub fn cannot_read(&mut self, site: Site) {
        self.unread.insert(site);
    }

    /// Whether something may lie at a site that nobody knows of.
    pub(super) fn is_unread(&self, site: &Site) -> bool {
        self.unread.contains(site)
    }

    /// Forgets everything that was known at a site, before it is read again.
    pub fn forget_site(&mut self, site: &Site) {
        self.forget_places(|place| place.site == *site);
    }

    /// Forgets everything that was known at a destination.
    pub fn forget_destination(&mut self, destination: &str) {
        self.forget_places(|place| place.destination == destination);
    }

    /// Forgets all places of a kind.
    pub fn forget_places(&mut self, which: impl Fn(&KnownPlace) -> bool) {
        self.places.retain(|_, places| {
            places.retain(|place| !which(place));
            !places.is_empty()
        });
        self.claims.retain(|_, holder| self.places.contains_key(holder));
    }

    /// Forgets what is known of a request at a site.
    pub fn forget(&mut self, request: &RequestKey, site: &Site) {
        if let Some(places) = self.places.get_mut(request) {
            places.retain(|p| p.site != *site);
            if places.is_empty() {
                self.places.remove(request);
                self.claims.retain(|_, holder| holder != request);
            }
        }
    }

    /// The places of a request.
    pub fn places(&self, request: &RequestKey) -> &[KnownPlace] {
        self.places.get(request).map_or(&[], Vec::as_slice)
    }

    /// The identities that a request holds.
    pub fn claims<'a>(&'a self, request: &'a RequestKey) -> impl Iterator<Item = &'a Claim> {
        self.claims.iter().filter(move |(_, holder)| *holder == request).map(|(claim, _)| claim)
    }

    /// Who holds an identity.
    pub fn holder(&self, claim: &Claim) -> Option<&RequestKey> {
        self.claims.get(claim)
    }

    /// Every request of which something is known.
    pub fn requests(&self) -> impl Iterator<Item = &RequestKey> {
        self.places.keys()
    }
}
