//! Statuses and their conditions. A condition's time moves only when its status does.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use kube::api::DynamicObject;
use serde_json::{Value, json};

use crate::api;
use crate::api::status::condition::{PAUSED, SUPERSEDED_BY};
use crate::values::Timestamp;

/// Longer messages are cut: etcd and people have limits.
const LONGEST_MESSAGE: usize = 2048;

/// What there is to say of an object.
#[derive(Clone, Debug)]
pub(super) struct Verdict {
    /// Whether all is well.
    pub(super) good: bool,
    /// A stable CamelCase word.
    pub(super) reason: &'static str,
    /// A sentence for people.
    pub(super) message: String,
}

impl Verdict {
    /// All is well.
    pub(super) fn good(reason: &'static str, message: impl Into<String>) -> Self {
        Self { good: true, reason, message: message.into() }
    }

    /// Something is wrong.
    pub(super) fn bad(reason: &'static str, message: impl Into<String>) -> Self {
        Self { good: false, reason, message: message.into() }
    }
}

/// The object's conditions with those of `types` set to `verdict`, and others left as they are;
/// [`SUPERSEDED_BY`] stands only while it is the reason of the others.
pub(super) fn conditions(object: &DynamicObject, types: &[&str], verdict: &Verdict, now: Timestamp) -> Value {
    let mut conditions = conditions_of(object);
    let superseded = verdict.reason == SUPERSEDED_BY;
    conditions.retain(|condition| condition.type_ != PAUSED && (superseded || condition.type_ != SUPERSEDED_BY));
    for type_ in types.iter().chain(superseded.then_some(&SUPERSEDED_BY)) {
        let next = Condition {
            type_: (*type_).to_owned(),
            status: if verdict.good || *type_ == SUPERSEDED_BY { "True" } else { "False" }.to_owned(),
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

/// Whether the object says all of it already.
pub(super) fn says(object: &DynamicObject, type_: &str, verdict: &Verdict) -> bool {
    let status = if verdict.good { "True" } else { "False" };
    conditions_of(object).iter().any(|c| {
        c.type_ == type_ && c.status == status && c.reason == verdict.reason && c.message == cut(&verdict.message)
    })
}

fn conditions_of(object: &DynamicObject) -> Vec<Condition> {
    let conditions = object.data.pointer("/status/conditions").cloned();
    conditions.and_then(|found| serde_json::from_value(found).ok()).unwrap_or_default()
}

fn cut(message: &str) -> String {
    match message.char_indices().nth(LONGEST_MESSAGE) {
        Some((at, _)) => format!("{}…", &message[..at]),
        None => message.to_owned(),
    }
}
