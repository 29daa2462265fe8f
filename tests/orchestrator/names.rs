//! What a vcluster is called, what it may name, and for which requests it stands.

use std::collections::BTreeSet;

use kept::config::Settings;
use kept::known::{Known, Peer};
use kept::manifest::{Claim, Observed, Output, Part};
use kept::promises::{self, Refusal, Request};
use kept::values::{RequestKey, Set};
use serde_json::{Value, json};

use crate::support::{arrive, at, demo, mistakes, promise, record, render, render_with, request};

const PARTS: [&str; 7] = [
    "argocd-application",
    "argocd-project",
    "vcluster-argocd-cluster-registration",
    "vcluster-core",
    "vcluster-coredns",
    "vcluster-kubeconfig-external-secret",
    "vcluster-kubeconfig-sync",
];

fn key(namespace: &str, promise: &str, name: &str) -> RequestKey {
    RequestKey { namespace: namespace.into(), promise: promise.into(), name: name.into() }
}

/// The request of another promise, of a kind in the same API group.
fn other(kind: &str, namespace: &str, name: &str, spec: Value) -> Request {
    let promise = promises::by_kind("platform.integratn.tech", kind).expect("it is served");
    let object = json!({
        "apiVersion": "platform.integratn.tech/v1alpha1", "kind": kind,
        "metadata": { "name": name, "namespace": namespace }, "spec": spec,
    });
    promise.request(&object, None).unwrap_or_else(|e| panic!("{object}: {e}"))
}

fn other_arrives(known: &mut Known, request: &Request) {
    let promise = promises::by_kind("platform.integratn.tech", &request.kind).expect("it is served");
    known.peers_mut().arrive(&request.key, promise.peer(request, &Settings::default()));
}

#[test]
fn names_made_of_the_vclusters() {
    let output = render(&demo(json!({})));
    let names: Vec<&str> = output.files.keys().map(kept::values::RelPath::as_str).collect();
    assert_eq!(
        names,
        [
            "argocd-application/application-vcluster-demo.yaml",
            "argocd-project/appproject-vcluster-demo.yaml",
            "vcluster-argocd-cluster-registration/externalsecret-vcluster-demo-argocd-cluster.yaml",
            "vcluster-core/configmap-demo-vcluster-values.yaml",
            "vcluster-core/namespace-vcluster-demo.yaml",
            "vcluster-coredns/configmap-vc-demo-coredns.yaml",
            "vcluster-kubeconfig-external-secret/externalsecret-vcluster-demo-kubeconfig.yaml",
            "vcluster-kubeconfig-sync/pushsecret-vcluster-demo-argocd-config.yaml",
            "vcluster-kubeconfig-sync/pushsecret-vcluster-demo-argocd-name.yaml",
            "vcluster-kubeconfig-sync/pushsecret-vcluster-demo-argocd-server.yaml",
            "vcluster-kubeconfig-sync/pushsecret-vcluster-demo-kubeconfig.yaml",
            "vcluster-kubeconfig-sync/pushsecret-vcluster-demo-notesplain.yaml",
        ]
    );
    let namespaced = |path: &str| at(&output, path)["metadata"]["namespace"].clone();
    for path in names.iter().filter(|path| !path.contains("/namespace-")) {
        let argocd = path.starts_with("argocd-") || path.starts_with("vcluster-argocd-");
        assert_eq!(namespaced(path), if argocd { "argocd" } else { "vcluster-demo" }, "{path}");
    }
    let facts = json!({
        "vclusterName": "demo", "targetNamespace": "vcluster-demo", "hostname": "demo.integratn.tech",
        "environment": "development",
        "endpoints": {
            "api": "https://demo.integratn.tech:443",
            "argocd": "https://argocd.cluster.integratn.tech/applications/vcluster-demo",
        },
        "credentials": {
            "kubeconfigSecret": "vcluster-demo-kubeconfig-external",
            "onePasswordItem": "vcluster-demo-kubeconfig",
            "onePasswordVault": "homelab",
        },
    });
    assert_eq!(json!(output.facts), facts);
    let observed = Observed::of(&output);
    let kinds: Vec<&str> = observed.objects.iter().map(|object| object.kind.group_kind().1).collect();
    assert_eq!(
        kinds,
        ["Application", "AppProject", "ExternalSecret", "ExternalSecret"]
            .into_iter()
            .chain(["PushSecret"; 5])
            .collect::<Vec<_>>()
    );
    let vcluster = observed.vcluster.expect("it makes one");
    assert_eq!(
        (&*vcluster.namespace, &*vcluster.server, &*vcluster.cluster),
        ("vcluster-demo", "https://demo.integratn.tech:443", "vcluster-demo")
    );
    let parts: Vec<(&str, &str, &str)> =
        output.parts.iter().map(|(dir, Part { promise, name })| (dir.as_str(), *promise, name.as_str())).collect();
    let name_of = |part: &str| if part.starts_with("argocd-") { "vcluster-demo" } else { "demo" };
    assert_eq!(parts, PARTS.map(|part| (part, part, name_of(part))));
}

#[test]
fn waves_begin_with_the_namespace_and_end_with_what_waits_for_the_vcluster() {
    let output = render(&demo(json!({})));
    let wave = |path: &str| at(&output, path)["metadata"]["annotations"]["argocd.argoproj.io/sync-wave"].clone();
    for (path, wanted) in [
        ("vcluster-core/namespace-vcluster-demo.yaml", json!("-2")),
        ("argocd-project/appproject-vcluster-demo.yaml", json!("-1")),
        ("argocd-application/application-vcluster-demo.yaml", json!("0")),
        ("vcluster-core/configmap-demo-vcluster-values.yaml", Value::Null),
        ("vcluster-coredns/configmap-vc-demo-coredns.yaml", Value::Null),
        ("vcluster-argocd-cluster-registration/externalsecret-vcluster-demo-argocd-cluster.yaml", json!("10")),
        ("vcluster-kubeconfig-external-secret/externalsecret-vcluster-demo-kubeconfig.yaml", json!("10")),
        ("vcluster-kubeconfig-sync/pushsecret-vcluster-demo-kubeconfig.yaml", json!("10")),
    ] {
        assert_eq!(wave(path), wanted, "{path}");
    }
}

#[test]
fn a_namespace_and_a_project_of_ones_own() {
    let output = render(&demo(json!({ "targetNamespace": "media", "projectName": "films" })));
    assert_eq!(at(&output, "vcluster-core/namespace-media.yaml")["metadata"]["name"], "media");
    at(&output, "argocd-project/appproject-films.yaml");
    let application = &at(&output, "argocd-application/application-vcluster-demo.yaml")["spec"];
    assert_eq!(application["project"], "films");
    assert_eq!(application["destination"]["namespace"], "media");
    assert_eq!(output.parts["argocd-project"].name, "films");
}

fn claims(output: &Output) -> BTreeSet<&str> {
    output.claims.iter().map(Claim::as_str).collect()
}

#[test]
fn it_claims_and_offers_what_is_its_own_alone() {
    let me = demo(json!({ "targetNamespace": "media", "projectName": "films" }));
    let wanted = [
        "vcluster/demo",
        "target-namespace/media",
        "vcluster-part/platform-requests/demo",
        "vcluster-part/media/demo",
        "project-part/platform-requests/films",
        "project-part/media/films",
        "application-part/platform-requests/vcluster-demo",
        "application-part/media/vcluster-demo",
    ];
    let output = render(&me);
    let peer = |request: &Request| promise().peer(request, &Settings::default());
    assert_eq!(peer(&me).offers.iter().map(Claim::as_str).collect::<BTreeSet<_>>(), wanted.into());
    // Argo CD could not tell two of one address apart.
    let claimed: BTreeSet<&str> = wanted.into_iter().chain(["server/https://demo.integratn.tech:443"]).collect();
    assert_eq!(claims(&output), claimed);
    assert_eq!(peer(&me).asks.iter().map(Claim::as_str).collect::<Vec<_>>(), ["request-in/media"]);
    let beside = |request: &Request| -> Vec<String> {
        let vips = peer(request).offers.into_iter().filter(|c| c.kind().starts_with("vip"));
        vips.map(|c| c.as_str().to_owned()).collect()
    };
    assert_eq!(beside(&demo(json!({ "exposure": { "vip": "10.0.6.9", "subnet": "10.0.6.0/24" } }))), ["vip/10.0.6.9"]);
    assert_eq!(beside(&demo(json!({ "exposure": { "subnet": "10.0.6.0/24" } }))), ["vip-of-v1/10.0.6.100"]);
    assert!(beside(&demo(json!({ "exposure": {} }))).is_empty());
}

#[test]
fn it_stands_for_what_v1_had_requests_for() {
    let me = demo(json!({ "targetNamespace": "media", "projectName": "films" }));
    let mut wanted = Set::new();
    for namespace in ["platform-requests", "media"] {
        for part in PARTS {
            let name = match part {
                "argocd-project" => "films",
                "argocd-application" => "vcluster-demo",
                _ => "demo",
            };
            wanted.insert(key(namespace, part, name));
        }
    }
    assert_eq!(render(&me).supersedes, wanted);

    let mut known = Known::default();
    // One that has such a name, but is about another vcluster; one that is about this, by another name.
    let about_another = other("VClusterCoredns", "media", "demo", json!({ "name": "x", "targetNamespace": "media" }));
    let by_another = other("VClusterCoredns", "platform-requests", "odd", json!({ "name": "demo" }));
    let project = other("ArgoCDProject", "media", "odd", json!({ "name": "films" }));
    for request in [&about_another, &by_another, &project] {
        other_arrives(&mut known, request);
    }
    let asks_for_nothing = key("platform-requests", "vcluster-core", "demo");
    known.peers_mut().arrive(&asks_for_nothing, Peer::default());
    wanted.remove(&about_another.key);
    wanted.remove(&asks_for_nothing);
    wanted.extend([by_another.key.clone(), project.key]);
    let elsewhere = demo(json!({ "targetNamespace": "media", "projectName": "films" }));
    // The one about another vcluster is other people's, and in the way.
    assert!(matches!(render_with(&elsewhere, &known), Err(Refusal::Invalid(_))));
    known.peers_mut().leave(&about_another.key);
    wanted.insert(about_another.key);
    assert_eq!(render_with(&elsewhere, &known).expect("it renders").supersedes, wanted);
}

#[test]
fn the_parts_render_nothing_beside_it() {
    let me = demo(json!({ "targetNamespace": "media" }));
    let mut known = Known::default();
    arrive(&mut known, &me, 1);
    for (kind, spec) in [
        ("VClusterCore", json!({ "name": "demo", "targetNamespace": "media", "valuesYaml": "a: 1" })),
        ("VClusterCoredns", json!({ "name": "demo" })),
        ("VClusterKubeconfigSync", json!({ "name": "demo", "hostname": "demo.example.org" })),
        ("VClusterKubeconfigExternalSecret", json!({ "name": "demo" })),
        ("VClusterArgoCDClusterRegistration", json!({ "name": "demo" })),
        ("ArgoCDProject", json!({ "name": "vcluster-demo" })),
        (
            "ArgoCDApplication",
            json!({
            "name": "vcluster-demo", "project": "vcluster-demo", "destination": { "server": "https://x" },
            "source": { "repoURL": "https://x", "path": "." } }),
        ),
    ] {
        for namespace in ["media", "platform-requests"] {
            let part = other(kind, namespace, "any", spec.clone());
            let promise = promises::by_kind("platform.integratn.tech", kind).expect("it is served");
            let found = promise.render(&part, &Settings::default(), &known);
            assert_eq!(found, Err(Refusal::Superseded(me.key.clone())), "{kind} in {namespace}");
        }
    }
}

#[test]
fn one_that_takes_everything_over_passes_policy() {
    // With v1's requests there, beside it and in its namespace, as v1's examples have it.
    let me = request("media", "demo", json!({ "name": "demo", "targetNamespace": "media" }));
    let mut known = Known::default();
    arrive(&mut known, &me, 1);
    other_arrives(
        &mut known,
        &other("VClusterCore", "media", "demo", json!({ "name": "demo", "targetNamespace": "media" })),
    );
    record(
        &mut known,
        &key("media", "vcluster-coredns", "demo"),
        &[Claim::new("about", "vcluster-coredns/media/demo=demo")],
    );
    let output = render_with(&me, &known).expect("its own parts are no other people's requests");
    assert_eq!(output.supersedes.len(), 7);
    kept::policy::check(&me.key, output, &Settings::default()).expect("it passes");
}

#[test]
fn a_recorded_request_of_such_a_name_that_is_about_something_else_is_left_alone() {
    let mut known = Known::default();
    let theirs = key("platform-requests", "vcluster-kubeconfig-sync", "demo");
    record(&mut known, &theirs, &[Claim::new("about", "vcluster-kubeconfig-sync/platform-requests/demo=shop")]);
    let output = render_with(&demo(json!({})), &known).expect("it renders");
    assert!(!output.supersedes.contains(&theirs));
    // And in the namespace that the vcluster is to have it is in the way.
    let mut known = Known::default();
    let theirs = key("team-a", "vcluster-core", "demo");
    record(&mut known, &theirs, &[Claim::new("about", "vcluster-core/team-a/demo=shop")]);
    let refused = render_with(&demo(json!({ "targetNamespace": "team-a" })), &known).expect_err("it is refused");
    assert!(refused.to_string().contains("holds another request, vcluster-core team-a/demo"), "{refused}");
}

#[test]
fn a_tenant_does_not_climb_by_helm_values() {
    let refused = |spec: Value, field: &str| {
        let mut whole = json!({ "name": "evil", "targetNamespace": "vcluster-evil" });
        whole.as_object_mut().expect("fields").extend(spec.as_object().expect("fields").clone());
        let request = request("vcluster-evil", "evil", whole);
        let Err(Refusal::Invalid(invalid)) = render_with(&request, &Known::default()) else { panic!("{spec}") };
        assert!(invalid.mistakes.iter().any(|m| m.field == field), "{field}: {invalid}");
        assert!(invalid.to_string().contains("requestNamespaces"), "{invalid}");
    };
    let at = "spec.vcluster";
    for (overrides, field) in [
        (json!({ "rbac": { "clusterRole": { "extraRules": [] } } }), "helmOverrides.rbac.clusterRole.extraRules"),
        (
            json!({ "sync": { "fromHost": { "secrets": { "mappings": { "byName": { "argocd/*": "x/*" } } } } } }),
            "helmOverrides.sync.fromHost.secrets.mappings.byName.argocd/*",
        ),
        (json!({ "experimental": {} }), "helmOverrides.experimental"),
        (json!({ "controlPlane": null }), "helmOverrides.controlPlane"),
        (json!({ "controlPlane.backingStore": {} }), "helmOverrides.controlPlane.backingStore"),
        (
            json!({ "controlPlane": { "service": { "spec": { "loadBalancerIP": "10.0.0.1" } } } }),
            "helmOverrides.controlPlane.service.spec.loadBalancerIP",
        ),
    ] {
        refused(json!({ "vcluster": { "helmOverrides": overrides } }), &format!("{at}.{field}"));
    }
    let more = json!({ "vcluster": { "exportKubeConfig": { "additionalSecrets": [{ "namespace": "argocd" }] } } });
    refused(more, "spec.vcluster.exportKubeConfig.additionalSecrets");
    refused(json!({ "argocdApplication": { "chart": "loft" } }), "spec.argocdApplication.chart");
    refused(json!({ "podSecurity": { "enforce": "privileged", "reason": "because" } }), "spec.podSecurity");

    // What is known to be harmless is theirs to say, and the platform may say what that is.
    let own = json!({ "name": "good", "targetNamespace": "vcluster-good", "vcluster": {
        "backingStore": { "etcd": { "deploy": { "enabled": true } } },
        "exportKubeConfig": { "context": "good" },
        "helmOverrides": { "controlPlane": { "statefulSet": { "resources": { "limits": { "cpu": "3" } } } } },
    } });
    render_with(&request("vcluster-good", "good", own), &Known::default()).expect("it renders");
    let mut settings = Settings::default();
    settings.promises.vcluster.tenant_values = vec!["*".into()];
    let free = request(
        "vcluster-free",
        "free",
        json!({ "name": "free", "targetNamespace": "vcluster-free", "vcluster": { "helmOverrides": { "rbac": {} } } }),
    );
    promise().render(&free, &settings, &Known::default()).expect("it renders");
}

#[test]
fn who_is_refused_for_its_names_offers_nothing() {
    let peer = |request: &Request| promise().peer(request, &Settings::default());
    let spec = |project: &str| json!({ "name": "media", "targetNamespace": "evil", "projectName": project, "exposure": { "vip": "10.0.0.1" } });
    assert!(peer(&request("evil", "media", spec("zzz"))).offers.is_empty());
    assert!(!peer(&request("evil", "media", spec("vcluster-media"))).offers.is_empty());
}

#[test]
fn argocds_own_project_is_nobodys() {
    let found = mistakes(&demo(json!({ "projectName": "default" })));
    assert!(found.starts_with("spec.projectName: default is Argo CD's own"), "{found}");
}

#[test]
fn protected_namespaces_are_refused() {
    for namespace in ["kube-system", "kube-anything", "default", "argocd", "external-secrets", "kept", "kept-system"] {
        let refused = mistakes(&demo(json!({ "targetNamespace": namespace })));
        assert!(refused.starts_with(&format!("spec.targetNamespace: {namespace} is protected")), "{refused}");
    }
    let refused = mistakes(&demo(json!({ "targetNamespace": "platform-requests" })));
    assert!(refused.starts_with("spec.targetNamespace: platform-requests holds the requests of many"), "{refused}");
}

#[test]
fn a_namespace_with_other_peoples_requests_is_refused() {
    let me = request("shared", "demo", json!({ "name": "demo", "targetNamespace": "shared" }));
    render_with(&me, &Known::default()).expect("its own namespace, and nobody else there");
    let mut present = Known::default();
    present.peers_mut().arrive(&key("shared", "team", "payments"), Peer::default());
    let mut recorded = Known::default();
    record(&mut recorded, &key("shared", "team", "payments"), &[]);
    for known in [present, recorded] {
        let Err(Refusal::Invalid(invalid)) = render_with(&me, &known) else { panic!("it is refused") };
        assert!(
            invalid.to_string().starts_with("spec.targetNamespace: shared holds another request, team shared/payments")
        );
        // It is no matter to a vcluster that lies elsewhere.
        render_with(&demo(json!({})), &known).expect("it renders");
        assert!(matches!(render_with(&demo(json!({ "targetNamespace": "shared" })), &known), Err(Refusal::Invalid(_))));
    }
}

#[test]
fn requests_elsewhere_name_only_what_is_their_own() {
    let elsewhere = |fields: Value| {
        let mut spec = json!({ "name": "demo", "targetNamespace": "shop" });
        spec.as_object_mut().expect("a map").extend(fields.as_object().expect("a map").clone());
        request("shop", "demo", spec)
    };
    render(&elsewhere(json!({})));
    render(&elsewhere(json!({ "projectName": "vcluster-demo", "argocdApplication": {
        "repoURL": "https://charts.loft.sh", "destinationServer": "https://kubernetes.default.svc" } })));
    for (fields, field) in [
        (json!({ "targetNamespace": "vcluster-demo" }), "spec.targetNamespace"),
        (json!({ "projectName": "platform" }), "spec.projectName"),
        (json!({ "argocdApplication": { "repoURL": "https://charts.example.org" } }), "spec.argocdApplication.repoURL"),
        (
            json!({ "argocdApplication": { "destinationServer": "https://other" } }),
            "spec.argocdApplication.destinationServer",
        ),
    ] {
        let refused = mistakes(&elsewhere(fields.clone()));
        assert_eq!(refused.lines().count(), 1, "{refused}");
        assert!(refused.starts_with(&format!("{field}: ")), "{refused}");
        assert!(
            refused.contains("outside the request namespaces") && refused.contains("requestNamespaces"),
            "{refused}"
        );
        if fields.get("targetNamespace").is_none() {
            render(&demo(fields));
        }
    }
    // Without a target it is vcluster-{name}, which is not theirs either.
    assert!(mistakes(&request("shop", "demo", json!({ "name": "demo" }))).starts_with("spec.targetNamespace: "));
    render(&request("vcluster-demo", "demo", json!({ "name": "demo" })));
}

#[test]
fn a_vcluster_is_not_the_cluster_that_argocd_runs_in() {
    for hostname in ["kubernetes.default.svc", "kubernetes.default.svc.cluster.local"] {
        let refused = mistakes(&demo(json!({ "exposure": { "hostname": hostname, "apiPort": 443 } })));
        assert!(refused.starts_with("spec.exposure.hostname: "), "{refused}");
    }
}
