//! Statuses and their conditions. A condition's time moves only when its status does.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use kube::api::DynamicObject;
use serde_json::{Value, json};

use crate::api;
use crate::api::status::condition::{HEALTH, PAUSED, SUPERSEDED_BY};
use crate::values::Timestamp;

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
        let next = Condition {
            type_: type_.to_owned(),
            status: verdict.status.to_owned(),
            reason: verdict.reason.to_owned(),
            message: cut(&verdict.message),
            observed_generation: object.metadata.generation,
            last_transition_time: Time(now),
        };
        api::status::set(&mut conditions, next);
    }
    conditions.sort_by(|a, b| a.type_.cmp(&b.type_));
    json!(conditions)
}

/// The object's conditions, which stay what they were, and [`PAUSED`].
pub(super) fn paused(object: &DynamicObject, now: Timestamp) -> Value {
    let mut conditions = conditions_of(object);
    let next = Condition {
        type_: PAUSED.to_owned(),
        status: "True".to_owned(),
        reason: PAUSED.to_owned(),
        message: "nothing is written for it while it has the label kratix.io/paused".to_owned(),
        observed_generation: object.metadata.generation,
        last_transition_time: Time(now),
    };
    api::status::set(&mut conditions, next);
    conditions.sort_by(|a, b| a.type_.cmp(&b.type_));
    json!(conditions)
}

pub(super) fn conditions_of(object: &DynamicObject) -> Vec<Condition> {
    let conditions = object.data.pointer("/status/conditions").cloned();
    conditions.and_then(|found| serde_json::from_value(found).ok()).unwrap_or_default()
}

/// As much of a message as a status has room for.
pub(super) fn cut(message: &str) -> String {
    match message.char_indices().nth(LONGEST_MESSAGE) {
        Some((at, _)) => format!("{}…", &message[..at]),
        None => message.to_owned(),
    }
}
