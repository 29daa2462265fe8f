//! Destinations: their folders in the store, and what becomes of their files when they go.

use std::sync::Arc;
use std::time::Duration;

use kube::api::{Api, DynamicObject};
use kube::runtime::controller::Action;
use kube::{Client, ResourceExt};
use serde_json::json;

use super::argocd::Push;
use super::status::{Verdict, conditions};
use super::{Context, objects, story};
use crate::api;
use crate::api::status::condition::READY;
use crate::cluster;
use crate::error::{Explain, Retry};
use crate::placement::{Destination, overlapping, workload_files};
use crate::store::{self, Chore};
use crate::values::Timestamp;

/// How soon a store that does not answer is asked again; a change of the store triggers as well.
const LOOK: Duration = Duration::from_mins(1);
/// How soon a push that is in the way is over.
const SOON: Duration = Duration::from_millis(300);

/// Brings one destination a step further.
pub(super) async fn reconcile(object: Arc<DynamicObject>, context: Arc<Context>) -> Result<Action, kube::Error> {
    let api = objects::api_for(&context.client, &context.resource, &object);
    let name = object.name_any();
    let parsed = api::read::<api::Destination>(&objects::plain(&object)).and_then(|d| Destination::parse(&d));
    if objects::is_leaving(&object) {
        return leave(&object, parsed.ok(), &context, &api).await;
    }
    // What cannot be read stands for nothing that is to be cleaned up, and may be refused when it is to be let go.
    if parsed.is_ok() {
        objects::hold(&api, &object).await?;
    }
    let verdict = match parsed {
        Ok(destination) => {
            let store = destination.store.clone();
            match settle(destination, &context).await {
                Ok(()) => Verdict::good("Initialized", ""),
                // The store's first look brings us back; until then what was said stays said.
                Err(_) if context.hub.has_yet_to_look_at(&store) => return Ok(Action::requeue(LOOK)),
                Err(verdict) => verdict,
            }
        }
        Err(invalid) => {
            context.hub.dismiss(&name);
            Verdict::bad(invalid.reason(), invalid.to_string())
        }
    };
    write(&object, &context, &api, &verdict).await?;
    Ok(if verdict.is_good() { Action::await_change() } else { Action::requeue(objects::spread(LOOK, &*object)) })
}

/// Admits the destination to the landscape, and has its folders made.
async fn settle(destination: Destination, context: &Context) -> Result<(), Verdict> {
    let hub = &context.hub;
    // Also one that overlaps: what lies there stays there until that is put right.
    hub.admit(destination.clone());
    if let Some(other) = overlapping(&destination, &hub.landscape()) {
        return Err(Verdict::bad(
            "PathOverlaps",
            format!(
                "its place in the repository overlaps that of the destination {other}, which is older: choose another spec.path"
            ),
        ));
    }
    let (store, writer) = hub.store_of(&destination).ok_or_else(|| {
        Verdict::bad(
            "NoStateStore",
            format!(
                "spec.stateStoreRef names the GitStateStore {:?}, which does not exist or cannot be used",
                destination.store
            ),
        )
    })?;
    let files = workload_files(&destination, &store.path);
    let ensured = match writer {
        Ok(writer) => writer.chore(Chore::Ensure { files }).await,
        Err(error) => Err(error),
    };
    if let Ok(receipt) = ensured.as_ref()
        && receipt.files_changed > 0
    {
        // They lie beside the folders of all requests.
        hub.pushed(|| Push::of(&store.branch, &receipt.commit, []));
    }
    ensured.map(drop).map_err(|e| Verdict::bad(e.reason(), format!("its GitStateStore {}: {e}", store.name)))
}

async fn leave(
    object: &DynamicObject,
    destination: Option<Destination>,
    context: &Context,
    api: &Api<DynamicObject>,
) -> Result<Action, kube::Error> {
    let name = object.name_any();
    let Some(mut destination) = destination.filter(|_| objects::is_held(object) && !objects::is_abandoned(object))
    else {
        objects::release(api, object).await?;
        context.hub.retired(&name, true);
        return Ok(Action::await_change());
    };
    destination.leaving = true;
    let keep_files = !destination.cleanup;
    // Nothing new goes there from here on, and requests that have files there wait for the outcome.
    context.hub.admit(destination.clone());
    if context.hub.is_written_to(&name) {
        // In one commit with these its removal would come first.
        return Ok(Action::requeue(SOON));
    }
    let retired = match context.hub.store_of(&destination) {
        None if exists(&context.client, &destination.store).await? => Err(store::Error::Unreachable(format!(
            "its GitStateStore {} cannot be used, see its status",
            destination.store
        ))),
        // Without a store there is nothing that could be cleaned up, or recorded.
        None => Ok(()),
        Some((_, Err(error))) => Err(error),
        Some((store, Ok(writer))) => {
            let canaries = workload_files(&destination, &store.path);
            let (root, writer_id) = (store.path.clone(), context.hub.writer.clone());
            let chore = Chore::Retire { root, destination: name.clone(), writer: writer_id, keep_files, canaries };
            writer.chore(chore).await.map(|receipt| {
                if receipt.files_changed > 0 {
                    context.hub.pushed(|| Push::of_all(&store.branch, &receipt.commit));
                }
            })
        }
    };
    match retired {
        Ok(()) => {
            objects::release(api, object).await?;
            context.hub.retired(&name, keep_files);
            Ok(Action::await_change())
        }
        Err(error) => {
            let text = format!(
                "its files are not dealt with: {error}. To let it go without that: kubectl annotate destination {name} {}=true",
                objects::ABANDON
            );
            write(object, context, api, &Verdict::bad(error.reason(), text)).await?;
            let soon = error.retry() == Retry::Soon;
            Ok(Action::requeue(if soon { Duration::from_secs(5) } else { LOOK }))
        }
    }
}

/// Whether there is such a store, be it one that the hub has not met yet or cannot use.
async fn exists(client: &Client, store: &str) -> Result<bool, kube::Error> {
    let stores = Api::<DynamicObject>::all_with(client.clone(), &cluster::resource("GitStateStore", "gitstatestores"));
    stores.get_metadata_opt(store).await.map(|found| found.is_some())
}

async fn write(
    object: &DynamicObject,
    context: &Context,
    api: &Api<DynamicObject>,
    verdict: &Verdict,
) -> Result<(), kube::Error> {
    context.hub.said(&context.resource.kind, verdict);
    let status = json!({
        "observedGeneration": object.metadata.generation,
        "conditions": conditions(object, &[(READY, verdict)], false, Timestamp::now()),
    });
    if objects::write_status(api, object, &status, None).await? {
        for told in story::told(object, &status) {
            context.tell(object, told);
        }
    }
    Ok(())
}
