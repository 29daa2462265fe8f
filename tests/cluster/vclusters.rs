//! Virtual clusters, from request to commit: one commit each, addresses of their own, and what the first
//! version of the promise left behind.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use crate::manifests::destination;
use crate::support::World;

/// A namespace for requests, a repository and a destination for virtual clusters.
pub fn platform(world: &mut World) {
    world.repository("state");
    world.kubectl(&["create", "namespace", "platform-requests"]);
    world.apply(&(world.secret() + &world.store("state", "") + &destination("host", "state", "host", "")));
    world.kubectl(&["label", "destination", "host", "capability.vcluster=true"]);
    world.start("");
    world.wait_ready("gitstatestore/state");
    world.wait_ready("destination/host");
}

fn example(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/vclusters").join(name);
    fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// A request of one of the parts, where the platform asks for them.
pub fn asked(kind: &str, name: &str, spec: Value) -> String {
    json!({
        "apiVersion": "platform.integratn.tech/v1alpha1",
        "kind": kind,
        "metadata": {"name": name, "namespace": "platform-requests"},
        "spec": spec,
    })
    .to_string()
}

/// A request with an address from a subnet.
pub fn vcluster(name: &str, more: &str) -> String {
    format!(
        "apiVersion: platform.integratn.tech/v1alpha1\nkind: VClusterOrchestrator\nmetadata: {{name: {name}, namespace: platform-requests}}\nspec:\n  name: {name}\n  exposure: {{subnet: 10.0.4.0/24{more}}}\n---\n"
    )
}

impl World {
    /// Where a request's files lie, and which.
    pub fn rendered(&self, namespace: &str, promise: &str, name: &str) -> Vec<String> {
        let at = format!("host/resources/{namespace}/{promise}/{name}/");
        self.files("state", "main").iter().filter_map(|file| file.strip_prefix(&at).map(str::to_owned)).collect()
    }

    pub fn ready(&self, name: &str) {
        self.wait_ready(&format!("vclusterorchestrator/{name} -n platform-requests"));
    }

    fn address(&self, name: &str) -> String {
        let found = self.get(&format!("vclusterorchestrator {name} -n platform-requests"));
        found["status"]["vip"].as_str().unwrap_or_default().to_owned()
    }
}

#[test]
fn a_vcluster_is_one_commit_an_edit_touches_what_it_concerns_and_deletion_leaves_nothing() {
    let mut world = World::new();
    platform(&mut world);
    let before = world.commits("state");
    world.apply(&example("media.yaml"));
    world.ready("media");
    assert_eq!(world.commits("state"), before + 1);
    assert_eq!(
        world.rendered("platform-requests", "vcluster-orchestrator", "media"),
        [
            "argocd-application/application-vcluster-media.yaml",
            "argocd-project/appproject-vcluster-media.yaml",
            "vcluster-argocd-cluster-registration/externalsecret-vcluster-media-argocd-cluster.yaml",
            "vcluster-core/configmap-media-vcluster-values.yaml",
            "vcluster-core/namespace-vcluster-media.yaml",
            "vcluster-coredns/configmap-vc-media-coredns.yaml",
            "vcluster-kubeconfig-external-secret/externalsecret-vcluster-media-kubeconfig.yaml",
            "vcluster-kubeconfig-sync/pushsecret-vcluster-media-argocd-config.yaml",
            "vcluster-kubeconfig-sync/pushsecret-vcluster-media-argocd-name.yaml",
            "vcluster-kubeconfig-sync/pushsecret-vcluster-media-argocd-server.yaml",
            "vcluster-kubeconfig-sync/pushsecret-vcluster-media-kubeconfig.yaml",
            "vcluster-kubeconfig-sync/pushsecret-vcluster-media-notesplain.yaml",
        ]
    );
    let status = &world.get("vclusterorchestrator media -n platform-requests")["status"];
    assert_eq!((&status["vip"], &status["targetNamespace"]), (&"10.0.4.100".into(), &"vcluster-media".into()));
    let committed = world.condition("vclusterorchestrator media -n platform-requests", "Committed");
    assert!(committed["message"].as_str().unwrap().contains("isolationMode"), "{committed}");

    let patch = r#"{"spec":{"vcluster":{"coredns":{"replicas":3}}}}"#;
    world.kubectl(&["patch", "vclusterorchestrator", "media", "-n", "platform-requests", "--type=merge", "-p", patch]);
    world.ready("media");
    let touched = world.git("state", &["diff", "--name-only", "main~1", "main", "--", "host/resources"]);
    let touched: Vec<&str> = touched.lines().filter_map(|path| path.rsplit('/').next()).collect();
    assert_eq!(touched, ["application-vcluster-media.yaml", "configmap-media-vcluster-values.yaml"]);

    world.kubectl(&["delete", "vclusterorchestrator", "media", "-n", "platform-requests"]);
    assert_eq!(world.commits("state"), before + 3);
    assert_eq!(world.files("state", "main").len(), 2, "only the canaries stay");
}

#[test]
fn vclusters_in_one_subnet_get_addresses_of_their_own_and_keep_them() {
    let mut world = World::new();
    platform(&mut world);
    world.apply(&(vcluster("one", "") + &vcluster("two", "")));
    world.ready("one");
    world.ready("two");
    let mut given = [world.address("one"), world.address("two")];
    let first = given.clone();
    given.sort();
    assert_eq!(given, ["10.0.4.100", "10.0.4.101"]);

    world.stop();
    let before = world.commits("state");
    world.apply(&(vcluster("three", "") + &vcluster("four", ", vip: 10.0.4.101")));
    world.start("");
    world.ready("three");
    assert_eq!(world.address("three"), "10.0.4.102");
    let message = world.wait_reason("vclusterorchestrator four -n platform-requests", "Conflict");
    assert!(message.contains("10.0.4.101") && message.contains("platform-requests/"), "{message}");
    assert_eq!([world.address("one"), world.address("two")], first);
    assert_eq!(world.commits("state"), before + 1, "the others are as they were");

    // What is given back can be had.
    let holder = if first[0] == "10.0.4.101" { "one" } else { "two" };
    world.kubectl(&["delete", "vclusterorchestrator", holder, "-n", "platform-requests"]);
    world.ready("four");
    assert_eq!(world.address("four"), "10.0.4.101");
}

/// What the first version wrote for the request `name`, in Kratix's own way.
fn kratix_tree(root: &Path, name: &str) {
    for (promise, request, file) in [
        ("vcluster-orchestrator", name.to_owned(), "vcluster-core-request.yaml"),
        ("vcluster-core", name.to_owned(), "helm-values.yaml"),
        ("argocd-application", format!("vcluster-{name}"), "argocd-application.yaml"),
    ] {
        let dir = root.join(format!("host/resources/platform-requests/{promise}/{request}/configure/5058f"));
        fs::create_dir_all(&dir).unwrap();
        fs::write(dir.join(file), "# by Kratix\n").unwrap();
    }
}

/// A request that the first version made for a part.
fn part(kind: &str, name: &str, more: &str) -> String {
    format!(
        "apiVersion: platform.integratn.tech/v1alpha1\nkind: {kind}\nmetadata: {{name: {name}, namespace: platform-requests, finalizers: [kratix.io/work-cleanup]}}\nspec:\n  name: {name}\n{more}---\n"
    )
}

#[test]
fn what_the_first_version_left_is_taken_over_with_its_addresses_and_without_its_parts() {
    let mut world = World::new();
    platform(&mut world);
    world.stop();
    world.foreign_commit("state", |root| ["older", "younger"].iter().for_each(|name| kratix_tree(root, name)));
    // The older one is met last: age decides, not luck.
    world.apply(&vcluster("older", ""));
    std::thread::sleep(std::time::Duration::from_secs(2));
    let core = "  targetNamespace: vcluster-older\n  valuesYaml: \"controlPlane: {}\"\n";
    world.apply(&(vcluster("younger", "") + &part("VClusterCore", "older", core)));
    world.start("");
    world.ready("older");
    assert_eq!(world.address("older"), "10.0.4.100");
    assert_eq!(world.rendered("platform-requests", "vcluster-orchestrator", "older").len(), 12);
    for (promise, name) in [("vcluster-core", "older"), ("argocd-application", "vcluster-older")] {
        assert!(world.rendered("platform-requests", promise, name).is_empty(), "{promise} went with the same commit");
    }

    // The younger one keeps what it has, and says why.
    let message = world.wait_reason("vclusterorchestrator younger -n platform-requests", "Conflict");
    assert!(message.contains("10.0.4.100") && message.contains("platform-requests/older"), "{message}");
    assert_eq!(
        world.rendered("platform-requests", "vcluster-orchestrator", "younger"),
        ["configure/5058f/vcluster-core-request.yaml"]
    );
    assert_eq!(world.rendered("platform-requests", "vcluster-core", "younger"), ["configure/5058f/helm-values.yaml"]);

    // The part renders nothing, and takes nothing with it when it goes.
    let superseded = "vclustercore older -n platform-requests";
    let message = world.wait_reason(superseded, "SupersededBy");
    assert!(message.contains("vcluster-orchestrator platform-requests/older"), "{message}");
    assert_eq!(world.condition(superseded, "SupersededBy")["status"], "True");
    let before = world.commits("state");
    world.kubectl(&["delete", "vclustercore", "older", "-n", "platform-requests"]);
    assert_eq!(world.commits("state"), before);
    assert_eq!(world.rendered("platform-requests", "vcluster-orchestrator", "older").len(), 12);

    // With an address of its own the younger one is taken over as well.
    let patch = r#"{"spec":{"exposure":{"vip":"10.0.4.7"}}}"#;
    let younger = ["vclusterorchestrator", "younger", "-n", "platform-requests"];
    world.kubectl(&[&["patch"], &younger[..], &["--type=merge", "-p", patch]].concat());
    world.ready("younger");
    assert_eq!(world.rendered("platform-requests", "vcluster-core", "younger"), [] as [&str; 0]);
}

#[test]
fn a_part_comes_into_its_own_when_its_orchestrator_goes() {
    let mut world = World::new();
    platform(&mut world);
    world.apply(&vcluster("media", ""));
    world.ready("media");
    let core = "  targetNamespace: vcluster-media\n  valuesYaml: \"controlPlane: {}\"\n";
    world.apply(&part("VClusterCore", "media", core));
    world.wait_reason("vclustercore media -n platform-requests", "SupersededBy");
    world.kubectl(&["delete", "vclusterorchestrator", "media", "-n", "platform-requests"]);
    world.wait_ready("vclustercore/media -n platform-requests");
    assert_eq!(world.condition("vclustercore media -n platform-requests", "SupersededBy"), serde_json::Value::Null);
    assert_eq!(world.rendered("platform-requests", "vcluster-core", "media").len(), 2);

    // And gives way to one that comes back.
    world.apply(&vcluster("media", ""));
    world.ready("media");
    world.wait_reason("vclustercore media -n platform-requests", "SupersededBy");
    assert!(world.rendered("platform-requests", "vcluster-core", "media").is_empty());
    assert_eq!(world.rendered("platform-requests", "vcluster-orchestrator", "media").len(), 12);
}
