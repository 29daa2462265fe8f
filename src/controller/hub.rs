//! What the controllers share: the landscape, what is recorded, the writers, and how far each request
//! has come. All of it can be rebuilt from the cluster and the repositories.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use tokio::sync::mpsc;

use super::progress::{Progress, Stage};
use super::triggers::Triggers;
use crate::config::Settings;
use crate::error::Explain;
use crate::placement::{Branch, Destination, Known, KnownPlace, Landscape, Site, StateStore};
use crate::promises::{self, Promise, Request};
use crate::store::writer::{Event, Ticket, Writer};
use crate::store::{self, Access, Record};
use crate::street::{self, Desired, Failure, View};
use crate::values::{RelPath, RequestKey};

/// Where a request stands, as far as its status is concerned.
pub(super) enum Step {
    /// Nothing to say yet; the hub triggers when there is.
    Waiting,
    /// A stage is over.
    Reached(Box<Progress>),
    /// It did not even get to the writers.
    Refused(Failure),
}

/// Whether a store can be used.
#[derive(Clone, Debug)]
enum Usable {
    Yes,
    No(store::Error),
}

#[derive(Default)]
struct State {
    landscape: Landscape,
    usable: BTreeMap<String, Usable>,
    /// Stores and destinations that existed at the start and have not been looked at yet.
    expected: BTreeSet<(&'static str, String)>,
    /// Sites whose records have been read.
    read: BTreeSet<Site>,
    known: Known,
    writers: BTreeMap<Branch, (Access, Writer)>,
    requests: HashMap<RequestKey, Progress>,
    contested: BTreeSet<RequestKey>,
    /// Destinations that went, and whether their files stayed.
    retired: BTreeMap<String, bool>,
    tickets: u64,
}

/// See the module.
pub(super) struct Hub {
    pub(super) settings: Settings,
    pub(super) writer: String,
    triggers: Triggers,
    events: mpsc::UnboundedSender<Event>,
    state: Mutex<State>,
}

impl Hub {
    pub(super) fn new(
        settings: Settings,
        writer: String,
        triggers: Triggers,
    ) -> (Arc<Self>, mpsc::UnboundedReceiver<Event>) {
        let (events, receiver) = mpsc::unbounded_channel();
        (Arc::new(Self { settings, writer, triggers, events, state: Mutex::default() }), receiver)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // A panic elsewhere leaves bookkeeping that the next reconcile puts right.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn view<'a>(&'a self, state: &'a State) -> View<'a> {
        View {
            settings: &self.settings,
            landscape: &state.landscape,
            known: &state.known,
            writer: &self.writer,
            adopt: &self.settings.adopt,
        }
    }

    // ---- requests

    /// Walks the street for a request, submits what is new, and says where it stands.
    pub(super) fn want(&self, promise: &dyn Promise, request: &Request, recorded: Vec<KnownPlace>) -> Step {
        let mut state = self.state();
        if !state.is_settled() || state.is_moving_out(&request.key) {
            return Step::Waiting;
        }
        state.recall(&request.key, recorded);
        match street::desire(promise, request, self.view(&state)) {
            Ok(desired) => self.pursue(&mut state, &request.key, desired, request, false),
            Err(failure) => {
                state.requests.remove(&request.key);
                if failure.reason() == "Conflict" {
                    state.contested.insert(request.key.clone());
                }
                Step::Refused(failure)
            }
        }
    }

    /// Removes everything of a request, and says how far that has come.
    pub(super) fn remove(&self, request: &Request, recorded: Vec<KnownPlace>) -> Step {
        let mut state = self.state();
        if !state.is_settled() {
            return Step::Waiting;
        }
        state.recall(&request.key, recorded);
        let desired = match state.requests.get(&request.key) {
            // What is being removed must not shrink while it is under way: Known forgets as it goes.
            Some(p) if p.fingerprint == removal_of(request) => p.desired.clone(),
            _ => street::removal(request, self.view(&state)),
        };
        self.pursue(&mut state, &request.key, desired, request, true)
    }

    /// What others had changed among the request's files and was put back; told once.
    pub(super) fn take_drift(&self, key: &RequestKey) -> Vec<RelPath> {
        let mut state = self.state();
        let receipts = state.requests.get_mut(key).into_iter().flat_map(|p| p.receipts.values_mut());
        receipts.flat_map(|receipt| std::mem::take(&mut receipt.drift)).collect()
    }

    /// The request is gone from the cluster.
    pub(super) fn forget(&self, key: &RequestKey) {
        let mut state = self.state();
        state.requests.remove(key);
        state.contested.remove(key);
    }

    fn pursue(&self, state: &mut State, key: &RequestKey, desired: Desired, request: &Request, removing: bool) -> Step {
        let fingerprint = if removing { removal_of(request) } else { fingerprint(&desired) };
        if let Some(progress) = state.requests.get_mut(key).filter(|p| p.fingerprint == fingerprint) {
            // What is wanted is the same; what there is to say of it may not be.
            progress.desired.misplaced.clone_from(&desired.misplaced);
            progress.desired.facts.clone_from(&desired.facts);
            let due = match &progress.stage {
                Stage::Writing(_) | Stage::Leaving(_) => return Step::Waiting,
                Stage::Failed(at) => *at <= Instant::now(),
                Stage::Done(at) => at.elapsed() >= self.settings.recheck_interval(),
            };
            if !due {
                return Step::Reached(Box::new(progress.clone()));
            }
        }
        state.tickets += 1;
        let progress = Progress::new(state.tickets, fingerprint, desired, state.requests.get(key));
        state.requests.insert(key.clone(), progress);
        self.submit(state, key);
        match state.requests.get(key) {
            Some(p) if matches!(p.stage, Stage::Done(_) | Stage::Failed(_)) => Step::Reached(Box::new(p.clone())),
            _ => Step::Waiting,
        }
    }

    /// Hands the writers what the request's stage asks for.
    fn submit(&self, state: &mut State, key: &RequestKey) {
        let Some(progress) = state.requests.get(key) else { return };
        let (ticket, confirmed, work) = (progress.ticket, progress.confirmed(), progress.submissions());
        let mut refused = Vec::new();
        for (branch, mut change) in work {
            let removing = change.roots.values().all(Vec::is_empty);
            if removing {
                change.unless_head.clone_from(&confirmed);
            }
            match self.writer_for(state, &branch, removing) {
                Ok(writer) => writer.submit(Ticket { id: ticket, change }),
                Err(error) => refused.push((branch, error)),
            }
        }
        if let Some(progress) = state.requests.get_mut(key) {
            for (branch, error) in refused {
                progress.refuse(&branch, error);
            }
        }
    }

    /// A writer for a branch. Removals may use one whose store is not usable any more: the
    /// credentials that it has in memory may still be good, and nothing else can clean up.
    fn writer_for<'a>(
        &self,
        state: &'a mut State,
        branch: &Branch,
        removing: bool,
    ) -> Result<&'a Writer, store::Error> {
        let store = state.landscape.store_for(branch);
        let usable = store.and_then(|s| state.usable.get(&s.name));
        match (store, usable) {
            (_, Some(Usable::No(error))) if !removing || !state.writers.contains_key(branch) => {
                return Err(error.clone());
            }
            (None, _) if !state.writers.contains_key(branch) => {
                return Err(store::Error::NotFound(format!(
                    "no GitStateStore names {branch} any more: create one, or let the object go with the annotation {}=true",
                    super::objects::ABANDON
                )));
            }
            _ => {}
        }
        if !state.writers.contains_key(branch) {
            // A branch that a store used to name: reached as its remote is reached now.
            let access = store
                .and_then(|s| state.writers.get(&s.branch))
                .map(|(access, _)| Access { branch: branch.name.clone(), create: false, ..access.clone() })
                .ok_or_else(|| store::Error::Unreachable(format!("{branch} has not been reached yet")))?;
            let writer = self.spawn(branch, &access)?;
            state.writers.insert(branch.clone(), (access, writer));
        }
        Ok(&state.writers[branch].1)
    }

    fn spawn(&self, branch: &Branch, access: &Access) -> Result<Writer, store::Error> {
        Writer::spawn(branch.clone(), access.clone(), self.events.clone())
    }

    /// Takes a writer's answer.
    pub(super) fn answered(&self, event: Event) {
        let Event { branch, id, change, outcome } = event;
        let key = change.owner.key.clone();
        let mut state = self.state();
        if let Ok(receipt) = &outcome {
            state.record(&branch, &change);
            tracing::debug!(request = %key, store = %branch, commit = receipt.commit, files = receipt.files_changed, "confirmed");
        }
        if change.roots.values().any(Vec::is_empty) && outcome.is_ok() {
            for contender in std::mem::take(&mut state.contested) {
                if let Some(progress) = state.requests.get_mut(&contender) {
                    progress.hurry();
                }
                self.look_at(&contender);
            }
        }
        if let Err(error) = &outcome {
            tracing::warn!(request = %key, store = %branch, reason = error.reason(), "{error}");
            if error.reason() == "Conflict" {
                state.contested.insert(key.clone());
            }
            self.look_at_stores(&state, &branch, error);
        }
        let Some(progress) = state.requests.get_mut(&key).filter(|p| p.ticket == id) else { return };
        if progress.answer(&branch, outcome) {
            self.submit(&mut state, &key);
            self.look_at(&key);
        }
    }

    fn look_at(&self, key: &RequestKey) {
        if let Some(promise) = promises::all().iter().find(|p| p.name() == key.promise) {
            self.triggers.one(&promise.crd().spec.names.kind, Some(&key.namespace), &key.name);
        }
    }

    /// A remote that fails for a request is looked at as a whole, so that its store says so.
    fn look_at_stores(&self, state: &State, branch: &Branch, error: &store::Error) {
        if matches!(error, store::Error::Conflict(_) | store::Error::Blocked(_)) {
            return;
        }
        for store in state.landscape.stores.values().filter(|s| s.branch.remote == branch.remote) {
            self.triggers.one("GitStateStore", None, &store.name);
        }
    }

    fn look_at_requests(&self) {
        self.triggers.all(|kind| kind != "GitStateStore" && kind != "Destination");
    }

    // ---- stores

    /// The stores and destinations that exist when the operator starts: until each has been looked at
    /// once, no request is placed, or it could be placed wrongly for life.
    pub(super) fn expect(&self, stores: Vec<String>, destinations: Vec<String>) {
        let mut state = self.state();
        state.expected.extend(stores.into_iter().map(|name| ("store", name)));
        state.expected.extend(destinations.into_iter().map(|name| ("destination", name)));
    }

    /// The writer of a store, made or given new credentials; a spawned writer has read nothing yet.
    pub(super) fn open(&self, store: &StateStore, access: Access) -> Result<Writer, store::Error> {
        let mut state = self.state();
        if let Some((old, writer)) = state.writers.get_mut(&store.branch) {
            if *old != access {
                writer.set_access(access.clone());
                *old = access;
            }
            return Ok(writer.clone());
        }
        let writer = self.spawn(&store.branch, &access)?;
        state.writers.insert(store.branch.clone(), (access, writer.clone()));
        Ok(writer)
    }

    /// A store was looked at: it is usable, with these records, or it is not.
    pub(super) fn judged(&self, store: StateStore, found: Result<Option<Vec<Arc<Record>>>, store::Error>) {
        let mut state = self.state();
        let site = store.site();
        let name = store.name.clone();
        let before = state.landscape.stores.insert(name.clone(), store.clone());
        let usable = match found {
            Ok(records) => {
                if let Some(records) = records {
                    state.learn(&site, &records, &self.writer, &self.settings.adopt);
                }
                Usable::Yes
            }
            Err(error) => Usable::No(error),
        };
        let was = state.usable.insert(name.clone(), usable.clone());
        let first = state.arrived("store", &name);
        let better = matches!(usable, Usable::Yes) && !matches!(was, Some(Usable::Yes));
        if better {
            for progress in state.requests.values_mut() {
                if progress.errors.keys().any(|b| b.remote == site.branch.remote) {
                    progress.hurry();
                }
            }
        }
        if first || better || before != Some(store) || matches!((&was, &usable), (Some(Usable::Yes), Usable::No(_))) {
            self.look_at_requests();
            self.triggers.all(|kind| kind == "Destination");
        }
    }

    /// A store that cannot even be parsed.
    pub(super) fn misjudged(&self, name: &str) {
        let mut state = self.state();
        state.arrived("store", name);
        state.landscape.stores.remove(name);
        state.usable.remove(name);
        self.look_at_requests();
    }

    /// A store is gone. Its writer stays for what has yet to be removed through it.
    pub(super) fn store_gone(&self, name: &str) {
        self.misjudged(name);
    }

    /// Whether the records of a store's site have been read.
    pub(super) fn is_read(&self, site: &Site) -> bool {
        self.state().read.contains(site)
    }

    /// Who uses a store.
    pub(super) fn destinations_of(&self, store: &str) -> Vec<String> {
        let state = self.state();
        state.landscape.destinations.values().filter(|d| d.store == store).map(|d| d.name.clone()).collect()
    }

    // ---- destinations

    /// A destination exists, or changed.
    pub(super) fn admit(&self, destination: Destination) {
        let mut state = self.state();
        state.retired.remove(&destination.name);
        let before = state.landscape.destinations.insert(destination.name.clone(), destination.clone());
        let last = state.arrived("destination", &destination.name);
        if last || before != Some(destination) {
            // Others may overlap with it, or no longer.
            self.triggers.all(|kind| kind == "Destination");
            self.look_at_requests();
        }
    }

    /// A destination cannot be used, or is gone.
    pub(super) fn dismiss(&self, name: &str) {
        let mut state = self.state();
        let last = state.arrived("destination", name);
        if state.landscape.destinations.remove(name).is_some() || last {
            self.look_at_requests();
        }
    }

    /// A destination's files are dealt with: what was known of it is forgotten.
    pub(super) fn retired(&self, name: &str, kept: bool) {
        let mut state = self.state();
        state.arrived("destination", name);
        state.known.forget_destination(name);
        state.retired.insert(name.to_owned(), kept);
        state.landscape.destinations.remove(name);
        for progress in state.requests.values_mut() {
            progress.hurry();
        }
        self.look_at_requests();
    }

    /// The store of a destination and, if it can be used, its writer.
    pub(super) fn store_of(&self, destination: &Destination) -> Option<(StateStore, Result<Writer, store::Error>)> {
        let state = self.state();
        let store = state.landscape.stores.get(&destination.store)?;
        let writer = match state.usable.get(&store.name) {
            Some(Usable::No(error)) => Err(error.clone()),
            _ => state
                .writers
                .get(&store.branch)
                .map(|(_, writer)| writer.clone())
                .ok_or_else(|| store::Error::Unreachable("the state store has not been reached yet".into())),
        };
        Some((store.clone(), writer))
    }

    /// The destinations that share a branch with a store.
    pub(super) fn landscape(&self) -> Landscape {
        self.state().landscape.clone()
    }

    /// The path of a destination, for showing.
    pub(super) fn path_of(&self, destination: &str) -> RelPath {
        self.state().landscape.destinations.get(destination).map(|d| d.path.clone()).unwrap_or_default()
    }

    /// Whether the files of a destination that went have stayed; unknown for one that went before the start.
    pub(super) fn was_retired(&self, name: &str) -> Option<bool> {
        self.state().retired.get(name).copied()
    }

    /// Stops every writer, each once its push is over.
    pub(super) fn shutdown(&self) {
        let writers: Vec<Writer> = std::mem::take(&mut self.state().writers).into_values().map(|(_, w)| w).collect();
        for writer in writers {
            if !writer.shutdown() {
                tracing::warn!("a push did not end in time; the next start finds out what became of it");
            }
        }
    }
}

impl State {
    fn is_settled(&self) -> bool {
        self.expected.is_empty()
    }

    /// Something that was expected has been looked at; true if it was the last.
    fn arrived(&mut self, what: &'static str, name: &str) -> bool {
        self.expected.remove(&(what, name.to_owned())) && self.expected.is_empty()
    }

    /// A request with files at a destination that is being deleted waits until that is dealt with.
    fn is_moving_out(&self, key: &RequestKey) -> bool {
        self.known
            .places(key)
            .iter()
            .any(|p| self.landscape.destinations.get(&p.destination).is_some_and(|d| d.leaving))
    }

    /// Takes places from the request's own status where the records say nothing of it.
    fn recall(&mut self, key: &RequestKey, recorded: Vec<KnownPlace>) {
        for place in recorded {
            let read = self.read.contains(&place.site);
            let gone = self.retired.contains_key(&place.destination);
            if !read && !gone && !self.requests.contains_key(key) {
                self.known.add(key, place, []);
            }
        }
    }

    /// Takes a site's records as what is known there.
    fn learn(&mut self, site: &Site, records: &[Arc<Record>], writer: &str, adopt: &[String]) {
        self.known.forget_site(site);
        for record in records {
            let owner = &record.owner;
            if owner.writer != writer && !adopt.contains(&owner.writer) {
                continue;
            }
            for place in &record.places {
                let place = KnownPlace {
                    destination: place.destination.clone(),
                    directories: place.directories.clone(),
                    site: site.clone(),
                };
                self.known.add(&owner.key, place, &record.claims);
            }
        }
        self.read.insert(site.clone());
    }

    /// Takes a confirmed change as what is known.
    fn record(&mut self, branch: &Branch, change: &store::Change) {
        for (root, places) in &change.roots {
            let site = Site { branch: branch.clone(), root: root.clone() };
            self.known.forget(&change.owner.key, &site);
            for place in places {
                let place = KnownPlace {
                    destination: place.destination.clone(),
                    directories: place.directories.clone(),
                    site: site.clone(),
                };
                self.known.add(&change.owner.key, place, &change.claims);
            }
        }
    }
}

fn removal_of(request: &Request) -> String {
    format!("removal of {}", request.uid)
}

/// Equal for submissions that want the same files at the same places; clearing old places is not part
/// of what is wanted.
fn fingerprint(desired: &Desired) -> String {
    let mut hasher = DefaultHasher::new();
    for (branch, change) in &desired.changes {
        branch.hash(&mut hasher);
        change.uid.hash(&mut hasher);
        for (root, places) in change.roots.iter().filter(|(_, places)| !places.is_empty()) {
            root.hash(&mut hasher);
            places.hash(&mut hasher);
        }
    }
    format!("{:016x}", hasher.finish())
}
