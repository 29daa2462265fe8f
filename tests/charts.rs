//! The Helm values of a vcluster against the real chart: Helm checks them by the chart's own
//! `values.schema.json`, and renders.
#![allow(clippy::unwrap_used)]

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use kept::api::PLATFORM_GROUP;
use kept::config::Settings;
use kept::known::Known;
use kept::policy::check;
use kept::promises::by_kind;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use serde_json::{Value, json};

/// Where a real part is, built if it is missing.
fn part(name: &str) -> PathBuf {
    let parts = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/parts");
    let found = Command::new("go").arg("-C").arg(parts).args(["run", ".", "path", name]).output().expect("go runs");
    assert!(found.status.success(), "{}", String::from_utf8_lossy(&found.stderr));
    PathBuf::from(String::from_utf8_lossy(&found.stdout).trim())
}

/// Helm, and the chart of the version that is the default.
fn helm() -> &'static (PathBuf, PathBuf) {
    static FOUND: OnceLock<(PathBuf, PathBuf)> = OnceLock::new();
    FOUND.get_or_init(|| (part("helm"), part("vcluster-chart")))
}

/// What `helm template` says: the manifests, or why there are none.
fn template(values: &Value) -> Result<String, String> {
    let (helm, chart) = helm();
    let mut child = Command::new(helm)
        .args(["template", "it", "--namespace", "it", "--values", "-"])
        .arg(chart)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("helm runs");
    child.stdin.take().expect("piped").write_all(values.to_string().as_bytes()).expect("values");
    let output = child.wait_with_output().expect("helm ends");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    if output.status.success() { Ok(text(&output.stdout)) } else { Err(text(&output.stderr)) }
}

/// The values in the Application of a request that renders; those in the ConfigMap are the same.
fn values(object: &Value) -> Result<Value, String> {
    let promise = by_kind(PLATFORM_GROUP, "VClusterOrchestrator").expect("the promise");
    let settings = Settings::default();
    let request = promise.request(object, Some("platform-requests")).map_err(|e| e.to_string())?;
    let output = promise.render(&request, &settings, &Known::default()).map_err(|e| e.to_string())?;
    let checked = check(&request.key, output, &settings).map_err(|e| e.to_string())?;
    let read = |start: &str| -> Value {
        let found = checked.files().iter().find(|(path, _)| path.as_str().starts_with(start)).expect("the file");
        serde_saphyr::from_slice(&found.1.bytes).expect("YAML")
    };
    let application = read("argocd-application/")["spec"]["source"]["helm"]["valuesObject"].clone();
    let map = read("vcluster-core/configmap");
    let text = map["data"]["values.yaml"].as_str().expect("a text");
    assert_eq!(serde_saphyr::from_str::<Value>(text).expect("YAML"), application);
    Ok(application)
}

fn orchestrator(spec: &Value) -> Value {
    json!({
        "apiVersion": "platform.integratn.tech/v1alpha1", "kind": "VClusterOrchestrator",
        "metadata": { "name": "it", "namespace": "platform-requests" }, "spec": spec,
    })
}

#[test]
fn every_example_and_every_preset_is_valid_and_renders() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folders = ["examples/vclusters", "promises/vcluster-orchestrator"].map(|folder| root.join(folder));
    let files = folders
        .iter()
        .flat_map(|folder| std::fs::read_dir(folder).expect("a folder"))
        .map(|e| e.expect("an entry").path());
    let mut objects: Vec<Value> = files
        .filter(|path| path.extension().is_some_and(|e| e == "yaml"))
        .flat_map(|path| {
            serde_saphyr::from_multiple::<Value>(&std::fs::read_to_string(path).expect("text")).expect("YAML")
        })
        .filter(|object| object["kind"] == "VClusterOrchestrator")
        .collect();
    for preset in ["dev", "prod"] {
        objects.push(orchestrator(&json!({ "name": "it", "vcluster": { "preset": preset } })));
    }
    assert!(objects.len() > 5);
    for object in &objects {
        let manifests = values(object).and_then(|values| template(&values).map_err(|e| format!("{e}\n{values:#}")));
        let manifests = manifests.unwrap_or_else(|e| panic!("{}: {e}", object["metadata"]["name"]));
        assert!(manifests.contains("loft-sh/vcluster-oss"), "{}", object["metadata"]["name"]);
    }
}

#[test]
fn a_cluster_of_three_gets_an_etcd_and_a_budget_and_one_of_one_does_not() {
    let prod =
        template(&values(&orchestrator(&json!({ "name": "it", "vcluster": { "preset": "prod" } }))).unwrap()).unwrap();
    assert!(prod.contains("kind: PodDisruptionBudget") && prod.contains("it-etcd"), "{prod}");
    let dev = template(&values(&orchestrator(&json!({ "name": "it" }))).unwrap()).unwrap();
    assert!(!dev.contains("kind: PodDisruptionBudget") && !dev.contains("it-etcd"));
}

#[test]
fn helm_would_tell_what_is_not_valid() {
    let mut wrong = values(&orchestrator(&json!({ "name": "it" }))).unwrap();
    wrong["controlPlane"]["statefulset"] = json!({});
    assert!(template(&wrong).unwrap_err().contains("statefulset"));
}

/// A spread of requests over all that shapes the values.
fn requests() -> impl Strategy<Value = Value> {
    let maybe = |values: Vec<Value>| prop::option::of(prop::sample::select(values));
    let vcluster = (
        maybe(vec!["dev".into(), "prod".into()]),
        maybe(vec![1.into(), 2.into(), 3.into(), 5.into()]),
        maybe(vec!["v1.34.3".into(), "1.34".into(), "1.33".into(), "1.32".into()]),
        maybe(vec![
            json!({}),
            json!({ "enabled": false }),
            json!({ "size": "1Gi" }),
            json!({ "storageClass": "fast" }),
        ]),
        maybe(vec![json!({ "requests": { "cpu": "50m" } }), json!({ "limits": { "memory": "4Gi" } })]),
        maybe(vec![
            json!({ "etcd": { "deploy": { "enabled": true } } }),
            json!({ "database": { "embedded": { "enabled": false } } }),
        ]),
        maybe(vec![
            json!({ "context": "c" }),
            json!({ "insecure": true }),
            json!({ "serviceAccount": { "name": "a", "namespace": "b" } }),
        ]),
        maybe(vec![
            json!({ "controlPlane": { "statefulSet": { "highAvailability": { "replicas": 3 } } } }),
            json!({ "controlPlane": { "statefulSet": { "persistence": { "addVolumes": [{ "name": "x", "hostPath": { "path": "/x" } }] } } } }),
            json!({ "sync": { "toHost": { "ingresses": { "enabled": false } }, "fromHost": { "nodes": { "enabled": true } } } }),
            json!({ "controlPlane": { "ingress": { "enabled": true, "host": "x.example.org" } } }),
            json!({ "deploy": null }),
        ]),
    );
    let exposure = maybe(vec![
        json!({}),
        json!({ "hostname": "x.example.org" }),
        json!({ "subnet": "10.1.0.0/16", "apiPort": 443 }),
        json!({ "vip": "10.9.8.7" }),
    ]);
    (vcluster, exposure).prop_map(|(parts, exposure)| {
        let (preset, replicas, version, persistence, resources, store, export, overrides) = parts;
        let fields = [
            ("preset", preset),
            ("replicas", replicas),
            ("k8sVersion", version),
            ("persistence", persistence),
            ("resources", resources),
            ("backingStore", store),
            ("exportKubeConfig", export),
            ("helmOverrides", overrides),
        ];
        let vcluster: serde_json::Map<String, Value> =
            fields.into_iter().filter_map(|(field, value)| Some((field.to_owned(), value?))).collect();
        let mut spec = json!({ "name": "it", "vcluster": vcluster });
        if let Some(exposure) = exposure {
            spec["exposure"] = exposure;
        }
        orchestrator(&spec)
    })
}

#[test]
fn whatever_the_request_the_values_are_valid_and_render() {
    let mut runner = TestRunner::deterministic();
    let examples: Vec<Value> =
        (0..80).map(|_| requests().new_tree(&mut runner).expect("an example").current()).collect();
    let rendered = std::thread::scope(|scope| {
        let running: Vec<_> = examples
            .chunks(examples.len().div_ceil(2))
            .map(|half| {
                scope.spawn(move || {
                    let rendered = half.iter().filter_map(|object| Some((object, values(object).ok()?)));
                    let checked = rendered.map(|(object, values)| {
                        template(&values).unwrap_or_else(|e| panic!("{e}\n{object:#}\n{values:#}"));
                    });
                    checked.count()
                })
            })
            .collect();
        running.into_iter().map(|thread| thread.join().expect("all are valid")).sum::<usize>()
    });
    assert!(rendered > 60, "only {rendered} requests rendered");
}
