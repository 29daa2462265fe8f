//! Tells Argo CD of each push, which would otherwise find it within three minutes. All of it is beside the way of a
//! request: nothing waits for it, and what fails is only logged.
//!
//! Argo CD's objects are watched, as little of them as matters: what each reads, and whether it has been told.

mod address;
mod board;
mod ear;
mod kinds;
mod push;

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

use self::board::{Board, Seen, Target};
use self::ear::Ear;
use self::kinds::{Kind, Reader};
use super::live::Live;
use super::stream::Lists;
use super::watch::{Place, follow};
use crate::config::ArgocdSettings;

pub(super) use self::push::{Push, Source, is_of};

/// How long one object may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// What is taken from a watch, and from the hub, before anything else is done.
const BATCH: usize = 1024;
/// What to say where kept may not look.
const REFUSED: &str = "kept may not watch Argo CD's objects, so Argo CD finds what is pushed only when it looks by \
                       itself, and statuses leave out what it would tell. Allow kept to list, watch and patch \
                       applications and applicationsets there, as its Helm chart does, or set argocd.notify and health \
                       to false in its settings";

/// Where the hub leaves word of pushes.
pub(super) type Pushes = mpsc::UnboundedSender<Push>;

/// Begins to watch. From then on `live` hears of Applications, and whoever reads what was pushed is told, until there
/// is nobody any more who could say that something was; nothing for those to say it to, if the settings say so.
pub(super) fn start(
    client: &Client,
    lists: &Lists,
    settings: &ArgocdSettings,
    live: Option<&Arc<Live>>,
) -> Option<Pushes> {
    let namespaces: BTreeSet<&String> = settings.namespaces.iter().collect();
    let said: Vec<_> = namespaces.iter().map(|_| Arc::new(AtomicBool::default())).collect();
    // Who makes Applications is told before these are.
    let watched = Kind::ALL.into_iter().filter(|kind| settings.notify || live.is_some() && *kind == Kind::Application);
    let places = watched.flat_map(|kind| namespaces.iter().zip(&said).map(move |(name, said)| (kind, *name, said)));
    let (send, seen) = mpsc::channel(BATCH);
    let mut watched = Vec::new();
    for (number, (kind, namespace, said)) in places.enumerate() {
        let place = Place {
            resource: kind.resource(),
            namespace: Some(namespace.clone()),
            refused: REFUSED,
            said: said.clone(),
        };
        let live = live.filter(|_| kind == Kind::Application).map(|live| live.ear(namespace));
        let board = settings.notify.then(|| send.clone());
        tokio::spawn(follow::<Reader>(client.clone(), lists.clone(), place, Ear { kind, number, board, live }));
        watched.push((kind, namespace.clone()));
    }
    settings.notify.then(|| {
        let (pushes, pushed) = mpsc::unbounded_channel();
        tokio::spawn(serve(client.clone(), watched, seen, pushed));
        pushes
    })
}

/// One object is told at a time: the API server has other things to do as well.
async fn serve(
    client: Client,
    places: Vec<(Kind, String)>,
    mut seen: mpsc::Receiver<(usize, Seen)>,
    mut pushed: mpsc::UnboundedReceiver<Push>,
) {
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
                        let kind = places[target.watch].0.plural();
                        tracing::debug!(kind, object = &*target.name, "told of a push");
                        is_failing = false;
                        board.told(target, version);
                    }
                    Told::Gone => {}
                    Told::Failed { error, is_alone } => {
                        if !std::mem::replace(&mut is_failing, true) {
                            let (kind, namespace) = &places[target.watch];
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

async fn tell(client: &Client, (kind, namespace): &(Kind, String), name: Arc<str>) -> Told {
    let api: Api<Reader> = Api::namespaced_with(client.clone(), namespace, &kind.resource());
    let (annotation, value) = kind.refresh();
    let patch = Patch::Merge(json!({"metadata": {"annotations": {annotation: value}}}));
    let params = PatchParams::default();
    match tokio::time::timeout(PATIENCE, api.patch_metadata(&name, &params, &patch)).await {
        Ok(Ok(object)) => Told::Version(ear::version(object.resource_version())),
        Ok(Err(kube::Error::Api(status))) if status.code == 404 => Told::Gone,
        Ok(Err(kube::Error::Api(status))) => {
            Told::Failed { is_alone: status.code < 500 && ![403, 429].contains(&status.code), error: status.message }
        }
        Ok(Err(error)) => Told::Failed { error: error.to_string(), is_alone: false },
        Err(_) => Told::Failed { error: "the API server does not answer".into(), is_alone: false },
    }
}
