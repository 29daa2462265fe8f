//! A vcluster's kubeconfig on its way through 1Password, with the real External Secrets Operator and a
//! Connect server whose reads lag behind its writes, as the real one's do.

use std::collections::BTreeMap;
use std::process::Command;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};

use crate::manifests::destination;
use crate::support::World;

const NAMESPACE: &str = "vcluster-dev";
const ITEM: &str = "vcluster-dev-kubeconfig";

/// What kept renders for a vcluster `dev`: its kubeconfig into the item, and out of it twice.
fn manifests() -> Vec<Value> {
    let parts =
        ["vcluster-kubeconfig-sync", "vcluster-kubeconfig-external-secret", "vcluster-argocd-cluster-registration"];
    let mut command = Command::new(env!("CARGO_BIN_EXE_kept"));
    command.current_dir(env!("CARGO_MANIFEST_DIR")).arg("render");
    for part in parts {
        command.args(["-f", &format!("promises/{part}/request.yaml")]);
    }
    let rendered = command.output().expect("kept runs");
    assert!(rendered.status.success(), "{}", String::from_utf8_lossy(&rendered.stderr));
    let text = String::from_utf8_lossy(&rendered.stdout);
    let objects: Vec<Value> = serde_saphyr::from_multiple(&text).expect("readable YAML");
    let dev = objects.into_iter().filter(|object| object["metadata"]["labels"]["instance"] == "dev");
    dev.collect()
}

/// The Secret that the vcluster writes, with a certificate. All that it holds is named after `tag`.
fn certificate(tag: &str) -> String {
    kubeconfig(tag, &format!("cert-{tag}"), &format!("key-{tag}"), "")
}

/// The same with a service account's token.
fn token(tag: &str) -> String {
    kubeconfig(tag, "", "", &format!("token-{tag}"))
}

fn kubeconfig(tag: &str, certificate: &str, key: &str, token: &str) -> String {
    json!({
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "vc-dev", "namespace": NAMESPACE},
        "stringData": {
            "config": content(tag),
            "certificate-authority": format!("ca-{tag}"),
            "client-certificate": certificate,
            "client-key": key,
            "token": token,
        }
    })
    .to_string()
}

/// A kubeconfig, as far as it matters: it has to arrive byte for byte.
fn content(tag: &str) -> String {
    format!("apiVersion: v1\nkind: Config\nusers:\n  - {{name: \"{{{{ {tag} }}}}\", user: {{}}}} # 'ü' <&>\n")
}

fn base64(text: &str) -> String {
    BASE64_STANDARD.encode(text)
}

/// The text of a key of a Secret.
fn key(secret: &Value, key: &str) -> String {
    let encoded = secret["data"][key].as_str().unwrap_or_default();
    String::from_utf8(BASE64_STANDARD.decode(encoded).expect("base64")).expect("text")
}

impl World {
    /// A control plane with the operator, a store, and the namespaces that it is about.
    fn with_store() -> Self {
        let world = Self::with_eso();
        for namespace in ["argocd", NAMESPACE] {
            world.kubectl(&["create", "namespace", namespace]);
        }
        world.secret_store();
        world
    }

    fn apply_manifests(&self) {
        for object in manifests() {
            self.apply(&object.to_string());
        }
    }

    /// Has the operator look at once, as a change of the request's own annotation does.
    fn reconcile(&self, kind: &str, at: &str) {
        for namespace in [NAMESPACE, "argocd"] {
            let annotation = format!("platform.integratn.tech/reconcile-at={at}");
            self.kubectl(&["annotate", "--overwrite", kind, "--all", "-n", namespace, &annotation]);
        }
    }

    /// Deletes what brings the kubeconfig into the item, and waits until all of it is gone.
    fn delete_pushsecrets(&self) {
        self.kubectl(&["delete", "pushsecrets", "--all", "-n", NAMESPACE, "--timeout=100s"]);
    }

    /// The fields of the only item by label; none if there is no item.
    fn fields(&self) -> BTreeMap<String, String> {
        let items = self.items();
        assert!(items.len() < 2, "{items:?}");
        let fields = items.first().and_then(|item| item["fields"].as_array()).cloned().unwrap_or_default();
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let by_label: BTreeMap<_, _> = fields.iter().map(|f| (text(&f["label"]), text(&f["value"]))).collect();
        assert_eq!(by_label.len(), fields.len(), "a label stands twice: {fields:?}");
        by_label
    }

    /// Waits until the item has what a kubeconfig of that tag holds.
    fn wait_pushed(&self, tag: &str) {
        self.eventually(&format!("{tag} is in 1Password"), || {
            let fields = self.fields();
            let config = fields.get("argocd-config")?;
            (fields.get("kubeconfig")? == &content(tag) && config.contains(&base64(&format!("ca-{tag}")))).then_some(())
        });
    }

    /// Waits until no item holds anything of these kubeconfigs.
    fn wait_clean(&self, tags: &[&str]) {
        self.eventually("no credential is left in 1Password", || {
            let items = Value::from(self.items()).to_string();
            let forms = |tag: &&str| [(*tag).to_owned(), base64(&format!("ca-{tag}")), base64(&format!("key-{tag}"))];
            (!tags.iter().flat_map(forms).any(|form| items.contains(&form))).then_some(())
        });
    }
}

#[test]
fn a_kubeconfig_reaches_argocd_follows_its_source_and_goes_with_its_request() {
    let world = World::with_store();
    world.apply_manifests();
    world.apply(&certificate("first-login"));

    // Into the item, and out of it as a cluster of Argo CD's.
    let cluster = world.eventually("Argo CD's cluster", || {
        let secret = world.get("secret vcluster-dev -n argocd");
        secret.is_object().then_some(secret)
    });
    assert_eq!(key(&cluster, "name"), "vcluster-dev");
    assert_eq!(key(&cluster, "server"), "https://dev.integratn.tech:443");
    let config: Value = serde_json::from_str(&key(&cluster, "config")).expect("JSON");
    let (ca, cert, private) = (base64("ca-first-login"), base64("cert-first-login"), base64("key-first-login"));
    let tls = json!({"insecure": false, "caData": ca, "certData": cert, "keyData": private});
    assert_eq!(config, json!({"tlsClientConfig": tls}));

    let external = world.eventually("the kubeconfig", || {
        let secret = world.get(&format!("secret vcluster-dev-kubeconfig-external -n {NAMESPACE}"));
        secret.is_object().then_some(secret)
    });
    assert_eq!(key(&external, "kubeconfig"), content("first-login"));

    // What is said of the cluster stands on its Secret, what kept says of its objects on neither.
    let labels = &cluster["metadata"]["labels"];
    assert_eq!(labels["argocd.argoproj.io/secret-type"], "cluster");
    assert_eq!(labels["cluster_name"], "dev");
    assert_eq!(cluster["metadata"]["annotations"]["addons_repo_path"], "charts/application-sets");
    for secret in [&cluster, &external] {
        let metadata = secret["metadata"].to_string();
        assert!(!metadata.contains("kratix") && !metadata.contains("sync-wave"), "{metadata}");
    }

    // Nothing that the operator adds to its objects differs from what was applied.
    for wanted in manifests() {
        let text = |key: &str| wanted["metadata"][key].as_str().unwrap().to_owned();
        let kind = wanted["kind"].as_str().unwrap();
        let live = world.get(&format!("{kind} {} -n {}", text("name"), text("namespace")));
        assert!(live["metadata"]["finalizers"].is_array(), "the operator has written it: {live}");
        assert_eq!(live["spec"], wanted["spec"]);
    }

    // A new kubeconfig, this time with a token.
    world.apply(&token("second-login"));
    world.reconcile("pushsecrets", "2");
    world.wait_pushed("second-login");
    world.reconcile("externalsecrets", "2");
    let config = world.eventually("the token", || {
        let config = key(&world.get("secret vcluster-dev -n argocd"), "config");
        config.contains("token-second-login").then_some(config)
    });
    let config: Value = serde_json::from_str(&config).expect("JSON");
    let tls = json!({"insecure": false, "caData": base64("ca-second-login")});
    assert_eq!(config, json!({"bearerToken": "token-second-login", "tlsClientConfig": tls}));

    // What is pruned takes the credentials with it, on either side.
    world.delete_pushsecrets();
    world.wait_clean(&["first-login", "second-login"]);
    world.kubectl(&["delete", "externalsecrets", "--all", "-n", NAMESPACE]);
    world.kubectl(&["delete", "externalsecrets", "--all", "-n", "argocd"]);
    world.eventually("the Secrets are gone", || {
        let cluster = world.get("secret vcluster-dev -n argocd");
        let external = world.get(&format!("secret vcluster-dev-kubeconfig-external -n {NAMESPACE}"));
        (cluster.is_null() && external.is_null()).then_some(())
    });
}

#[test]
fn an_item_of_the_first_version_is_taken_over_and_emptied_notes_and_all() {
    let world = World::with_store();
    let notes =
        json!({"id": "notesPlain", "type": "STRING", "purpose": "NOTES", "label": "notesPlain", "value": "old-login"});
    let field = |label: &str| json!({"label": label, "type": "CONCEALED", "value": "old-login"});
    let old = json!({
        "title": ITEM,
        "category": "SECURE_NOTE",
        "fields": [notes, field("kubeconfig"), field("argocd-name"), field("argocd-server"), field("argocd-config")],
    });
    let id = world.connect("POST", "", &old.to_string())["id"].clone();

    world.apply(&certificate("new-login"));
    world.apply_manifests();
    world.wait_pushed("new-login");
    world.eventually("nothing old is left", || {
        (!world.fields().values().any(|value| value == "old-login")).then_some(())
    });
    assert_eq!(world.items()[0]["id"], id, "it is the same item");
    assert_eq!(
        world.fields().into_keys().collect::<Vec<_>>(),
        ["argocd-config", "argocd-name", "argocd-server", "kubeconfig", "notesPlain"]
    );

    world.delete_pushsecrets();
    world.wait_clean(&["new-login", "old-login"]);
}

#[test]
fn an_item_deleted_by_hand_holds_up_deletion_until_the_finalizers_are_taken_off() {
    let world = World::with_store();
    world.apply(&certificate("first-login"));
    world.apply_manifests();
    world.wait_pushed("first-login");
    world.kubectl(&["wait", "--for=condition=Ready", "pushsecrets", "--all", "-n", NAMESPACE, "--timeout=100s"]);

    let id = world.items()[0]["id"].as_str().unwrap().to_owned();
    world.connect("DELETE", &format!("/{id}"), "");
    world.eventually("the item is gone", || world.items().is_empty().then_some(()));
    world.kubectl(&["delete", "pushsecrets", "--all", "-n", NAMESPACE, "--wait=false"]);
    let pushed = manifests().into_iter().filter(|object| object["kind"] == "PushSecret");
    for name in pushed.map(|object| object["metadata"]["name"].as_str().unwrap().to_owned()) {
        let what = format!("pushsecret {name} -n {NAMESPACE}");
        let message = world.eventually(&format!("{name} says what holds it up"), || {
            let ready = world.condition(&what, "Ready");
            let message = ready["message"].as_str()?.to_owned();
            (ready["status"] == "False" && message.starts_with("Failed to Delete")).then_some(message)
        });
        assert!(message.contains("key not found in 1Password Vaults"), "{message}");
        let patch = r#"{"metadata":{"finalizers":null}}"#;
        world.kubectl(&["patch", "pushsecret", &name, "-n", NAMESPACE, "--type=merge", "-p", patch]);
        world.eventually("it is gone", || world.get(&what).is_null().then_some(()));
    }

    // The vcluster may come back.
    world.apply_manifests();
    world.wait_pushed("first-login");
}

#[test]
fn a_deleted_request_says_what_it_waits_for_and_goes_when_that_is_gone() {
    let mut world = World::with_store();
    world.install();
    world.repository("state");
    world.kubectl(&["create", "namespace", "platform-requests"]);
    world.apply(&(world.secret() + &world.store("state", "") + &destination("host", "state", "host", "")));
    world.kubectl(&["label", "destination", "host", "capability.vcluster=true"]);
    world.start("");
    let request = "vclusterkubeconfigsync dev -n platform-requests";
    world.apply(&format!(
        "apiVersion: platform.integratn.tech/v1alpha1\nkind: VClusterKubeconfigSync\nmetadata: {{name: dev, namespace: platform-requests}}\nspec: {{name: dev, targetNamespace: {NAMESPACE}, hostname: dev.integratn.tech}}\n"
    ));
    world.kubectl(&["wait", "--for=condition=Committed", "vclusterkubeconfigsync/dev", "-n", "platform-requests"]);
    // As Argo CD does with what was committed.
    world.apply(&certificate("first-login"));
    world.apply_manifests();
    world.wait_pushed("first-login");
    world.kubectl(&["wait", "--for=condition=Ready", "pushsecrets", "--all", "-n", NAMESPACE, "--timeout=100s"]);

    let id = world.items()[0]["id"].as_str().unwrap().to_owned();
    world.connect("DELETE", &format!("/{id}"), "");
    world.eventually("the item is gone", || world.items().is_empty().then_some(()));
    world.kubectl(&["delete", "vclusterkubeconfigsync", "dev", "-n", "platform-requests", "--wait=false"]);
    let message = world.wait_reason(request, "Lingering");
    assert!(message.contains("waiting for Argo CD to delete the PushSecret"), "{message}");
    assert_eq!(world.files("state", "main").len(), 2, "the files are gone already");
    world.kubectl(&["delete", "pushsecrets", "--all", "-n", NAMESPACE, "--wait=false"]);
    // What the status says to do is done, until it says nothing more.
    world.eventually("the request is gone", || {
        let ready = world.condition(request, "Ready");
        let Some(message) = ready["message"].as_str() else { return world.get(request).is_null().then_some(()) };
        if message.contains("key not found in 1Password Vaults") {
            let command = message.split_once("let it go: kubectl ").expect("a way out").1;
            let way_out = Command::new("sh")
                .args(["-c", &format!("{} {command}", world.info("kubectl"))])
                .env("KUBECONFIG", world.info("kubeconfig"))
                .output()
                .expect("a shell");
            let words = String::from_utf8_lossy(&way_out.stderr);
            // It may be a moment old.
            assert!(way_out.status.success() || words.contains("not found"), "{command}: {words}");
        }
        None
    });
}
