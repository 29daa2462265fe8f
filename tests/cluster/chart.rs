//! kept's own Helm chart: what it lets the operator do, and the settings file that it makes.

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use super::{World, part};

/// The namespace that the chart is rendered for.
const NAMESPACE: &str = "kept-system";

/// What the operator runs with when the chart has installed it.
pub(super) struct Identity {
    /// The namespaces whose Secrets it may read.
    pub(super) secret_namespaces: Vec<&'static str>,
    /// The rules that the API server has.
    rules: String,
}

impl Default for Identity {
    fn default() -> Self {
        Self { secret_namespaces: vec!["default"], rules: String::new() }
    }
}

impl World {
    /// Makes the operator what the chart would make it, and writes what it is started with into the test's
    /// directory: `settings.yaml` and `operator.kubeconfig`.
    pub(super) fn become_the_charts(&mut self, settings: &str) {
        let settings: Option<Value> = serde_saphyr::from_str(settings).expect("settings are YAML");
        let namespaces: serde_json::Map<String, Value> =
            self.identity.secret_namespaces.iter().map(|namespace| ((*namespace).to_owned(), json!([]))).collect();
        let values = json!({ "settings": settings.unwrap_or(json!({})), "secretNamespaces": namespaces });
        let has_argocd = self.try_kubectl(&["get", "crd", "applications.argoproj.io"], "").status.success();
        let rendered = render(&values, &["serviceaccount", "rbac"], has_argocd);
        if rendered != self.identity.rules {
            if self.identity.rules.is_empty() {
                self.kubectl(&["create", "namespace", NAMESPACE]);
            }
            self.apply(&rendered);
            self.identity.rules = rendered;
        }
        if !self.desk().join("operator.kubeconfig").exists() {
            self.act_as("kept", NAMESPACE);
        }
        let map: Value = serde_saphyr::from_str(&render(&values, &["settings"], has_argocd)).expect("YAML");
        let text = map["data"]["settings.yaml"].as_str().expect("the settings");
        fs::write(self.desk().join("settings.yaml"), text).expect("settings");
    }

    /// Makes the operator a service account from its next start on.
    pub fn act_as(&self, account: &str, namespace: &str) {
        // The API server learns of new rights a moment later, and an operator without any waits and says so.
        let user = format!("--as=system:serviceaccount:{namespace}:{account}");
        let question = ["auth", "can-i", "list", "destinations.platform.kratix.io", "-A", &user];
        self.eventually("its rights", || self.try_kubectl(&question, "").status.success().then_some(()));
        let token = self.kubectl(&["create", "token", account, "-n", namespace, "--duration=12h"]);
        let admin = fs::read_to_string(self.info("kubeconfig")).expect("the administrator's kubeconfig");
        let real = self.info("apiServer");
        let server = self.api_server.as_deref().unwrap_or(&real);
        let own = admin.replace(&self.info("token"), token.trim()).replace(&real, server);
        fs::write(self.desk().join("operator.kubeconfig"), own).expect("a kubeconfig");
    }
}

/// Some of the chart's templates, rendered.
fn render(values: &Value, templates: &[&str], has_argocd: bool) -> String {
    let chart = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/helm/kept");
    let mut helm = Command::new(part("helm"));
    helm.args(["template", "kept", "--namespace", NAMESPACE, "--values", "-"]).arg(chart);
    if has_argocd {
        helm.args(["--api-versions", "argoproj.io/v1alpha1/Application"]);
    }
    for template in templates {
        helm.arg("--show-only").arg(format!("templates/{template}.yaml"));
    }
    let piped = helm.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = piped.spawn().expect("helm runs");
    child.stdin.take().expect("piped").write_all(values.to_string().as_bytes()).expect("values");
    let output = child.wait_with_output().expect("helm ends");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}
