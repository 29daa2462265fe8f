//! What is already decided and recorded, and which requests there are: the memory of one writer, as a
//! snapshot. Promises plan with it, placement sticks to it.

mod claims;
mod peers;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use serde_json::Value;

use crate::manifest::Claim;
use crate::store::{Change, LeftOver, Record};
use crate::values::{Branch, RelPath, RequestKey, Set};
use claims::Claims;
pub use peers::{Peer, Peers};

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
    pub directories: Set<String>,
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
    /// The requests that have places, by namespace.
    residents: HashMap<String, HashSet<RequestKey>>,
    recorded: Claims,
    reserved: Claims,
    unread: BTreeSet<Site>,
    left_over: BTreeMap<Site, LeftOver>,
    /// The requests that there are.
    pub peers: Arc<Peers>,
}

impl Known {
    /// Nothing but that these requests are there.
    pub fn of(peers: Arc<Peers>) -> Self {
        Self { peers, ..Self::default() }
    }

    /// The requests that there are, to be changed.
    pub fn peers_mut(&mut self) -> &mut Peers {
        Arc::make_mut(&mut self.peers)
    }

    /// Remembers a place and the claims of its owner.
    pub fn add<'a>(&mut self, request: &RequestKey, place: KnownPlace, claims: impl IntoIterator<Item = &'a Claim>) {
        for claim in claims {
            self.recorded.hold(request, claim);
        }
        // Most are there already when their requests come by.
        if self.places(request).contains(&place) {
            return;
        }
        self.residents.entry(request.namespace.clone()).or_default().insert(request.clone());
        let places = self.places.entry(request.clone()).or_default();
        // Most have one, and there are ten thousand of these.
        places.reserve_exact(1);
        places.push(place);
    }

    /// Remembers what a request is about to claim, in place of what it was about to before.
    pub fn reserve(&mut self, request: &RequestKey, claims: &Set<Claim>) {
        self.reserved.release(request);
        for claim in claims {
            self.reserved.hold(request, claim);
        }
    }

    /// Remembers that nobody knows what lies at a site: its records cannot be read.
    pub fn cannot_read(&mut self, site: Site) {
        self.unread.insert(site);
    }

    /// Whether something may lie at a site that nobody knows of.
    pub(crate) fn is_unread(&self, site: &Site) -> bool {
        self.unread.contains(site)
    }

    /// Remembers what lies at a site that no record explains: Kratix's.
    pub fn found_left_over(&mut self, site: &Site, left_over: LeftOver) {
        self.left_over.insert(site.clone(), left_over);
    }

    /// An object that Kratix wrote and kept has not yet, by its `group/kind/namespace/name`.
    pub fn object_left_over(&self, identity: &str) -> Option<Value> {
        self.left_over.values().find_map(|left_over| left_over.object(identity))
    }

    /// Whether Kratix wrote the request's files, and kept has not yet: what is only on its way claims nothing.
    pub fn is_left_over(&self, request: &RequestKey) -> bool {
        self.recorded.of(request).next().is_none()
            && self.left_over.values().any(|left_over| left_over.requests.contains_key(request))
    }

    /// Where Kratix wrote the request's files, and kept has not yet: the site, and the destination's path there.
    pub(crate) fn place_left_over(&self, request: &RequestKey) -> Option<(&Site, &str)> {
        self.left_over.iter().find_map(|(site, left_over)| Some((site, left_over.requests.get(request)?.as_str())))
    }

    /// Whether Kratix wrote for another request of this name, in another namespace.
    pub fn is_left_over_elsewhere(&self, request: &RequestKey) -> bool {
        let mut left_over = self.left_over.values().flat_map(|left_over| left_over.requests.keys());
        left_over.any(|other| {
            other.namespace != request.namespace && other.promise == request.promise && other.name == request.name
        })
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
        let mut gone = Vec::new();
        self.places.retain(|request, places| {
            places.retain(|place| !which(place));
            if places.is_empty() {
                gone.push(request.clone());
            }
            !places.is_empty()
        });
        for request in gone {
            self.forget_resident(&request);
        }
    }

    /// Forgets what is known of a request at a site: it was written anew, or another has taken it over.
    pub fn forget(&mut self, request: &RequestKey, site: &Site) {
        if let Some(left_over) = self.left_over.get_mut(site) {
            left_over.requests.remove(request);
        }
        if let Some(places) = self.places.get_mut(request) {
            places.retain(|p| p.site != *site);
            if places.is_empty() {
                self.places.remove(request);
                self.forget_resident(request);
            }
        }
    }

    fn forget_resident(&mut self, request: &RequestKey) {
        self.recorded.release(request);
        if let Some(residents) = self.residents.get_mut(&request.namespace) {
            residents.remove(request);
            if residents.is_empty() {
                self.residents.remove(&request.namespace);
            }
        }
    }

    /// The places of a request.
    pub fn places(&self, request: &RequestKey) -> &[KnownPlace] {
        self.places.get(request).map_or(&[], Vec::as_slice)
    }

    /// The requests of which something is recorded.
    pub fn requests(&self) -> impl Iterator<Item = &RequestKey> {
        self.places.iter().filter(|(_, places)| !places.is_empty()).map(|(request, _)| request)
    }

    /// The identities that a request holds, or is about to.
    pub fn claims(&self, request: &RequestKey) -> impl Iterator<Item = &Claim> {
        self.recorded.of(request).chain(self.reserved.of(request))
    }

    /// The identities that the records say a request holds.
    pub fn recorded_claims(&self, request: &RequestKey) -> impl Iterator<Item = &Claim> {
        self.recorded.of(request)
    }

    /// Who holds an identity, or is about to.
    pub fn holder(&self, claim: &Claim) -> Option<&RequestKey> {
        self.recorded.holder(claim).or_else(|| self.reserved.holder(claim))
    }

    /// The requests of a namespace of which something is recorded.
    pub fn requests_in(&self, namespace: &str) -> impl Iterator<Item = &RequestKey> {
        self.residents.get(namespace).into_iter().flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::values::Remote;

    fn key(name: &str) -> RequestKey {
        RequestKey { namespace: "a".into(), promise: "p".into(), name: name.into() }
    }

    fn place(root: &str) -> KnownPlace {
        let branch = Branch { remote: Remote::new("https://git.example/state"), name: "main".into() };
        let site = Site { branch, root: root.parse().expect("a path") };
        KnownPlace { destination: "d".into(), directories: Set::new(), site }
    }

    fn claims(names: &[&str]) -> Set<Claim> {
        names.iter().map(|name| Claim::new("vip", name)).collect()
    }

    #[test]
    fn what_is_reserved_is_held_until_it_is_given_up_and_records_go_first() {
        let mut known = Known::default();
        let one = Claim::new("vip", "1");
        known.reserve(&key("a"), &claims(&["1"]));
        known.reserve(&key("b"), &claims(&["1", "2"]));
        assert_eq!(known.holder(&one), Some(&key("a")));
        assert_eq!(known.claims(&key("b")).count(), 1);
        known.reserve(&key("a"), &claims(&["3"]));
        assert_eq!(known.holder(&one), None, "a new choice gives up the old one");
        known.add(&key("c"), place("r"), &claims(&["2"]));
        assert_eq!(known.holder(&Claim::new("vip", "2")), Some(&key("c")));
        known.forget(&key("c"), &place("r").site);
        assert_eq!(known.holder(&Claim::new("vip", "2")), Some(&key("b")));
    }

    #[test]
    fn what_was_left_over_is_so_until_it_is_recorded_or_taken_over() {
        let mut known = Known::default();
        let site = place("r").site;
        known.found_left_over(
            &site,
            LeftOver { requests: [(key("a"), String::new()), (key("b"), String::new())].into(), ..LeftOver::default() },
        );
        assert!(known.is_left_over(&key("a")) && !known.is_left_over(&key("c")));
        known.add(&key("a"), place("r"), &claims(&[]));
        assert!(known.is_left_over(&key("a")), "what is on its way may not arrive");
        known.add(&key("a"), place("r"), &claims(&["1"]));
        assert!(!known.is_left_over(&key("a")));
        known.forget(&key("b"), &site);
        assert!(!known.is_left_over(&key("b")));
    }
}
