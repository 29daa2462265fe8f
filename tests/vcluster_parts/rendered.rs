//! What each promise makes of a request, beyond the golden trees below `promises/`.

use kept::config::{PodSecurity, Settings};
use kept::known::Known;
use kept::manifest::Content;
use serde_json::{Value, json};

use crate::support::{FREE, mistakes, objects, only, output, promise, refused, rendered, request};

fn core(values: &str) -> Value {
    json!({ "name": "dev", "targetNamespace": "vcluster-dev", "valuesYaml": values })
}

fn values_of(spec: Value) -> Value {
    let files = rendered("VClusterCore", spec);
    let text = files["configmap-dev-vcluster-values.yaml"]["data"]["values.yaml"].as_str().expect("a text");
    serde_saphyr::from_str(text).expect("YAML")
}

fn namespace_of(spec: Value) -> Value {
    rendered("VClusterCore", spec)["namespace-vcluster-dev.yaml"].clone()
}

#[test]
fn bug_03_a_mapping_in_two_halves_loses_neither() {
    let halves = "controlPlane:\n  service: {enabled: true}\nlogging: {encoding: json}\ncontrolPlane:\n  advanced: {podDisruptionBudget: {enabled: true}}\n";
    let whole = json!({
        "controlPlane": {
            "service": { "enabled": true },
            "advanced": { "podDisruptionBudget": { "enabled": true } },
        },
        "logging": { "encoding": "json" },
    });
    assert_eq!(values_of(core(halves)), whole);
    // Where one half would hide something of the other, nobody can say what was meant.
    refused("VClusterCore", core("a: {b: 1}\na: {b: 2}\n"), "spec.valuesYaml", "at 2:1 of the text: the key \"a\"");
}

#[test]
fn bug_18_labels_are_a_mapping_and_stand_once() {
    let spec = json!({ "name": "p", "labels": { "kratix.io/promise-name": "mine", "team": "a" } });
    let project = only("ArgoCDProject", spec);
    assert_eq!(
        project["metadata"]["labels"],
        json!({
            "team": "a",
            "kratix.io/promise-name": "argocd-project",
            "kratix.io/resource-name": "x",
            "app.kubernetes.io/managed-by": "kratix",
        })
    );
}

#[test]
fn helm_values_are_one_mapping_or_nothing() {
    assert_eq!(values_of(core("# nothing\n")), json!({}));
    assert_eq!(values_of(json!({ "name": "dev", "targetNamespace": "vcluster-dev" })), json!({}));
    let odd = "text: |\n  a\n  ---\n  b\nversion: \"1.30\"\nanswer: \"no\"\n";
    assert_eq!(values_of(core(odd)), json!({ "text": "a\n---\nb\n", "version": "1.30", "answer": "no" }));
    for (values, words) in [
        ("- a\n", "is no mapping"),
        ("text\n", "is no mapping"),
        ("a: 1\n---\nb: 2\n", "more than one YAML document"),
        ("a: [1\n", "cannot be read as YAML at "),
        ("a:\n  b: {c: 1, c: 2}\n", "the key \"c\" stands here for the second time"),
    ] {
        refused("VClusterCore", core(values), "spec.valuesYaml", words);
    }
}

#[test]
fn a_namespace_is_privileged_only_where_a_directory_of_the_node_is_needed() {
    let level = |values: &str| {
        let namespace = namespace_of(core(values));
        let labels = &namespace["metadata"]["labels"];
        assert_eq!(labels["pod-security.kubernetes.io/warn"], "restricted");
        assert_eq!(labels["pod-security.kubernetes.io/audit"], "restricted");
        let reason = namespace["metadata"]["annotations"]["platform.integratn.tech/pod-security-reason"].as_str();
        (labels["pod-security.kubernetes.io/enforce"].clone(), reason.map(String::from))
    };
    for values in [
        "",
        "controlPlane: {hostPathMapper: {enabled: false}}",
        "controlPlane: {hostPathMapper: {}}",
        "volumes: [{name: a, hostPath: null}, {name: b, emptyDir: {}}]",
        "description: no hostPath is needed",
    ] {
        assert_eq!(level(values), ("baseline".into(), None), "{values}");
    }
    for (values, field) in [
        ("a: {b: [{}, {hostPath: {path: /x}}]}", "a.b[1].hostPath"),
        ("controlPlane: {hostPathMapper: {enabled: true}}", "controlPlane.hostPathMapper"),
        (
            "experimental: {deploy: {vcluster: {manifests: \"kind: Pod\\nspec: {volumes: [{hostPath: {path: /}}]}\"}}}",
            "experimental.deploy.vcluster.manifests.spec.volumes[0].hostPath",
        ),
    ] {
        let reason = format!("{field} in spec.valuesYaml");
        assert_eq!(level(values), ("privileged".into(), Some(reason)), "{values}");
    }
}

#[test]
fn the_settings_say_what_a_namespace_enforces() {
    let mut settings = Settings::default();
    let enforced = |settings: &Settings| {
        let request = request("VClusterCore", FREE, core("a: {hostPath: {path: /}}"));
        let output = promise("VClusterCore").render(&request, settings, &Known::default()).expect("it renders");
        let namespace = output.files.into_values().find_map(|content| match content {
            Content::Object(object) if object["kind"] == "Namespace" => Some(object),
            _ => None,
        });
        let metadata = namespace.expect("a Namespace")["metadata"].clone();
        let reason = &metadata["annotations"]["platform.integratn.tech/pod-security-reason"];
        (metadata["labels"]["pod-security.kubernetes.io/enforce"].clone(), reason.is_null())
    };
    settings.promises.vcluster.pod_security = PodSecurity::Restricted;
    assert_eq!(enforced(&settings), ("privileged".into(), false));
    // Nothing to explain where everything is privileged.
    settings.promises.vcluster.pod_security = PodSecurity::Privileged;
    assert_eq!(enforced(&settings), ("privileged".into(), true));
}

#[test]
fn a_namespace_outlives_a_request_that_lies_in_it() {
    let options = |metadata: &Value| metadata["annotations"]["argocd.argoproj.io/sync-options"].clone();
    let own = objects(&request("VClusterCore", "team-a", json!({ "name": "dev" })), &Known::default());
    assert_eq!(options(&own["namespace-team-a.yaml"]["metadata"]), "Prune=false,Delete=false");
    let other = namespace_of(core(""));
    assert_eq!(options(&other["metadata"]), Value::Null);
    assert_eq!(other["metadata"]["annotations"]["argocd.argoproj.io/sync-wave"], "-2");
}

#[test]
fn a_vcluster_is_claimed_with_its_namespace() {
    let claims = |kind: &str, spec: Value| output(kind, FREE, spec, &Known::default()).expect("it renders").claims;
    let held: Vec<String> = claims("VClusterCore", core("")).iter().map(|claim| claim.as_str().to_owned()).collect();
    assert_eq!(held, ["about/vcluster-core/platform-requests/x=dev", "target-namespace/vcluster-dev", "vcluster/dev"]);
    // Parts of it belong to whoever holds it; that they are about it is all that is recorded.
    let about = kept::manifest::Claim::new("about", "vcluster-coredns/platform-requests/x=dev");
    assert_eq!(claims("VClusterCoredns", json!({ "name": "dev" })), [about].into());
}

#[test]
fn bug_22_a_corefile_of_its_own_keeps_its_name() {
    let config_map = only("VClusterCoredns", json!({ "name": "dev", "clusterDomain": "dev.local" }));
    assert_eq!(config_map["metadata"]["name"], "coredns-x-kube-system-x-dev");
    let corefile = config_map["data"]["Corefile"].as_str().expect("a text");
    assert!(corefile.contains("\n  kubernetes dev.local in-addr.arpa ip6.arpa {\n"), "{corefile}");
}

#[test]
fn bug_26_names_fit_what_is_made_of_them() {
    let long = "v".repeat(54);
    for kind in [
        "VClusterCore",
        "VClusterCoredns",
        "VClusterKubeconfigSync",
        "VClusterKubeconfigExternalSecret",
        "VClusterArgoCDClusterRegistration",
    ] {
        let spec = |name: &str| match kind {
            "VClusterKubeconfigSync" => json!({ "name": name, "targetNamespace": "a", "hostname": "a.example.org" }),
            "VClusterArgoCDClusterRegistration" => json!({ "name": name }),
            _ => json!({ "name": name, "targetNamespace": "a" }),
        };
        refused(kind, spec(&long), "spec.name", "has 54 characters, and 53 are the most");
        assert!(!rendered(kind, spec(&long[1..])).is_empty());
    }
    let application = |release: Value| {
        json!({
            "name": long,
            "project": "p",
            "source": { "repoURL": "https://charts.example.org", "chart": "c", "targetRevision": "1", "helm": release },
            "destination": { "server": "https://a.example.org", "namespace": "a" },
        })
    };
    refused("ArgoCDApplication", application(json!({})), "spec.source.helm.releaseName", "53 characters");
    only("ArgoCDApplication", application(json!({ "releaseName": "short" })));
    // A file's name has less room than an object's: two long names are two files.
    let file = |name: &str| rendered("ArgoCDProject", json!({ "name": name })).pop_first().expect("a file").0;
    let labels = [63, 63, 63].map(|length| "a".repeat(length)).join(".");
    let (one, other) = (format!("{labels}.{}", "b".repeat(61)), format!("{labels}.{}c", "b".repeat(60)));
    assert!(file(&one).len() <= 255 && file(&one) != file(&other), "{}", file(&one));
}

#[test]
fn waves_are_the_users_where_they_say_so() {
    let wave = |object: Value| object["metadata"]["annotations"]["argocd.argoproj.io/sync-wave"].clone();
    let project = |annotations: Value| only("ArgoCDProject", json!({ "name": "p", "annotations": annotations }));
    assert_eq!(wave(project(json!({}))), "-1");
    assert_eq!(wave(project(json!({ "argocd.argoproj.io/sync-wave": "7", "a": "b" }))), "7");
    let application = |annotations: Value| {
        only("ArgoCDApplication", with_source(json!({ "name": "a", "project": "p", "annotations": annotations })))
    };
    assert_eq!(wave(application(json!({}))), "0");
    assert_eq!(wave(application(json!({ "argocd.argoproj.io/sync-wave": "-3" }))), "-3");
}

/// An application with the rest of what it needs.
fn with_source(mut spec: Value) -> Value {
    spec["source"] = json!({ "repoURL": "https://git.example.org/a", "path": "." });
    spec["destination"] = json!({ "server": "https://kubernetes.default.svc", "namespace": "a" });
    spec
}

#[test]
fn bug_21_a_project_and_an_application_say_what_was_asked_for() {
    let spec = json!({
        "description": "d: {{ x }}",
        "sourceRepos": ["https://git.example.org/*"],
        "destinations": [{ "server": "https://other.example.org", "namespace": "shop-*" }],
        "clusterResourceWhitelist": [],
    });
    let mut asked = spec.clone();
    asked["name"] = "p".into();
    assert_eq!(only("ArgoCDProject", asked)["spec"], spec);

    let values = json!({ "a": { "b": [1, null, { "c": "1.30" }], "d": "x: {{ y }}\n" }, "e": {} });
    let mut spec = with_source(json!({ "project": "p" }));
    spec["source"]["helm"] = json!({ "valuesObject": values });
    let mut asked = spec.clone();
    asked["name"] = "a".into();
    asked["finalizers"] = json!(["resources-finalizer.argocd.argoproj.io"]);
    let application = only("ArgoCDApplication", asked);
    assert_eq!(application["spec"], spec);
    assert_eq!(application["metadata"]["finalizers"], json!(["resources-finalizer.argocd.argoproj.io"]));
}

#[test]
fn pod_security_is_no_matter_of_applications() {
    let managed = |labels: Value| {
        let mut spec = with_source(json!({ "name": "a", "project": "p" }));
        spec["syncPolicy"] = json!({ "managedNamespaceMetadata": { "labels": labels } });
        spec
    };
    refused(
        "ArgoCDApplication",
        managed(json!({ "pod-security.kubernetes.io/enforce": "privileged" })),
        "spec.syncPolicy.managedNamespaceMetadata.labels",
        "pod-security.kubernetes.io",
    );
    only("ArgoCDApplication", managed(json!({ "team": "a" })));
    let mut spec = managed(json!({ "team": "a" }));
    spec["destination"]["namespace"] = "vcluster-dev".into();
    let known = crate::support::offered(&[(
        crate::support::key("vcluster-core", "platform-requests", "dev"),
        &[kept::manifest::Claim::new("target-namespace", "vcluster-dev")],
    )]);
    let found = mistakes("ArgoCDApplication", FREE, spec, &known);
    let words = "vcluster-dev has its labels from vcluster-core platform-requests/dev";
    crate::support::assert_mistake(&found, "spec.syncPolicy.managedNamespaceMetadata", words);
}

#[test]
fn keys_of_labels_and_annotations_are_keys() {
    let project = |field: &str, key: &str| json!({ "name": "p", field: { key: "v" } });
    let long = "k".repeat(64);
    for key in ["", "a b", "-a", "a-", "a/b/c", "/a", "a/", "A_B/c", "ä", "a\nb", &long] {
        for field in ["labels", "annotations"] {
            let at = format!("spec.{field}[{key:?}]");
            refused("ArgoCDProject", project(field, key), &at, "cannot be a key");
        }
    }
    for key in ["a", "A.b_c-d", "example.org/a", &long[1..]] {
        only("ArgoCDProject", project("labels", key));
    }
    let large = json!({ "name": "p", "annotations": (0..5).map(|i| (format!("k{i}"), "v".repeat(60_000).into())).collect::<serde_json::Map<_, _>>() });
    refused("ArgoCDProject", large, "spec.annotations", "bytes, and an object takes 262144");
}
