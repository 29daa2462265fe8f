//! Virtual clusters, as far as they exist without nodes: their requests, their chart, and what they would
//! do themselves if they could boot.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use crate::support::{World, part};

/// The name of the kind, as kubectl knows it.
pub const KIND: &str = "vclusterorchestrators.platform.integratn.tech";
/// The version of the chart.
const CHART: &str = "0.36.1";

/// A request of `examples/vclusters`, with the chart from this Gitea and what else differs.
pub fn request(name: &str, charts: &str, differ: impl FnOnce(&mut Value)) -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("examples/vclusters/{name}.yaml"));
    let mut request: Value = serde_saphyr::from_str(&fs::read_to_string(path).expect("an example")).expect("YAML");
    request["metadata"]["namespace"] = "platform-requests".into();
    request["spec"]["argocdApplication"]["repoURL"] = charts.into();
    request["spec"]["argocdApplication"]["chart"] = "vcluster".into();
    request["spec"]["argocdApplication"]["targetRevision"] = CHART.into();
    // There is no Prometheus Operator here.
    request["spec"]["vcluster"]["helmOverrides"] = json!({"controlPlane": {"serviceMonitor": {"enabled": false}}});
    differ(&mut request);
    request
}

impl World {
    /// Publishes the real chart in Gitea; the address of the chart repository.
    pub fn publish_chart(&self) -> String {
        let packaged = Command::new(part("helm"))
            .args(["package", "--version", CHART, "--app-version", CHART, "-d"])
            .arg(self.desk())
            .arg(part("vcluster-chart"))
            .output()
            .expect("helm runs");
        assert!(packaged.status.success(), "{}", String::from_utf8_lossy(&packaged.stderr));
        let charts = format!("{}/api/packages/{}/helm", self.info("giteaUrl"), self.info("giteaUser"));
        let login = format!("{}:{}", self.info("giteaUser"), self.info("giteaPassword"));
        let uploaded = Command::new("curl")
            .args(["-sSf", "-u", &login, "-X", "POST", "--upload-file"])
            .arg(self.desk().join(format!("vcluster-{CHART}.tgz")))
            .arg(format!("{charts}/api/charts"))
            .output()
            .expect("curl runs");
        assert!(uploaded.status.success(), "{}", String::from_utf8_lossy(&uploaded.stderr));
        charts
    }

    /// What the nodes and the load balancer would report once the pods of a namespace run.
    pub fn run_pods(&self, namespace: &str) {
        let sets = self.get(&format!("statefulsets -n {namespace}"));
        for set in sets["items"].as_array().into_iter().flatten() {
            let replicas = &set["spec"]["replicas"];
            let status = json!({
                "observedGeneration": set["metadata"]["generation"],
                "replicas": replicas,
                "readyReplicas": replicas,
                "availableReplicas": replicas,
                "currentReplicas": replicas,
                "updatedReplicas": replicas,
                "currentRevision": "1",
                "updateRevision": "1",
            });
            self.report(namespace, "statefulset", set, status);
            self.run_pod(namespace, set["metadata"]["name"].as_str().expect("a name"));
        }
        let services = self.get(&format!("services -n {namespace}"));
        for service in services["items"].as_array().into_iter().flatten() {
            if service["spec"]["type"] == "LoadBalancer" {
                self.report(
                    namespace,
                    "service",
                    service,
                    json!({"loadBalancer": {"ingress": [{"ip": "10.0.4.100"}]}}),
                );
            }
        }
        self.allow_disruptions(namespace);
    }

    /// A pod that its node reports as ready.
    fn run_pod(&self, namespace: &str, set: &str) {
        let pod = json!({
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": format!("{set}-0"), "namespace": namespace},
            "spec": {"automountServiceAccountToken": false, "containers": [{"name": "main", "image": "none"}]},
        });
        self.apply(&pod.to_string());
        let ready = json!({"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]});
        self.report(namespace, "pod", &pod, ready);
    }

    /// What the controllers of nodes and pods would say of a namespace's `PodDisruptionBudget`s.
    fn allow_disruptions(&self, namespace: &str) {
        let budgets = self.get(&format!("poddisruptionbudgets -n {namespace}"));
        for budget in budgets["items"].as_array().into_iter().flatten() {
            let generation = &budget["metadata"]["generation"];
            let allowed = json!({
                "type": "DisruptionAllowed",
                "status": "True",
                "reason": "SufficientPods",
                "message": "",
                "observedGeneration": generation,
                "lastTransitionTime": "2026-01-01T00:00:00Z",
            });
            let status = json!({
                "observedGeneration": generation,
                "currentHealthy": 3,
                "desiredHealthy": 1,
                "disruptionsAllowed": 2,
                "expectedPods": 3,
                "conditions": [allowed],
            });
            self.report(namespace, "poddisruptionbudget", budget, status);
        }
    }

    fn report(&self, namespace: &str, kind: &str, object: &Value, status: Value) {
        let name = object["metadata"]["name"].as_str().expect("a name");
        let patch = json!({"status": status}).to_string();
        let which = [kind, name, "-n", namespace, "--subresource=status", "--type=merge", "-p", &patch];
        self.kubectl(&[&["patch"], &which[..]].concat());
    }

    /// Writes the Secret that a vcluster writes as soon as it runs; this other API server is what runs there.
    pub fn write_kubeconfig(&self, name: &str, namespace: &str, vcluster: &Self, server: &str) {
        let read = |key: &str| fs::read_to_string(vcluster.info(key)).expect("a file of the harness");
        let (ca, cert, key) = (read("caFile"), read("adminCertificate"), read("adminKey"));
        let base64 = |text: &str| {
            use base64::Engine as _;
            base64::prelude::BASE64_STANDARD.encode(text)
        };
        let context = format!("vcluster_{name}");
        let kubeconfig = json!({
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": context, "cluster": {"server": server, "certificate-authority-data": base64(&ca)}}],
            "users": [{"name": context, "user": {"client-certificate-data": base64(&cert), "client-key-data": base64(&key)}}],
            "contexts": [{"name": context, "context": {"cluster": context, "user": context}}],
            "current-context": context,
        });
        let secret = json!({
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": format!("vc-{name}"), "namespace": namespace},
            "stringData": {
                "config": kubeconfig.to_string(),
                "certificate-authority": ca,
                "client-certificate": cert,
                "client-key": key,
                "token": "",
            },
        });
        self.apply(&secret.to_string());
    }
}
