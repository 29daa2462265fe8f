//! What the chart renders to, without a cluster.

use std::fs;

use kept::config::Settings;
use serde_json::{Value, json};

use crate::helm::{chart, examples, lint, objects, template};

#[test]
fn every_example_is_free_of_lint_and_renders() {
    let defaults = chart().join("values.yaml");
    for file in examples().into_iter().chain([defaults]) {
        let name = file.display();
        lint(&file).unwrap_or_else(|e| panic!("{name}: {e}"));
        let objects = objects(&fs::read_to_string(&file).expect("a file"));
        let of = |kind: &str| objects.iter().filter(|o| o["kind"] == kind).collect::<Vec<_>>();
        assert_eq!(of("Deployment").len(), 1, "{name}");
        // Nothing that `helm uninstall` deletes may take requests, or what Argo CD applied, with it.
        for kind in ["CustomResourceDefinition", "GitStateStore", "Destination", "Application", "ApplicationSet"] {
            for object in of(kind) {
                assert_eq!(object["metadata"]["annotations"]["helm.sh/resource-policy"], "keep", "{name}: {object}");
            }
        }
    }
}

#[test]
fn the_examples_cover_what_can_be_had() {
    let all: Vec<Value> =
        examples().iter().flat_map(|file| objects(&fs::read_to_string(file).expect("a file"))).collect();
    for kind in [
        "GitStateStore",
        "Destination",
        "Application",
        "ApplicationSet",
        "NetworkPolicy",
        "PodDisruptionBudget",
        "Service",
        "ServiceMonitor",
        "PrometheusRule",
        "CustomResourceDefinition",
    ] {
        assert!(all.iter().any(|object| object["kind"] == kind), "no example has a {kind}");
    }
}

#[test]
fn what_is_misspelt_is_refused_by_name() {
    for (values, word) in [
        ("imagee: {}", "imagee"),
        ("settings: {wirter: x}", "wirter"),
        ("settings: {limits: {fileBites: 1}}", "fileBites"),
        ("settings: {promises: {vcluster: {workloadRepo: {uri: x}}}}", "uri"),
        ("settings: {recheckIntervalSeconds: ten}", "recheckIntervalSeconds"),
        ("settings: {promises: {vcluster: {podSecurity: lax}}}", "podSecurity"),
        ("stateStore: {spec: {url: https://git.example/r.git, secretReff: {}}}", "secretReff"),
        ("stateStore: {create: true}", "url"),
        ("stateStore: {spec: {url: git.example/r.git}}", "url"),
        ("destination: {spec: {stateStoreRef: {name: x}}}", "stateStoreRef"),
        ("secretNamespaces: {Default: []}", "Default"),
        ("secretNamespaces: {default: git}", "default"),
        ("argocd: {mode: both}", "mode"),
        ("argocd: {create: true}", "argocd.repoURL"),
        ("replicas: two", "replicas"),
        ("settings: {leaderElection: {enabled: false}}", "leaderElection"),
        ("settings: {leaderElection: {leaseDuration: 30}}", "leaseDuration"),
        ("topologySpreadConstraints: {}", "topologySpreadConstraints"),
        ("image: {digest: latest}", "digest"),
        ("resources: {limits: {memory: lots}}", "memory"),
        ("networkPolicy: {egressPorts: [https]}", "egressPorts"),
        ("metrics: {port: 80}", "port"),
        ("metrics: {serviceMonitor: {interval: often}}", "interval"),
        ("metrics: {alerts: {label: {}}}", "label"),
    ] {
        let said = template(values).expect_err(values);
        assert!(said.contains(word), "{values}: {said}");
    }
}

/// The settings file that the operator gets for these settings.
fn settings(values: &Value) -> (String, Settings) {
    let objects = objects(&json!({ "settings": values }).to_string());
    let map = objects.iter().find(|object| object["kind"] == "ConfigMap").expect("the ConfigMap");
    let text = map["data"]["settings.yaml"].as_str().expect("the file");
    let dir = tempfile::tempdir().expect("a directory");
    let file = dir.path().join("settings.yaml");
    fs::write(&file, text).expect("written");
    let settings = Settings::load(&file).unwrap_or_else(|e| panic!("{e}\n{text}"));
    (text.to_owned(), settings)
}

#[test]
fn every_setting_reaches_the_program_as_it_was_given() {
    let documented = fs::read_to_string(chart().join("../../../docs/settings.yaml")).expect("the settings");
    assert_eq!(settings(&serde_saphyr::from_str(&documented).expect("YAML")).1, Settings::default());
    // What YAML and Helm are known to make something else of.
    let given = json!({
        "writer": "1e3",
        "adopt": ["no", "on", "0x1f"],
        "recheckIntervalSeconds": 12_345_678,
        "limits": { "fileBytes": 4_294_967_296_u64 },
        "promises": {
            "team": { "emailDomain": "{{ .Release.Name }}" },
            "vcluster": { "kubernetesPatches": { "1.30": "v1.30.1" }, "baseDomain": "a: b # c" },
        },
    });
    let (text, settings) = settings(&given);
    assert_eq!(settings.writer.as_deref(), Some("1e3"), "{text}");
    assert_eq!(settings.adopt, ["no", "on", "0x1f"], "{text}");
    assert_eq!((settings.recheck_interval_seconds, settings.limits.file_bytes), (12_345_678, 4_294_967_296), "{text}");
    assert_eq!(settings.argocd.namespaces, ["argocd"], "{text}");
    assert_eq!(settings.promises.team.email_domain, "{{ .Release.Name }}");
    assert_eq!(settings.promises.vcluster.base_domain, "a: b # c");
    assert_eq!(settings.promises.vcluster.kubernetes_patches.get("1.30").map(String::as_str), Some("v1.30.1"));
}

#[test]
fn replicas_share_a_lease_and_alone_there_need_be_none() {
    let rendered = |values: &str| {
        let objects = objects(values);
        let of = |kind: &str| objects.iter().find(|object| object["kind"] == kind).cloned().expect("the kind");
        let deployment = of("Deployment")["spec"].clone();
        let map = of("ConfigMap")["data"]["settings.yaml"].clone();
        let settings: Value = serde_saphyr::from_str(map.as_str().expect("the file")).expect("YAML");
        let leases = objects.iter().filter(|object| object["rules"].to_string().contains("leases")).count();
        (deployment, settings["leaderElection"].clone(), leases)
    };
    let (deployment, election, leases) = rendered("");
    assert_eq!((&deployment["replicas"], &deployment["strategy"]["type"]), (&json!(2), &json!("RollingUpdate")));
    assert_eq!((election, leases), (json!({ "name": "kept" }), 1));
    let pod = &deployment["template"]["spec"];
    assert_eq!(pod["topologySpreadConstraints"][0]["whenUnsatisfiable"], "ScheduleAnyway");
    let env = pod["containers"][0]["env"].to_string();
    assert!(env.contains("POD_NAME\"") && env.contains("POD_NAMESPACE\""), "{env}");
    // Two releases in one namespace have a lease each.
    assert_eq!(rendered("fullnameOverride: other").1, json!({ "name": "other" }));
    assert_eq!(rendered("replicas: 1").0["strategy"]["type"], "RollingUpdate");
    let (alone, election, leases) = rendered("replicas: 1\nsettings: {leaderElection: {enabled: false}}");
    assert_eq!((&alone["replicas"], &alone["strategy"]["type"], leases), (&json!(1), &json!("Recreate"), 0));
    assert_eq!(election["enabled"], false);
}

#[test]
fn traces_go_where_the_values_say() {
    let env = |values: &str| {
        let all = objects(values);
        let deployment = all.iter().find(|object| object["kind"] == "Deployment").expect("a Deployment");
        let env = deployment["spec"]["template"]["spec"]["containers"][0]["env"].clone();
        let env = env.as_array().expect("variables").clone();
        env.into_iter().find(|variable| variable["name"] == "OTEL_EXPORTER_OTLP_ENDPOINT")
    };
    assert_eq!(env(""), None);
    let endpoint = env("traces: {endpoint: 'http://collector:4318'}").expect("the variable");
    assert_eq!(endpoint["value"], "http://collector:4318");
}

#[test]
fn argo_cd_looks_where_the_store_and_the_destination_say() {
    let rendered = |mode: &str, store: &str, destination: &str| -> Value {
        let values = json!({
            "stateStore": { "spec": { "url": "https://git.example/r.git", "path": store } },
            "destination": { "spec": { "path": destination } },
            "argocd": { "create": true, "mode": mode },
        });
        let found =
            objects(&values.to_string()).into_iter().find(|object| object["apiVersion"] == "argoproj.io/v1alpha1");
        found.expect("Argo CD's object")["spec"].clone()
    };
    for (store, destination, path) in
        [("", ".", ""), ("platform/", "./clusters//host", "platform/clusters/host/"), (".", "host", "host/")]
    {
        let set = rendered("applicationset", store, destination);
        let directories = &set["generators"][0]["git"]["directories"];
        assert_eq!(directories[0]["path"], format!("{path}resources/*/*/*"));
        assert_eq!(directories[1], json!({ "path": format!("{path}resources/*/team/*"), "exclude": true }));
        assert_eq!(
            set["template"]["metadata"]["name"],
            r#"{{ slice .path.segments (sub (len .path.segments) 3) | join "." | normalize }}"#
        );
        let one = rendered("application", store, destination);
        assert_eq!(one["source"]["path"], if path.is_empty() { "." } else { path.trim_end_matches('/') });
        assert_eq!(one["source"]["directory"]["exclude"], "{.kept/**,.kratix/**,resources/*/team/**}");
    }
}

#[test]
fn probes_and_scrapers_find_the_port_that_the_operator_listens_at() {
    let values = fs::read_to_string(chart().join("examples/hardened.yaml")).expect("a file");
    let mut values: Value = serde_saphyr::from_str(&values).expect("YAML");
    values["metrics"]["port"] = json!(9090);
    let objects = objects(&values.to_string());
    let of = |kind: &str| objects.iter().find(|object| object["kind"] == kind).expect("the kind");
    let container = &of("Deployment")["spec"]["template"]["spec"]["containers"][0];
    let args: Vec<&str> = container["args"].as_array().expect("args").iter().filter_map(Value::as_str).collect();
    assert!(args.windows(2).any(|pair| pair == ["--listen", ":9090"]), "{args:?}");
    assert_eq!(container["ports"], json!([{ "name": "http", "containerPort": 9090 }]));
    for (probe, path) in [("startupProbe", "/healthz"), ("livenessProbe", "/healthz"), ("readinessProbe", "/readyz")] {
        assert_eq!(container[probe]["httpGet"], json!({ "path": path, "port": "http" }), "{probe}");
    }
    assert_eq!(of("Service")["spec"]["ports"], json!([{ "name": "http", "port": 9090, "targetPort": "http" }]));
    assert_eq!(of("ServiceMonitor")["spec"]["endpoints"][0]["port"], "http");
    let labels = of("Service")["metadata"]["labels"].as_object().expect("labels");
    for (key, value) in of("ServiceMonitor")["spec"]["selector"]["matchLabels"].as_object().expect("labels") {
        assert_eq!(labels.get(key), Some(value), "{key}");
    }
    let policy = &of("NetworkPolicy")["spec"]["ingress"][0];
    assert_eq!(policy["ports"], json!([{ "port": "http", "protocol": "TCP" }]));
    assert!(policy["from"][0]["namespaceSelector"].is_object(), "{policy}");
    assert!(of("PrometheusRule")["spec"]["groups"][0]["rules"].as_array().is_some_and(|rules| rules.len() > 3));
    let dashboard = objects.iter().find(|object| object["data"]["kept.json"].is_string()).expect("the dashboard");
    let text = dashboard["data"]["kept.json"].as_str().expect("text");
    let board: Value = serde_json::from_str(text).expect("JSON");
    assert_eq!((&board["uid"], &dashboard["metadata"]["labels"]["grafana_dashboard"]), (&json!("kept"), &json!("1")));
}
