//! Statuses and their conditions. A condition's time moves only when its status does.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use kube::api::DynamicObject;
use serde_json::{Value, json};

use super::live::health::Health;
use crate::api;
use crate::api::status::condition::{COMMITTED, HEALTH, KRATIX, PAUSED, READY, SUPERSEDED_BY};
use crate::values::Timestamp;

/// Why nothing is written for a request.
pub(super) const ON_PAUSE: &str = "nothing is written for it while it has the label kratix.io/paused";
/// Longer messages are cut: etcd and people have limits.
const LONGEST_MESSAGE: usize = 2048;

/// What there is to say of an object.
#[derive(Clone, Debug)]
pub(super) struct Verdict {
    /// Whether all is well, as conditions say it: `True`, `False` or `Unknown`.
    status: &'static str,
    /// A stable CamelCase word.
    pub(super) reason: &'static str,
    /// A sentence for people.
    pub(super) message: String,
}

impl Verdict {
    /// All is well.
    pub(super) fn good(reason: &'static str, message: impl Into<String>) -> Self {
        Self { status: "True", reason, message: message.into() }
    }

    /// Something is wrong.
    pub(super) fn bad(reason: &'static str, message: impl Into<String>) -> Self {
        Self { status: "False", reason, message: message.into() }
    }

    /// It cannot be known.
    pub(super) fn unknown(reason: &'static str, message: impl Into<String>) -> Self {
        Self { status: "Unknown", reason, message: message.into() }
    }

    /// Whether all is well.
    pub(super) fn is_good(&self) -> bool {
        self.status == "True"
    }
}

/// The object's conditions with those that are said now, and others left as they are; [`SUPERSEDED_BY`] stands only
/// while it is a reason, and those of [`HEALTH`] only while they are said, unless these stay what they were.
pub(super) fn conditions(
    object: &DynamicObject,
    said: &[(&str, &Verdict)],
    health_stays: bool,
    now: Timestamp,
) -> Value {
    let mut conditions = conditions_of(object);
    let superseded = said.iter().find(|(_, verdict)| verdict.reason == SUPERSEDED_BY);
    let superseded = superseded.map(|(_, verdict)| Verdict { status: "True", ..(*verdict).clone() });
    let passing = |type_: &str| type_ == PAUSED || type_ == SUPERSEDED_BY || !health_stays && HEALTH.contains(&type_);
    let is_said =
        |type_: &str| said.iter().any(|(said, _)| *said == type_) || type_ == SUPERSEDED_BY && superseded.is_some();
    conditions.retain(|condition| is_said(&condition.type_) || !passing(&condition.type_));
    for (type_, verdict) in said.iter().copied().chain(superseded.as_ref().map(|verdict| (SUPERSEDED_BY, verdict))) {
        api::status::set(&mut conditions, condition(type_, verdict, object.metadata.generation, now));
    }
    conditions.sort_by(|a, b| a.type_.cmp(&b.type_));
    json!(conditions)
}

/// The object's conditions with [`PAUSED`]: what was said of its commits stays, and what is committed fares like this.
pub(super) fn paused(object: &DynamicObject, health: &Health, now: Timestamp) -> Value {
    let mut conditions = conditions_of(object);
    let is_said = |type_: &str| health.conditions.iter().any(|(said, _)| *said == type_);
    conditions.retain(|c| health.stays || !HEALTH.contains(&c.type_.as_str()) || is_said(&c.type_));
    let committed = condition_of(object, COMMITTED);
    // Of the generation that was committed, not of the one that waits.
    let generation = committed.as_ref().and_then(|committed| committed.observed_generation);
    for (type_, verdict) in &health.conditions {
        api::status::set(&mut conditions, condition(type_, verdict, generation, now));
    }
    if let Some(committed) = committed.filter(|committed| committed.status == "True" && !health.stays) {
        let as_committed = Condition { type_: READY.to_owned(), last_transition_time: Time(now), ..committed };
        let verdict = health.verdict.as_ref();
        let ready = verdict.map_or(as_committed, |verdict| condition(READY, verdict, generation, now));
        api::status::set(&mut conditions, ready);
    }
    // Kratix has this one unknown on a pause: nobody waits for an edit that nobody commits.
    let reconciled = (KRATIX[0], Verdict::unknown(PAUSED, ON_PAUSE));
    for (type_, verdict) in [(PAUSED, Verdict::good(PAUSED, ON_PAUSE)), reconciled] {
        api::status::set(&mut conditions, condition(type_, &verdict, object.metadata.generation, now));
    }
    conditions.sort_by(|a, b| a.type_.cmp(&b.type_));
    json!(conditions)
}

fn condition(type_: &str, verdict: &Verdict, observed_generation: Option<i64>, now: Timestamp) -> Condition {
    Condition {
        type_: type_.to_owned(),
        status: verdict.status.to_owned(),
        reason: verdict.reason.to_owned(),
        message: cut(&verdict.message),
        observed_generation,
        last_transition_time: Time(now),
    }
}

pub(super) fn conditions_of(object: &DynamicObject) -> Vec<Condition> {
    let conditions = object.data.pointer("/status/conditions").cloned();
    conditions.and_then(|found| serde_json::from_value(found).ok()).unwrap_or_default()
}

/// One of the object's conditions.
pub(super) fn condition_of(object: &DynamicObject, type_: &str) -> Option<Condition> {
    conditions_of(object).into_iter().find(|condition| condition.type_ == type_)
}

/// As much of a message as a status has room for.
pub(super) fn cut(message: &str) -> String {
    match message.char_indices().nth(LONGEST_MESSAGE) {
        Some((at, _)) => format!("{}…", &message[..at]),
        None => message.to_owned(),
    }
}
