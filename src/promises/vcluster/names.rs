//! The identities that vclusters hold, and by which their requests find each other.

use crate::known::{Known, Peer};
use crate::manifest::Claim;
use crate::promises::Request;
use crate::values::RequestKey;

/// The kind of claim that a vcluster's name is.
const VCLUSTER: &str = "vcluster";
/// The kind of claim that its namespace is.
const TARGET_NAMESPACE: &str = "target-namespace";

/// What a vcluster is known by, for life.
pub(in crate::promises) const IDENTITY: &[(&str, &str)] =
    &[("spec.name", VCLUSTER), ("spec.targetNamespace", TARGET_NAMESPACE)];

/// A vcluster's name: one on the whole platform, for items, clusters and Secrets are named after it.
pub(in crate::promises) fn vcluster(name: &str) -> Claim {
    Claim::new(VCLUSTER, name)
}

/// The namespace that a vcluster runs in: it runs there alone.
pub(in crate::promises) fn target_namespace(namespace: &str) -> Claim {
    Claim::new(TARGET_NAMESPACE, namespace)
}

/// The address of a vcluster's API: Argo CD tells clusters apart by it.
pub(in crate::promises) fn server(url: &str) -> Claim {
    Claim::new("server", url.trim_end_matches('/'))
}

/// What an orchestrator renders that a `VCluster…` request in `namespace` with this `spec.name` would.
pub(in crate::promises) fn vcluster_part(namespace: &str, name: &str) -> Claim {
    Claim::new("vcluster-part", &format!("{namespace}/{name}"))
}

/// What an orchestrator renders that an `ArgoCDProject` in `namespace` with this `spec.name` would.
pub(in crate::promises) fn project_part(namespace: &str, name: &str) -> Claim {
    Claim::new("project-part", &format!("{namespace}/{name}"))
}

/// What an orchestrator renders that an `ArgoCDApplication` in `namespace` with this `spec.name` would.
pub(in crate::promises) fn application_part(namespace: &str, name: &str) -> Claim {
    Claim::new("application-part", &format!("{namespace}/{name}"))
}

/// What others need to know of a `VCluster…` request: which part it renders.
pub(in crate::promises) fn peer_of_part(request: &Request) -> Peer {
    let name = request.spec["name"].as_str().unwrap_or_default();
    Peer { asks: [vcluster_part(&request.key.namespace, name)].into(), ..Peer::default() }
}

/// The same, of one that handles a vcluster's credentials: whose they are decides whether it may.
pub(in crate::promises) fn peer_with_credentials(request: &Request) -> Peer {
    let mut peer = peer_of_part(request);
    peer.asks.insert(vcluster(request.spec["name"].as_str().unwrap_or_default()));
    peer
}

/// The same, of one that makes what is Argo CD's: it may have to be named after a vcluster.
pub(in crate::promises) fn peer_of_argocd(part: Claim, name: &str) -> Peer {
    let vcluster = name.strip_prefix("vcluster-").map(vcluster);
    Peer { asks: vcluster.into_iter().chain([part]).collect(), ..Peer::default() }
}

/// What a request for a part is about, for when only its record is left: the records know names, and a
/// request may be called anything.
pub(in crate::promises) fn about(request: &RequestKey, name: &str) -> Claim {
    Claim::new("about", &format!("{}/{}/{}={name}", request.promise, request.namespace, request.name))
}

/// The promises that render parts of a vcluster, under the vcluster's name.
const VCLUSTER_PARTS: [&str; 5] = [
    "vcluster-core",
    "vcluster-coredns",
    "vcluster-kubeconfig-sync",
    "vcluster-kubeconfig-external-secret",
    "vcluster-argocd-cluster-registration",
];

/// The requests in a namespace that would render parts of a vcluster: the keys that v1 gave them, and the
/// claims that such requests ask for, whatever they are called.
pub(in crate::promises) fn parts(namespace: &str, vcluster: &str, project: &str) -> [(RequestKey, Claim); 7] {
    let key = |promise: &str, name: &str| RequestKey {
        namespace: namespace.to_owned(),
        promise: promise.to_owned(),
        name: name.to_owned(),
    };
    let [core, coredns, sync, external, registration] =
        VCLUSTER_PARTS.map(|promise| (key(promise, vcluster), vcluster_part(namespace, vcluster)));
    let application = format!("vcluster-{vcluster}");
    [
        core,
        coredns,
        sync,
        external,
        registration,
        (key("argocd-project", project), project_part(namespace, project)),
        (key("argocd-application", &application), application_part(namespace, &application)),
    ]
}

/// Whether a request renders one of `parts`: by what it asks for if it is there; by its record if there is
/// only that; and where there is neither, what Kratix may have left goes by the name that v1 gave it.
pub(in crate::promises) fn is_part(parts: &[(RequestKey, Claim)], request: &RequestKey, known: &Known) -> bool {
    if let Some(peer) = known.peers.get(request) {
        return parts.iter().any(|(_, claim)| peer.asks.contains(claim));
    }
    let of_promise = parts.iter().filter(|(key, _)| key.promise == request.promise);
    if known.places(request).is_empty() {
        return of_promise.into_iter().any(|(key, _)| key == request);
    }
    of_promise.into_iter().any(|(key, _)| known.recorded_claims(request).any(|held| *held == about(request, &key.name)))
}
