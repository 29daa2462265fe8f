//! How what was committed fares: watches of what requests render and of what runs in virtual clusters, of which only
//! what a status says is kept. Changes have the requests that they concern looked at.

mod board;
pub(super) mod health;
mod report;
mod sight;

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use kube::Client;
use kube::api::{ApiResource, DynamicObject};
use kube::core::{DynamicResourceScope, GroupVersionKind, Resource};
use serde::de::DeserializeOwned;
use tokio::sync::mpsc;
use tokio::time::sleep;

use self::board::{Board, Scope};
use self::report::{Pod, Volume};
use self::sight::Sight;
use super::stream::Lists;
use super::triggers::Triggers;
use super::watch::{self, Hear, Heard, Place};
use crate::config::Settings;
use crate::manifest::{Observed, ObservedKind};
use crate::values::RequestKey;

pub(super) use self::report::{Application, Applies, Id, Kind, LONGEST, Report, Watched, id_of};

/// How soon a change is passed on.
const PACE: Duration = Duration::from_millis(500);
/// What to say where kept may not look.
const REFUSED: &str = "kept may not watch these objects, so statuses leave out what they would tell. Allow kept to list \
                       and watch them, as its Helm chart does, or set health to false in its settings";

/// See the module.
pub(super) struct Live {
    board: Mutex<Board>,
    /// Requests to be looked at.
    concerned: mpsc::UnboundedSender<BTreeSet<RequestKey>>,
}

impl Live {
    /// Begins to watch all but Applications, which others watch as well: [`Live::ear`] is for them.
    pub(super) fn start(client: &Client, lists: &Lists, settings: &Settings, triggers: Arc<Triggers>) -> Arc<Self> {
        let (concerned, waiting) = mpsc::unbounded_channel();
        tokio::spawn(pass_on(waiting, triggers));
        let live = Arc::new(Self { board: Mutex::default(), concerned });
        let namespaces: BTreeSet<&String> = settings.argocd.namespaces.iter().collect();
        for namespace in namespaces {
            live.board().expect((Kind::Observed(ObservedKind::Application), Some(namespace.clone())));
            let projects = resource(ObservedKind::AppProject, "v1alpha1", "appprojects");
            live.watch::<DynamicObject>(
                client,
                lists,
                Kind::Observed(ObservedKind::AppProject),
                projects,
                Some(namespace),
            );
        }
        let external = resource(ObservedKind::ExternalSecret, "v1", "externalsecrets");
        live.watch::<DynamicObject>(client, lists, Kind::Observed(ObservedKind::ExternalSecret), external, None);
        let push = resource(ObservedKind::PushSecret, "v1alpha1", "pushsecrets");
        live.watch::<DynamicObject>(client, lists, Kind::Observed(ObservedKind::PushSecret), push, None);
        let core = |kind, plural| ApiResource::from_gvk_with_plural(&GroupVersionKind::gvk("", "v1", kind), plural);
        live.watch::<Pod>(client, lists, Kind::Pod, core("Pod", "pods"), None);
        live.watch::<Volume>(client, lists, Kind::Volume, core("PersistentVolume", "persistentvolumes"), None);
        live
    }

    fn watch<K>(
        self: &Arc<Self>,
        client: &Client,
        lists: &Lists,
        kind: Kind,
        resource: ApiResource,
        namespace: Option<&String>,
    ) where
        K: Watched + Resource<DynamicType = ApiResource, Scope = DynamicResourceScope>,
        K: DeserializeOwned + Clone + std::fmt::Debug + Send + Sync + 'static,
    {
        let namespace = namespace.cloned();
        let place =
            Place { resource, namespace: namespace.clone(), refused: REFUSED, said: Arc::new(AtomicBool::default()) };
        self.board().expect((kind, namespace.clone()));
        let ear = Ear { live: self.clone(), scope: (kind, namespace) };
        tokio::spawn(watch::follow::<K>(client.clone(), lists.clone(), place, ear));
    }

    /// Who listens to a watch of Applications in a namespace.
    pub(super) fn ear(self: &Arc<Self>, namespace: &str) -> Ear {
        let scope = (Kind::Observed(ObservedKind::Application), Some(namespace.to_owned()));
        Ear { live: self.clone(), scope }
    }

    fn board(&self) -> MutexGuard<'_, Board> {
        // A panic elsewhere leaves bookkeeping that the next listing puts right.
        self.board.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether every watch has said what there is, or that it cannot: before that a status would say less than
    /// it did before the start.
    pub(super) fn is_settled(&self) -> bool {
        self.board().is_settled()
    }

    /// What is seen of a request whose files are in these branches of these repositories. It is looked at again when
    /// that changes.
    pub(super) fn observe(&self, request: &RequestKey, observed: &Observed, homes: &[(String, String)]) -> Sight {
        let mut board = self.board();
        board.wish(request, observed);
        board.sight(request, homes)
    }

    /// What is seen of a request that was observed before; nothing of one that was not.
    pub(super) fn glance(&self, request: &RequestKey, homes: &[(String, String)]) -> Option<Sight> {
        let board = self.board();
        board.is_wished(request).then(|| board.sight(request, homes))
    }

    /// The request is gone.
    pub(super) fn forget(&self, request: &RequestKey) {
        self.board().unwish(request);
    }

    /// The volumes that stay when the claims of a namespace go.
    pub(super) fn volumes(&self, namespace: &str) -> Vec<String> {
        self.board().volumes(namespace)
    }
}

/// Has requests looked at, at most twice a second: pods that come and go together are one change.
async fn pass_on(mut waiting: mpsc::UnboundedReceiver<BTreeSet<RequestKey>>, triggers: Arc<Triggers>) {
    while let Some(mut concerned) = waiting.recv().await {
        sleep(PACE).await;
        while let Ok(more) = waiting.try_recv() {
            concerned.extend(more);
        }
        for request in &concerned {
            triggers.request(request);
        }
    }
}

/// Who listens to one watch.
pub(super) struct Ear {
    live: Arc<Live>,
    scope: Scope,
}

impl Ear {
    /// Takes what a watch says.
    pub(super) fn take<K: Watched>(&self, heard: &Heard<K>) {
        let scope = &self.scope;
        let mut board = self.live.board();
        let concerned = match heard {
            Heard::Begin => return board.begin(scope),
            Heard::Object(object) => board.put(object.id(scope.0), object.report(scope.0)),
            Heard::Gone(object) => board.put(object.id(scope.0), None),
            Heard::Complete => board.complete(scope),
            Heard::Absent => board.absent(scope),
            Heard::Failing(why) => board.failing(scope, why.clone()),
        };
        drop(board);
        if !concerned.is_empty() {
            let _ = self.live.concerned.send(concerned);
        }
    }
}

impl<K: Watched + Send + Sync> Hear<K> for Ear {
    async fn hear(&mut self, heard: Heard<K>) {
        self.take(&heard);
    }
}

fn resource(kind: ObservedKind, version: &str, plural: &str) -> ApiResource {
    let (group, kind) = kind.group_kind();
    ApiResource::from_gvk_with_plural(&GroupVersionKind::gvk(group, version, kind), plural)
}
