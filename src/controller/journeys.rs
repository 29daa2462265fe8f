//! What becomes a trace: the way of a request from the watch event that tells of it to the status that says what
//! became of it.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use kube::ResourceExt;
use kube::api::DynamicObject;

use crate::store::writer::Event;
use crate::telemetry::traces::{Part, Traces};
use crate::values::{RequestKey, Span};

/// See the module. Without traces it does nothing.
#[derive(Default)]
pub(super) struct Journeys {
    traces: Traces,
    open: Mutex<HashMap<RequestKey, Journey>>,
}

/// Parts of which is told: a status that cannot be written for days has a thousand.
const PARTS: usize = 100;

/// A request that is on its way.
struct Journey {
    begun: SystemTime,
    /// When the writers were asked.
    submitted: Option<SystemTime>,
    attributes: Vec<(&'static str, String)>,
    parts: Vec<Part>,
    /// Whether anything came of it.
    tells: bool,
}

impl Journey {
    fn add(&mut self, part: Part) {
        if self.parts.len() < PARTS {
            self.parts.push(part);
        }
    }

    fn new() -> Self {
        Self { begun: SystemTime::now(), submitted: None, attributes: Vec::new(), parts: Vec::new(), tells: false }
    }
}

impl Journeys {
    pub(super) fn new(traces: Traces) -> Self {
        Self { traces, open: Mutex::default() }
    }

    /// A watch tells of a request.
    pub(super) fn seen(&self, key: &RequestKey) {
        if self.traces.is_on() {
            self.open().entry(key.clone()).or_insert_with(Journey::new);
        }
    }

    /// A reconcile of it begins.
    pub(super) fn taken_up(&self, key: &RequestKey, kind: &str, object: &DynamicObject) {
        if !self.traces.is_on() {
            return;
        }
        let mut open = self.open();
        // Without a watch event it is another look, or another try.
        let journey = open.entry(key.clone()).or_insert_with(Journey::new);
        if journey.parts.is_empty() {
            journey.add(Part::plain(Span::since("queue", journey.begun)));
        }
        journey.attributes = vec![
            ("k8s.namespace.name", key.namespace.clone()),
            ("kept.kind", kind.to_owned()),
            ("kept.request", key.to_string()),
            ("kept.uid", object.uid().unwrap_or_default()),
            ("kept.generation", object.metadata.generation.unwrap_or_default().to_string()),
        ];
    }

    /// Something was done for it that began then.
    pub(super) fn did(&self, key: &RequestKey, what: &'static str, from: SystemTime) {
        if let Some(journey) = self.open().get_mut(key) {
            journey.add(Part::plain(Span::since(what, from)));
        }
    }

    /// The writers are asked for what it has come to; rendering that began then.
    pub(super) fn submitted(&self, key: &RequestKey, from: SystemTime) {
        self.did(key, "render", from);
        if let Some(journey) = self.open().get_mut(key) {
            journey.submitted = Some(SystemTime::now());
        }
    }

    /// A writer has answered.
    pub(super) fn answered(&self, event: &Event) {
        let mut open = self.open();
        let Some(journey) = open.get_mut(&event.change.owner.key) else { return };
        let Some((commit, steps)) = event.spans.split_first() else { return };
        if let Some(from) = journey.submitted.filter(|from| *from < commit.from) {
            journey.add(Part::plain(Span { name: "mailbox", from, to: commit.from }));
        }
        let mut attributes = vec![("kept.store", event.branch.to_string())];
        match &event.outcome {
            Ok(receipt) => {
                journey.tells |= receipt.files_changed > 0;
                attributes.push(("kept.commit", receipt.commit.clone()));
                attributes.push(("kept.files", receipt.files_changed.to_string()));
            }
            Err(_) => journey.tells = true,
        }
        journey.add(Part {
            span: commit.clone(),
            attributes,
            error: event.outcome.as_ref().err().map(ToString::to_string),
            parts: steps.iter().cloned().map(Part::plain).collect(),
        });
    }

    /// The status says what became of it, by a write that began then.
    pub(super) fn told(&self, key: &RequestKey, from: SystemTime) {
        self.did(key, "status", from);
        if let Some(journey) = self.open().get_mut(key) {
            journey.tells = true;
        }
    }

    /// It is over. What came to nothing is not worth a word.
    pub(super) fn over(&self, key: &RequestKey, error: Option<&str>) {
        let journey = self.open().remove(key);
        if let Some(Journey { begun, attributes, parts, .. }) = journey.filter(|journey| journey.tells) {
            let trace =
                Part { span: Span::since("request", begun), attributes, error: error.map(str::to_owned), parts };
            self.traces.record(&trace);
        }
    }

    fn open(&self) -> MutexGuard<'_, HashMap<RequestKey, Journey>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
