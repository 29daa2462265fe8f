//! How the operator is doing, for metrics, traces and probes.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use kube::api::{Api, DynamicObject, ListParams};
use kube::runtime::controller::Action;
use kube::runtime::watcher;
use tokio::task::AbortHandle;

use super::hub::Hub;
use super::journeys::Journeys;
use super::objects::is_conflict;
use super::{CONCURRENCY, Seen};
use crate::store::Fence;
use crate::telemetry::http::Face;
use crate::telemetry::metrics::{Metrics, Snapshot};
use crate::telemetry::traces::Traces;

/// How long whoever holds the hub may take. It is held for microseconds.
const HUB: Duration = Duration::from_secs(5);
/// How often a kind that went is looked for.
const LOOK: Duration = Duration::from_secs(5);
/// How long every reconcile of a kind may be under way, none ending. Remotes and the API server have limits of
/// a few minutes: what takes longer does not wait for them.
const STUCK: Duration = Duration::from_mins(15);

/// See the module. There from the start, before there is a hub.
#[derive(Default)]
pub(super) struct Vitals {
    pub(super) metrics: Arc<Metrics>,
    pub(super) journeys: Arc<Journeys>,
    kinds: Mutex<BTreeMap<String, Kind>>,
    hub: OnceLock<(Arc<Hub>, AbortHandle)>,
    /// Open while this replica is the one that works.
    fence: Fence,
    /// Why it does not, while it stands by: that is as it should be, or else something is wrong.
    standing_by: Mutex<Option<Result<String, String>>>,
}

/// The controller of a kind.
struct Kind {
    /// Why its objects are not known.
    trouble: Option<String>,
    /// Reconciles under way.
    running: u16,
    /// When the last one began or ended while others could have.
    moved: Instant,
}

impl Kind {
    fn is_stuck(&self, now: Instant) -> bool {
        self.running >= CONCURRENCY && now.saturating_duration_since(self.moved) >= STUCK
    }
}

impl Vitals {
    pub(super) fn new(traces: Traces, fence: Fence) -> Self {
        Self { journeys: Arc::new(Journeys::new(traces)), fence, ..Self::default() }
    }

    /// Another replica works, says the first; or it is not known whether one does. None: this one does.
    pub(super) fn stand_by(&self, why: Option<Result<String, String>>) {
        *self.standing_by() = why;
    }

    fn standing_by(&self) -> MutexGuard<'_, Option<Result<String, String>>> {
        self.standing_by.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A kind will be served.
    pub(super) fn expect(&self, kind: &str) {
        let waits = Kind { trouble: Some("has not been listed yet".into()), running: 0, moved: Instant::now() };
        self.kinds().insert(kind.to_owned(), waits);
    }

    /// The hub is there, and a task that hands it the writers' answers.
    pub(super) fn meet(&self, hub: Arc<Hub>, bookkeeping: AbortHandle) {
        let _ = self.hub.set((hub, bookkeeping));
    }

    /// Takes what a watch says; `api` is what it watches.
    pub(super) fn saw(self: &Arc<Self>, kind: &Arc<str>, api: &Api<DynamicObject>, seen: &Seen) {
        match seen {
            Ok(watcher::Event::InitDone) => self.trouble(kind, None),
            Err(watcher::Error::InitialListFailed(error)) => self.not_listed(kind, error),
            // Its definition was deleted. A watch of a new one may go on where this one ended, without a word.
            Err(watcher::Error::WatchStartFailed(error @ kube::Error::Api(status))) if status.code == 404 => {
                let known = self.kinds().get(&**kind).is_some_and(|kind| kind.trouble.is_some());
                self.not_listed(kind, error);
                if !known {
                    tokio::spawn(self.clone().until_listed(kind.clone(), api.clone()));
                }
            }
            _ => {}
        }
    }

    async fn until_listed(self: Arc<Self>, kind: Arc<str>, api: Api<DynamicObject>) {
        while api.list_metadata(&ListParams::default().limit(1)).await.is_err() {
            tokio::time::sleep(LOOK).await;
        }
        self.trouble(&kind, None);
    }

    /// Its objects cannot be listed.
    pub(super) fn not_listed(&self, kind: &str, error: &kube::Error) {
        let text = match error {
            kube::Error::Api(status) if status.code == 404 => {
                self.metrics.drop_kind(kind);
                "is not installed: `kept crd | kubectl apply -f -`".to_owned()
            }
            error => format!("cannot be listed: {error}"),
        };
        self.trouble(kind, Some(text));
    }

    fn trouble(&self, kind: &str, text: Option<String>) {
        if let Some(kind) = self.kinds().get_mut(kind) {
            kind.trouble = text;
        }
    }

    /// Measures a reconcile.
    pub(super) async fn measure(
        self: Arc<Self>,
        kind: Arc<str>,
        work: impl Future<Output = Result<Action, kube::Error>>,
    ) -> Result<Action, kube::Error> {
        let begun = Instant::now();
        self.count(&kind, |running| running + 1);
        let done = work.await;
        self.count(&kind, |running| running.saturating_sub(1));
        // That others change objects too is nothing wrong.
        let well = done.as_ref().map_or_else(is_conflict, |_| true);
        self.metrics.reconciled(&kind, well, begun.elapsed());
        if !well {
            self.metrics.failed(&kind, "ApiServer");
        }
        done
    }

    fn count(&self, kind: &str, next: impl Fn(u16) -> u16) {
        if let Some(kind) = self.kinds().get_mut(kind) {
            kind.running = next(kind.running);
            kind.moved = Instant::now();
        }
    }

    /// A kind whose controller does not move any more.
    fn stuck(&self, now: Instant) -> Option<String> {
        self.kinds().iter().find(|(_, state)| state.is_stuck(now)).map(|(kind, _)| kind.clone())
    }

    fn kinds(&self) -> MutexGuard<'_, BTreeMap<String, Kind>> {
        self.kinds.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Face for Vitals {
    fn metrics(&self) -> String {
        let mut now = self.hub.get().map_or_else(Snapshot::default, |(hub, _)| hub.snapshot());
        now.leads = self.fence.is_open();
        let kinds = self.kinds();
        now.requests.retain(|(kind, ..)| kinds.get(kind).is_some_and(|kind| kind.trouble.is_none()));
        drop(kinds);
        self.metrics.page(&now)
    }

    async fn health(&self) -> Result<(), String> {
        let now = Instant::now();
        if let Some(kind) = self.stuck(now) {
            return Err(format!(
                "the controller of {kind} is stuck: nothing has ended for {} minutes",
                STUCK.as_secs() / 60
            ));
        }
        let Some((hub, bookkeeping)) = self.hub.get() else { return Ok(()) };
        if bookkeeping.is_finished() {
            return Err("answers of the remotes are not taken any more".into());
        }
        while !hub.is_free() {
            if now.elapsed() >= HUB {
                return Err("what the controllers share has been locked for too long".into());
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        Ok(())
    }

    fn ready(&self) -> String {
        match &*self.standing_by() {
            Some(Ok(why)) => format!("standing by: {why}"),
            _ => "ready".to_owned(),
        }
    }

    fn missing(&self) -> Vec<String> {
        // A standby is ready to take over: a rollout waits for that, and for no more.
        match &*self.standing_by() {
            Some(Ok(_)) => return Vec::new(),
            Some(Err(trouble)) => return vec![trouble.clone()],
            None => {}
        }
        let mut missing: Vec<String> = self
            .kinds()
            .iter()
            .filter_map(|(kind, state)| state.trouble.as_ref().map(|trouble| format!("kinds: {kind} {trouble}")))
            .collect();
        match self.hub.get() {
            Some((hub, _)) => missing.extend(hub.missing()),
            None => missing.push("the operator is still starting".into()),
        }
        missing
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_controller_is_stuck_when_all_it_may_do_at_once_hangs() {
        let vitals = Arc::new(Vitals::default());
        vitals.expect("Team");
        let later = |vitals: &Vitals| vitals.stuck(Instant::now() + STUCK);
        vitals.count("Team", |_| CONCURRENCY - 1);
        assert_eq!(later(&vitals), None, "there is room for another");
        vitals.count("Team", |_| CONCURRENCY);
        assert_eq!(vitals.health().await, Ok(()), "they have only just begun");
        assert_eq!(later(&vitals).as_deref(), Some("Team"));
        vitals.count("Team", |running| running - 1);
        vitals.clone().measure("Team".into(), async { Ok(Action::await_change()) }).await.expect("it ends");
        assert_eq!(later(&vitals), None, "one has ended");
    }
}
