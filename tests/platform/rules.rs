//! What patterns and rules refuse, in which words, and that CEL judges as Rust does.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::{changed, crds, documents, mistakes, refused_by_cel, spec, walk};

#[test]
fn slips_of_the_pen_are_told() {
    let slip = |pointer: &str, value: Value| mistakes(&changed("VClusterOrchestrator", "full", &[(pointer, value)]));
    let expect = |pointer: &str, value: Value, words: &str| {
        let found = slip(pointer, value.clone());
        assert!(found.contains(words), "{pointer} {value}: {found:?} does not say {words:?}");
    };
    let object =
        changed("VClusterOrchestrator", "full", &[("/targetNamespace", Value::Null), ("/targetNamspace", json!("x"))]);
    assert!(mistakes(&object).contains("did you mean \"targetNamespace\"?"), "{}", mistakes(&object));
    expect("/vcluster/presets", json!("dev"), "spec.vcluster.presets: unknown field");
    expect("/vcluster/preset", json!("Prod"), "did you mean \"prod\"?");
    expect("/vcluster/k8sVersion", json!(1.34), "put quotes around it");
    expect("/vcluster/isolationMode", json!("none"), "standard, strict");
    expect("/vcluster/replicas", json!(0), "is 0, less than 1");
    expect("/vcluster/helmOverrides", json!("a: 1"), "is a string, not an object");
    expect("/exposure/apiPort", json!(65536), "more than 65535");
    expect("/exposure/apiPort", json!("443"), "is a string, not a whole number");
    expect("/argocdApplication/repoUrl", json!("x"), "unknown field");
    expect("/podSecurity/reason", Value::Null, "spec.podSecurity.reason: is missing");
    expect("/podSecurity/enforce", json!("none"), "privileged, baseline, restricted");
    expect("/podSecurity/reason", json!(" "), "is not allowed here");
    expect("/name", json!(&"n".repeat(64)), "is 64 characters long, 63 are allowed");
    let project = |pointer: &str, value: Value| mistakes(&changed("ArgoCDProject", "full", &[(pointer, value)]));
    assert!(project("/roles/0/jwtTokens", json!([])).contains("unknown field"));
    assert!(project("/syncWindows/1/kind", json!("Allow")).contains("did you mean \"allow\"?"));
}

#[test]
fn values_of_their_own_kind_have_patterns() {
    let at = |pointer: &str, value: &str| {
        mistakes(&changed("VClusterOrchestrator", "full", &[(pointer, json!(value))])).is_empty()
    };
    let cases: [(&str, &[&str], &[&str]); 7] = [
        ("/name", &["a", "0", "a-b", "a--b"], &["", "A", "-a", "a-", "a.b", "a_b", "é"]),
        (
            "/vcluster/k8sVersion",
            &["v1.34.3", "1.34", "1.33", "1.32", "v1.36", "1.30.12"],
            &["", "v2.0", "1", "1.34.3-k3s1", "1.x", "latest"],
        ),
        (
            "/vcluster/resources/limits/memory",
            &["512Mi", "1Gi", "1000m", "2", "0.5", "1.5Gi", "1e3", "1E", ".5Gi", "500M", "1k"],
            &["", "-1Gi", "1 Gi", "1GB", "Gi", "1,5Gi", "1Ki5", "0x10", "1KI"],
        ),
        (
            "/exposure/hostname",
            &["a.io", "x-1.example.org"],
            &["", "localhost", "A.io", "a..io", "a.io.", "-a.io", "*.a.io", "a.1"],
        ),
        (
            "/exposure/subnet",
            &["10.0.6.0/24", "1.2.3.4/0", "999.1.1.1/32"],
            &["", "10.0.6.0", "10.0.6.0/33", "10.0.6.0/08", "::/64", "10.6.0/24"],
        ),
        ("/exposure/vip", &["10.0.6.7", "999.1.1.1"], &["", "10.0.6", "10.0.6.7/24", "fe80::1", "a.b.c.d"]),
        ("/integrations/argocd/environment", &["development", "eu.prod_1"], &["", "-a", "a b", "{{x}}"]),
    ];
    for (pointer, good, bad) in cases {
        for value in good {
            assert!(at(pointer, value), "{pointer} refuses {value:?}");
        }
        for value in bad {
            assert!(!at(pointer, value), "{pointer} takes {value:?}");
        }
    }
}

/// An object, and what is said against it; nothing, if it is good.
fn judged() -> Vec<(Value, &'static str)> {
    let app = |changes: &[(&str, Value)]| changed("ArgoCDApplication", "full", changes);
    let several = |changes: &[(&str, Value)]| changed("ArgoCDApplication", "several", changes);
    let project = |to: Value| changed("ArgoCDProject", "full", &[("/destinations", json!([to]))]);
    let source = json!({ "repoURL": "https://x.org/a.git", "path": "." });
    let raised = json!({ "labels": { "a": "b", "pod-security.kubernetes.io/enforce": "privileged" } });
    let policy = "/argocdApplication/syncPolicy/managedNamespaceMetadata";
    vec![
        (app(&[("/sources", json!([source]))]), "spec: needs a source, or sources for several, and not both"),
        (app(&[("/source", Value::Null)]), "spec: needs a source, or sources"),
        (app(&[("/source", source.clone())]), ""),
        (app(&[("/source/path", json!("x"))]), "spec.source.path: has a chart and a path"),
        (app(&[("/source/targetRevision", Value::Null)]), "spec.source.targetRevision: is missing: a chart needs"),
        (app(&[("/source/chart", Value::Null)]), "spec.source: needs a path, a chart, or a ref"),
        (app(&[("/source/chart", Value::Null), ("/source/ref", json!("x"))]), "spec.source: needs a path or a chart"),
        (app(&[("/source/helm/values", json!("a: 1"))]), "spec.source.helm.values: stands beside valuesObject"),
        (several(&[("/sources", json!([source, { "repoURL": "x" }]))]), "spec.sources[1]: needs a path, a chart"),
        (several(&[("/sources", json!([source, { "repoURL": "x", "ref": "x" }]))]), ""),
        (app(&[("/destination/name", json!("x"))]), "spec.destination: needs a server or the name"),
        (app(&[("/destination/server", Value::Null)]), "spec.destination: needs a server or the name"),
        (app(&[("/destination/server", Value::Null), ("/destination/name", json!("x"))]), ""),
        (
            app(&[("/syncPolicy/managedNamespaceMetadata", raised.clone())]),
            "spec.syncPolicy.managedNamespaceMetadata.labels: may not set pod-security.kubernetes.io labels",
        ),
        (changed("VClusterOrchestrator", "full", &[(policy, raised)]), "spec.argocdApplication.syncPolicy.managed"),
        (changed("VClusterOrchestrator", "full", &[(policy, json!({ "labels": { "pod-security": "x" } }))]), ""),
        (project(json!({ "namespace": "x" })), "spec.destinations[0]: needs a server or the name of a cluster"),
        (project(json!({ "name": "x" })), ""),
    ]
}

#[test]
fn rules_hold_in_files_as_in_a_cluster() {
    for (object, words) in judged() {
        let found = mistakes(&object);
        assert_eq!(found.is_empty(), words.is_empty(), "{object}: {found:?}");
        assert!(found.contains(words), "{object} should be refused with {words:?}: {found:?}");
        assert_eq!(refused_by_cel(&object, None), !words.is_empty(), "CEL differs on {object}");
    }
}

#[test]
fn rules_say_the_same_in_files_as_in_a_cluster() {
    let mut said = BTreeSet::new();
    for crd in crds() {
        walk(spec(&crd), "spec", &mut |_, schema| {
            for rule in schema.x_kubernetes_validations.iter().flatten() {
                said.insert((rule.rule.contains("oldSelf"), rule.message.clone().expect("a message")));
            }
        });
    }
    let in_files: String = judged().iter().map(|(object, _)| mistakes(object)).collect();
    for (of_changes, message) in said {
        assert!(of_changes || in_files.contains(&message), "no file is refused with {message:?}");
    }
}

#[test]
fn an_identity_cannot_be_changed() {
    for object in documents("full.yaml") {
        let mut renamed = object.clone();
        renamed["spec"]["name"] = json!("other");
        assert!(refused_by_cel(&renamed, Some(&object)), "{} takes another name", object["kind"]);
        assert!(!refused_by_cel(&renamed, None), "{} refuses a good name", object["kind"]);
    }
    let target = |kind: &str, to: Option<&str>| {
        changed(kind, "full", &[("/targetNamespace", to.map_or(Value::Null, |to| json!(to)))])
    };
    let moved =
        |kind: &str, from: Option<&str>, to: Option<&str>| refused_by_cel(&target(kind, to), Some(&target(kind, from)));
    let (default, other) = (Some("vcluster-full"), Some("other"));
    // An absent one is `vcluster-{name}`; to say so, or no longer, changes nothing.
    for (from, to, refused) in [
        (default, other, true),
        (other, default, true),
        (other, other, false),
        (None, other, true),
        (other, None, true),
        (None, default, false),
        (default, None, false),
        (None, None, false),
    ] {
        assert_eq!(moved("VClusterOrchestrator", from, to), refused, "{from:?} -> {to:?}");
    }
    // An absent one is the namespace of the request, which no rule can see.
    for (from, to, refused) in [
        (default, other, true),
        (default, default, false),
        (None, other, true),
        (default, None, true),
        (None, None, false),
    ] {
        assert_eq!(moved("VClusterCore", from, to), refused, "{from:?} -> {to:?}");
    }
}
