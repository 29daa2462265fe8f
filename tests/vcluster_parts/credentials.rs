//! The way of a kubeconfig: into 1Password, back from there, and to Argo CD.

use std::collections::BTreeSet;

use kept::config::Settings;
use kept::known::Known;
use serde_json::{Value, json};

use crate::support::{FREE, objects, only, output, promise, refused, rendered, request};

fn sync() -> Value {
    json!({ "name": "dev", "targetNamespace": "vcluster-dev", "hostname": "dev.example.org", "apiPort": 8443 })
}

fn registration(labels: Value, annotations: Value) -> Value {
    json!({ "name": "dev", "labels": labels, "annotations": annotations })
}

const KINDS: [&str; 3] =
    ["VClusterKubeconfigSync", "VClusterKubeconfigExternalSecret", "VClusterArgoCDClusterRegistration"];

fn smallest(kind: &str) -> Value {
    match kind {
        "VClusterKubeconfigSync" => sync(),
        _ => json!({ "name": "dev" }),
    }
}

/// The `PushSecret` of a property.
fn push(spec: Value, property: &str) -> Value {
    let object = rendered("VClusterKubeconfigSync", spec)
        .into_values()
        .find(|object| object["spec"]["data"][0]["match"]["secretKey"] == property);
    object.unwrap_or_else(|| panic!("{property} is not pushed"))
}

/// The text that becomes a property.
fn pushed(spec: Value, property: &str) -> Value {
    push(spec, property)["spec"]["template"]["data"][property].clone()
}

#[test]
fn bug_05_nothing_is_left_that_opens_a_door() {
    let objects = rendered("VClusterKubeconfigSync", sync());
    let mut properties = Vec::new();
    for object in objects.values() {
        let spec = &object["spec"];
        assert_eq!(spec["deletionPolicy"], "Delete");
        // With two in one object a deletion does not come to its end.
        let [entry] = &spec["data"].as_array().expect("a list")[..] else { panic!("{spec}") };
        assert_eq!(entry["match"]["remoteRef"]["remoteKey"], "vcluster-dev-kubeconfig");
        assert_eq!(entry["match"]["secretKey"], entry["match"]["remoteRef"]["property"]);
        assert_eq!(spec["template"]["data"].as_object().map(serde_json::Map::len), Some(1));
        properties.push(entry["match"]["secretKey"].as_str().expect("a text").to_owned());
    }
    // The first one makes the item.
    assert_eq!(properties, ["argocd-config", "argocd-name", "argocd-server", "kubeconfig", "notesPlain"]);
    // The notes, which once held the kubeconfig, say something constant.
    let notes = pushed(sync(), "notesPlain");
    assert!(!notes.as_str().expect("a text").contains("{{"), "{notes}");
}

#[test]
fn bug_08_what_the_operator_serves_is_asked_for() {
    for kind in KINDS {
        let object = rendered(kind, smallest(kind)).pop_first().expect("a file").1;
        let version = match object["kind"].as_str() {
            Some("PushSecret") => "external-secrets.io/v1alpha1",
            _ => "external-secrets.io/v1",
        };
        assert_eq!(object["apiVersion"], version, "{kind}");
    }
}

#[test]
fn what_the_operator_would_fill_in_is_there() {
    let object = only("VClusterArgoCDClusterRegistration", registration(json!({}), json!({})));
    let spec = &object["spec"];
    assert_eq!(spec["target"]["creationPolicy"], "Owner");
    assert_eq!(spec["target"]["deletionPolicy"], "Retain");
    assert_eq!(spec["target"]["template"]["engineVersion"], "v2");
    assert_eq!(spec["target"]["template"]["mergePolicy"], "Replace");
    for entry in spec["data"].as_array().expect("a list") {
        let remote = &entry["remoteRef"];
        let defaults = ["conversionStrategy", "decodingStrategy", "metadataPolicy"].map(|field| remote[field].clone());
        assert_eq!(defaults, ["Default", "None", "None"].map(Value::from));
    }
    // A duration as Go prints it: the operator writes it back like that.
    for (kind, interval) in KINDS.into_iter().zip(["15m0s", "5m0s", "5m0s"]) {
        for object in rendered(kind, smallest(kind)).values() {
            assert_eq!(object["spec"]["refreshInterval"], interval, "{kind}");
        }
    }
    let push = push(sync(), "kubeconfig")["spec"].clone();
    assert_eq!(push["updatePolicy"], "Replace");
    assert_eq!(push["template"]["engineVersion"], "v2");
    assert_eq!(push["template"]["mergePolicy"], "Replace");
    assert_eq!(push["template"]["metadata"], json!({}), "the operator writes that back too");
    assert!(push["data"].as_array().expect("a list").iter().all(|entry| entry["conversionStrategy"] == "None"));
}

#[test]
fn bugs_13_14_and_16_no_job_no_account_and_no_role() {
    let kinds = |kind: &str| {
        let files = objects(&request(kind, FREE, smallest(kind)), &Known::default());
        files.into_values().map(|object| object["kind"].as_str().unwrap_or_default().to_owned()).collect::<Vec<_>>()
    };
    let all: BTreeSet<String> = KINDS.map(kinds).concat().into_iter().collect();
    assert_eq!(all, ["ExternalSecret", "PushSecret"].map(String::from).into());
    let mut spec = sync();
    spec["kubeconfigSyncJobName"] = "vcluster-dev-kubeconfig-sync".into();
    let output = output("VClusterKubeconfigSync", FREE, spec, &Known::default()).expect("it renders");
    assert_eq!(output.notes, ["spec.kubeconfigSyncJobName has no effect: no Job runs any more"]);
}

#[test]
fn bug_14_a_change_of_an_annotation_is_a_sync() {
    for kind in KINDS {
        let annotations = |at: Option<&str>| {
            let mut request = request(kind, FREE, smallest(kind));
            request.annotations.extend(at.map(|at| ("platform.integratn.tech/reconcile-at".to_owned(), at.to_owned())));
            let object = objects(&request, &Known::default()).pop_first().expect("a file").1;
            object["metadata"]["annotations"].clone()
        };
        assert_eq!(annotations(None), json!({ "argocd.argoproj.io/sync-wave": "10" }), "{kind}");
        assert_eq!(annotations(Some("now: {{ x }}"))["platform.integratn.tech/reconcile-at"], "now: {{ x }}", "{kind}");
    }
}

#[test]
fn bug_15_a_token_is_a_credential_and_tls_is_verified() {
    let object = push(sync(), "argocd-config");
    let config = object["spec"]["template"]["data"]["argocd-config"].as_str().expect("a text");
    assert_eq!(config.matches("\"insecure\" false").count(), 2, "{config}");
    let (with_token, with_certificate) = config.split_once("{{- else -}}").expect("two branches");
    assert!(with_token.contains("dict \"bearerToken\" $token") && !with_token.contains("certData"));
    assert!(with_certificate.contains("\"certData\" $cert \"keyData\" $key") && !with_certificate.contains("bearer"));
    // JSON is made by the engine and not of pieces of text.
    assert_eq!(config.matches("| toJson").count(), 2);
    assert_eq!(object["spec"]["selector"]["secret"]["name"], "vc-dev");
}

#[test]
fn the_server_is_the_exposed_address() {
    let server = |spec: Value| pushed(spec, "argocd-server");
    assert_eq!(server(sync()), "https://dev.example.org:8443");
    assert_eq!(server(json!({ "name": "dev", "hostname": "dev.example.org" })), "https://dev.example.org:443");
    for url in ["https://[fd00::1]:8443", "https://10.0.6.100", "https://rancher.example.org/k8s/clusters/c-1"] {
        let mut spec = sync();
        spec["serverUrl"] = url.into();
        assert_eq!(server(spec), url);
    }
    refused("VClusterKubeconfigSync", json!({ "name": "dev" }), "spec.hostname", "is missing");
    for (url, words) in [
        ("https://{{.token}}", "no address"),
        ("https://a.example.org/{{.token}}", "no address"),
        ("https://a.example.org?x", "no address"),
        ("https://user@a.example.org", "no address"),
        ("https://a.example.org\\", "no address"),
        ("https://kubernetes.default.svc", "the cluster that Argo CD runs in"),
        ("https://kubernetes.default.svc:443/", "the cluster that Argo CD runs in"),
        ("https://Kubernetes.Default.svc", "the cluster that Argo CD runs in"),
        ("https://kubernetes.default.svc.", "no address"),
    ] {
        refused("VClusterKubeconfigSync", json!({ "name": "dev", "serverUrl": url }), "spec.serverUrl", words);
    }
    let own = json!({ "name": "dev", "hostname": "kubernetes.default.svc" });
    refused("VClusterKubeconfigSync", own, "spec.hostname", "the cluster that Argo CD runs in");
}

#[test]
fn bug_20_the_clusters_labels_are_the_secrets_alone() {
    let object =
        only("VClusterArgoCDClusterRegistration", registration(json!({ "team": "a" }), json!({ "note": "b" })));
    let keys = |value: &Value| value.as_object().expect("a mapping").keys().cloned().collect::<BTreeSet<_>>();
    let own = ["app", "app.kubernetes.io/managed-by", "instance", "kratix.io/promise-name", "kratix.io/resource-name"];
    assert_eq!(keys(&object["metadata"]["labels"]), own.map(String::from).into());
    assert_eq!(object["metadata"]["annotations"], json!({ "argocd.argoproj.io/sync-wave": "10" }));
    // Without a template the Secret would have all of the object's own.
    let external = only("VClusterKubeconfigExternalSecret", smallest("VClusterKubeconfigExternalSecret"));
    assert_eq!(external["spec"]["target"]["template"]["metadata"], json!({}));
    let template = &object["spec"]["target"]["template"]["metadata"];
    assert_eq!(template["labels"]["team"], "a");
    assert_eq!(template["annotations"]["note"], "b");
    assert!(own.iter().all(|key| template["labels"].get(*key).is_none()));
}

const ANNOTATIONS: [&str; 16] = [
    "addons_repo_basepath",
    "addons_repo_path",
    "addons_repo_revision",
    "addons_repo_url",
    "cert_manager_namespace",
    "cluster_name",
    "environment",
    "external_dns_namespace",
    "managed-by",
    "nfs_subdir_external_provisioner_namespace",
    "platform.integratn.tech/base-domain",
    "platform.integratn.tech/base-domain-sanitized",
    "workload_repo_basepath",
    "workload_repo_path",
    "workload_repo_revision",
    "workload_repo_url",
];

fn cluster(labels: Value, annotations: Value) -> (Value, Value) {
    let object = only("VClusterArgoCDClusterRegistration", registration(labels, annotations));
    let metadata = &object["spec"]["target"]["template"]["metadata"];
    (metadata["labels"].clone(), metadata["annotations"].clone())
}

#[test]
fn a_clusters_annotations_are_always_all_there() {
    for given in [json!({}), json!({ "workload_repo_basepath": null }), json!({ "note": "x" })] {
        let (_, annotations) = cluster(json!({}), given);
        for key in ANNOTATIONS {
            assert!(annotations[key].is_string(), "{key}: {annotations}");
        }
        assert_eq!(annotations["workload_repo_basepath"], "");
    }
}

#[test]
fn the_users_labels_win_but_it_stays_a_cluster() {
    let given = json!({
        "argocd.argoproj.io/secret-type": "repository",
        "cluster_role": "mine",
        "environment": "production",
        "enable_argocd": null,
    });
    let (labels, annotations) = cluster(given, json!({ "cluster_name": "other", "environment": "elsewhere" }));
    assert_eq!(labels["argocd.argoproj.io/secret-type"], "cluster");
    assert_eq!(labels["cluster_role"], "mine");
    assert_eq!(labels["enable_argocd"], "");
    assert_eq!(labels["cluster_name"], "dev");
    assert_eq!(labels["akuity.io/argo-cd-cluster-name"], "dev");
    assert_eq!(annotations["cluster_name"], "other");
    assert_eq!(annotations["environment"], "elsewhere");
    // The annotation follows the label.
    assert_eq!(cluster(json!({ "environment": "production" }), json!({})).1["environment"], "production");
    assert_eq!(cluster(json!({}), json!({})).0["environment"], "development");
}

#[test]
fn the_base_domain_is_the_requests_own_or_the_settings() {
    let domains = |given: Option<&str>, spec: Value| {
        let mut request = request("VClusterArgoCDClusterRegistration", FREE, spec);
        let key = "platform.integratn.tech/base-domain";
        request.annotations.extend(given.map(|domain| (key.to_owned(), domain.to_owned())));
        let rendered =
            promise("VClusterArgoCDClusterRegistration").render(&request, &Settings::default(), &Known::default());
        rendered.map(|_| {
            let object = objects(&request, &Known::default()).pop_first().expect("a file").1;
            let annotations = &object["spec"]["target"]["template"]["metadata"]["annotations"];
            [key, "platform.integratn.tech/base-domain-sanitized"]
                .map(|key| annotations[key].as_str().unwrap_or_default().to_owned())
        })
    };
    let empty = || registration(json!({}), json!({}));
    let both = |domain: &str, sanitized: &str| Ok([domain.to_owned(), sanitized.to_owned()]);
    assert_eq!(domains(None, empty()), both("integratn.tech", "integratn-tech"));
    assert_eq!(domains(Some("a.example.org"), empty()), both("a.example.org", "a-example-org"));
    let given = registration(json!({}), json!({ "platform.integratn.tech/base-domain": "b.org" }));
    assert_eq!(domains(Some("a.example.org"), given), both("b.org", "b-org"));
    let refusal = domains(Some("{{ .x }}"), empty()).expect_err("no domain").to_string();
    assert!(refusal.contains("metadata.annotations[\"platform.integratn.tech/base-domain\"]"), "{refusal}");
}

#[test]
fn templates_are_refused_where_the_operator_would_execute_them() {
    for value in ["{{ .config }}", "a {{", "{{`"] {
        let spec = registration(json!({}), json!({ "note": value }));
        refused("VClusterArgoCDClusterRegistration", spec, "spec.annotations[\"note\"]", "execute as a template");
    }
    only("VClusterArgoCDClusterRegistration", registration(json!({}), json!({ "note": "}} { { %{x}" })));
}

#[test]
fn items_are_found_by_their_titles_alone() {
    let spec = |item: &str| json!({ "name": "dev", "onepasswordItem": item });
    for item in ["a\" or title co \"", "a\\", "{{ .x }}"] {
        refused(
            "VClusterKubeconfigExternalSecret",
            spec(item),
            "spec.onepasswordItem",
            "quotes, backslashes or braces",
        );
    }
    let object = only("VClusterKubeconfigExternalSecret", spec("Kubeconfig: dev (old)"));
    assert_eq!(object["spec"]["data"][0]["remoteRef"]["key"], "Kubeconfig: dev (old)");
    assert_eq!(object["spec"]["target"]["name"], "vcluster-dev-kubeconfig-external");
}

#[test]
fn the_settings_name_the_store_and_the_items() {
    let mut settings = Settings::default();
    settings.promises.vcluster.secrets.store = "vault".into();
    settings.promises.vcluster.secrets.kind = "SecretStore".into();
    settings.promises.vcluster.secrets.item = "k8s {name}".into();
    for kind in KINDS {
        let request = request(kind, FREE, smallest(kind));
        let output = promise(kind).render(&request, &settings, &Known::default()).expect("it renders");
        let text = format!("{:?}", output.files);
        assert!(text.contains("vault") && text.contains("\"SecretStore\"") && text.contains("k8s dev"), "{text}");
    }
}
