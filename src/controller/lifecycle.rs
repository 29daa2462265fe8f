//! The one reconcile for every promise: finalizer, street, status.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use kube::api::{Api, ApiResource, DynamicObject};
use kube::runtime::controller::Action;
use kube::runtime::events::EventType;
use kube::{Client, Resource, ResourceExt};
use serde_json::{Value, json};

use super::hub::{Hub, Step};
use super::live::health::{self, Health};
use super::places::{fitting, places, places_of, recorded, standing};
use super::progress::{Progress, Stage};
use super::status::{ON_PAUSE, Verdict, condition_of, conditions, cut, paused};
use super::story::{self, Story};
use super::{lingering, objects};
use crate::api::status::condition::{COMMITTED, KRATIX, READY};
use crate::api::{self, Phase, Place};
use crate::error::{Explain, Retry};
use crate::manifest::Observed;
use crate::promises::{Promise, Request};
use crate::values::{RequestKey, Timestamp};

/// The field of a virtual cluster's status that says when it was last written.
const LAST_RECONCILED: &str = "lastReconciled";
/// How soon it is looked whether all that says how requests fare is there.
const SETTLING: Duration = Duration::from_secs(1);
/// How soon a cause that nothing watches is looked at again.
const RECHECK: Duration = Duration::from_mins(1);

/// What a promise's controller works with.
pub(super) struct Context {
    pub(super) hub: Arc<Hub>,
    pub(super) client: Client,
    pub(super) story: Story,
    pub(super) promise: &'static dyn Promise,
    pub(super) resource: ApiResource,
}

/// Brings one request a step further.
pub(super) async fn reconcile(object: Arc<DynamicObject>, context: Arc<Context>) -> Result<Action, kube::Error> {
    let journeys = &context.hub.journeys;
    journeys.taken_up(&key_of(&*object, context.promise), &context.resource.kind, &object);
    let api = objects::api_for(&context.client, &context.resource, &object);
    if objects::is_leaving(&object) {
        return remove(&object, &context, &api).await;
    }
    if objects::is_paused(&object) {
        return pause(&object, &context, &api).await;
    }
    let request = match context.promise.request(&objects::plain(&object), None) {
        Ok(request) => request,
        Err(invalid) => {
            let verdict = Verdict::bad(invalid.reason(), invalid.to_string());
            let again = write(&object, &context, &api, &verdict, None).await?;
            return Ok(again.map_or_else(Action::await_change, Action::requeue));
        }
    };
    let begun = SystemTime::now();
    if objects::hold(&api, &object).await? {
        journeys.did(&request.key, "finalizer", begun);
    }
    let compare = objects::is_to_be_compared(&object);
    if compare {
        context.hub.compare(&request.key);
    }
    match context.hub.want(context.promise, &request, recorded(&object)) {
        Step::Waiting => Ok(Action::requeue(RECHECK)),
        Step::Refused(failure) => {
            let verdict = Verdict::bad(failure.reason(), failure.to_string());
            let again = write(&object, &context, &api, &verdict, None).await?;
            Ok(match failure.retry() {
                Retry::OnChange => again.map_or_else(Action::await_change, Action::requeue),
                Retry::Recheck | Retry::Soon | Retry::Late => Action::requeue(objects::spread(RECHECK, &*object)),
            })
        }
        Step::Reached(progress) if context.is_unsettled(&progress.desired.observed) => Ok(Action::requeue(SETTLING)),
        Step::Reached(progress) => {
            announce_drift(&object, &context, &request.key);
            let again = write(&object, &context, &api, &verdict(&progress), Some(&progress)).await?;
            if compare && matches!(progress.stage, Stage::Done(_)) {
                objects::compared(&api, &object).await?;
                context.hub.compared(&request.key);
            }
            let next = next_look(&object, &context, &progress);
            Ok(Action::requeue(again.map_or(next, |again| next.min(again))))
        }
    }
}

/// Leaves everything as it is in the repositories, and says so. What was committed runs on, and what is said of that
/// goes on too.
async fn pause(object: &DynamicObject, context: &Context, api: &Api<DynamicObject>) -> Result<Action, kube::Error> {
    let key = key_of(object, context.promise);
    let committed = condition_of(object, COMMITTED);
    let is_committed = committed.as_ref().is_some_and(|committed| committed.status == "True");
    // An edit that nobody has committed says nothing of what runs.
    let is_current = object.metadata.generation == committed.as_ref().and_then(|c| c.observed_generation);
    let request = context.promise.request(&objects::plain(object), None).ok().filter(|_| is_committed && is_current);
    let observed = request.and_then(|request| context.hub.observed(context.promise, &request, recorded(object)));
    if observed.as_ref().is_some_and(|observed| context.is_unsettled(observed)) {
        return Ok(Action::requeue(SETTLING));
    }
    let trouble = committed.filter(|_| !is_committed).map(|committed| committed.message);
    let trouble = trouble.as_deref().or((!is_committed).then_some(ON_PAUSE));
    let health = context.health(object, &key, observed.as_ref(), &places_of(object), trouble);
    let mut status = json!({"conditions": paused(object, &health, Timestamp::now())});
    for (field, value) in &health.fields {
        status[field] = value.clone();
    }
    let is_ready = health.verdict.as_ref().map(Verdict::is_good);
    context.hub.fares(&key, is_ready.filter(|_| is_committed), health.vcluster);
    context.write_status(object, api, &status).await?;
    context.hub.journeys.over(&key, None);
    Ok(health.again.map_or_else(Action::await_change, Action::requeue))
}

async fn remove(object: &DynamicObject, context: &Context, api: &Api<DynamicObject>) -> Result<Action, kube::Error> {
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
    if context.promise.makes_vcluster() && !has_phase(object, Phase::Deleting) {
        let status = json!({"phase": Phase::Deleting, "message": "its files are being removed"});
        match objects::write_status(api, object, &status, Some(LAST_RECONCILED)).await {
            // That is a change, which is looked at.
            Ok(true) => return Ok(Action::requeue(RECHECK)),
            Err(error) if objects::is_conflict(&error) => return Err(error),
            // A status that cannot be written must not keep it.
            Ok(false) | Err(_) => {}
        }
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
            tell_of_volumes(object, context);
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

/// Names the volumes that outlive a virtual cluster: nobody else does.
fn tell_of_volumes(object: &DynamicObject, context: &Context) {
    let namespace = object.data.pointer("/status/targetNamespace").and_then(|namespace| namespace.as_str());
    if let (Some(namespace), Some(live)) = (namespace, &context.hub.live)
        && context.promise.makes_vcluster()
    {
        let volumes = live.volumes(namespace);
        if !volumes.is_empty() {
            let note = format!(
                "these PersistentVolumes of {namespace} stay, with their data, as their reclaim policy is Retain. To \
                 remove them: kubectl delete persistentvolume {}",
                few(&volumes, " ", 700)
            );
            context.tell(object, EventType::Warning, "VolumesRemain", note);
        }
    }
}

fn has_phase(object: &DynamicObject, phase: Phase) -> bool {
    object.data.pointer("/status/phase").is_some_and(|current| *current == json!(phase))
}

/// A request's name.
pub(super) fn key_of(object: &impl ResourceExt, promise: &dyn Promise) -> RequestKey {
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

/// Tells of what others had changed.
fn announce_drift(object: &DynamicObject, context: &Context, request: &RequestKey) {
    let drift: Vec<String> = context.hub.take_drift(request).iter().map(ToString::to_string).collect();
    if !drift.is_empty() {
        let note = format!("changed by others and put back: {}", few(&drift, ", ", 900));
        context.tell(object, EventType::Warning, "DriftRepaired", note);
    }
}

/// Writes what is true now; places that are not yet confirmed elsewhere stay listed. Answers when it will be otherwise
/// although nothing changes.
async fn write(
    object: &DynamicObject,
    context: &Context,
    api: &Api<DynamicObject>,
    committed: &Verdict,
    progress: Option<&Progress>,
) -> Result<Option<Duration>, kube::Error> {
    let hub = &context.hub;
    let key = key_of(object, context.promise);
    hub.said_of(&key, &context.resource.kind, committed);
    let observed = progress.map(|progress| &progress.desired.observed);
    let before = places_of(object);
    let after = match progress {
        Some(progress) => places(progress, &before, hub),
        None => standing(before.clone(), hub),
    };
    let after = fitting(after);
    let trouble = (!committed.is_good()).then_some(committed.message.as_str());
    let health = context.health(object, &key, observed, &after, trouble);
    let ready = health.verdict.as_ref().filter(|_| committed.is_good()).unwrap_or(committed);
    let kratix = [(KRATIX[0], committed), (KRATIX[1], committed), (KRATIX[2], committed)];
    let parts = health.conditions.iter().map(|(type_, verdict)| (*type_, verdict));
    let said: Vec<_> = [(COMMITTED, committed), (READY, ready)].into_iter().chain(kratix).chain(parts).collect();
    let mut status = json!({
        "observedGeneration": object.metadata.generation,
        "conditions": conditions(object, &said, health.stays, Timestamp::now()),
        "places": after,
    });
    let shown = after.iter().find(|p| !p.abandoned && !p.commit.is_empty()).map(|p| p.commit.clone());
    status["commit"] = json!(shown.as_deref().map(api::status::short_commit));
    for (field, value) in progress.iter().flat_map(|progress| &progress.desired.facts).chain(&health.fields) {
        status[field] = value.clone();
    }
    hub.fares(&key, Some(ready.is_good()), health.vcluster);
    context.write_status(object, api, &status).await?;
    hub.journeys.over(&key, (!committed.is_good()).then_some(&committed.message));
    Ok(health.again)
}

impl Context {
    /// Writes a status, and tells what is new in it.
    async fn write_status(
        &self,
        object: &DynamicObject,
        api: &Api<DynamicObject>,
        status: &Value,
    ) -> Result<(), kube::Error> {
        let stamp = self.promise.makes_vcluster().then_some(LAST_RECONCILED);
        let begun = SystemTime::now();
        if objects::write_status(api, object, status, stamp).await? {
            self.hub.journeys.told(&key_of(object, self.promise), begun);
            for (type_, reason, note) in story::told(object, status) {
                self.tell(object, type_, &reason, note);
            }
        }
        Ok(())
    }

    /// How a request fares whose files are at these places, if this is looked at for it: otherwise what was before.
    /// There may be trouble with committing them.
    fn health(
        &self,
        object: &DynamicObject,
        key: &RequestKey,
        observed: Option<&Observed>,
        places: &[Place],
        trouble: Option<&str>,
    ) -> Health {
        let homes: Vec<_> = places.iter().map(|place| (place.repository.clone(), place.branch.clone())).collect();
        let is_leaving = objects::is_leaving(object);
        // Where it is refused, edited while it is paused, or leaving, what was there still runs.
        let sight = self.hub.sight(key, observed.filter(|_| !is_leaving), &homes);
        let is_vcluster = self.promise.makes_vcluster();
        let mut health = match sight {
            Some(sight) if is_vcluster => health::of_vcluster(&sight, since(object), Timestamp::now()),
            Some(sight) => health::of_request(&sight),
            // Nobody has looked since this operator has started: what was said before may still be so.
            None => Health::untold(is_vcluster && object.data.pointer("/status/phase").is_none()),
        };
        if is_vcluster && let Some(trouble) = trouble {
            health.fields.insert("message".to_owned(), json!(cut(trouble)));
            health.vcluster.iter_mut().for_each(|vcluster| vcluster.is_ready = Some(false));
        }
        if is_vcluster && is_leaving {
            health.fields.insert("phase".to_owned(), json!(Phase::Deleting));
            health.vcluster.iter_mut().for_each(|vcluster| vcluster.phase = Phase::Deleting.name());
        }
        health
    }

    /// Whether less could be said of a request than was said before this operator has started.
    fn is_unsettled(&self, observed: &Observed) -> bool {
        *observed != Observed::default() && self.hub.live.as_ref().is_some_and(|live| !live.is_settled())
    }

    /// Adds to the story of an object.
    fn tell(&self, object: &DynamicObject, type_: EventType, reason: &str, note: String) {
        self.story.tell(object.object_ref(&self.resource), type_, reason, note);
    }
}

/// Since when it has been degraded.
fn since(object: &DynamicObject) -> Option<Timestamp> {
    object.data.pointer("/status/health/degradedSince")?.as_str()?.parse().ok()
}

/// As many names as there is room for in an event.
fn few(names: &[String], between: &str, room: usize) -> String {
    let mut text = String::new();
    for (at, name) in names.iter().enumerate() {
        if at > 0 && text.len() + name.len() > room {
            return format!("{text} and {} more", names.len() - at);
        }
        if at > 0 {
            text.push_str(between);
        }
        text.push_str(name);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::few;

    #[test]
    fn an_event_has_room_for_what_it_says() {
        let paths: Vec<String> = (0..10).map(|at| format!("{}/{at}", "long".repeat(100))).collect();
        let text = few(&paths, ", ", 900);
        assert!(text.len() < 1000 && text.ends_with("and 8 more"), "{text}");
        assert_eq!(few(&paths[..1], ", ", 900), paths[0]);
        assert_eq!(few(&["a".into(), "b".into()], " ", 900), "a b");
    }
}
