//! What is remembered of requests, and counted; of those that are gone nothing, whatever a last reconcile has still to
//! say.

use std::collections::HashSet;
use std::sync::Arc;

use kube::{Client, Config};
use serde_json::json;

use super::*;
use crate::controller::status::Verdict;
use crate::controller::stream::Lists;
use crate::manifest::{Observed, ObservedKind, ObservedObject};
use crate::telemetry::metrics::Vcluster;

/// What is there, of all that a hub keeps by request.
fn remembered(hub: &Hub, key: &RequestKey) -> Vec<&'static str> {
    let state = hub.state();
    let live = hub.live.as_ref().expect("it looks");
    let all = [
        ("progress", state.requests.contains_key(key)),
        ("comparing", state.comparing.contains(key)),
        ("contested", state.contested.contains(key)),
        ("lingering", state.lingering.contains_key(key)),
        ("unready", state.unready.contains_key(key)),
        ("vcluster", state.vclusters.contains_key(key)),
        ("wish", live.glance(key, &[]).is_some()),
    ];
    all.into_iter().filter(|(_, is_there)| *is_there).map(|(what, _)| what).collect()
}

/// A reconcile of a request that has come to everything that one may come to.
fn reconcile(hub: &Hub, promise: &dyn Promise, request: &Request) {
    let key = &request.key;
    hub.compare(key);
    hub.want(promise, request, Vec::new());
    hub.remove(promise, request, None, Vec::new());
    hub.lingers_since(key);
    hub.said_of(key, "Team", &Verdict::bad("NoDestination", ""));
    let vcluster = Vcluster { phase: "Unknown", is_ready: None, pods: None, argocd: None, applications: None };
    hub.fares(key, Some(false), Some(vcluster));
    let application =
        ObservedObject { kind: ObservedKind::Application, namespace: "argocd".into(), name: "one".into() };
    hub.sight(key, Some(&Observed { objects: vec![application], vcluster: None }), &[]);
    let owner = Owner { writer: "w".into(), key: key.clone() };
    let change = store::Change::of(owner, "Team");
    let branch = Branch { remote: crate::values::Remote::new("https://git.example/state"), name: "main".into() };
    hub.answered(Event {
        branch,
        id: 0,
        change,
        outcome: Err(store::Error::Conflict("another's".into())),
        spans: Arc::new([]),
    });
}

/// A hub that has met all requests there are: none.
fn hub() -> Arc<Hub> {
    let client = Client::try_from(Config::new("http://127.0.0.1:1".parse().expect("an address"))).expect("a client");
    let triggers = Arc::new(Triggers::default());
    let live = Live::start(&client, &Lists::default(), &Settings::default(), triggers.clone());
    let (vitals, fence) = (Vitals::default(), Fence::default());
    let (hub, _answers) = Hub::new(Settings::default(), "w".into(), triggers, None, Some(live), &vitals, fence);
    for promise in promises::all() {
        hub.met(*promise, &HashSet::new());
    }
    hub
}

fn team() -> &'static dyn Promise {
    *promises::all().iter().find(|promise| promise.name() == "team").expect("teams")
}

fn request() -> Request {
    let object = json!({
        "apiVersion": "platform.kratix.io/v1alpha1",
        "kind": "Team",
        "metadata": {"name": "one", "namespace": "default", "uid": "u"},
        "spec": {"id": "one", "name": "One"},
    });
    team().request(&object, None).expect("a team")
}

#[tokio::test]
async fn of_a_request_that_is_gone_nothing_is_kept() {
    let (hub, team, request) = (hub(), team(), request());
    let key = &request.key;
    let all = ["progress", "comparing", "contested", "lingering", "unready", "vcluster", "wish"];

    // It goes in the middle of a reconcile, by a word or without one, or it is let go.
    hub.meet(team, &request);
    reconcile(&hub, team, &request);
    assert_eq!(remembered(&hub, key), all);
    hub.part(key);
    reconcile(&hub, team, &request);
    assert_eq!(remembered(&hub, key), [""; 0]);

    hub.meet(team, &request);
    reconcile(&hub, team, &request);
    assert_eq!(remembered(&hub, key), all, "it has come back");
    hub.met(team, &HashSet::new());
    reconcile(&hub, team, &request);
    assert_eq!(remembered(&hub, key), [""; 0]);

    hub.meet(team, &request);
    reconcile(&hub, team, &request);
    hub.forget(key);
    assert_eq!(remembered(&hub, key), [""; 0]);
}

#[tokio::test]
async fn a_request_is_counted_by_what_its_status_says() {
    let (hub, team, request) = (hub(), team(), request());
    let counted = || {
        let requests = hub.snapshot().requests.into_iter();
        let counted: Vec<_> = requests.filter(|(kind, _, count)| kind == "Team" && *count > 0).collect();
        counted.into_iter().map(|(_, phase, count)| (phase, count)).collect::<Vec<_>>()
    };
    let said = |committed: &Verdict, is_ready: bool| {
        hub.said_of(&request.key, "Team", committed);
        hub.fares(&request.key, Some(is_ready), None);
        counted()
    };
    hub.meet(team, &request);
    assert_eq!(counted(), [("pending", 1)]);
    // What the remotes have to do is over: there is nothing to do.
    hub.remove(team, &request, None, Vec::new());
    assert_eq!(counted(), [("pending", 1)], "its status does not say so yet");
    let committed = Verdict::good("Committed", "");
    assert_eq!(said(&committed, false), [("committed", 1)], "it is not healthy");
    assert_eq!(said(&committed, true), [("ready", 1)]);
    assert_eq!(said(&Verdict::bad("PushRejected", ""), false), [("failed", 1)]);
    assert_eq!(said(&Verdict::bad("SupersededBy", ""), false), [("superseded", 1)]);
}
