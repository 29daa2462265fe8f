//! Ways to make a controller look at an object again although the object itself did not change.

use std::collections::HashMap;

use futures::Stream;
use kube::api::ApiResource;
use kube::runtime::reflector::ObjectRef;
use tokio::sync::{broadcast, mpsc};

use super::folded::{Folded, Kind};
use crate::promises;
use crate::values::RequestKey;

/// How many "look at everything" signals may wait; one is enough, as a late one covers all before it.
const PENDING: usize = 16;

/// One controller's inbox.
struct Inbox {
    kind: Kind,
    one: mpsc::UnboundedSender<ObjectRef<Folded>>,
    all: broadcast::Sender<()>,
}

/// The inboxes of all controllers, by kind.
#[derive(Default)]
pub(super) struct Triggers {
    inboxes: HashMap<String, Inbox>,
}

/// What a controller listens to.
pub(super) struct Listener {
    /// Of which kind these are.
    pub(super) kind: Kind,
    /// Objects to look at.
    pub(super) one: mpsc::UnboundedReceiver<ObjectRef<Folded>>,
    /// Signals to look at all objects.
    pub(super) all: broadcast::Receiver<()>,
}

impl Triggers {
    /// Makes the inbox of a kind.
    pub(super) fn register(&mut self, resource: &ApiResource) -> Listener {
        let (one, one_rx) = mpsc::unbounded_channel();
        let (all, all_rx) = broadcast::channel(PENDING);
        let kind = Kind::new(resource.clone());
        self.inboxes.insert(resource.kind.clone(), Inbox { kind: kind.clone(), one, all });
        Listener { kind, one: one_rx, all: all_rx }
    }

    /// Has one object looked at. A controller that has stopped does not listen, and need not.
    pub(super) fn one(&self, kind: &str, namespace: Option<&str>, name: &str) {
        if let Some(inbox) = self.inboxes.get(kind) {
            let mut object = ObjectRef::new_with(name, inbox.kind.clone());
            object.namespace = namespace.map(str::to_owned);
            let _ = inbox.one.send(object);
        }
    }

    /// Has one request looked at.
    pub(super) fn request(&self, key: &RequestKey) {
        if let Some(promise) = promises::all().iter().find(|promise| promise.name() == key.promise) {
            self.one(&promise.crd().spec.names.kind, Some(&key.namespace), &key.name);
        }
    }

    /// Has every object of some kinds looked at.
    pub(super) fn all(&self, kinds: impl Fn(&str) -> bool) {
        for (kind, inbox) in &self.inboxes {
            if kinds(kind) {
                let _ = inbox.all.send(());
            }
        }
    }
}

impl Listener {
    /// As the streams that kube's controllers take.
    pub(super) fn streams(
        self,
    ) -> (impl Stream<Item = ObjectRef<Folded>> + Send + 'static, impl Stream<Item = ()> + Send + 'static) {
        let one = futures::stream::unfold(self.one, |mut rx| async move { rx.recv().await.map(|o| (o, rx)) });
        let all = futures::stream::unfold(self.all, |mut rx| async move {
            match rx.recv().await {
                // Lagging means that there were several signals: one look answers them all.
                Ok(()) | Err(broadcast::error::RecvError::Lagged(_)) => Some(((), rx)),
                Err(broadcast::error::RecvError::Closed) => None,
            }
        });
        (one, all)
    }
}
