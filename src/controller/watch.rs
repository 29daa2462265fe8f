//! The watch of a kind that is not kept's own. It goes on whether the kind is there, comes, or goes.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures::StreamExt;
use kube::Client;
use kube::api::{Api, ApiResource};
use kube::core::{DynamicResourceScope, Resource};
use kube::runtime::{WatchStreamExt, watcher};
use serde::de::DeserializeOwned;

use super::stream::Lists;

/// How often it is looked whether the kind has come, or the right to watch it.
const LOOK: Duration = Duration::from_secs(15);
/// How often a kind that was there has to be missed until it is taken to be gone.
const MISSES: u32 = 4;

/// What is watched where.
#[derive(Clone, Debug)]
pub(super) struct Place {
    /// The kind.
    pub(super) resource: ApiResource,
    /// The namespace; absent: all.
    pub(super) namespace: Option<String>,
    /// What to say if kept has no right to look there.
    pub(super) refused: &'static str,
    /// Whether that was said, of this or of another place that it says all of.
    pub(super) said: Arc<AtomicBool>,
}

/// What a watch has to say.
#[derive(Debug)]
pub(super) enum Heard<K> {
    /// It begins anew, and names every object once more.
    Begin,
    /// An object is there, or has changed.
    Object(K),
    /// An object is gone.
    Gone(K),
    /// All have been named.
    Complete,
    /// There is no such kind, or kept has no right to watch it.
    Absent,
    /// What there is cannot be known now.
    Failing(String),
}

/// Who listens to a watch.
pub(super) trait Hear<K>: Send {
    /// Takes what it has to say.
    fn hear(&mut self, heard: Heard<K>) -> impl Future<Output = ()> + Send;

    /// Whether nobody listens any more.
    fn is_over(&self) -> bool {
        false
    }
}

/// Watches, as long as somebody listens.
pub(super) async fn follow<K>(client: Client, lists: Lists, place: Place, mut ear: impl Hear<K>)
where
    K: Resource<DynamicType = ApiResource, Scope = DynamicResourceScope>
        + DeserializeOwned
        + Clone
        + std::fmt::Debug
        + Send
        + 'static,
{
    // What was there is not given up for a moment's trouble, such as that of an API server that starts.
    let (mut was_there, mut missed) = (false, 0);
    while !ear.is_over() {
        if is_served(&client, &place.resource).await {
            let api: Api<K> = match &place.namespace {
                Some(namespace) => Api::namespaced_with(client.clone(), namespace, &place.resource),
                None => Api::all_with(client.clone(), &place.resource),
            };
            let mut events = pin!(lists.watch(api).default_backoff());
            while let Some(event) = events.next().await {
                let heard = match event {
                    Ok(watcher::Event::Init) => Heard::Begin,
                    Ok(watcher::Event::InitDone) => Heard::Complete,
                    Ok(watcher::Event::Delete(object)) => Heard::Gone(object),
                    Ok(watcher::Event::Apply(object) | watcher::Event::InitApply(object)) => Heard::Object(object),
                    Err(error) if code(&error) == Some(403) => {
                        say_refused(&place, &error);
                        break;
                    }
                    Err(error) if code(&error) == Some(404) => break,
                    // What was listed is still known; what could not be is not waited for, as it may take long.
                    Err(error) => {
                        tracing::debug!(kind = place.resource.kind, %error, "watching");
                        match error {
                            watcher::Error::InitialListFailed(error) => {
                                tracing::warn!(kind = place.resource.kind, %error, "these objects cannot be listed");
                                Heard::Failing(error.to_string())
                            }
                            _ => continue,
                        }
                    }
                };
                if matches!(heard, Heard::Complete) {
                    (was_there, missed) = (true, 0);
                }
                ear.hear(heard).await;
            }
        }
        missed += 1;
        if !was_there || missed >= MISSES {
            was_there = false;
            ear.hear(Heard::Absent).await;
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// Whether the API server knows the kind. Everybody may ask that, while a kind that is not there is forbidden
/// to whoever has no right to it: that alone would be no reason to say anything.
async fn is_served(client: &Client, resource: &ApiResource) -> bool {
    if resource.group.is_empty() {
        return true;
    }
    match client.list_api_group_resources(&resource.api_version).await {
        Ok(list) => list.resources.iter().any(|served| served.name == resource.plural),
        Err(kube::Error::Api(status)) if status.code == 404 => false,
        // The watch finds out.
        Err(_) => true,
    }
}

fn code(error: &watcher::Error) -> Option<u16> {
    match error {
        watcher::Error::InitialListFailed(kube::Error::Api(status))
        | watcher::Error::WatchStartFailed(kube::Error::Api(status))
        | watcher::Error::WatchFailed(kube::Error::Api(status))
        | watcher::Error::WatchError(status) => Some(status.code),
        _ => None,
    }
}

fn say_refused(place: &Place, error: &watcher::Error) {
    if !place.said.swap(true, Ordering::Relaxed) {
        let namespace = place.namespace.as_deref().unwrap_or("all");
        tracing::warn!(kind = place.resource.plural, namespace, %error, "{}", place.refused);
    }
}
