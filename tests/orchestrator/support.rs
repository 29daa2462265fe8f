//! Requests, what they render to, and where to look in it.

use kept::config::Settings;
use kept::known::{Known, KnownPlace, Site};
use kept::manifest::{Claim, Content, Output};
use kept::policy::{self, Checked};
use kept::promises::{self, Promise, Refusal, Request};
use kept::values::{Branch, RelPath, Remote, RequestKey};
use serde_json::{Value, json};

pub(crate) fn promise() -> &'static dyn Promise {
    promises::by_kind("platform.integratn.tech", "VClusterOrchestrator").expect("it is served")
}

/// A request for the vcluster `demo` with this spec besides, in the request namespace.
pub(crate) fn demo(mut spec: Value) -> Request {
    spec["name"] = "demo".into();
    request("platform-requests", "demo", spec)
}

/// A request.
pub(crate) fn request(namespace: &str, name: &str, spec: Value) -> Request {
    annotated(namespace, name, json!({}), spec)
}

/// A request with annotations.
pub(crate) fn annotated(namespace: &str, name: &str, annotations: Value, spec: Value) -> Request {
    let object = object(namespace, name, annotations, spec);
    promise().request(&object, Some("default")).unwrap_or_else(|e| panic!("{object}: {e}"))
}

/// A request as it stands in a file.
pub(crate) fn object(namespace: &str, name: &str, annotations: Value, spec: Value) -> Value {
    json!({
        "apiVersion": "platform.integratn.tech/v1alpha1",
        "kind": "VClusterOrchestrator",
        "metadata": { "name": name, "namespace": namespace, "annotations": annotations },
        "spec": spec,
    })
}

/// What a request renders to where nothing else is known.
#[track_caller]
pub(crate) fn render(request: &Request) -> Output {
    render_with(request, &Known::default()).unwrap_or_else(|e| panic!("{}: {e}", request.spec))
}

pub(crate) fn render_with(request: &Request, known: &Known) -> Result<Output, Refusal> {
    promise().render(request, &Settings::default(), known)
}

/// What is wrong with a request, each mistake on a line.
#[track_caller]
pub(crate) fn mistakes(request: &Request) -> String {
    match render_with(request, &Known::default()) {
        Err(Refusal::Invalid(invalid)) => {
            assert_eq!(invalid.reason, "InvalidRequest");
            invalid.mistakes.iter().map(|m| format!("{m}\n")).collect()
        }
        other => panic!("{} is no mistake: {other:?}", request.spec),
    }
}

/// What passes policy.
#[track_caller]
pub(crate) fn check(request: &Request) -> Checked {
    let output = render(request);
    policy::check(&request.key, output, &Settings::default()).unwrap_or_else(|e| panic!("{}: {e}", request.spec))
}

/// The object in a file.
#[track_caller]
pub(crate) fn at<'a>(output: &'a Output, path: &str) -> &'a Value {
    let path: RelPath = path.parse().expect("a path");
    match output.files.get(&path) {
        Some(Content::Object(object)) => object,
        other => panic!("{path}: {other:?}, of {:?}", output.files.keys().collect::<Vec<_>>()),
    }
}

/// The Application of `demo`.
#[track_caller]
pub(crate) fn application(output: &Output) -> &Value {
    at(output, "argocd-application/application-vcluster-demo.yaml")
}

/// The Helm values of `demo`.
#[track_caller]
pub(crate) fn values(output: &Output) -> &Value {
    &application(output)["spec"]["source"]["helm"]["valuesObject"]
}

/// The Namespace of `demo`.
#[track_caller]
pub(crate) fn namespace(output: &Output) -> &Value {
    at(output, "vcluster-core/namespace-vcluster-demo.yaml")
}

/// One of the Helm values of `demo`, by JSON pointer; null where there is none.
#[track_caller]
pub(crate) fn value(output: &Output, pointer: &str) -> Value {
    values(output).pointer(pointer).cloned().unwrap_or_default()
}

/// What the load balancer is asked for.
#[track_caller]
pub(crate) fn address(output: &Output) -> String {
    let path = output.files.keys().find(|path| path.as_str().starts_with("argocd-application/")).expect("there");
    let values = &at(output, path.as_str())["spec"]["source"]["helm"]["valuesObject"];
    let found = values["controlPlane"]["service"]["spec"]["loadBalancerIP"].as_str().unwrap_or_default();
    assert_eq!(output.facts.get("vip").and_then(Value::as_str).unwrap_or_default(), found);
    let claims: Vec<String> =
        output.claims.iter().filter(|c| c.kind() == "vip").map(|c| c.as_str().replace("vip/", "")).collect();
    assert_eq!(claims.concat(), found);
    found.to_owned()
}

/// A site at which records lie.
pub(crate) fn site() -> Site {
    let remote = Remote::new("https://git.example.org/state.git");
    Site { branch: Branch { remote, name: "main".into() }, root: RelPath::root() }
}

/// Remembers a request as one that has been written, with what it claims.
pub(crate) fn record(known: &mut Known, request: &RequestKey, claims: &[Claim]) {
    let place = KnownPlace { destination: "host".into(), directories: [String::new()].into(), site: site() };
    known.add(request, place, claims);
}

/// A request is there, since this minute of a day.
pub(crate) fn arrive(known: &mut Known, request: &Request, minute: u32) {
    let mut peer = promise().peer(request, &Settings::default());
    peer.created = Some(format!("2026-01-01T00:{minute:02}:00Z").parse().expect("a time"));
    known.peers_mut().arrive(&request.key, peer);
}
