//! What the controllers share: the landscape, what is recorded, the writers, and how far each request
//! has come. All of it can be rebuilt from the cluster and the repositories.

mod landscape;
mod requests;
mod state;
mod vitals;

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Instant, SystemTime};

use tokio::sync::mpsc;

use self::state::{PROMISE, State, Usable};
use super::argocd::{Push, Pushes};
use super::journeys::Journeys;
use super::live::Live;
use super::progress::{Progress, Stage};
use super::triggers::Triggers;
use super::vitals::Vitals;
use crate::config::Settings;
use crate::error::Explain;
use crate::known::{KnownPlace, Site};
use crate::manifest::Claim;
use crate::placement::Branch;
use crate::promises::{self, Promise, Request};
use crate::store::writer::{Event, Ticket, Writer};
use crate::store::{self, Access, Fence, Heads};
use crate::street::{self, Desired, Failure, View};
use crate::telemetry::metrics::Metrics;
use crate::values::{Owner, RelPath, RequestKey, Set};

/// Where a request stands, as far as its status is concerned.
pub(super) enum Step {
    /// Nothing to say yet; the hub triggers when there is.
    Waiting,
    /// A stage is over.
    Reached(Box<Progress>),
    /// It did not even get to the writers.
    Refused(Failure),
}

/// See the module.
pub(super) struct Hub {
    pub(super) settings: Settings,
    pub(super) writer: String,
    triggers: Arc<Triggers>,
    events: mpsc::UnboundedSender<Event>,
    heads: Heads,
    fence: Fence,
    pushes: Option<Pushes>,
    /// Who says how requests fare, if that is asked for.
    pub(super) live: Option<Arc<Live>>,
    pub(super) metrics: Arc<Metrics>,
    pub(super) journeys: Arc<Journeys>,
    state: Mutex<State>,
}

impl Hub {
    pub(super) fn new(
        settings: Settings,
        writer: String,
        triggers: Arc<Triggers>,
        pushes: Option<Pushes>,
        live: Option<Arc<Live>>,
        vitals: &Vitals,
        fence: Fence,
    ) -> (Arc<Self>, mpsc::UnboundedReceiver<Event>) {
        let (events, receiver) = mpsc::unbounded_channel();
        let expected = promises::all().iter().map(|promise| (PROMISE, promise.name().to_owned())).collect();
        let state = Mutex::new(State { expected, ..State::default() });
        let heads = Heads::default();
        let (metrics, journeys) = (vitals.metrics.clone(), vitals.journeys.clone());
        let hub = Self { settings, writer, triggers, events, heads, fence, pushes, live, metrics, journeys, state };
        (Arc::new(hub), receiver)
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
            // It looks again to find drift: nothing is taken on trust.
            fingerprints: None,
        }
    }

    /// Walks the street for a request, submits what is new, and says where it stands.
    pub(super) fn want(&self, promise: &dyn Promise, request: &Request, recorded: Vec<KnownPlace>) -> Step {
        let begun = SystemTime::now();
        let mut state = self.state();
        let is_ripe = state.is_settled_for(promise) && !state.is_moving_out(&request.key);
        if !is_ripe || self.is_gone(&state, &request.key) {
            return Step::Waiting;
        }
        state.recall(&request.key, recorded);
        match street::desire(promise, request, self.view(&state)) {
            Ok(desired) => {
                // What is chosen here must not be chosen for another while it is on its way.
                let claims: Set<Claim> = desired.changes.values().flat_map(|change| &change.claims).cloned().collect();
                let is_recorded =
                    claims.iter().all(|c| state.known.recorded_claims(&request.key).any(|known| known == c));
                state.known.reserve(&request.key, if is_recorded { const { &Set::new() } } else { &claims });
                self.pursue(&mut state, desired, request, false, begun)
            }
            Err(failure) => {
                state.known.reserve(&request.key, &Set::new());
                state.requests.remove(&request.key);
                if failure.reason() == "Conflict" {
                    state.contested.insert(request.key.clone());
                }
                Step::Refused(failure)
            }
        }
    }

    /// Removes everything of a request, and says how far that has come.
    /// `whole` is the request with its spec, if that can still be read.
    pub(super) fn remove(
        &self,
        promise: &dyn Promise,
        request: &Request,
        whole: Option<&Request>,
        recorded: Vec<KnownPlace>,
    ) -> Step {
        let begun = SystemTime::now();
        let mut state = self.state();
        if !state.is_settled_for(promise) || self.is_gone(&state, &request.key) {
            return Step::Waiting;
        }
        // The records hold its claims until the remote has dropped them; then others may have them at once.
        state.known.reserve(&request.key, &Set::new());
        state.recall(&request.key, recorded);
        let desired = match state.requests.get(&request.key) {
            // What is being removed must not shrink while it is under way: Known forgets as it goes.
            Some(p) if p.fingerprint == removal_of(request) => p.desired.clone(),
            _ => {
                // Where no records could be read, an earlier run may have written without telling the status.
                let wanted = whole.and_then(|whole| street::desire(promise, whole, self.view(&state)).ok());
                for (branch, mut change) in wanted.into_iter().flat_map(|wanted| wanted.changes) {
                    let site = |root: &RelPath| Site { branch: branch.clone(), root: root.clone() };
                    change.roots.retain(|root, _| !state.read.contains(&site(root)));
                    state.foresee(&branch, &change);
                }
                street::removal(request, self.view(&state))
            }
        };
        self.pursue(&mut state, desired, request, true, begun)
    }

    /// `begun` is when it was begun to find out what is desired.
    fn pursue(
        &self,
        state: &mut State,
        desired: Desired,
        request: &Request,
        removing: bool,
        begun: SystemTime,
    ) -> Step {
        let key = &request.key;
        let fingerprint = if removing { removal_of(request) } else { fingerprint(&desired) };
        if let Some(progress) = state.requests.get_mut(key).filter(|p| p.fingerprint == fingerprint) {
            let due = match &progress.stage {
                Stage::Writing(_) | Stage::Leaving(_) => return Step::Waiting,
                Stage::Failed(at) => *at <= Instant::now(),
                // An old place may have become known since: one whose records could only be read now.
                Stage::Done(_) => {
                    progress.is_stale(self.settings.recheck_interval()) || !removing && clears_something(&desired)
                }
            };
            if !due {
                // What is wanted is the same; what there is to say of it may not be.
                return Step::Reached(Box::new(progress.with(desired)));
            }
        }
        self.journeys.submitted(key, begun);
        state.tickets += 1;
        let progress = Progress::new(state.tickets, fingerprint, desired, state.requests.get(key));
        state.requests.insert(key.clone(), progress);
        self.submit(state, key);
        let is_over = |p: &Progress| matches!(p.stage, Stage::Done(_) | Stage::Failed(_));
        if state.requests.get(key).is_some_and(is_over) {
            // Before it began: there was nothing to do, or no writer. Whoever asks again hears of it.
            self.look_at(key);
        }
        Step::Waiting
    }

    /// Hands the writers what the request's stage asks for.
    fn submit(&self, state: &mut State, key: &RequestKey) {
        let Some(progress) = state.requests.get_mut(key) else { return };
        let (ticket, work) = (progress.ticket, progress.submissions());
        let mut refused = Vec::new();
        for (branch, change) in work {
            let removing = change.roots.values().all(Vec::is_empty);
            match self.writer_for(state, &branch, removing).cloned() {
                Ok(writer) => {
                    state.foresee(&branch, &change);
                    writer.submit(Ticket { id: ticket, change });
                }
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
        let named = state.landscape.stores.values().filter(|s| s.branch == *branch);
        let store = named.clone().find(|s| state.is_usable(&s.name)).or_else(|| state.landscape.store_for(branch));
        let usable = store.and_then(|s| state.usable.get(&s.name));
        match (store, usable) {
            (_, Some(Usable::No(error, _))) if !removing || !state.writers.contains_key(branch) => {
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
        let writer = Writer::spawn(branch.clone(), access.clone(), self.heads.clone(), self.events.clone())?;
        let (metrics, branch) = (self.metrics.clone(), branch.clone());
        writer.fence(self.fence.clone());
        writer.observe(move |push| metrics.pushed(&branch, push.requests, push.took));
        Ok(writer)
    }

    /// Takes a writer's answer.
    pub(super) fn answered(&self, event: Event) {
        self.journeys.answered(&event);
        let Event { branch, id, change, outcome, .. } = event;
        let key = change.owner.key.clone();
        let mut state = self.state();
        if let Ok(receipt) = &outcome {
            if receipt.files_changed > 0 {
                self.pushed(|| Push::of(&branch, &receipt.commit, change.supersedes.iter().chain([&key])));
            }
            state.record(&branch, &change);
            if state.requests.get(&key).is_some_and(|progress| progress.ticket == id) {
                state.known.reserve(&key, &Set::new());
            }
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
            if error.reason() == "Conflict" && !state.is_gone(&key) {
                state.contested.insert(key.clone());
                // The records hold what the memory does not: they are read again, once for each wish.
                if state.requests.get(&key).is_some_and(Progress::is_fresh) {
                    state.read.retain(|site| site.branch != branch);
                    state.known.reserve(&key, &Set::new());
                    self.look_at_stores_of(&state, &branch);
                }
            }
            self.look_at_stores(&state, &branch, error);
        }
        let Some(progress) = state.requests.get_mut(&key).filter(|p| p.ticket == id) else { return };
        if progress.answer(&branch, outcome) {
            if let Some(lag) = progress.lag() {
                self.metrics.confirmed(&change.kind, lag);
            }
            self.submit(&mut state, &key);
            self.look_at(&key);
        }
    }

    /// A branch holds a new commit, for whoever reads it to know.
    pub(super) fn pushed(&self, push: impl FnOnce() -> Push) {
        if let Some(pushes) = &self.pushes {
            let _ = pushes.send(push());
        }
    }

    /// Others have changed these at a branch: what they say of it is read anew, and put right.
    pub(super) fn disturbed(&self, branch: &Branch, owners: &BTreeSet<Owner>) {
        if owners.is_empty() {
            return;
        }
        let mut state = self.state();
        state.read.retain(|site| site.branch != *branch);
        self.look_at_stores_of(&state, branch);
        for key in owners.iter().filter(|owner| owner.writer == self.writer).map(|owner| &owner.key) {
            if let Some(progress) = state.requests.get_mut(key) {
                progress.doubt();
            }
            self.look_at(key);
        }
    }

    fn look_at(&self, key: &RequestKey) {
        self.triggers.request(key);
    }

    /// A remote that fails for a request is looked at as a whole, so that its store says so.
    fn look_at_stores(&self, state: &State, branch: &Branch, error: &store::Error) {
        if matches!(error, store::Error::Conflict(_) | store::Error::Blocked(_)) {
            return;
        }
        self.look_at_stores_of(state, branch);
    }

    fn look_at_stores_of(&self, state: &State, branch: &Branch) {
        for store in state.landscape.stores.values().filter(|s| s.branch.remote == branch.remote) {
            self.look_at_store(&store.name);
        }
    }

    /// Requests and destinations: what the landscape decides. As long as not all of that has been met, requests can
    /// but wait: the last one that comes has them looked at.
    fn look_at_all(&self, state: &State) {
        let is_met = state.is_landscape_met();
        self.triggers.all(|kind| kind == "Destination" || is_met && kind != "GitStateStore");
    }

    /// A store that may have been waiting to be unused.
    fn look_at_store(&self, name: &str) {
        self.triggers.one("GitStateStore", None, name);
    }
}

fn removal_of(request: &Request) -> String {
    format!("removal of {}", request.uid)
}

/// Whether there are places that the request has left and that still have its files.
fn clears_something(desired: &Desired) -> bool {
    !desired.leave.is_empty() || desired.changes.values().any(|change| change.roots.values().any(Vec::is_empty))
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
