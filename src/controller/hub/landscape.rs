//! The hub's side for stores and destinations: what they are, and whether they can be used.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use super::Hub;
use super::state::{State, Usable};
use crate::controller::progress::Stage;
use crate::error::Explain;
use crate::known::Site;
use crate::placement::{Branch, Destination, Landscape, StateStore};
use crate::store::writer::Writer;
use crate::store::{self, Access, Survey};
use crate::values::RelPath;

impl Hub {
    /// The stores and destinations that exist when the operator starts: until each has been looked at
    /// once, no request is placed, or it could be placed wrongly for life.
    pub(in crate::controller) fn expect(&self, stores: Vec<String>, destinations: Vec<String>) {
        let mut state = self.state();
        state.expected.extend(stores.into_iter().map(|name| ("store", name)));
        state.expected.extend(destinations.into_iter().map(|name| ("destination", name)));
    }

    /// Whether a store that existed at the start has not been looked at.
    pub(in crate::controller) fn has_yet_to_look_at(&self, store: &str) -> bool {
        self.state().expected.contains(&("store", store.to_owned()))
    }

    /// These stores, or destinations, are all there are: forgets others, which went without a word.
    pub(in crate::controller) fn only(&self, what: &'static str, names: &BTreeSet<String>) {
        let gone: BTreeSet<String> = {
            let state = self.state();
            let expected = state.expected.iter().filter(|(kind, _)| *kind == what).map(|(_, name)| name);
            let known: Vec<&String> = match what {
                "store" => state.landscape.stores.keys().collect(),
                _ => state.landscape.destinations.keys().collect(),
            };
            let known = known.into_iter().chain(state.unreadable.iter().filter(|_| what == "store"));
            expected.chain(known).filter(|name| !names.contains(*name)).cloned().collect()
        };
        for name in gone {
            match what {
                "store" => self.drop_store(&name),
                _ => self.dismiss(&name),
            }
        }
    }

    /// The writer of a store, made or given new credentials; a spawned writer has read nothing yet.
    ///
    /// A branch has one writer, however many stores name it: it has the access of the first usable one of
    /// them, by name, so that another with wrong credentials is its own trouble alone.
    pub(in crate::controller) fn open(&self, store: &StateStore, access: Access) -> Result<Writer, store::Error> {
        let mut state = self.state();
        let before_it = |other: &&StateStore| other.branch == store.branch && other.name < store.name;
        let is_first = !state.landscape.stores.values().filter(before_it).any(|other| state.is_usable(&other.name));
        let State { writers, landscape, .. } = &mut *state;
        // Branches that no store names any more are cleared with the credentials of one that does.
        let named = |branch: &Branch| landscape.stores.values().any(|s| s.branch == *branch);
        for (branch, (old, writer)) in writers.iter_mut() {
            if branch.remote == store.branch.remote && *branch != store.branch && !named(branch) {
                let access = Access { branch: branch.name.clone(), ..access.clone() };
                if *old != access {
                    writer.set_access(access.clone());
                    *old = access;
                }
            }
        }
        if let Some((old, writer)) = state.writers.get_mut(&store.branch) {
            let writer = writer.clone();
            if is_first && *old != access {
                writer.set_access(access.clone());
                *old = access;
                state.hurry(&store.branch.remote);
                self.look_at_all(&state);
            }
            return Ok(writer);
        }
        let writer = self.spawn(&store.branch, &access)?;
        state.writers.insert(store.branch.clone(), (access, writer.clone()));
        Ok(writer)
    }

    /// A store was looked at: it is usable, with these records, or it is not. Answers for how long it has
    /// not been.
    pub(in crate::controller) fn judged(
        &self,
        store: StateStore,
        found: Result<Option<Survey>, store::Error>,
    ) -> Duration {
        let mut state = self.state();
        let site = store.site();
        let name = store.name.clone();
        self.metrics.meet_store(&name, &store.branch);
        state.unreadable.remove(&name);
        let before = state.landscape.stores.insert(name.clone(), store.clone());
        if before.as_ref() != Some(&store) {
            state.leave_behind();
        }
        let usable = match found {
            Ok(survey) => {
                if let Some(survey) = survey {
                    state.learn(&site, survey, &self.writer, &self.settings.adopt);
                    // Whoever was in conflict with what the memory had missed may plan anew.
                    for contender in &state.contested {
                        self.look_at(contender);
                    }
                }
                Usable::Yes
            }
            Err(error) => {
                let since = match state.usable.get(&name) {
                    Some(Usable::No(_, since)) => *since,
                    _ => Instant::now(),
                };
                Usable::No(error, since)
            }
        };
        let was = state.usable.insert(name.clone(), usable.clone());
        let first = state.arrived("store", &name);
        let better = matches!(usable, Usable::Yes) && !matches!(was, Some(Usable::Yes));
        if better {
            state.hurry(&site.branch.remote);
        }
        if first || better || before != Some(store) || matches!((&was, &usable), (Some(Usable::Yes), Usable::No(..))) {
            self.look_at_all(&state);
        }
        if let Usable::No(error, since) = usable {
            if !matches!(was, Some(Usable::No(..))) {
                tracing::warn!(store = name, reason = error.reason(), "{error}");
                // Another store that names the branch can give its writer what this one cannot.
                for other in state.landscape.stores.values().filter(|s| s.branch == site.branch && s.name != name) {
                    self.look_at_store(&other.name);
                }
            }
            return since.elapsed();
        }
        if better {
            tracing::info!(store = name, branch = %site.branch, "ready");
        }
        Duration::ZERO
    }

    /// A store cannot even be parsed.
    pub(in crate::controller) fn misread_store(&self, name: &str) {
        self.drop_store(name);
        self.state().unreadable.insert(name.to_owned());
    }

    /// A store is gone. Its writer stays for what has yet to be removed through it.
    pub(in crate::controller) fn drop_store(&self, name: &str) {
        let mut state = self.state();
        self.metrics.drop_store(name);
        state.unreadable.remove(name);
        state.arrived("store", name);
        state.landscape.stores.remove(name);
        state.usable.remove(name);
        self.look_at_all(&state);
    }

    /// Whether the records of a store's site have been read.
    pub(in crate::controller) fn is_read(&self, site: &Site) -> bool {
        self.state().read.contains(site)
    }

    /// A destination exists, or changed.
    pub(in crate::controller) fn admit(&self, destination: Destination) {
        let mut state = self.state();
        state.retired.remove(&destination.name);
        let before = state.landscape.destinations.insert(destination.name.clone(), destination.clone());
        let last = state.arrived("destination", &destination.name);
        if let Some(before) = before.as_ref().filter(|before| before.store != destination.store) {
            self.look_at_store(&before.store);
        }
        if last || before != Some(destination) && state.is_landscape_met() {
            // Others may overlap with it, or no longer.
            self.look_at_all(&state);
        }
    }

    /// A destination cannot be used, or is gone.
    pub(in crate::controller) fn dismiss(&self, name: &str) {
        let mut state = self.state();
        let last = state.arrived("destination", name);
        let before = state.landscape.destinations.remove(name);
        if let Some(before) = &before {
            self.look_at_store(&before.store);
        }
        if last || before.is_some() && state.is_landscape_met() {
            self.look_at_all(&state);
        }
    }

    /// A destination's files are dealt with: what was known of it is forgotten.
    pub(in crate::controller) fn retired(&self, name: &str, kept: bool) {
        let mut state = self.state();
        state.arrived("destination", name);
        state.known.forget_destination(name);
        state.retired.insert(name.to_owned(), kept);
        if let Some(before) = state.landscape.destinations.remove(name) {
            self.look_at_store(&before.store);
        }
        for progress in state.requests.values_mut() {
            progress.hurry();
        }
        self.look_at_all(&state);
    }

    /// Whether files are on their way to a destination.
    pub(in crate::controller) fn is_written_to(&self, name: &str) -> bool {
        let state = self.state();
        let goes_there = |change: &store::Change| change.roots.values().flatten().any(|p| p.destination == name);
        state.requests.values().any(|progress| match &progress.stage {
            Stage::Writing(waiting) => {
                progress.desired.changes.iter().any(|(branch, change)| waiting.contains(branch) && goes_there(change))
            }
            _ => false,
        })
    }

    /// The store of a destination and, if it can be used, its writer.
    pub(in crate::controller) fn store_of(
        &self,
        destination: &Destination,
    ) -> Option<(StateStore, Result<Writer, store::Error>)> {
        let state = self.state();
        let store = state.landscape.stores.get(&destination.store)?;
        let writer = match state.usable.get(&store.name) {
            Some(Usable::No(error, _)) => Err(error.clone()),
            _ => state
                .writers
                .get(&store.branch)
                .map(|(_, writer)| writer.clone())
                .ok_or_else(|| store::Error::Unreachable("the state store has not been reached yet".into())),
        };
        Some((store.clone(), writer))
    }

    /// The stores and destinations, as they are known now.
    pub(in crate::controller) fn landscape(&self) -> Landscape {
        self.state().landscape.clone()
    }

    /// The path of a destination, for showing.
    pub(in crate::controller) fn path_of(&self, destination: &str) -> RelPath {
        self.state().landscape.destinations.get(destination).map(|d| d.path.clone()).unwrap_or_default()
    }

    /// Whether the files of a destination that went have stayed; unknown for one that went before the start.
    pub(in crate::controller) fn was_retired(&self, name: &str) -> Option<bool> {
        self.state().retired.get(name).copied()
    }

    /// Stops every writer, each once its push is over; side by side, as a cluster does not wait long. False if a push
    /// is still under way.
    pub(in crate::controller) fn shutdown(&self) -> bool {
        // They stay known: what still asks one of them waits in vain, and writes no status about it.
        let writers: Vec<Writer> = self.state().writers.values().map(|(_, writer)| writer.clone()).collect();
        std::thread::scope(|scope| {
            let stop = |writer: &Writer| {
                let ended = writer.shutdown();
                if !ended {
                    tracing::warn!("a push did not end in time; the next start finds out what became of it");
                }
                ended
            };
            let stopping: Vec<_> = writers.iter().map(|writer| scope.spawn(move || stop(writer))).collect();
            stopping.into_iter().all(|writer| writer.join().unwrap_or(false))
        })
    }
}
