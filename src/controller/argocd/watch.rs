//! The watch of one kind in one namespace. It goes on whether Argo CD is there, comes, or goes.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures::StreamExt;
use kube::api::Api;
use kube::runtime::{WatchStreamExt, watcher};
use kube::{Client, ResourceExt};
use tokio::sync::mpsc;

use super::board::Seen;
use super::kinds::{GROUP, Kind, Reader, VERSION};

/// How often it is looked whether Argo CD has come, or the right to watch.
const LOOK: Duration = Duration::from_mins(1);
/// Objects that the API server hands out at once: they may be large, with all that an Application has applied.
const PAGE: u32 = 100;

/// What is watched where.
#[derive(Clone)]
pub(super) struct Place {
    /// The kind.
    pub(super) kind: Kind,
    /// The namespace.
    pub(super) namespace: String,
    /// Whether it was said that kept has no right to look there.
    pub(super) refused: Arc<AtomicBool>,
}

/// Watches, and says what is seen as that of the watch of this number.
pub(super) async fn follow(client: Client, place: Place, number: usize, seen: mpsc::Sender<(usize, Seen)>) {
    let resource = place.kind.resource();
    while !seen.is_closed() {
        if is_served(&client, place.kind).await {
            let api: Api<Reader> = Api::namespaced_with(client.clone(), &place.namespace, &resource);
            let mut events = pin!(watcher(api, watcher::Config::default().page_size(PAGE)).default_backoff());
            while let Some(event) = events.next().await {
                match event {
                    Ok(event) => {
                        let _ = seen.send((number, heard(event, place.kind))).await;
                    }
                    Err(error) if code(&error) == Some(403) => {
                        say_refused(&place, &error);
                        break;
                    }
                    Err(error) if code(&error) == Some(404) => break,
                    Err(error) => {
                        tracing::debug!(kind = place.kind.plural(), %error, "watching Argo CD");
                        // Pushes do not wait for what may take long.
                        if matches!(error, watcher::Error::InitialListFailed(_)) {
                            let _ = seen.send((number, Seen::None)).await;
                        }
                    }
                }
            }
        }
        let _ = seen.send((number, Seen::None)).await;
        tokio::time::sleep(LOOK).await;
    }
}

/// Whether the API server knows the kind. Everybody may ask that, while a kind that is not there is forbidden
/// to whoever has no right to it: that alone would be no reason to say anything.
async fn is_served(client: &Client, kind: Kind) -> bool {
    match client.list_api_group_resources(&format!("{GROUP}/{VERSION}")).await {
        Ok(list) => list.resources.iter().any(|resource| resource.name == kind.plural()),
        Err(kube::Error::Api(status)) if status.code == 404 => false,
        // The watch finds out.
        Err(_) => true,
    }
}

fn heard(event: watcher::Event<Reader>, kind: Kind) -> Seen {
    match event {
        watcher::Event::Init => Seen::Begin,
        watcher::Event::InitDone => Seen::Complete,
        watcher::Event::Delete(object) => Seen::Gone(object.name_any()),
        watcher::Event::Apply(object) | watcher::Event::InitApply(object) => Seen::Object {
            name: object.name_any().into(),
            version: version(object.resource_version()),
            refreshing: object.annotations().contains_key(kind.refresh().0),
            reads: object.spec.reads(),
        },
    }
}

/// A resource version as the number that it is.
pub(super) fn version(text: Option<String>) -> u64 {
    text.and_then(|text| text.parse().ok()).unwrap_or_default()
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
    if !place.refused.swap(true, Ordering::Relaxed) {
        tracing::warn!(
            namespace = place.namespace,
            %error,
            "kept may not watch Argo CD's objects, so Argo CD finds what is pushed only when it looks by itself. Allow \
             kept to list, watch and patch applications and applicationsets there, as its Helm chart does, or set \
             argocd.notify to false in its settings"
        );
    }
}
