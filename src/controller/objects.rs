//! The few things that kept does to objects in the cluster: finalizers and status.

use std::time::Duration;

use jiff::Unit;
use kube::api::{Api, ApiResource, DynamicObject, Patch, PatchParams};
use kube::{Client, ResourceExt};
use serde_json::{Value, json};

use crate::values::Timestamp;

/// On requests, Destinations and stores: holds them until what they stand for is cleaned up.
pub(super) const FINALIZER: &str = "kept.integratn.tech/cleanup";
/// Set to `true` on an object that is being deleted: let it go without cleaning up.
pub(super) const ABANDON: &str = "kept.integratn.tech/abandon";
/// Kratix's finalizers begin so; kept does their work once it serves an object.
const KRATIX: &str = "kratix.io/";

/// Kratix's labels, with `true` as their value: write nothing for this request; look at it now.
const PAUSED: &str = "kratix.io/paused";
const RECONCILE: &str = "kratix.io/manual-reconciliation";

/// A handle on an object's own API.
pub(super) fn api_for(client: &Client, resource: &ApiResource, object: &DynamicObject) -> Api<DynamicObject> {
    match object.namespace() {
        Some(namespace) => Api::namespaced_with(client.clone(), &namespace, resource),
        None => Api::all_with(client.clone(), resource),
    }
}

/// Whether it waits for kept to go: by kept's own finalizer, or by one that only Kratix would have taken off.
pub(super) fn is_held(object: &DynamicObject) -> bool {
    object.finalizers().iter().any(|f| f == FINALIZER || f.starts_with(KRATIX))
}

/// Whether the object is being deleted.
pub(super) fn is_leaving(object: &DynamicObject) -> bool {
    object.metadata.deletion_timestamp.is_some()
}

/// Whether someone asked to let it go without cleaning up.
pub(super) fn is_abandoned(object: &DynamicObject) -> bool {
    object.annotations().get(ABANDON).is_some_and(|v| v == "true")
}

/// Whether nothing is to be written for it. Its deletion is another matter.
pub(super) fn is_paused(object: &DynamicObject) -> bool {
    object.labels().get(PAUSED).is_some_and(|v| v == "true")
}

/// Whether someone asked to compare it with its repositories now.
pub(super) fn is_to_be_compared(object: &DynamicObject) -> bool {
    object.labels().get(RECONCILE).is_some_and(|v| v == "true")
}

/// Takes the label off by which that was asked for.
pub(super) async fn compared(api: &Api<DynamicObject>, object: &DynamicObject) -> Result<(), kube::Error> {
    let patch = json!({"metadata": {"labels": {RECONCILE: null}}});
    match api.patch_metadata(&object.name_any(), &PatchParams::default(), &Patch::Merge(&patch)).await {
        Err(kube::Error::Api(status)) if status.code == 404 => Ok(()),
        other => other.map(drop),
    }
}

/// Puts kept's finalizer on, in place of Kratix's. Whether that was needed.
pub(super) async fn hold(api: &Api<DynamicObject>, object: &DynamicObject) -> Result<bool, kube::Error> {
    let kratix = object.finalizers().iter().any(|f| f.starts_with(KRATIX));
    if is_held(object) && !kratix {
        return Ok(false);
    }
    let mut wanted: Vec<&str> =
        object.finalizers().iter().map(String::as_str).filter(|f| !f.starts_with(KRATIX)).collect();
    if !wanted.contains(&FINALIZER) {
        wanted.push(FINALIZER);
    }
    set_finalizers(api, object, &wanted).await.map(|()| true)
}

/// Takes kept's finalizer off, and Kratix's.
pub(super) async fn release(api: &Api<DynamicObject>, object: &DynamicObject) -> Result<(), kube::Error> {
    let wanted: Vec<&str> =
        object.finalizers().iter().map(String::as_str).filter(|f| *f != FINALIZER && !f.starts_with(KRATIX)).collect();
    match set_finalizers(api, object, &wanted).await {
        Err(kube::Error::Api(status)) if status.code == 404 => Ok(()),
        other => other,
    }
}

async fn set_finalizers(api: &Api<DynamicObject>, object: &DynamicObject, wanted: &[&str]) -> Result<(), kube::Error> {
    // With the resourceVersion a finalizer that someone else adds meanwhile is a conflict, not a loss.
    let patch = json!({"metadata": {"finalizers": wanted, "resourceVersion": object.resource_version()}});
    api.patch_metadata(&object.name_any(), &PatchParams::default(), &Patch::Merge(&patch)).await.map(drop)
}

/// Writes the status if it differs from what the object has, and then the time into its field `stamp`. Whether it was
/// written.
pub(super) async fn write_status(
    api: &Api<DynamicObject>,
    object: &DynamicObject,
    status: &Value,
    stamp: Option<&str>,
) -> Result<bool, kube::Error> {
    let current = object.data.get("status").cloned().unwrap_or_default();
    let Some(mut patch) = merge_patch(&current, status) else { return Ok(false) };
    if let Some(stamp) = stamp {
        patch[stamp] = json!(Timestamp::now().round(Unit::Second).unwrap_or_default());
    }
    // What was compared may be older than what the API server has: that is a conflict, and looked at again. Its newer
    // version is on its way here as a rule, but an admission webhook may say the same of one that does not change.
    let patch = json!({"metadata": {"resourceVersion": object.resource_version()}, "status": patch});
    match api.patch_status(&object.name_any(), &PatchParams::default(), &Patch::Merge(&patch)).await {
        Err(kube::Error::Api(status)) if status.code == 404 => Ok(false),
        other => other.map(|_| true),
    }
}

/// Whether a write came too late: somebody else has changed the object since it was read.
pub(super) fn is_conflict(error: &kube::Error) -> bool {
    matches!(error, kube::Error::Api(status) if status.code == 409)
}

/// What turns `current` into `wanted` (RFC 7396), without touching fields of `current` that kept does
/// not write; nothing if they agree.
fn merge_patch(current: &Value, wanted: &Value) -> Option<Value> {
    let (Value::Object(current), Value::Object(wanted)) = (current, wanted) else {
        return (current != wanted).then(|| wanted.clone());
    };
    let mut patch = serde_json::Map::new();
    for (key, wanted) in wanted {
        let current = current.get(key).unwrap_or(&Value::Null);
        if current != wanted {
            let mut wanted = wanted.clone();
            clear(current, &mut wanted);
            patch.insert(key.clone(), wanted);
        }
    }
    (!patch.is_empty()).then_some(Value::Object(patch))
}

/// Within a field that kept writes all of it is kept's own: what is not wanted any more is taken out.
fn clear(current: &Value, wanted: &mut Value) {
    if let (Value::Object(current), Value::Object(wanted)) = (current, wanted) {
        for (key, current) in current {
            clear(current, wanted.entry(key).or_insert(Value::Null));
        }
    }
}

/// Spreads waits so that many objects do not come back at once: 90 % to 110 %.
pub(super) fn spread(wait: Duration, object: &impl ResourceExt) -> Duration {
    let salt = object.uid().unwrap_or_default().bytes().fold(0_u32, |a, b| a.wrapping_mul(31).wrapping_add(b.into()));
    wait.mul_f64(0.9 + 0.2 * f64::from(salt % 1000) / 1000.0)
}

/// The object as plain data, as the API server sent it.
pub(super) fn plain(object: &DynamicObject) -> Value {
    serde_json::to_value(object).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::merge_patch;

    #[test]
    fn a_patch_says_what_differs_and_takes_out_what_went() {
        let current = json!({"a": 1, "theirs": 2, "health": {"pods": {"ready": 1, "total": 2}, "since": "t"}});
        assert_eq!(merge_patch(&current, &json!({"a": 1, "gone": null})), None);
        let wanted = json!({"a": 1, "health": {"pods": {"ready": 2, "total": 2}}});
        let patch = json!({"health": {"pods": {"ready": 2, "total": 2}, "since": null}});
        assert_eq!(merge_patch(&current, &wanted), Some(patch));
        assert_eq!(merge_patch(&current, &json!({"health": null})), Some(json!({"health": null})));
        assert_eq!(merge_patch(&json!(null), &json!({"a": 1})), Some(json!({"a": 1})));
    }
}
