//! A cluster as input: its requests, stores and destinations, as the operator reads them.

use std::collections::btree_map::Entry;

use kube::api::{Api, ApiResource, DynamicObject, ListParams, TypeMeta};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config, ResourceExt};
use serde_json::Value;
use tokio::runtime::Runtime;

use super::args::ClusterArgs;
use super::input::{Input, Object, served};
use super::open::Fetched;
use crate::cluster::{self, requests_of, resource, secret};
use crate::placement::StateStore;
use crate::values::RequestKey;
use crate::{api, promises};

/// How many objects are asked for at once.
const PAGE: u32 = 500;

/// What asks a cluster.
pub(super) fn runtime() -> Result<Runtime, String> {
    let mut threads = tokio::runtime::Builder::new_current_thread();
    threads.enable_all().build().map_err(|e| format!("no thread to ask the cluster: {e}"))
}

/// Finds the cluster as kubectl does.
pub(super) async fn connect(args: &ClusterArgs) -> Result<Client, String> {
    let none = |error: String| format!("no cluster to talk to: {error}. Set KUBECONFIG, or give --kubeconfig");
    let options = KubeConfigOptions { context: args.context.clone(), ..KubeConfigOptions::default() };
    let config = match (&args.kubeconfig, &args.context) {
        (Some(path), _) => {
            let file = Kubeconfig::read_from(path).map_err(|e| none(e.to_string()))?;
            Config::from_custom_kubeconfig(file, &options).await.map_err(|e| none(e.to_string()))?
        }
        (None, Some(_)) => Config::from_kubeconfig(&options).await.map_err(|e| none(e.to_string()))?,
        (None, None) => Config::infer().await.map_err(|e| none(e.to_string()))?,
    };
    cluster::client(config, Ok).map_err(|e| none(e.to_string()))
}

/// All objects of a kind; `None` if the kind is not installed.
pub(super) async fn list(
    client: &Client,
    kind: &ApiResource,
    namespace: Option<&str>,
) -> Result<Option<Vec<DynamicObject>>, String> {
    let api: Api<DynamicObject> = match namespace {
        Some(namespace) => Api::namespaced_with(client.clone(), namespace, kind),
        None => Api::all_with(client.clone(), kind),
    };
    let mut params = ListParams::default().limit(PAGE);
    let mut found = Vec::new();
    loop {
        let page = match api.list(&params).await {
            Ok(page) => page,
            Err(kube::Error::Api(status)) if status.code == 404 => return Ok(None),
            Err(error) => return Err(format!("cannot list {}.{}: {error}", kind.plural, kind.group)),
        };
        found.extend(page.items.into_iter().map(|object| {
            let types = TypeMeta { api_version: kind.api_version.clone(), kind: kind.kind.clone() };
            DynamicObject { types: Some(types), ..object }
        }));
        match page.metadata.continue_.filter(|token| !token.is_empty()) {
            Some(token) => params = params.continue_token(&token),
            None => return Ok(Some(found)),
        }
    }
}

/// Everything that decides what the repositories are to hold. Requests that are being deleted are on their
/// way out: they are left to the operator.
pub(super) async fn input(client: &Client) -> Result<Input, String> {
    let mut objects = list(client, &resource("GitStateStore", "gitstatestores"), None).await?.unwrap_or_default();
    if objects.is_empty() {
        return Err("the cluster has no GitStateStore, so nothing is kept anywhere: apply one, or give requests \
                    with -f"
            .into());
    }
    objects.extend(list(client, &resource("Destination", "destinations"), None).await?.unwrap_or_default());
    let mut leaving = Vec::new();
    for promise in promises::all() {
        for object in list(client, &requests_of(*promise), None).await?.unwrap_or_default() {
            if object.metadata.deletion_timestamp.is_none() {
                objects.push(object);
                continue;
            }
            leaving.push(RequestKey {
                namespace: object.namespace().unwrap_or_default(),
                promise: promise.name().to_owned(),
                name: object.name_any(),
            });
        }
    }
    let plain = |object: &DynamicObject| serde_json::to_value(object).unwrap_or(Value::Null);
    let mut input = served(objects.iter().map(plain).collect());
    input.rejected.extend(leaving);
    input.fetched = Some(secrets(client, &input.stores).await);
    Ok(input)
}

/// The Secrets that these stores name, each asked for by its name. What is wrong with one is found when it
/// is needed.
async fn secrets(client: &Client, stores: &[Object]) -> Fetched {
    let mut fetched = Fetched::new();
    for object in stores {
        let parsed = api::read::<api::GitStateStore>(&object.value).and_then(|typed| StateStore::parse(&typed));
        let Ok(store) = parsed else { continue };
        let named = [(store.auth.secret, "spec.secretRef"), (store.signing, "spec.signing.secretRef")];
        for (name, named_by) in named.into_iter().filter_map(|(name, by)| Some((name?, by))) {
            let key = (name.namespace.clone(), name.name.clone());
            if let Entry::Vacant(vacant) = fetched.entry(key) {
                vacant.insert(secret(client, &name, named_by).await);
            }
        }
    }
    fetched
}
