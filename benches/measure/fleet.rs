//! Objects of any kind at an API server, many at once or one after the other.

use std::time::{Duration, Instant};

use futures::{StreamExt, TryStreamExt, stream};
use kept::cluster::{requests_of, resource};
use kept::promises;
use kube::ResourceExt;
use kube::api::{Api, DeleteParams, DynamicObject, ListParams, Patch, PatchParams, PostParams};
use kube::core::GroupVersionKind;
use kube::discovery::ApiResource;
use serde_json::{Value, json};

use super::cluster::{Cluster, FINALIZER, IN_FLIGHT, PATIENCE, is_settled, status};

/// How often one request is asked how it is.
const LOOK: Duration = Duration::from_millis(5);
/// The same of all of them, which is much work for the API server.
const LOOK_AT_ALL: Duration = Duration::from_secs(2);
/// How many objects a page has, as in most clients.
const PAGE: u32 = 500;

impl Cluster {
    /// Creates requests of any kind.
    pub async fn create_all(&self, manifests: impl Iterator<Item = String>) {
        let create = |manifest: String| async move {
            let (api, object) = self.object(&manifest);
            api.create(&PostParams::default(), &object).await.map(drop)
        };
        stream::iter(manifests).map(create).buffer_unordered(IN_FLIGHT).try_collect::<()>().await.expect("created");
    }

    /// Creates objects that are no requests.
    pub async fn create_others(&self, plural: &str, objects: impl Iterator<Item = Value>) {
        let create = |object: Value| async move {
            let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
            let api_version = text("/apiVersion");
            let (group, version) = api_version.split_once('/').unwrap_or(("", &api_version));
            let gvk = GroupVersionKind::gvk(group, version, &text("/kind"));
            let resource = ApiResource::from_gvk_with_plural(&gvk, plural);
            let api: Api<DynamicObject> =
                Api::namespaced_with(self.client.clone(), &text("/metadata/namespace"), &resource);
            let object: DynamicObject = serde_json::from_value(object).expect("an object");
            api.create(&PostParams::default(), &object).await.map(drop)
        };
        stream::iter(objects).map(create).buffer_unordered(IN_FLIGHT).try_collect::<()>().await.expect("created");
    }

    /// Waits until so many requests are there, all of them Ready.
    pub async fn until_all_ready(&self, count: usize) {
        let begun = Instant::now();
        loop {
            let (all, late) = self.requests().await.expect("lists");
            if all >= count && late == 0 {
                return;
            }
            assert!(begun.elapsed() < PATIENCE, "{late} of {all} requests are not Ready in time");
            tokio::time::sleep(LOOK_AT_ALL).await;
        }
    }

    /// Lists everything that an operator has to list, in pages; how many objects that were.
    pub async fn list_all(&self) -> usize {
        let own = [resource("GitStateStore", "gitstatestores"), resource("Destination", "destinations")];
        let mut count = 0;
        for resource in promises::all().iter().map(|promise| requests_of(*promise)).chain(own) {
            let api: Api<DynamicObject> = Api::all_with(self.client.clone(), &resource);
            let mut params = ListParams::default().limit(PAGE);
            loop {
                let page = api.list(&params).await.expect("a page");
                count += page.items.len();
                match page.metadata.continue_.filter(|token| !token.is_empty()) {
                    Some(token) => params = params.continue_token(&token),
                    None => break,
                }
            }
        }
        count
    }

    /// Changes a request; how long it takes until it is Ready as it is then.
    pub async fn change(&self, manifest: &str) -> Duration {
        let (api, object) = self.object(manifest);
        let begun = Instant::now();
        let params = PatchParams::apply("bench").force();
        let changed = api.patch(&object.name_any(), &params, &Patch::Apply(&object)).await.expect("it is served");
        loop {
            let now = api.get(&object.name_any()).await.expect("it is there");
            if now.metadata.generation >= changed.metadata.generation && is_settled(&now) {
                return begun.elapsed();
            }
            assert!(begun.elapsed() < PATIENCE, "not Ready in time: {}", object.name_any());
            tokio::time::sleep(LOOK).await;
        }
    }

    /// The writes that no operator can do without for one request, one after the other, and a push.
    pub async fn least(&self, manifest: &str, push: impl FnOnce()) -> Duration {
        let (api, object) = self.object(manifest);
        let name = object.name_any();
        let params = PatchParams::default();
        let begun = Instant::now();
        api.create(&PostParams::default(), &object).await.expect("created");
        let held = json!({"metadata": {"finalizers": [FINALIZER]}});
        api.patch_metadata(&name, &params, &Patch::Merge(&held)).await.expect("held");
        push();
        let told = json!({"status": status()});
        api.patch_status(&name, &params, &Patch::Merge(&told)).await.expect("told");
        let took = begun.elapsed();
        let free = json!({"metadata": {"finalizers": null}});
        api.patch_metadata(&name, &params, &Patch::Merge(&free)).await.expect("released");
        api.delete(&name, &DeleteParams::default()).await.expect("deleted");
        took
    }
}

/// How many writes of requests, stores, destinations and events the API server's metrics tell of.
pub fn all_writes(metrics: &str) -> usize {
    let verbs = ["APPLY", "DELETE", "PATCH", "POST", "PUT"];
    let lines = metrics.lines().filter(|line| {
        line.starts_with("apiserver_request_total{")
            && (line.contains("group=\"platform.") || line.contains("resource=\"events\""))
            && verbs.iter().any(|verb| line.contains(&format!("verb=\"{verb}\"")))
    });
    lines.map(|line| line.rsplit(' ').next().and_then(|count| count.parse::<usize>().ok()).expect("a count")).sum()
}
