//! The 1Password Connect server, as the External Secrets Operator and people see it.

use std::process::Command;

use serde_json::{Value, json};

use crate::support::World;

impl World {
    /// Makes the vault known to the External Secrets Operator, as `onepassword-store`.
    pub fn secret_store(&self) {
        self.kubectl(&["create", "namespace", "external-secrets"]);
        let token = format!("--from-literal=token={}", self.info("connectToken"));
        self.kubectl(&["create", "secret", "generic", "connect", "-n", "external-secrets", &token]);
        let reference = json!({"name": "connect", "namespace": "external-secrets", "key": "token"});
        let provider = json!({
            "connectHost": self.info("connectUrl"),
            "vaults": {self.info("connectVault"): 1},
            "auth": {"secretRef": {"connectTokenSecretRef": reference}},
        });
        let store = json!({
            "apiVersion": "external-secrets.io/v1",
            "kind": "ClusterSecretStore",
            "metadata": {"name": "onepassword-store"},
            "spec": {"provider": {"onepassword": provider}},
        });
        self.apply(&store.to_string());
    }

    /// Asks the Connect server about the items of its vault.
    pub fn connect(&self, method: &str, path: &str, body: &str) -> Value {
        let vault = self.vaults()[0]["id"].as_str().expect("a vault").to_owned();
        self.onepassword(method, &format!("vaults/{vault}/items{path}"), body)
    }

    fn vaults(&self) -> Value {
        self.onepassword("GET", "vaults", "")
    }

    fn onepassword(&self, method: &str, path: &str, body: &str) -> Value {
        let url = format!("{}/v1/{path}", self.info("connectUrl"));
        let token = format!("Authorization: Bearer {}", self.info("connectToken"));
        let done =
            Command::new("curl").args(["-sSf", "-X", method, "-H", &token, "-d", body, &url]).output().expect("curl");
        let words = String::from_utf8_lossy(&done.stderr);
        // A list may be older than what is gone meanwhile.
        assert!(done.status.success() || method == "GET" && words.contains("error: 404"), "{method} {path}: {words}");
        serde_json::from_slice(&done.stdout).unwrap_or_default()
    }

    /// All items, whole.
    pub fn items(&self) -> Vec<Value> {
        let list = self.connect("GET", "", "");
        let ids = list.as_array().expect("a list").iter().map(|item| item["id"].as_str().expect("an id"));
        ids.map(|id| self.connect("GET", &format!("/{id}"), "")).filter(Value::is_object).collect()
    }
}
