//! The hub's side for requests as they come, change and go.

use std::collections::HashSet;
use std::time::Instant;

use super::Hub;
use super::state::{PROMISE, State};
use crate::controller::live::health::Sight;
use crate::known::{KnownPlace, Peer};
use crate::manifest::Observed;
use crate::promises::{self, Promise, Request};
use crate::street;
use crate::values::{RelPath, RequestKey};

impl Hub {
    /// A request is there, or has changed: those that have to do with it are looked at again.
    pub(in crate::controller) fn meet(&self, promise: &dyn Promise, request: &Request) {
        self.journeys.seen(&request.key);
        let peer = Peer { created: request.created, ..promise.peer(request, &self.settings) };
        let concerned = self.state().known.peers_mut().arrive(&request.key, peer);
        for other in &concerned {
            self.look_at(other);
        }
    }

    /// All requests of a promise have been met: those that are not among them went without a word.
    pub(in crate::controller) fn met(&self, promise: &dyn Promise, present: &HashSet<RequestKey>) {
        let mut state = self.state();
        let gone: Vec<RequestKey> =
            state.known.peers.of_promise(promise.name()).filter(|key| !present.contains(key)).cloned().collect();
        let news = state.arrived(PROMISE, promise.name()) && state.is_settled_for(promise);
        drop(state);
        for key in &gone {
            self.part(key);
        }
        if news {
            // Those of the same group have waited for it.
            let group = &promise.crd().spec.group;
            let waited = promises::all().iter().filter(|other| other.crd().spec.group == *group);
            let kinds: Vec<&str> = waited.map(|other| other.crd().spec.names.kind.as_str()).collect();
            self.triggers.all(|kind| kinds.contains(&kind));
        }
    }

    /// A request is gone from the cluster. Its last reconcile may still be under way: nothing is remembered for that
    /// from now on.
    pub(in crate::controller) fn part(&self, key: &RequestKey) {
        let concerned = self.state().known.peers_mut().leave(key);
        self.forget(key);
        for other in &concerned {
            self.look_at(other);
        }
    }

    /// Nothing is left of a request but its object, if that: this is all there is to forget of one.
    pub(in crate::controller) fn forget(&self, key: &RequestKey) {
        self.journeys.over(key, None);
        self.state().drop_request(key);
        if let Some(live) = &self.live {
            live.forget(key);
        }
    }

    /// Whether a request is gone, so that nothing may be begun for it any more.
    pub(super) fn is_gone(&self, state: &State, key: &RequestKey) -> bool {
        let is_gone = state.is_gone(key);
        if is_gone {
            self.journeys.over(key, None);
        }
        is_gone
    }

    /// What others had changed among the request's files and was put back; told once.
    pub(in crate::controller) fn take_drift(&self, key: &RequestKey) -> Vec<RelPath> {
        let mut state = self.state();
        let receipts = state.requests.get_mut(key).into_iter().flat_map(|p| p.receipts.iter_mut());
        receipts.flat_map(|(_, receipt)| std::mem::take(&mut receipt.drift)).collect()
    }

    /// Someone asks to compare the request with its repositories: it is done once, however often that is seen.
    pub(in crate::controller) fn compare(&self, key: &RequestKey) {
        let mut state = self.state();
        if !state.is_gone(key)
            && state.comparing.insert(key.clone())
            && let Some(progress) = state.requests.get_mut(key)
        {
            progress.doubt();
        }
    }

    /// It has been.
    pub(in crate::controller) fn compared(&self, key: &RequestKey) {
        self.state().comparing.remove(key);
    }

    /// Since when it has been known that something outlives the files of a request that is being deleted.
    pub(in crate::controller) fn lingers_since(&self, key: &RequestKey) -> Instant {
        let mut state = self.state();
        if state.is_gone(key) {
            Instant::now()
        } else {
            *state.lingering.entry(key.clone()).or_insert_with(Instant::now)
        }
    }

    /// What there is to look at for a request as it stands; nothing is asked for. None while that cannot be known.
    pub(in crate::controller) fn observed(
        &self,
        promise: &dyn Promise,
        request: &Request,
        recorded: Vec<KnownPlace>,
    ) -> Option<Observed> {
        let mut state = self.state();
        if !state.is_settled_for(promise) {
            return None;
        }
        state.recall(&request.key, recorded);
        street::desire(promise, request, self.view(&state)).ok().map(|desired| desired.observed)
    }

    /// What is seen of a request whose files are in these branches of these repositories, if anybody looks; nothing of
    /// one that was not looked at before unless `observed` says at what.
    pub(in crate::controller) fn sight(
        &self,
        key: &RequestKey,
        observed: Option<&Observed>,
        homes: &[(String, String)],
    ) -> Option<Sight> {
        let Some(live) = &self.live else { return Some(Sight::default()) };
        let sight = match observed {
            Some(observed) => Some(live.observe(key, observed, homes)),
            None => live.glance(key, homes),
        };
        // Whoever has it forgotten does so after it is gone: either that is still to come, or it is seen here.
        if self.state().is_gone(key) {
            live.forget(key);
        }
        sight
    }
}
