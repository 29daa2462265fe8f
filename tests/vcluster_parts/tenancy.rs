//! What requests may name: those in the request namespaces, and those elsewhere.

use kept::config::Settings;
use kept::known::{Known, KnownPlace, Peer, Site};
use kept::manifest::Claim;
use kept::values::{Branch, RelPath, RequestKey};
use serde_json::{Value, json};

use crate::support::{
    FREE, assert_mistake, key, mistakes, objects, offered, output, promise, refused, rendered, request, vcluster,
};

const RULE: &str = "setting promises.vcluster.requestNamespaces";

/// Kinds that are asked for in a namespace, the field that names another one, and what else they need.
fn targets(namespace: &str) -> Vec<(&'static str, &'static str, Value)> {
    let named = || json!({ "name": "dev", "targetNamespace": namespace });
    let mut sync = named();
    sync["hostname"] = "dev.example.org".into();
    vec![
        ("VClusterCore", "spec.targetNamespace", named()),
        ("VClusterCoredns", "spec.targetNamespace", named()),
        ("VClusterKubeconfigSync", "spec.targetNamespace", sync),
        ("VClusterKubeconfigExternalSecret", "spec.targetNamespace", named()),
    ]
}

/// All that there is of Argo CD's, with its namespaces.
fn of_argocd(own: Value, deployed_to: &str) -> Vec<(&'static str, &'static str, Value)> {
    let registration = json!({ "name": "dev", "argocdNamespace": own });
    let project = json!({
        "name": "vcluster-dev",
        "namespace": own,
        "sourceRepos": ["https://charts.loft.sh"],
        "destinations": [{ "server": "https://kubernetes.default.svc", "namespace": deployed_to }],
    });
    let application = json!({
        "name": "vcluster-dev",
        "namespace": own,
        "project": "vcluster-dev",
        "source": { "repoURL": "https://charts.loft.sh", "chart": "vcluster", "targetRevision": "0.36.1" },
        "destination": { "server": "https://kubernetes.default.svc", "namespace": deployed_to },
    });
    vec![
        ("VClusterArgoCDClusterRegistration", "spec.argocdNamespace", registration),
        ("ArgoCDProject", "spec.namespace", project),
        ("ArgoCDApplication", "spec.namespace", application),
    ]
}

/// What is known where `team-a` has an orchestrator of a vcluster `dev` that renders nothing yet.
fn with_a_vcluster() -> Known {
    offered(&[(key("vcluster-orchestrator", "team-a", "d"), &[vcluster("dev")])])
}

#[test]
fn requests_in_a_request_namespace_name_what_they_like() {
    for (kind, _, spec) in targets("anywhere").into_iter().chain(of_argocd("argocd".into(), "anywhere")) {
        assert!(!rendered(kind, spec).is_empty(), "{kind}");
    }
    let mut settings = Settings::default();
    settings.promises.vcluster.request_namespaces = vec!["teams".into()];
    let coredns = request("VClusterCoredns", "teams", json!({ "name": "dev", "targetNamespace": "anywhere" }));
    assert!(promise("VClusterCoredns").render(&coredns, &settings, &Known::default()).is_ok());
    settings.promises.vcluster.request_namespaces.clear();
    let refusal = promise("VClusterCoredns").render(&coredns, &settings, &Known::default()).expect_err("refused");
    assert!(refusal.to_string().contains("(none; setting promises.vcluster.requestNamespaces)"), "{refusal}");
}

#[test]
fn protected_namespaces_are_named_by_nobody() {
    for namespace in ["kube-system", "kube-whatever", "default", "argocd", "external-secrets", "kept", "kept-system"] {
        for (kind, field, spec) in targets(namespace) {
            refused(kind, spec, field, "is protected");
        }
        let fields = ["spec.destinations[0].namespace", "spec.destination.namespace"];
        for ((kind, _, spec), field) in of_argocd("argocd".into(), namespace).into_iter().skip(1).zip(fields) {
            refused(kind, spec, field, "is protected");
        }
    }
    for (kind, field, spec) in of_argocd("kube-system".into(), "anywhere") {
        refused(kind, spec, field, "promises.vcluster.protectedNamespaces");
    }
    let source = json!({ "name": "p", "sourceNamespaces": ["a", "kube-system"] });
    refused("ArgoCDProject", source, "spec.sourceNamespaces[1]", "is protected");
    // A request that lies in such a namespace means it when it names none.
    let found = mistakes("VClusterCoredns", "default", json!({ "name": "dev" }), &Known::default());
    assert_mistake(&found, "spec.targetNamespace", "default is protected");
    // What no request may render into is not for Argo CD to deploy into either.
    let mut settings = Settings::default();
    settings.protected_namespaces.push("vault".into());
    let request = request("VClusterCoredns", FREE, json!({ "name": "dev", "targetNamespace": "vault" }));
    let refusal = promise("VClusterCoredns").render(&request, &settings, &Known::default()).expect_err("refused");
    assert!(refusal.to_string().contains("vault is protected"), "{refusal}");
}

#[test]
fn requests_elsewhere_stay_in_their_namespace() {
    let known = with_a_vcluster();
    for (kind, field, spec) in targets("team-b") {
        assert_mistake(
            &mistakes(kind, "team-a", spec, &known),
            field,
            "\"team-b\" is another namespace; here it is team-a",
        );
    }
    // The first one is a vcluster of its own, and this namespace has one.
    for (kind, _, spec) in targets("team-a").into_iter().skip(1) {
        let files = objects(&request(kind, "team-a", spec), &known);
        for object in files.values() {
            assert_eq!(object["metadata"]["namespace"], "team-a", "{object}");
        }
    }
    for (kind, field, spec) in of_argocd("team-a".into(), "team-a") {
        assert_mistake(&mistakes(kind, "team-a", spec, &known), field, "here it is argocd");
    }
    for (kind, _, spec) in of_argocd("argocd".into(), "team-a") {
        assert!(output(kind, "team-a", spec, &known).is_ok(), "{kind}");
    }
}

#[test]
fn requests_elsewhere_deploy_the_chart_into_the_own_cluster() {
    let known = with_a_vcluster();
    let [_, (_, _, project), (_, _, application)] = &of_argocd("argocd".into(), "team-a")[..] else {
        panic!("three kinds");
    };
    let changed = |spec: &Value, pointer: &str, value: Value| {
        let mut spec = spec.clone();
        let (parent, field) = pointer.rsplit_once('/').expect("a pointer");
        spec.pointer_mut(parent).expect("a parent")[field] = value;
        spec
    };
    let other = "https://other.example.org";
    for (pointer, value, field) in [
        ("/sourceRepos", json!(["https://charts.loft.sh", "*"]), "spec.sourceRepos[1]"),
        ("/sourceNamespaces", json!(["*"]), "spec.sourceNamespaces[0]"),
        ("/destinations", json!([{ "server": other, "namespace": "team-a" }]), "spec.destinations[0].server"),
        (
            "/destinations",
            json!([{ "server": format!("!{other}"), "namespace": "team-a" }]),
            "spec.destinations[0].server",
        ),
        ("/destinations", json!([{ "name": "in-cluster", "namespace": "team-a" }]), "spec.destinations[0].name"),
        (
            "/destinations",
            json!([{ "server": "https://kubernetes.default.svc", "namespace": "!team-b" }]),
            "spec.destinations[0].namespace",
        ),
        ("/destinations", json!([{ "server": "https://kubernetes.default.svc" }]), "spec.destinations[0].namespace"),
        ("/name", "vcluster-other".into(), "spec.name"),
        ("/name", "theirs".into(), "spec.name"),
    ] {
        let found = mistakes("ArgoCDProject", "team-a", changed(project, pointer, value), &known);
        assert_mistake(&found, field, RULE);
    }
    for (pointer, value, field) in [
        ("/source/repoURL", other.into(), "spec.source.repoURL"),
        ("/destination", json!({ "server": other, "namespace": "team-a" }), "spec.destination.server"),
        ("/destination", json!({ "name": "in-cluster", "namespace": "team-a" }), "spec.destination.name"),
        (
            "/destination",
            json!({ "server": "https://kubernetes.default.svc", "namespace": "team-b" }),
            "spec.destination.namespace",
        ),
        ("/destination", json!({ "server": "https://kubernetes.default.svc" }), "spec.destination.namespace"),
        ("/name", "vcluster-other".into(), "spec.name"),
        ("/project", "default".into(), "spec.project"),
    ] {
        let found = mistakes("ArgoCDApplication", "team-a", changed(application, pointer, value), &known);
        assert_mistake(&found, field, RULE);
    }
    // An orchestrator elsewhere is none of theirs.
    let known = offered(&[(key("vcluster-orchestrator", "team-b", "d"), &[vcluster("dev")])]);
    assert_mistake(
        &mistakes("ArgoCDProject", "team-a", project.clone(), &known),
        "spec.name",
        "of a VClusterOrchestrator in team-a",
    );
}

#[test]
fn nobody_reaches_the_credentials_of_anothers_vcluster() {
    let kinds = || {
        let credentials =
            targets("team-a").into_iter().skip(2).chain(of_argocd("argocd".into(), "team-a").into_iter().take(1));
        credentials.map(|(kind, _, spec)| (kind, spec))
    };
    let core = |namespace: &str| key("vcluster-core", namespace, "c");
    let held_by = |holder: &RequestKey| {
        let mut known = offered(&[(core("team-a"), &[vcluster("dev")]), (core("team-b"), &[vcluster("dev")])]);
        known.reserve(holder, &[vcluster("dev")].into());
        known
    };
    for (kind, spec) in kinds() {
        let allowed = |known: &Known| output(kind, "team-a", spec.clone(), known).is_ok();
        assert!(allowed(&offered(&[(core("team-a"), &[vcluster("dev")])])), "{kind}");
        assert!(allowed(&held_by(&core("team-a"))), "{kind}: who holds it is not put off by who wants it");
        for known in [
            Known::default(),
            offered(&[(core("team-a"), &[vcluster("other")])]),
            offered(&[(core("team-b"), &[vcluster("dev")])]),
            offered(&[(core("team-a"), &[vcluster("dev")]), (core("team-b"), &[vcluster("dev")])]),
            held_by(&core("team-b")),
        ] {
            assert_mistake(
                &mistakes(kind, "team-a", spec.clone(), &known),
                "spec.name",
                "no vcluster dev is requested in team-a alone",
            );
        }
        let mut of_another = spec.clone();
        of_another["onepasswordItem"] = "vcluster-other-kubeconfig".into();
        let known = with_a_vcluster();
        assert_mistake(
            &mistakes(kind, "team-a", of_another.clone(), &known),
            "spec.onepasswordItem",
            "is another item",
        );
        // In a request namespace an item may have any title.
        if let Some(field) = of_another.get_mut("targetNamespace") {
            *field = "anywhere".into();
        }
        assert!(!rendered(kind, of_another).is_empty(), "{kind}");
    }
}

fn recorded(request: &RequestKey) -> Known {
    let branch = Branch { remote: kept::values::Remote::new("https://git.example.org/state"), name: "main".into() };
    let place = KnownPlace {
        destination: "d".into(),
        directories: [String::new()].into(),
        site: Site { branch, root: RelPath::root() },
    };
    let mut known = Known::default();
    let RequestKey { namespace, promise, name } = request;
    known.add(request, place, &[Claim::new("about", &format!("{promise}/{namespace}/{name}={name}"))]);
    known
}

#[test]
fn a_vcluster_has_its_namespace_for_itself() {
    let spec = || json!({ "name": "dev", "targetNamespace": "vcluster-dev" });
    refused(
        "VClusterCore",
        json!({ "name": "dev", "targetNamespace": FREE }),
        "spec.targetNamespace",
        "the requests of many",
    );
    refused("VClusterCore", json!({ "name": "dev" }), "spec.targetNamespace", "the requests of many");
    for (promise, name) in [("team", "t"), ("vcluster-coredns", "dns"), ("vcluster-orchestrator", "o")] {
        let other = key(promise, "vcluster-dev", name);
        let words = format!("vcluster-dev holds another request, {promise} vcluster-dev/{name}");
        for known in [offered(&[(other.clone(), &[])]), recorded(&other)] {
            for namespace in [FREE, "vcluster-dev"] {
                let found = mistakes("VClusterCore", namespace, spec(), &known);
                assert_mistake(&found, "spec.targetNamespace", &words);
            }
        }
    }
    // Others elsewhere, and what was once asked for the same vcluster there, are no matter.
    for other in [key("team", "vcluster-other", "t"), key("vcluster-coredns", "vcluster-dev", "dev")] {
        assert!(output("VClusterCore", FREE, spec(), &recorded(&other)).is_ok(), "{other}");
    }
    let mut known = Known::default();
    for (kind, spec) in [
        ("VClusterCoredns", json!({ "name": "dev" })),
        ("ArgoCDProject", json!({ "name": "vcluster-dev" })),
        ("VClusterKubeconfigExternalSecret", json!({ "name": "dev" })),
    ] {
        let part = request(kind, "vcluster-dev", spec);
        known.peers_mut().arrive(&part.key, promise(kind).peer(&part, &Settings::default()));
    }
    assert!(output("VClusterCore", "vcluster-dev", spec(), &known).is_ok());
    // A part of another vcluster is another request, even if it is called like one of this one's.
    let mut of_another = Known::default();
    let asks = [Claim::new("vcluster-part", "vcluster-dev/other")].into();
    of_another.peers_mut().arrive(&key("vcluster-coredns", "vcluster-dev", "dev"), Peer { asks, ..Peer::default() });
    let found = mistakes("VClusterCore", FREE, spec(), &of_another);
    assert_mistake(&found, "spec.targetNamespace", "holds another request");
}

#[test]
fn a_core_is_looked_at_again_when_its_namespace_is_free() {
    let settings = Settings::default();
    let core = request("VClusterCore", FREE, json!({ "name": "dev", "targetNamespace": "vcluster-dev" }));
    let mut known = Known::default();
    let other = key("team", "vcluster-dev", "t");
    known.peers_mut().arrive(&other, Peer::default());
    known.peers_mut().arrive(&core.key, promise("VClusterCore").peer(&core, &settings));
    assert_eq!(known.peers_mut().leave(&other), [core.key].into());
}

#[test]
fn patterns_that_mean_a_protected_namespace_are_refused_and_all_of_them_is_said_openly() {
    let to = |namespace: &str| json!({ "name": "p", "destinations": [{ "server": "*", "namespace": namespace }] });
    for pattern in ["argoc?", "kube-sy*", "*-system", "k*c", "{argocd}", "/.*/", "!argoc?"] {
        refused("ArgoCDProject", to(pattern), "spec.destinations[0].namespace", "is protected");
    }
    for pattern in ["*", "team-*", "media", "!team-?"] {
        output("ArgoCDProject", FREE, to(pattern), &Known::default()).expect(pattern);
    }
    refused("ArgoCDProject", json!({ "name": "default" }), "spec.name", "Argo CD's own project");
}

#[test]
fn a_tenants_namespace_enforces_what_the_settings_say() {
    let values = |text: &str| json!({ "name": "x", "valuesYaml": text });
    let volume = "volumes: [{hostPath: {path: /}}]";
    let found = mistakes("VClusterCore", "tenant", values(volume), &Known::default());
    assert_mistake(&found, "spec.valuesYaml", "privileged is weaker than baseline");
    // Not everything of that name is a directory of the node.
    let files = objects(&request("VClusterCore", "tenant", values("anything: {hostPath: ''}")), &Known::default());
    let namespace = files.values().find(|object| object["kind"] == "Namespace").expect("a namespace");
    assert_eq!(namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"], "baseline");
}

#[test]
fn who_is_refused_vouches_for_nobody() {
    // The vcluster is recorded as another's, whatever an orchestrator here offers.
    let mut known = offered(&[(key("vcluster-orchestrator", "evil", "media"), &[vcluster("media")])]);
    known.reserve(&key("vcluster-orchestrator", FREE, "media"), &[vcluster("media")].into());
    let found = mistakes("ArgoCDProject", "evil", json!({ "name": "vcluster-media" }), &known);
    assert_mistake(&found, "spec.name", "is not vcluster-NAME of a VClusterOrchestrator in evil");
}
