use std::collections::{HashMap, HashSet};

use crate::manifest::Claim;
use crate::values::{RequestKey, Set, Timestamp};

/// What other requests need to know of a request.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Peer {
    /// When it was created; absent counts as youngest.
    pub created: Option<Timestamp>,
    /// By what others find it.
    pub offers: Set<Claim>,
    /// What it looks for among others: it is looked at again when one that offers this comes or goes.
    pub asks: Set<Claim>,
}

/// The requests that there are, by name and by what they offer and ask.
#[derive(Clone, Debug, Default)]
pub struct Peers {
    all: HashMap<RequestKey, Peer>,
    offering: HashMap<Claim, HashSet<RequestKey>>,
    asking: HashMap<Claim, HashSet<RequestKey>>,
}

impl Peers {
    /// What every request offers: that it is in its namespace.
    pub fn residence(namespace: &str) -> Claim {
        Claim::new("request-in", namespace)
    }

    /// A request is there, or has changed. Answers who is to be looked at again because of that.
    pub fn arrive(&mut self, request: &RequestKey, mut peer: Peer) -> HashSet<RequestKey> {
        peer.offers.insert(Self::residence(&request.namespace));
        if self.all.get(request) == Some(&peer) {
            return HashSet::new();
        }
        let mut concerned = self.leave(request);
        for (claims, index) in [(&peer.offers, &mut self.offering), (&peer.asks, &mut self.asking)] {
            for claim in claims {
                index.entry(claim.clone()).or_default().insert(request.clone());
            }
        }
        concerned.extend(self.concerned(&peer));
        concerned.remove(request);
        self.all.insert(request.clone(), peer);
        concerned
    }

    /// A request is gone. Answers who is to be looked at again because of that.
    pub fn leave(&mut self, request: &RequestKey) -> HashSet<RequestKey> {
        let Some(peer) = self.all.remove(request) else { return HashSet::new() };
        for (claims, index) in [(&peer.offers, &mut self.offering), (&peer.asks, &mut self.asking)] {
            for claim in claims {
                if let Some(requests) = index.get_mut(claim) {
                    requests.remove(request);
                    if requests.is_empty() {
                        index.remove(claim);
                    }
                }
            }
        }
        let mut concerned = self.concerned(&peer);
        concerned.remove(request);
        concerned
    }

    fn concerned(&self, peer: &Peer) -> HashSet<RequestKey> {
        peer.offers.iter().filter_map(|claim| self.asking.get(claim)).flatten().cloned().collect()
    }

    /// The requests that are there.
    pub fn all(&self) -> impl Iterator<Item = &RequestKey> {
        self.all.keys()
    }

    /// The requests of a promise that are there.
    pub fn of_promise<'a>(&'a self, promise: &'a str) -> impl Iterator<Item = &'a RequestKey> {
        self.all().filter(move |request| request.promise == promise)
    }

    /// What a request that is there offers and asks.
    pub fn get(&self, request: &RequestKey) -> Option<&Peer> {
        self.all.get(request)
    }

    /// Who asks for something, in no order.
    pub fn asking(&self, claim: &Claim) -> impl Iterator<Item = &RequestKey> {
        self.asking.get(claim).into_iter().flatten()
    }

    /// Who offers something, the oldest first.
    pub fn offering(&self, claim: &Claim) -> Vec<&RequestKey> {
        let mut found: Vec<&RequestKey> = self.offering.get(claim).into_iter().flatten().collect();
        found.sort_by_cached_key(|request| self.seniority(request));
        found
    }

    /// Orders requests by age: who is less was there first.
    pub fn seniority(&self, request: &RequestKey) -> (bool, Option<Timestamp>, RequestKey) {
        let created = self.all.get(request).and_then(|peer| peer.created);
        (created.is_none(), created, request.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(name: &str) -> RequestKey {
        RequestKey { namespace: "a".into(), promise: "p".into(), name: name.into() }
    }

    fn peer(offers: &[&str], asks: &[&str], created: Option<i64>) -> Peer {
        let claims = |names: &[&str]| names.iter().map(|name| Claim::new("thing", name)).collect();
        let created = created.map(|at| Timestamp::from_second(at).expect("a time"));
        Peer { created, offers: claims(offers), asks: claims(asks) }
    }

    #[test]
    fn who_asks_hears_of_who_offers_coming_changing_and_going() {
        let mut peers = Peers::default();
        assert!(peers.arrive(&key("asking"), peer(&[], &["x", "y"], None)).is_empty());
        let heard = HashSet::from([key("asking")]);
        assert_eq!(peers.arrive(&key("offering"), peer(&["x"], &[], None)), heard);
        assert!(peers.arrive(&key("offering"), peer(&["x"], &[], None)).is_empty(), "nothing is new");
        assert_eq!(peers.arrive(&key("offering"), peer(&["z"], &[], None)), heard, "what it offered is gone");
        assert!(peers.offering(&Claim::new("thing", "x")).is_empty());
        assert!(peers.arrive(&key("other"), peer(&["z"], &[], None)).is_empty());
        assert_eq!(peers.arrive(&key("other"), peer(&["y"], &[], None)), heard);
        assert_eq!(peers.leave(&key("other")), heard);
        assert!(peers.leave(&key("other")).is_empty());
        assert!(peers.arrive(&key("self"), peer(&["s"], &["s"], None)).is_empty(), "nobody hears of itself");
    }

    #[test]
    fn the_oldest_comes_first_and_whoever_has_no_age_last() {
        let mut peers = Peers::default();
        for (name, created) in [("b", None), ("young", Some(2)), ("a", None), ("old", Some(1))] {
            peers.arrive(&key(name), peer(&["x"], &[], created));
        }
        let names: Vec<&str> =
            peers.offering(&Claim::new("thing", "x")).into_iter().map(|key| key.name.as_str()).collect();
        assert_eq!(names, ["old", "young", "a", "b"]);
        assert_eq!(peers.offering(&Peers::residence("a")).len(), 4, "each is in its namespace");
    }
}
