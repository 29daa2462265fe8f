//! The one reconcile for every promise: finalizer, street, status.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use kube::api::{ApiResource, DynamicObject};
use kube::runtime::controller::Action;
use kube::runtime::events::{Event, EventType, Recorder};
use kube::{Client, Resource, ResourceExt};
use serde_json::json;

use super::hub::{Hub, Step};
use super::progress::{Progress, Stage};
use super::status::{Verdict, conditions, paused, says};
use super::{events, lingering, objects};
use crate::api::status::condition::{COMMITTED, KRATIX, READY};
use crate::api::{self, Place};
use crate::error::{Explain, Retry};
use crate::known::{KnownPlace, Site};
use crate::placement::{Branch, Remote};
use crate::promises::{Promise, Request};
use crate::store::{Footprint, Receipt};
use crate::values::{RelPath, RequestKey, Set, Timestamp};

/// The conditions of a request, all alike for now: what Kratix's users wait for means that the remote
/// holds the commit.
const CONDITIONS: [&str; 5] = [COMMITTED, READY, KRATIX[0], KRATIX[1], KRATIX[2]];
/// How many bytes of a status may name places: hundreds of them. etcd takes an object of 1.5 MiB, with the request in it.
const MOST_PLACES: usize = 128 * 1024;
/// How soon a cause that nothing watches is looked at again.
const RECHECK: Duration = Duration::from_mins(1);

/// What a promise's controller works with.
pub(super) struct Context {
    pub(super) hub: Arc<Hub>,
    pub(super) client: Client,
    pub(super) recorder: Recorder,
    pub(super) promise: &'static dyn Promise,
    pub(super) resource: ApiResource,
}

/// Brings one request a step further.
pub(super) async fn reconcile(object: Arc<DynamicObject>, context: Arc<Context>) -> Result<Action, kube::Error> {
    let api = objects::api_for(&context.client, &context.resource, &object);
    if objects::is_leaving(&object) {
        return remove(&object, &context, &api).await;
    }
    if objects::is_paused(&object) {
        return pause(&object, &api).await;
    }
    let request = match context.promise.request(&objects::plain(&object), None) {
        Ok(request) => request,
        Err(invalid) => {
            let verdict = Verdict::bad(invalid.reason(), invalid.to_string());
            let before = says(&object, READY, &verdict);
            write(&object, &context, &api, &verdict, None).await?;
            events::unreadable(&context.recorder, &context.resource, &object, &verdict, before).await;
            return Ok(Action::await_change());
        }
    };
    objects::hold(&api, &object).await?;
    let compare = objects::is_to_be_compared(&object);
    if compare {
        context.hub.compare(&request.key);
    }
    match context.hub.want(context.promise, &request, recorded(&object)) {
        Step::Waiting => Ok(Action::requeue(RECHECK)),
        Step::Refused(failure) => {
            let verdict = Verdict::bad(failure.reason(), failure.to_string());
            write(&object, &context, &api, &verdict, None).await?;
            Ok(match failure.retry() {
                Retry::OnChange => Action::await_change(),
                Retry::Recheck | Retry::Soon | Retry::Late => Action::requeue(objects::spread(RECHECK, &object)),
            })
        }
        Step::Reached(progress) => {
            announce_drift(&object, &context, &request.key).await;
            write(&object, &context, &api, &verdict(&progress), Some(&progress)).await?;
            if compare && matches!(progress.stage, Stage::Done(_)) {
                objects::compared(&api, &object).await?;
                context.hub.compared(&request.key);
            }
            Ok(Action::requeue(next_look(&object, &context, &progress)))
        }
    }
}

/// Leaves everything as it is, and says so.
async fn pause(object: &DynamicObject, api: &kube::Api<DynamicObject>) -> Result<Action, kube::Error> {
    let status = json!({"conditions": paused(object, Timestamp::now())});
    objects::write_status(api, object, &status).await?;
    Ok(Action::await_change())
}

async fn remove(
    object: &DynamicObject,
    context: &Context,
    api: &kube::Api<DynamicObject>,
) -> Result<Action, kube::Error> {
    if !objects::is_held(object) {
        return Ok(Action::await_change());
    }
    let request = bare(object, context.promise);
    if objects::is_abandoned(object) {
        tracing::warn!(request = %request.key, "let go without removing its files, as its annotation asks");
        objects::release(api, object).await?;
        context.hub.forget(&request.key);
        return Ok(Action::await_change());
    }
    let whole = context.promise.request(&objects::plain(object), None).ok();
    match context.hub.remove(context.promise, &request, whole.as_ref(), recorded(object)) {
        Step::Reached(progress) if matches!(progress.stage, Stage::Done(_)) => {
            // Of a request that had no files nothing can linger.
            if !progress.receipts.is_empty()
                && let Some(verdict) = lingering::waits_for(&request, context).await?
            {
                write(object, context, api, &verdict, Some(&progress)).await?;
                return Ok(Action::requeue(lingering::LOOK_AGAIN));
            }
            objects::release(api, object).await?;
            context.hub.forget(&request.key);
            Ok(Action::await_change())
        }
        Step::Reached(progress) => {
            let error = verdict(&progress);
            let help = format!(
                "its files are not removed: {}. To let it go without that: kubectl annotate {}.{} -n {} {} {}=true",
                error.message,
                context.resource.plural,
                context.resource.group,
                request.key.namespace,
                request.key.name,
                objects::ABANDON
            );
            write(object, context, api, &Verdict::bad(error.reason, help), None).await?;
            Ok(Action::requeue(next_look(object, context, &progress)))
        }
        Step::Waiting | Step::Refused(_) => Ok(Action::requeue(RECHECK)),
    }
}

/// A request's name.
pub(super) fn key_of(object: &DynamicObject, promise: &dyn Promise) -> RequestKey {
    RequestKey {
        namespace: object.namespace().unwrap_or_default(),
        promise: promise.name().to_owned(),
        name: object.name_any(),
    }
}

/// A request that nobody has checked: enough to remove it, even if its spec can no longer be read.
pub(super) fn bare(object: &DynamicObject, promise: &dyn Promise) -> Request {
    Request {
        key: key_of(object, promise),
        kind: promise.crd().spec.names.kind.clone(),
        uid: object.uid().unwrap_or_default(),
        generation: object.metadata.generation.unwrap_or_default(),
        created: object.creation_timestamp().map(|t| t.0),
        labels: object.labels().clone(),
        annotations: object.annotations().clone(),
        spec: object.data.get("spec").cloned().unwrap_or_default(),
    }
}

fn verdict(progress: &Progress) -> Verdict {
    if progress.errors.is_empty() {
        let desired = &progress.desired;
        let reason = if desired.misplaced.is_empty() { "Committed" } else { "Misplaced" };
        return Verdict::good(reason, [&desired.misplaced[..], &desired.notes].concat().join("; "));
    }
    let reason = progress.errors.values().next().map_or("StoreFailed", Explain::reason);
    let message: Vec<String> = progress.errors.iter().map(|(branch, e)| format!("{branch}: {e}")).collect();
    Verdict::bad(reason, message.join("; "))
}

fn next_look(object: &DynamicObject, context: &Context, progress: &Progress) -> Duration {
    match &progress.stage {
        Stage::Failed(at) => {
            let wait = at.saturating_duration_since(Instant::now()).max(Duration::from_millis(100));
            if wait > Duration::from_secs(5) { objects::spread(wait, object) } else { wait }
        }
        Stage::Done(_) => objects::spread(context.hub.settings.recheck_interval(), object) + Duration::from_secs(1),
        Stage::Writing(_) | Stage::Leaving(_) => RECHECK,
    }
}

async fn announce_drift(object: &DynamicObject, context: &Context, request: &RequestKey) {
    let drift: Vec<String> = context.hub.take_drift(request).iter().map(ToString::to_string).collect();
    if drift.is_empty() {
        return;
    }
    let event = Event {
        type_: EventType::Warning,
        reason: "DriftRepaired".into(),
        note: Some(format!("changed by others and put back: {}", few(&drift))),
        action: "Commit".into(),
        secondary: None,
    };
    if let Err(error) = context.recorder.publish(&event, &object.object_ref(&context.resource)).await {
        tracing::debug!(%error, "event not written");
    }
}

/// As many paths as the API server takes in an event, which is 1,024 bytes.
fn few(paths: &[String]) -> String {
    let mut text = String::new();
    for (at, path) in paths.iter().enumerate() {
        if at > 0 && text.len() + path.len() > 900 {
            return format!("{text} and {} more", paths.len() - at);
        }
        if at > 0 {
            text.push_str(", ");
        }
        text.push_str(path);
    }
    text
}

/// Writes what is true now; places that are not yet confirmed elsewhere stay listed.
async fn write(
    object: &DynamicObject,
    context: &Context,
    api: &kube::Api<DynamicObject>,
    verdict: &Verdict,
    progress: Option<&Progress>,
) -> Result<(), kube::Error> {
    context.hub.said_of(&key_of(object, context.promise), &context.resource.kind, verdict);
    let before = places_of(object);
    let after = match progress {
        Some(progress) => places(progress, &before, context),
        None => standing(before.clone(), context),
    };
    let after = fitting(after);
    let mut status = json!({
        "observedGeneration": object.metadata.generation,
        "conditions": conditions(object, &CONDITIONS, verdict, Timestamp::now()),
        "places": after,
    });
    let shown = after.iter().find(|p| !p.abandoned && !p.commit.is_empty()).map(|p| p.commit.clone());
    status["commit"] = json!(shown.as_deref().map(api::status::short_commit));
    if let Some(progress) = progress {
        for (key, value) in &progress.desired.facts {
            status[key] = value.clone();
        }
    }
    objects::write_status(api, object, &status).await
}

/// As many of the places as there is room for: those of now come first. What is left out are places that were left
/// behind, one for each destination that ever went; the records in the repositories have all that is still in use.
fn fitting(places: Vec<Place>) -> Vec<Place> {
    let mut room = MOST_PLACES;
    let mut fits = |place: &Place| {
        let size = serde_json::to_vec(place).map_or(0, |text| text.len());
        room = room.saturating_sub(size);
        room > 0
    };
    places.into_iter().take_while(|place| fits(place)).collect()
}

fn places_of(object: &DynamicObject) -> Vec<Place> {
    let places = object.data.pointer("/status/places").cloned();
    places.and_then(|p| serde_json::from_value(p).ok()).unwrap_or_default()
}

/// The places of before, of which those whose destination went are dropped or marked.
fn standing(before: Vec<Place>, context: &Context) -> Vec<Place> {
    before
        .into_iter()
        .filter_map(|mut place| {
            match context.hub.was_retired(&place.destination) {
                Some(false) => return None,
                Some(true) => place.abandoned = true,
                None => {}
            }
            Some(place)
        })
        .collect()
}

/// What the remotes hold: the confirmed places, those of before in branches that did not answer well,
/// and those that were left behind.
fn places(progress: &Progress, before: &[Place], context: &Context) -> Vec<Place> {
    let mut places = Vec::new();
    for (branch, change) in &progress.desired.changes {
        let Some(receipt) = progress.receipt(branch) else { continue };
        for (root, wanted) in &change.roots {
            places.extend(wanted.iter().map(|place| confirmed(branch, root, place, receipt, before, context)));
        }
    }
    let done = matches!(progress.stage, Stage::Done(_));
    let named: BTreeSet<(String, String, String)> = places.iter().map(identity).collect();
    for place in standing(before.to_vec(), context) {
        let written =
            progress.receipts.iter().any(|(b, _)| b.name == place.branch && b.remote == Remote::new(&place.repository));
        if !named.contains(&identity(&place)) && (place.abandoned || !done && !written) {
            places.push(place);
        }
    }
    places
}

fn identity(place: &Place) -> (String, String, String) {
    (place.repository.clone(), place.branch.clone(), place.path.clone())
}

fn confirmed(
    branch: &Branch,
    root: &RelPath,
    place: &crate::store::Place,
    receipt: &Receipt,
    before: &[Place],
    context: &Context,
) -> Place {
    let path = match &place.footprint {
        Footprint::Exclusive { dir, .. } => root.join(dir),
        Footprint::Fragment { file, .. } => root.join(file),
        Footprint::Shared { .. } => root.join(&context.hub.path_of(&place.destination)),
    };
    let mut next = Place {
        destination: place.destination.clone(),
        path: path.to_string(),
        repository: branch.remote.to_string(),
        branch: branch.name.clone(),
        store_path: Some(root.to_string()),
        directories: place.directories.iter().cloned().collect(),
        commit: receipt.commit.clone(),
        pushed_at: Some(k8s_openapi::apimachinery::pkg::apis::meta::v1::Time(receipt.at)),
        abandoned: false,
    };
    // The commit that last changed these files is known already: another request's says nothing here.
    let old = before.iter().find(|p| identity(p) == identity(&next) && !p.commit.is_empty() && !p.abandoned);
    if let Some(old) = old.filter(|_| receipt.files_changed == 0) {
        next.commit.clone_from(&old.commit);
        next.pushed_at.clone_from(&old.pushed_at);
    }
    next
}

/// Where the object's own status says that its files lie.
fn recorded(object: &DynamicObject) -> Vec<KnownPlace> {
    places_of(object)
        .into_iter()
        .filter(|p| !p.abandoned)
        .filter_map(|place| {
            let branch = Branch { remote: Remote::new(&place.repository), name: place.branch };
            let root = RelPath::lenient(place.store_path.as_deref().unwrap_or_default()).ok()?;
            let mut directories: Set<String> = place.directories.into_iter().collect();
            if directories.is_empty() {
                directories.insert(String::new());
            }
            Some(KnownPlace { destination: place.destination, directories, site: Site { branch, root } })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::few;

    #[test]
    fn an_event_has_room_for_what_it_says() {
        let paths: Vec<String> = (0..10).map(|at| format!("{}/{at}", "long".repeat(100))).collect();
        let text = few(&paths);
        assert!(text.len() < 1000 && text.ends_with("and 8 more"), "{text}");
        assert_eq!(few(&paths[..1]), paths[0]);
        assert_eq!(few(&["a".into(), "b".into()]), "a, b");
    }
}
