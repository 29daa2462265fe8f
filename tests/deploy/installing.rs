//! Installing and upgrading, on a real API server.

use serde_json::{Value, json};

use crate::helm::{NAMESPACE, chart, examples, objects};
use crate::manifests::{destination, secret_with, store, team};
use crate::support::{World, part};

/// A virtual cluster.
const VCLUSTER: &str = "apiVersion: platform.integratn.tech/v1alpha1\nkind: VClusterOrchestrator\nmetadata: {name: media, namespace: platform-requests}\nspec: {name: media}\n";

/// Values with a store and a destination on a repository.
pub fn values(world: &World, repository: &str) -> Value {
    json!({
        "stateStore": { "create": true, "spec": {
            "url": world.url(repository), "secretRef": { "name": "git", "namespace": "default" },
        } },
        "destination": { "create": true, "labels": { "capability.vcluster": "true" },
            "spec": { "path": "clusters/host", "cleanup": "all" } },
        "secretNamespaces": { "default": ["git"] },
    })
}

/// A cluster whose namespace for kept takes restricted pods only, and a repository with its Secret.
pub fn prepared() -> World {
    let world = World::empty();
    world.repository("state");
    world.kubectl(&["create", "namespace", NAMESPACE]);
    world.kubectl(&["label", "namespace", NAMESPACE, "pod-security.kubernetes.io/enforce=restricted"]);
    world.apply(&world.secret());
    world
}

#[test]
fn the_operator_lives_on_what_the_chart_gives_it() {
    let mut world = prepared();
    let mut values = values(&world, "state");
    let said = world.helm("install", &values.to_string());
    assert!(said.contains("THE STATE STORE IS STILL MISSING"), "{said}");
    world.established();
    let said = world.helm("upgrade", &values.to_string());
    assert!(!said.contains("MISSING") && said.contains("namespace default: git"), "{said}");

    world.start_installed();
    world.wait_ready("gitstatestore/state");
    world.wait_ready("destination/host");
    world.kubectl(&["create", "namespace", "platform-requests"]);
    world.apply(&(team("default", "payments", "Payments") + VCLUSTER));
    world.wait_ready("team/payments");
    world.wait_ready("vclusterorchestrator/media -n platform-requests");
    let at = "clusters/host/resources";
    let files = world.files("state", "main");
    for folder in ["default/team/payments", "platform-requests/vcluster-orchestrator/media"] {
        assert!(files.iter().any(|file| file.starts_with(&format!("{at}/{folder}/"))), "{folder}: {files:?}");
    }
    let author = world.git("state", &["log", "-1", "--format=%B", "main"]);
    let uid = world.get("namespace kube-system")["metadata"]["uid"].as_str().unwrap().to_owned();
    assert!(author.contains(&format!("Kept-Writer: {uid}")), "{author}");

    // A new setting reaches the operator with its next pod.
    let before = checksum(&world);
    values["settings"] = json!({ "promises": { "team": { "emailDomain": "teams.example" } } });
    world.helm("upgrade", &values.to_string());
    assert_ne!(checksum(&world), before);
    world.stop();
    world.start_installed();
    world.eventually("the new address", || {
        let file = format!("{at}/default/team/payments/backstage-team-payments.yaml");
        world.file("state", &file).contains("payments@teams.example").then_some(())
    });

    world.kubectl(&["delete", "team/payments", "--timeout=100s"]);
    world.kubectl(&["delete", "vclusterorchestrator/media", "-n", "platform-requests", "--timeout=100s"]);
    assert_eq!(world.files("state", "main").len(), 2, "only the canaries stay");
}

fn checksum(world: &World) -> String {
    let deployment = world.get(&format!("deployment kept -n {NAMESPACE}"));
    deployment["spec"]["template"]["metadata"]["annotations"]["checksum/settings"].as_str().unwrap().to_owned()
}

#[test]
fn it_has_no_rights_but_those_it_needs() {
    let mut world = prepared();
    // The definitions were here before the chart, and are taken over.
    world.install();
    let values = json!({ "secretNamespaces": { "default": ["git"] } }).to_string();
    let chart = chart().display().to_string();
    let install = ["install", "kept", &chart, "-n", NAMESPACE, "--values", "-"];
    let said = world.try_helm(&install, &values).expect_err("owned by nobody");
    assert!(said.contains("invalid ownership metadata"), "{said}");
    world.try_helm(&[&install[..], &["--take-ownership"]].concat(), &values).expect("taken over");

    let account = format!("--as=system:serviceaccount:{NAMESPACE}:kept");
    let may = |question: &str| {
        let args: Vec<&str> = ["auth", "can-i"].into_iter().chain(question.split(' ')).chain([&*account]).collect();
        String::from_utf8_lossy(&world.try_kubectl(&args, "").stdout).trim() == "yes"
    };
    for question in [
        "get secrets/git -n default",
        "watch teams -A",
        "patch teams/status -n shop",
        "get ns/kube-system",
        "create leases -n kept-system",
        "update leases/kept -n kept-system",
    ] {
        assert!(may(question), "{question}");
    }
    for question in [
        "list secrets -A",
        "watch secrets -A",
        "list secrets -n default",
        "get secrets/other -n default",
        "get secrets/git -n kube-system",
        "create secrets -n default",
        "get configmaps -n default",
        "list namespaces",
        "get ns/default",
        "create teams -n default",
        "delete teams -n default",
        "create pods -n kept-system",
        "list pushsecrets.external-secrets.io -A",
        "update leases/other -n kept-system",
        "delete leases/kept -n kept-system",
        "create leases -n kube-system",
        "list leases -n kept-system",
    ] {
        assert!(!may(question), "{question}");
    }

    // Another store cannot have kept read what the values do not name.
    world.apply(&secret_with("default", "x", "y").replace("name: git", "name: other"));
    let other = store("other", &world.url("state"), "").replace("name: git,", "name: other,");
    world.apply(&(other + &destination("elsewhere", "other", "elsewhere", "")));
    world.start_installed();
    let message = world.wait_reason("gitstatestore other", "StoreUnauthorized");
    assert!(message.contains("may not read the Secret default/other"), "{message}");

    // The pod passes the strictest standard, and one that only misses it by a little does not.
    let deployment = world.get(&format!("deployment kept -n {NAMESPACE}"));
    let pod = |spec: &Value| {
        json!({ "apiVersion": "v1", "kind": "Pod", "metadata": { "name": "trial", "namespace": NAMESPACE }, "spec": spec })
            .to_string()
    };
    let mut spec = deployment["spec"]["template"]["spec"].clone();
    let create = ["create", "--dry-run=server", "-f", "-"];
    let created = world.try_kubectl(&create, &pod(&spec));
    assert!(created.status.success(), "{}", String::from_utf8_lossy(&created.stderr));
    assert_eq!(spec["containers"][0]["securityContext"]["readOnlyRootFilesystem"], true);
    spec["containers"][0]["securityContext"]["capabilities"] = json!({});
    let refused = world.try_kubectl(&create, &pod(&spec));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("restricted"), "{refused:?}");
}

#[test]
fn every_example_is_accepted_by_the_api_server_to_the_letter() {
    let world = World::empty();
    world.install();
    world.kubectl(&["apply", "--server-side", "-k", &part("argocd-crds").display().to_string()]);
    world.established();
    for namespace in [NAMESPACE, "platform", "argocd"] {
        world.kubectl(&["create", "namespace", namespace]);
    }
    let strict = ["create", "--dry-run=server", "--validate=strict", "-f", "-"];
    for file in examples() {
        // The definitions are here already, and those of the Prometheus Operator are not.
        let of_the_chart = |object: &Value| {
            object["kind"] != "CustomResourceDefinition" && object["apiVersion"] != "monitoring.coreos.com/v1"
        };
        let values = std::fs::read_to_string(&file).expect("a file");
        let items: Vec<Value> = objects(&values).into_iter().filter(of_the_chart).collect();
        let list = json!({ "apiVersion": "v1", "kind": "List", "items": items }).to_string();
        let created = world.try_kubectl(&strict, &list);
        assert!(created.status.success(), "{}: {}", file.display(), String::from_utf8_lossy(&created.stderr));
        // It would have said what it does not know.
        let typo = world.try_kubectl(&strict, &list.replacen("enableServiceLinks", "enableServiceLink", 1));
        assert!(String::from_utf8_lossy(&typo.stderr).contains("enableServiceLink"), "{typo:?}");
    }
}

#[test]
fn the_commands_of_the_charts_readme_do_what_it_says() {
    let world = World::empty();
    let readme = std::fs::read_to_string(chart().join("README.md")).expect("a README");
    let blocks: Vec<&str> =
        readme.split("```sh\n").skip(1).map(|rest| rest.split("```").next().expect("its end")).collect();
    assert_eq!(blocks.len(), 2, "install, and the notes");
    // Their paths are the repository's, where tests begin.
    let installed = world.shell(blocks[0]);
    assert!(installed.contains("STATUS: deployed"), "{installed}");
    world.established();
    world.shell(&blocks[0].replace("helm install", "helm upgrade").replace("--create-namespace", ""));
    assert_eq!(world.get("gitstatestore state")["spec"]["branch"], "main");
    assert!(world.shell(blocks[1]).contains("UNINSTALLING"));
}
