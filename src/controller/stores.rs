//! Stores (`GitStateStore`): credentials, reachability, records.

use std::sync::Arc;
use std::time::Duration;

use kube::api::{Api, DynamicObject, ListParams};
use kube::runtime::controller::Action;
use kube::{Client, ResourceExt};
use serde_json::json;

use super::status::{Verdict, conditions};
use super::{Context, objects, story};
use crate::api;
use crate::api::status::condition::READY;
use crate::cluster;
use crate::error::{Explain, Retry};
use crate::placement::StateStore;
use crate::store::{self, Access, Credentials, Engine, SigningKey};
use crate::values::Timestamp;

/// How often a store's Secret and remote are looked at: neither can be watched.
const LOOK: Duration = Duration::from_mins(1);
/// How soon a remote that does not answer is asked again at first; then as long again as it has been silent.
const SOONEST: Duration = Duration::from_secs(1);

/// Looks at one store.
pub(super) async fn reconcile(object: Arc<DynamicObject>, context: Arc<Context>) -> Result<Action, kube::Error> {
    let api = objects::api_for(&context.client, &context.resource, &object);
    let name = object.name_any();
    let parsed = api::read::<api::GitStateStore>(&objects::plain(&object)).and_then(|s| StateStore::parse(&s));
    let mut users = Vec::new();
    if objects::is_leaving(&object) {
        users = users_of(&context.client, &name).await?;
        if users.is_empty() || objects::is_abandoned(&object) {
            objects::release(&api, &object).await?;
            context.hub.drop_store(&name);
            return Ok(Action::await_change());
        }
        // Until then it serves them: nothing else could clean up after them.
    } else if parsed.is_ok() {
        objects::hold(&api, &object).await?;
    }
    let store = match parsed {
        Ok(store) => store,
        Err(invalid) => {
            context.hub.misread_store(&name);
            let verdict = Verdict::bad(invalid.reason(), invalid.to_string());
            write(&object, &context, &api, &verdict, None).await?;
            return Ok(Action::await_change());
        }
    };
    let (mut verdict, wait) = match look(&store, &context).await {
        Ok(records) => {
            context.hub.judged(store.clone(), Ok(records));
            (Verdict::good("Reachable", left_behind(&object, &store).unwrap_or_default()), LOOK)
        }
        Err(error) => {
            let failing = context.hub.judged(store.clone(), Err(error.clone()));
            let soon = error.retry() == Retry::Soon;
            let wait = if soon { failing.clamp(SOONEST, LOOK) } else { LOOK };
            (Verdict::bad(error.reason(), error.to_string()), wait)
        }
    };
    if !users.is_empty() {
        verdict = Verdict::bad("InUse", in_use(&users, &verdict));
    }
    write(&object, &context, &api, &verdict, Some(&store)).await?;
    Ok(Action::requeue(objects::spread(wait, &*object)))
}

/// The destinations that name a store. Asked of the API server: after a start the hub has not met them all.
async fn users_of(client: &Client, store: &str) -> Result<Vec<String>, kube::Error> {
    let all = Api::<DynamicObject>::all_with(client.clone(), &cluster::resource("Destination", "destinations"));
    let destinations = all.list(&ListParams::default()).await?.items;
    let names_it = |d: &&DynamicObject| d.data.pointer("/spec/stateStoreRef/name").is_some_and(|name| name == store);
    Ok(destinations.iter().filter(names_it).map(ResourceExt::name_any).collect())
}

fn in_use(users: &[String], verdict: &Verdict) -> String {
    let text =
        format!("cannot be deleted while destinations name it: {}. Delete or change them first", users.join(", "));
    if verdict.is_good() { text } else { format!("{text} ({})", verdict.message) }
}

/// Reads the Secrets, reaches the remote, and reads the records if that has not been done.
async fn look(store: &StateStore, context: &Context) -> Result<Option<store::Survey>, store::Error> {
    let access = store.access(credentials(&context.client, store).await?, signing(&context.client, store).await?);
    probe(access.clone()).await?;
    let writer = context.hub.open(store, access)?;
    let disturbed = writer.look().await?;
    context.hub.disturbed(&store.branch, &disturbed);
    if context.hub.is_read(&store.site()) {
        return Ok(None);
    }
    writer.survey(store.path.clone()).await.map(Some)
}

async fn credentials(client: &Client, store: &StateStore) -> Result<Credentials, store::Error> {
    let Some(secret) = &store.auth.secret else { return Ok(Credentials::None) };
    let data = cluster::secret(client, secret, "spec.secretRef").await?;
    Credentials::from_secret(store.auth.method, |key| data.get(key).map(|v| v.0.clone()), &secret.to_string())
}

async fn signing(client: &Client, store: &StateStore) -> Result<Option<SigningKey>, store::Error> {
    let Some(secret) = &store.signing else { return Ok(None) };
    let data = cluster::secret(client, secret, "spec.signing.secretRef").await?;
    SigningKey::from_secret(|key| data.get(key).map(|v| v.0.clone()), &secret.to_string()).map(Some)
}

/// Whether the branch can be read and written with these credentials: apart from its writer, which may
/// be busy, and may have those of another store.
async fn probe(access: Access) -> Result<(), store::Error> {
    let asked = tokio::task::spawn_blocking(move || Engine::open(access)?.probe()).await;
    asked.unwrap_or_else(|e| Err(store::Error::Git(format!("the probe did not end: {e}")))).map(drop)
}

/// What a changed URL leaves behind, in words; it stays said until the object is made anew.
fn left_behind(object: &DynamicObject, store: &StateStore) -> Option<String> {
    let before = object.data.pointer("/status/url")?.as_str()?;
    let conditions = object.data.pointer("/status/conditions").and_then(|c| c.as_array()).into_iter().flatten();
    let said = conditions.filter(|c| c["type"] == READY).find_map(|c| c["message"].as_str()).unwrap_or_default();
    let now = store.branch.remote.to_string();
    if before == now {
        return Some(said.to_owned()).filter(|s| s.starts_with(LEFT));
    }
    Some(format!("{LEFT} {before}: what kept wrote there was left as it is"))
}

const LEFT: &str = "the url was changed from";

async fn write(
    object: &DynamicObject,
    context: &Context,
    api: &Api<DynamicObject>,
    verdict: &Verdict,
    found: Option<&StateStore>,
) -> Result<(), kube::Error> {
    context.hub.said(&context.resource.kind, verdict);
    let mut status = json!({
        "observedGeneration": object.metadata.generation,
        "conditions": conditions(object, &[(READY, verdict)], false, Timestamp::now()),
    });
    if let Some(store) = found.filter(|_| verdict.is_good()) {
        status["url"] = json!(store.branch.remote.to_string());
    }
    if objects::write_status(api, object, &status, None).await? {
        for told in story::told(object, &status) {
            context.tell(object, told);
        }
    }
    Ok(())
}
