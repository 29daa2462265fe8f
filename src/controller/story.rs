//! Events: what happened to a request, in order, without repeating itself. They are beside its way: nothing waits for
//! them, and what cannot be written is only logged.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::{Duration, Instant};

use k8s_openapi::api::core::v1::ObjectReference;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::Client;
use kube::api::DynamicObject;
use kube::runtime::events::{Event, EventType, Recorder, Reporter};
use serde_json::Value;
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};

use super::status::conditions_of;
use crate::api::Phase;
use crate::api::status::condition::{COMMITTED, READY, SUPERSEDED_BY};

/// How many may wait to be written: they take memory just when there is most to do. What happens meanwhile is in the
/// statuses all the same.
const WAITING: usize = 1_000;
/// How long the same is not said again of an object.
const ONCE: Duration = Duration::from_mins(10);
/// How long the API server may take for one.
const PATIENCE: Duration = Duration::from_secs(10);
/// The API server takes 1,024 bytes.
const LONGEST: usize = 1000;

/// Writes events.
#[derive(Clone)]
pub(super) struct Story(mpsc::Sender<(ObjectReference, Event)>);

impl Story {
    /// Begins.
    pub(super) fn start(client: Client) -> Self {
        let (send, waiting) = mpsc::channel(WAITING);
        tokio::spawn(serve(client, waiting));
        Self(send)
    }

    /// Something has happened to an object.
    pub(super) fn tell(&self, object: ObjectReference, type_: EventType, reason: &str, mut note: String) {
        if let Some((at, _)) = note.char_indices().find(|(at, c)| at + c.len_utf8() > LONGEST) {
            note.truncate(at);
            note.push('…');
        }
        let action = "Reconcile".to_owned();
        let event = Event { type_, reason: reason.to_owned(), note: Some(note), action, secondary: None };
        if self.0.try_send((object, event)).is_err() {
            tracing::debug!("too many events at once: one is left out");
        }
    }
}

/// What kind of event it is, its reason and its note.
pub(super) type Told = (EventType, String, String);

async fn serve(client: Client, mut waiting: mpsc::Receiver<(ObjectReference, Event)>) {
    let reporter = Reporter { controller: "kept".into(), instance: None };
    let mut told: HashMap<u64, Instant> = HashMap::new();
    while let Some((object, event)) = waiting.recv().await {
        let begun = Instant::now();
        let mut hasher = DefaultHasher::new();
        (&object.uid, &event.reason, &event.note).hash(&mut hasher);
        let news = hasher.finish();
        if told.get(&news).is_some_and(|before| begun.duration_since(*before) < ONCE) {
            continue;
        }
        if told.len() > WAITING {
            told.retain(|_, before| begun.duration_since(*before) < ONCE);
        }
        // A recorder remembers every event: each has its own.
        let recorder = Recorder::new(client.clone(), reporter.clone());
        match timeout(PATIENCE, recorder.publish(&event, &object)).await {
            Ok(Ok(())) => drop(told.insert(news, begun)),
            Ok(Err(error)) => tracing::debug!(%error, "event not written"),
            Err(_) => tracing::debug!("event not written: the API server does not answer"),
        }
        // Requests go first: the API server has half of the time for them.
        sleep(begun.elapsed().min(PATIENCE)).await;
    }
}

/// What there is to tell when an object's status becomes this one.
pub(super) fn told(object: &DynamicObject, status: &Value) -> Vec<Told> {
    let before = conditions_of(object);
    let after: Vec<Condition> = serde_json::from_value(status["conditions"].clone()).unwrap_or_default();
    let find = |all: &[Condition], type_: &str| all.iter().find(|condition| condition.type_ == type_).cloned();
    let mut told = Vec::new();
    // Stores and destinations commit nothing.
    let Some(committed) = find(&after, COMMITTED).or_else(|| find(&after, READY)) else { return told };
    let is_news = |now: &Condition| {
        find(&before, &now.type_).is_none_or(|old| {
            let is_other = now.observed_generation != old.observed_generation && now.message != old.message;
            now.status != old.status || now.reason != old.reason || is_other
        })
    };
    if committed.status != "True" {
        if is_news(&committed) {
            let is_well = committed.reason == SUPERSEDED_BY;
            let type_ = if is_well { EventType::Normal } else { EventType::Warning };
            told.push((type_, committed.reason, committed.message));
        }
        return told;
    }
    let commit = &status["commit"];
    if commit.is_string() && object.data.pointer("/status/commit") != Some(commit) {
        let text = |field: &str| status["places"][0][field].as_str().unwrap_or_default();
        let mut note = format!(
            "commit {} to {}, branch {}",
            commit.as_str().unwrap_or_default(),
            text("repository"),
            text("branch")
        );
        if !committed.message.is_empty() {
            note = format!("{note}; {}", committed.message);
        }
        told.push((EventType::Normal, committed.reason.clone(), note));
    }
    let ready = find(&after, READY).filter(|ready| ready.reason != committed.reason && is_news(ready));
    if let Some(ready) = ready {
        let is_bad = [Phase::Degraded, Phase::Failed].iter().any(|phase| phase.name() == ready.reason);
        let type_ = if is_bad { EventType::Warning } else { EventType::Normal };
        let note = if ready.status == "True" { "everything of it is healthy".to_owned() } else { ready.message };
        told.push((type_, ready.reason, note));
    }
    told
}
