//! The hub's side of metrics and probes.

use std::collections::BTreeMap;
use std::sync::TryLockError;

use super::Hub;
use super::state::{PROMISE, Usable};
use crate::api::status::condition::SUPERSEDED_BY;
use crate::controller::progress::Stage;
use crate::controller::status::Verdict;
use crate::promises;
use crate::telemetry::metrics::{Snapshot, Vcluster};
use crate::values::RequestKey;

impl Hub {
    /// Something is said in an object's status.
    pub(in crate::controller) fn said(&self, kind: &str, verdict: &Verdict) {
        if !verdict.is_good() && verdict.reason != SUPERSEDED_BY {
            self.metrics.failed(kind, verdict.reason);
        }
    }

    /// Something is said in a request's status.
    pub(in crate::controller) fn said_of(&self, request: &RequestKey, kind: &str, verdict: &Verdict) {
        self.said(kind, verdict);
        let mut state = self.state();
        // Of one that is gone its last reconcile may still speak.
        if verdict.is_good() || state.is_gone(request) {
            state.unready.remove(request);
        } else {
            state.unready.insert(request.clone(), verdict.reason);
        }
    }

    /// How a request fares: whether its status says that it is ready, and what is seen of its virtual cluster if it
    /// makes one. Of what is not known that stays which was said before.
    pub(in crate::controller) fn fares(
        &self,
        request: &RequestKey,
        is_ready: Option<bool>,
        vcluster: Option<Vcluster>,
    ) {
        let mut state = self.state();
        if let (Some(is_ready), Some(progress)) = (is_ready, state.requests.get_mut(request)) {
            progress.is_ready = Some(is_ready);
        }
        if let Some(vcluster) = vcluster.filter(|_| !state.is_gone(request)) {
            state.vclusters.insert(request.clone(), vcluster);
        }
    }

    /// Whether nobody holds what the controllers share.
    pub(in crate::controller) fn is_free(&self) -> bool {
        !matches!(self.state.try_lock(), Err(TryLockError::WouldBlock))
    }

    /// How many requests there are, and how many wait for which store.
    pub(in crate::controller) fn snapshot(&self) -> Snapshot {
        let state = self.state();
        let mut waiting = BTreeMap::new();
        let (mut ready, mut committed): (BTreeMap<&str, usize>, BTreeMap<&str, usize>) = Default::default();
        for (key, progress) in &state.requests {
            match &progress.stage {
                Stage::Writing(branches) | Stage::Leaving(branches) => {
                    for branch in branches {
                        *waiting.entry(branch).or_insert(0) += 1;
                    }
                }
                Stage::Done(_) | Stage::Failed(_) if state.unready.contains_key(key) => {}
                Stage::Done(_) => match progress.is_ready {
                    Some(true) => *ready.entry(&key.promise).or_default() += 1,
                    Some(false) => *committed.entry(&key.promise).or_default() += 1,
                    // Its status does not say so yet.
                    None => {}
                },
                Stage::Failed(_) => {}
            }
        }
        let mut all: BTreeMap<&str, usize> = BTreeMap::new();
        for key in state.known.peers.all() {
            *all.entry(&key.promise).or_default() += 1;
        }
        let (mut superseded, mut failed): (BTreeMap<&str, usize>, BTreeMap<&str, usize>) = Default::default();
        for (key, reason) in &state.unready {
            let said = if *reason == SUPERSEDED_BY { &mut superseded } else { &mut failed };
            *said.entry(&key.promise).or_default() += 1;
        }
        let mut requests = Vec::new();
        for promise in promises::all() {
            let (name, kind) = (promise.name(), &promise.crd().spec.names.kind);
            let of = |counts: &BTreeMap<&str, usize>| counts.get(name).copied().unwrap_or_default();
            let [ready, committed, failed, superseded] = [&ready, &committed, &failed, &superseded].map(of);
            let phases = [
                ("ready", ready),
                ("committed", committed),
                ("failed", failed),
                ("superseded", superseded),
                ("pending", of(&all).saturating_sub(ready + committed + failed + superseded)),
            ];
            requests.extend(phases.map(|(phase, number)| (kind.clone(), phase, number)));
        }
        let stores = state.landscape.stores.values().map(|store| {
            let queue = waiting.get(&store.branch).copied().unwrap_or_default();
            (store.name.clone(), state.is_usable(&store.name), queue)
        });
        let is_orphan = |key: &&RequestKey| state.known.peers.get(key).is_none() && !state.requests.contains_key(*key);
        // Before all have been met, nobody is missed.
        let orphans = state.expected.is_empty().then(|| state.known.requests().filter(is_orphan).count());
        let vclusters = state.vclusters.iter().map(|(key, fares)| (key.namespace.clone(), key.name.clone(), *fares));
        Snapshot { stores: stores.collect(), requests, vclusters: vclusters.collect(), orphans, ..Snapshot::default() }
    }

    /// What must be there before requests are written, and is not.
    pub(in crate::controller) fn missing(&self) -> Vec<String> {
        let state = self.state();
        let unseen = state.expected.iter().filter(|(what, _)| *what != PROMISE);
        let mut missing: Vec<String> = unseen
            .map(|(what, name)| {
                let what = if *what == "store" { "state store" } else { what };
                format!("{what} {name}: has not been looked at yet")
            })
            .collect();
        for (name, usable) in &state.usable {
            if let Usable::No(error, _) = usable {
                missing.push(format!("state store {name}: {error}"));
            }
        }
        for name in &state.unreadable {
            missing.push(format!("state store {name}: its spec is not valid, see its status"));
        }
        if missing.is_empty() && state.landscape.stores.is_empty() {
            missing.push("state stores: there is none; create a GitStateStore".into());
        }
        missing
    }
}
