//! Tells Argo CD of each push, which would otherwise find it within three minutes. All of it is beside the way of a
//! request: nothing waits for it, and what fails is only logged.
//!
//! Argo CD's objects are watched, as little of them as matters: what each reads, and whether it has been told.

mod address;
mod board;
mod kinds;
mod push;
mod watch;

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use kube::api::{Api, Patch, PatchParams};
use kube::{Client, ResourceExt};
use serde_json::json;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use self::board::{Board, Target};
use self::kinds::{Kind, Reader};
use self::watch::Place;
use crate::config::ArgocdSettings;

pub(super) use self::push::Push;

/// How long one object may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// What is taken from a watch, and from the hub, before anything else is done.
const BATCH: usize = 1024;

/// Where the hub leaves word of pushes.
pub(super) type Pushes = mpsc::UnboundedSender<Push>;

/// Begins to watch; from then on whoever reads what was pushed is told, until there is nobody any more who could
/// say that something was. Nothing, if the settings say so.
pub(super) fn start(client: Client, settings: &ArgocdSettings) -> Option<Pushes> {
    if !settings.notify {
        return None;
    }
    let namespaces: BTreeSet<&String> = settings.namespaces.iter().collect();
    let refused: Vec<_> = namespaces.iter().map(|_| Arc::new(AtomicBool::default())).collect();
    // Who makes Applications is told before these are.
    let places = Kind::ALL.into_iter().flat_map(|kind| {
        let spots = namespaces.iter().zip(&refused);
        spots.map(move |(name, refused)| Place { kind, namespace: (*name).clone(), refused: refused.clone() })
    });
    let (pushes, pushed) = mpsc::unbounded_channel();
    tokio::spawn(serve(client, places.collect(), pushed));
    Some(pushes)
}

/// One object is told at a time: the API server has other things to do as well.
async fn serve(client: Client, places: Vec<Place>, mut pushed: mpsc::UnboundedReceiver<Push>) {
    let (send, mut seen) = mpsc::channel(BATCH);
    let mut watches = JoinSet::new();
    for (number, place) in places.iter().enumerate() {
        watches.spawn(watch::follow(client.clone(), place.clone(), number, send.clone()));
    }
    let mut board = Board::new(places.len());
    let mut telling: Option<BoxFuture<'_, (Target, Told)>> = None;
    let mut pushes = Vec::new();
    let mut is_failing = false;
    loop {
        if telling.is_none() {
            telling = board.next().map(|target| {
                let answer = tell(&client, &places[target.watch], target.name.clone());
                answer.map(|told| (target, told)).boxed()
            });
        }
        tokio::select! {
            Some((number, seen)) = seen.recv() => board.saw(number, seen),
            count = pushed.recv_many(&mut pushes, BATCH) => {
                if count == 0 {
                    return;
                }
                board.pushed(pushes.drain(..));
            }
            Some((target, told)) = async { Some(telling.as_mut()?.await) } => {
                telling = None;
                match told {
                    Told::Version(version) => {
                        let kind = places[target.watch].kind.plural();
                        tracing::debug!(kind, object = &*target.name, "told of a push");
                        is_failing = false;
                        board.told(target, version);
                    }
                    Told::Gone => {}
                    Told::Failed { error, is_alone } => {
                        if !std::mem::replace(&mut is_failing, true) {
                            let Place { kind, namespace, .. } = &places[target.watch];
                            let (kind, object) = (kind.plural(), &*target.name);
                            tracing::warn!(
                                kind, namespace, object, error,
                                "Argo CD could not be told of a push, and finds it when it looks by itself"
                            );
                        }
                        if !is_alone {
                            board.give_up();
                        }
                    }
                }
            }
        }
    }
}

/// What became of telling an object.
enum Told {
    /// It was told, which has made this version of it.
    Version(u64),
    /// It is not there any more.
    Gone,
    /// It was not; with others it might be the same, unless this is about it alone.
    Failed { error: String, is_alone: bool },
}

async fn tell(client: &Client, place: &Place, name: Arc<str>) -> Told {
    let api: Api<Reader> = Api::namespaced_with(client.clone(), &place.namespace, &place.kind.resource());
    let (annotation, value) = place.kind.refresh();
    let patch = Patch::Merge(json!({"metadata": {"annotations": {annotation: value}}}));
    let params = PatchParams::default();
    match tokio::time::timeout(PATIENCE, api.patch_metadata(&name, &params, &patch)).await {
        Ok(Ok(object)) => Told::Version(watch::version(object.resource_version())),
        Ok(Err(kube::Error::Api(status))) if status.code == 404 => Told::Gone,
        Ok(Err(kube::Error::Api(status))) => {
            Told::Failed { is_alone: status.code < 500 && ![403, 429].contains(&status.code), error: status.message }
        }
        Ok(Err(error)) => Told::Failed { error: error.to_string(), is_alone: false },
        Err(_) => Told::Failed { error: "the API server does not answer".into(), is_alone: false },
    }
}
