//! Stores (`GitStateStore`): credentials, reachability, records.

use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::core::v1::Secret;
use kube::api::{Api, ApiResource, DynamicObject};
use kube::runtime::controller::Action;
use kube::{Client, ResourceExt};
use serde_json::json;

use super::hub::Hub;
use super::objects;
use super::status::{Verdict, conditions};
use crate::api;
use crate::error::Explain;
use crate::placement::{Auth, StateStore};
use crate::store::{self, Head};
use crate::values::Timestamp;

/// How often a store's Secret and remote are looked at: neither can be watched.
const LOOK: Duration = Duration::from_mins(1);
/// How soon an error of the API server is tried again.
const API_RETRY: Duration = Duration::from_secs(2);

/// What the controller of stores works with.
pub(super) struct Context {
    pub(super) hub: Arc<Hub>,
    pub(super) client: Client,
    pub(super) resource: ApiResource,
}

/// Looks at one store.
pub(super) async fn reconcile(object: Arc<DynamicObject>, context: Arc<Context>) -> Result<Action, kube::Error> {
    let api = objects::api_for(&context.client, &context.resource, &object);
    let name = object.name_any();
    if objects::is_leaving(&object) {
        let users = context.hub.destinations_of(&name);
        if users.is_empty() || objects::is_abandoned(&object) {
            objects::release(&api, &object).await?;
            context.hub.store_gone(&name);
            return Ok(Action::await_change());
        }
        let text =
            format!("cannot be deleted while destinations name it: {}. Delete or change them first", users.join(", "));
        write(&object, &api, &Verdict::bad("InUse", text), None).await?;
        return Ok(Action::requeue(LOOK));
    }
    objects::hold(&api, &object).await?;
    let store = match api::read::<api::GitStateStore>(&plain(&object)).and_then(|s| StateStore::parse(&s)) {
        Ok(store) => store,
        Err(invalid) => {
            context.hub.misjudged(&name);
            write(&object, &api, &Verdict::bad(invalid.reason(), invalid.to_string()), None).await?;
            return Ok(Action::await_change());
        }
    };
    let verdict = match look(&store, &context).await {
        Ok((head, records)) => {
            let commit = head.commit.clone();
            context.hub.judged(store.clone(), Ok(records));
            (Verdict::good("Reachable", left_behind(&object, &store).unwrap_or_default()), commit)
        }
        Err(error) => {
            context.hub.judged(store.clone(), Err(error.clone()));
            (Verdict::bad(error.reason(), error.to_string()), None)
        }
    };
    write(&object, &api, &verdict.0, Some((&store, verdict.1))).await?;
    Ok(Action::requeue(objects::spread(LOOK, &object)))
}

/// What to do when the API server refused something.
pub(super) fn on_error(_: Arc<DynamicObject>, error: &kube::Error, _: Arc<Context>) -> Action {
    tracing::debug!(%error, "trying again");
    Action::requeue(API_RETRY)
}

type Found = (Head, Option<Vec<Arc<store::Record>>>);

/// Reads the Secret, reaches the remote, and reads the records if that has not been done.
async fn look(store: &StateStore, context: &Context) -> Result<Found, store::Error> {
    let basic = match &store.auth {
        Auth::None => None,
        Auth::Basic { namespace, name } => Some(basic(&context.client, namespace, name).await?),
    };
    let writer = context.hub.open(store, store.access(basic))?;
    let head = writer.probe().await?;
    let records =
        if context.hub.is_read(&store.site()) { None } else { Some(writer.records(store.path.clone()).await?) };
    Ok((head, records))
}

async fn basic(client: &Client, namespace: &str, name: &str) -> Result<(String, String), store::Error> {
    let api: Api<Secret> = Api::namespaced(client.clone(), namespace);
    let secret = api.get(name).await.map_err(|error| match error {
        kube::Error::Api(status) if status.code == 404 => store::Error::Unauthorized(format!(
            "the Secret {namespace}/{name} that spec.secretRef names does not exist: create it with the keys username and password"
        )),
        kube::Error::Api(status) if status.code == 403 => store::Error::Unauthorized(format!(
            "kept may not read the Secret {namespace}/{name} that spec.secretRef names: allow it to get Secrets in that namespace"
        )),
        error => store::Error::Unreachable(format!("the Secret {namespace}/{name} could not be read: {error}")),
    })?;
    let data = secret.data.unwrap_or_default();
    store::credentials(|key| data.get(key).map(|v| v.0.clone()), &format!("{namespace}/{name}"))
}

/// What a changed URL leaves behind, in words; it stays said until the object is made anew.
fn left_behind(object: &DynamicObject, store: &StateStore) -> Option<String> {
    let before = object.data.pointer("/status/url")?.as_str()?;
    let said = object.data.pointer("/status/conditions/0/message").and_then(|m| m.as_str()).unwrap_or_default();
    let now = store.branch.remote.to_string();
    if before == now {
        return Some(said.to_owned()).filter(|s| s.starts_with(LEFT));
    }
    Some(format!("{LEFT} {before}: what kept wrote there was left as it is"))
}

const LEFT: &str = "the url was changed from";

async fn write(
    object: &DynamicObject,
    api: &Api<DynamicObject>,
    verdict: &Verdict,
    found: Option<(&StateStore, Option<String>)>,
) -> Result<(), kube::Error> {
    let mut status = json!({
        "observedGeneration": object.metadata.generation,
        "conditions": conditions(object, &["Ready"], verdict, Timestamp::now()),
    });
    if let Some((store, _)) = found.filter(|_| verdict.good) {
        status["url"] = json!(store.branch.remote.to_string());
    }
    objects::write_status(api, object, &status).await
}

fn plain(object: &DynamicObject) -> serde_json::Value {
    serde_json::to_value(object).unwrap_or_default()
}
