//! The operator: watches, the one lifecycle of every promise, and the two kinds that say where to write.
//! Reconciles submit and return; answers of the remotes come back by a channel and trigger the
//! status write, so slow pushes hold up nobody.

mod argocd;
mod destinations;
mod election;
mod fenced;
mod folded;
mod hub;
mod journeys;
mod lease;
mod lifecycle;
mod lingering;
mod live;
mod objects;
mod places;
mod progress;
mod refusals;
mod startup;
mod status;
mod stores;
mod story;
mod stream;
mod triggers;
mod vitals;
mod watch;

use std::collections::HashSet;
use std::future::{Future, ready};
use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;
use futures::{FutureExt, StreamExt};
use kube::api::{Api, ApiResource, DynamicObject};
use kube::runtime::controller::{Action, Config, Controller};
use kube::runtime::{WatchStreamExt, reflector, watcher};
use kube::{Client, Config as ClusterConfig, Resource as _, ResourceExt};

use crate::cluster;
use crate::config::Settings;
use crate::promises::{self, Promise};
use crate::store::Fence;
use crate::telemetry::{http, traces::Traces};
use election::Election;
use folded::Folded;
use hub::Hub;
use live::Live;
use refusals::Refusals;
use startup::{cluster_id, names};
use story::{Story, Told};
use stream::Lists;
use triggers::{Listener, Triggers};
use vitals::Vitals;

/// Reconciles under way at once, per kind. They hardly ever wait for more than the API server.
const CONCURRENCY: u16 = 32;

/// How soon an error of the API server is tried again.
const API_RETRY: Duration = Duration::from_secs(2);
/// The same of what it would say again.
const API_RECHECK: Duration = Duration::from_mins(1);

/// What the controllers of stores and of destinations work with.
struct Context {
    hub: Arc<Hub>,
    client: Client,
    story: Story,
    resource: ApiResource,
}

impl Context {
    /// Adds to the story of an object.
    fn tell(&self, object: &DynamicObject, (type_, reason, note): Told) {
        self.story.tell(object.object_ref(&self.resource), type_, &reason, note);
    }
}

/// What to do when the API server refused something.
fn on_error<C>(object: Arc<Folded>, error: &kube::Error, _: Arc<C>) -> Action {
    tracing::debug!(%error, "trying again");
    Action::requeue(if refusals::is_final(error) { objects::spread(API_RECHECK, &*object) } else { API_RETRY })
}

/// Why the operator cannot run.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No configuration for a cluster.
    #[error("no cluster to talk to: {0}. Set KUBECONFIG, or run inside a cluster")]
    Config(String),
    /// Another replica may be at work by now.
    #[error("the lease {lease} is lost: {why}. Nothing is written any more; started again, this replica stands by")]
    LeaseLost {
        /// Its namespace and name.
        lease: String,
        /// What happened.
        why: String,
    },
}

/// Runs the operator until `stop` resolves; `listener` is where it says how it is doing. Of several replicas it
/// stands by until it is the one that works, and ends at once when it is not any more.
pub async fn run(
    settings: Settings,
    listener: Option<TcpListener>,
    traces: Traces,
    stop: impl Future<Output = ()> + Send + 'static,
) -> Result<(), Error> {
    let config = ClusterConfig::infer().await.map_err(|e| Error::Config(e.to_string()))?;
    let elects = election::is_wanted(&settings.leader_election);
    let fence = if elects { Fence::closed() } else { Fence::default() };
    let client = fenced::client(config.clone(), &fence).map_err(|e| Error::Config(e.to_string()))?;
    let vitals = Arc::new(Vitals::new(traces, fence.clone()));
    if let Some(listener) = listener {
        tokio::spawn(http::serve(listener, vitals.clone()));
    }
    let stop = stop.shared();
    let writer = if let Some(writer) = &settings.writer {
        writer.clone()
    } else {
        tokio::select! {
            id = cluster_id(&client, &vitals) => id,
            () = stop.clone() => return Ok(()),
        }
    };
    if !elects {
        operate(settings, writer, client, vitals, fence, stop).await;
        return Ok(());
    }
    let mut election = Election::start(settings.leader_election.clone(), config, fence.clone())?;
    tokio::select! {
        won = election.won(&vitals) => won?,
        () = stop.clone() => return Ok(()),
    }
    let ended = tokio::select! {
        ended = operate(settings, writer, client, vitals, fence, stop) => ended,
        lost = election.over() => return Err(lost),
    };
    // A push that is still under way may yet arrive: then the lease runs out by itself.
    if ended {
        election.resign().await;
    }
    Ok(())
}

/// Works until `stop` resolves. False if a push is still under way.
async fn operate(
    settings: Settings,
    writer: String,
    client: Client,
    vitals: Arc<Vitals>,
    fence: Fence,
    stop: impl Future<Output = ()> + Clone + Send + Sync + 'static,
) -> bool {
    tracing::info!(%writer, "starting");

    let mut triggers = Triggers::default();
    let store_kind = cluster::resource("GitStateStore", "gitstatestores");
    let destination_kind = cluster::resource("Destination", "destinations");
    let store_listener = triggers.register(&store_kind);
    let destination_listener = triggers.register(&destination_kind);
    vitals.expect(&store_kind.kind);
    vitals.expect(&destination_kind.kind);
    let requests: Vec<_> = promises::all()
        .iter()
        .map(|promise| {
            let resource = cluster::requests_of(*promise);
            let listener = triggers.register(&resource);
            vitals.expect(&resource.kind);
            (*promise, resource, listener)
        })
        .collect();

    let triggers = Arc::new(triggers);
    let lists = Lists::default();
    let live = settings.health.then(|| Live::start(&client, &lists, &settings, triggers.clone()));
    let pushes = argocd::start(&client, &lists, &settings.argocd, live.as_ref());
    let (hub, mut answers) = Hub::new(settings, writer, triggers.clone(), pushes, live, &vitals, fence);
    let expected =
        async { (names(&client, &store_kind, &vitals).await, names(&client, &destination_kind, &vitals).await) };
    let (stores, destinations) = tokio::select! {
        expected = expected => expected,
        () = stop.clone() => return true,
    };
    hub.expect(stores, destinations);
    let bookkeeping = tokio::spawn({
        let hub = hub.clone();
        async move {
            while let Some(answer) = answers.recv().await {
                hub.answered(answer);
            }
        }
    });

    vitals.meet(hub.clone(), bookkeeping.abort_handle());
    let story = Story::start(client.clone());
    let serving = Serving {
        client: client.clone(),
        lists,
        triggers,
        refusals: Refusals::new(story.clone()),
        vitals,
        stop: stop.clone(),
    };
    let context = |resource: &ApiResource| {
        let (hub, client, story) = (hub.clone(), client.clone(), story.clone());
        Context { hub, client, story, resource: resource.clone() }
    };
    let (stores, destinations) = (context(&store_kind), context(&destination_kind));
    let mut controllers = vec![
        serving
            .run(store_kind, store_listener, stores::reconcile, stores, {
                let hub = hub.clone();
                move |event, present| only(&hub, "store", event, present)
            })
            .boxed(),
        serving
            .run(destination_kind, destination_listener, destinations::reconcile, destinations, {
                let hub = hub.clone();
                move |event, present| only(&hub, "destination", event, present)
            })
            .boxed(),
    ];
    for (promise, resource, listener) in requests {
        let (client, story) = (client.clone(), story.clone());
        let context = lifecycle::Context { hub: hub.clone(), client, story, promise, resource: resource.clone() };
        let hub = hub.clone();
        let meet = move |event: &_, present: &_| meet(&hub, promise, event, present);
        let run = serving.run(resource, listener, lifecycle::reconcile, context, meet);
        controllers.push(run.boxed());
    }
    // A reconcile may wait for a push that hangs: the writers' own limit ends that wait as well.
    let finish = async move {
        stop.await;
        tracing::info!("stopping: finishing what is being pushed");
        tokio::task::spawn_blocking(move || hub.shutdown()).await.unwrap_or(false)
    };
    tokio::pin!(finish);
    let ended = tokio::select! {
        ended = &mut finish => ended,
        _ = join_all(controllers) => finish.await,
    };
    bookkeeping.abort();
    ended
}

/// What a watch has to say.
type Seen = Result<watcher::Event<Folded>, watcher::Error>;
/// What is there according to it.
type Present = reflector::Store<Folded>;

/// Tells the hub which stores, or destinations, there are.
fn only(hub: &Hub, what: &'static str, seen: &Seen, present: &Present) {
    if let Ok(watcher::Event::Delete(_) | watcher::Event::InitDone) = seen {
        hub.only(what, &present.state().iter().map(|object| object.name_any()).collect());
    }
}

/// Tells the hub which requests there are.
fn meet(hub: &Hub, promise: &'static dyn Promise, seen: &Seen, present: &Present) {
    match seen {
        Ok(watcher::Event::Apply(object) | watcher::Event::InitApply(object)) => {
            hub.meet(promise, &lifecycle::bare(&object.unfold(&cluster::requests_of(promise)), promise));
        }
        Ok(watcher::Event::Delete(object)) => hub.part(&lifecycle::key_of(object, promise)),
        Ok(watcher::Event::InitDone) => {
            hub.met(promise, &present.state().iter().map(|object| lifecycle::key_of(&**object, promise)).collect());
        }
        Ok(watcher::Event::Init) => {}
        // A kind that is not installed has no requests.
        Err(watcher::Error::InitialListFailed(kube::Error::Api(status))) if status.code == 404 => {
            hub.met(promise, &HashSet::new());
        }
        // Nothing of its group is written until they are known: that must not go unheard.
        Err(watcher::Error::InitialListFailed(error)) => {
            tracing::warn!(promise = promise.name(), %error, "its requests cannot be listed");
        }
        Err(_) => {}
    }
}

/// What every controller is run with.
struct Serving<S> {
    client: Client,
    lists: Lists,
    triggers: Arc<Triggers>,
    refusals: Arc<Refusals>,
    vitals: Arc<Vitals>,
    stop: S,
}

impl<S: Future<Output = ()> + Clone + Send + Sync + 'static> Serving<S> {
    /// One controller, until it is stopped.
    fn run<C, R, F>(
        &self,
        resource: ApiResource,
        listener: Listener,
        mut reconcile: R,
        context: C,
        observe: impl Fn(&Seen, &Present) + Send + 'static,
    ) -> impl Future<Output = ()>
    where
        C: Send + Sync + 'static,
        R: FnMut(Arc<DynamicObject>, Arc<C>) -> F,
        F: Future<Output = Result<Action, kube::Error>> + Send + 'static,
    {
        let api: Api<DynamicObject> = Api::all_with(self.client.clone(), &resource);
        let kind: Arc<str> = resource.kind.as_str().into();
        let (vitals, refusals) = (self.vitals.clone(), self.refusals.clone());
        let of_kind = listener.kind.clone();
        let store = reflector::store::Writer::new(of_kind.clone());
        let reader = store.as_reader();
        let objects = self
            .lists
            .watch(api.clone())
            .default_backoff()
            .map(|seen| seen.map(folded::fold))
            .reflect(store)
            .inspect({
                let (reader, vitals, kind, api) = (reader.clone(), vitals.clone(), kind.clone(), api.clone());
                let (refusals, triggers) = (refusals.clone(), self.triggers.clone());
                move |event| {
                    vitals.saw(&kind, &api, event);
                    refusals.heed(&kind, event, &reader);
                    observe(event, &reader);
                    if matches!(event, Ok(watcher::Event::InitDone)) {
                        triggers.all(|of| *of == *kind);
                    }
                }
            })
            // What is listed is at hand only when all of it is: then all are looked at.
            .filter_map(|seen| {
                ready(match seen {
                    Ok(watcher::Event::Apply(object)) => Some(Ok(object)),
                    Ok(_) => None,
                    Err(error) => Some(Err(error)),
                })
            });
        let (one, all) = listener.streams();
        Controller::for_stream_with(objects, reader, of_kind)
            .with_config(Config::default().concurrency(CONCURRENCY))
            .reconcile_on(one)
            .reconcile_all_on(all)
            .graceful_shutdown_on(self.stop.clone())
            .run(
                move |object, context| {
                    let object = Arc::new(object.unfold(&resource));
                    let work = reconcile(object.clone(), context);
                    vitals.clone().measure(kind.clone(), refusals.clone().mind(resource.clone(), object, work))
                },
                on_error::<C>,
                Arc::new(context),
            )
            .for_each(|result| async move {
                if let Err(error) = result {
                    tracing::debug!(%error, "reconcile");
                }
            })
    }
}
