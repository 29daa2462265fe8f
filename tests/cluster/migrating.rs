//! Coming from Kratix with a cluster: the commands of the guide, as they stand there.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use crate::manifests::destination;
use crate::support::World;
use crate::v1;

const GUIDE: &str = "docs/migrating-from-kratix.md";

fn block(fence: &str) -> String {
    let guide = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(GUIDE)).expect("the guide");
    let (_, rest) = guide.split_once(&format!("```sh {fence}\n")).expect("the block");
    rest.split_once("```").expect("its end").0.to_owned()
}

/// Runs a block of the guide where its files are.
fn run(world: &World, at: &Path, fence: &str) -> Output {
    let kubectl = world.info("kubectl");
    let kept = Path::new(env!("CARGO_BIN_EXE_kept"));
    let directories =
        [Path::new(&kubectl).parent(), kept.parent()].map(|dir| dir.expect("a directory").display().to_string());
    let path = format!("{}:{}", directories.join(":"), std::env::var("PATH").unwrap_or_default());
    let mut shell = Command::new("sh");
    shell.args(["-euc", &block(fence)]).current_dir(at).env("PATH", path).env("KUBECONFIG", world.info("kubeconfig"));
    shell.env("GIT_AUTHOR_NAME", "Someone").env("GIT_AUTHOR_EMAIL", "someone@example.com");
    shell.env("GIT_COMMITTER_NAME", "Someone").env("GIT_COMMITTER_EMAIL", "someone@example.com");
    shell.output().expect("sh")
}

fn said(output: &Output) -> String {
    let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{said}");
    said
}

#[test]
fn the_commands_of_the_guide_show_what_would_change_and_lead_back() {
    let mut world = World::new();
    world.repository("state");
    world.foreign_commit("state", |root| {
        for (path, text) in v1::nested(&v1::vcluster("media", "10.0.4.77")) {
            let path = root.join(path);
            fs::create_dir_all(path.parent().expect("a directory")).expect("made");
            fs::write(path, text).expect("written");
        }
    });
    let before = world.git("state", &["rev-parse", "main^{tree}"]);
    world.kubectl(&["create", "namespace", v1::HOME]);
    let label = "labels: {pod-security.kubernetes.io/enforce: privileged}";
    world.apply(&format!(
        "{}{}{}apiVersion: v1\nkind: Namespace\nmetadata: {{name: vcluster-media, {label}}}\n---\n\
         apiVersion: v1\nkind: ServiceAccount\nmetadata: {{name: reader, namespace: vcluster-media}}\n---\n\
         apiVersion: v1\nkind: Pod\nmetadata: {{name: reads-the-node, namespace: vcluster-media}}\n\
         spec:\n  serviceAccountName: reader\n  containers: [{{name: a, image: busybox}}]\n  volumes: [{{name: node, hostPath: {{path: /var}}}}]\n---\n\
         apiVersion: platform.integratn.tech/v1alpha1\nkind: VClusterOrchestrator\n\
         metadata: {{name: media, namespace: {}, finalizers: [kratix.io/work-cleanup]}}\n\
         spec: {{name: media, exposure: {{subnet: 10.0.4.0/24}}}}\n",
        world.secret(),
        world.store("state", ""),
        destination("host", "state", "host", ""),
        v1::HOME
    ));
    world.kubectl(&["label", "destination", "host", "capability.vcluster=true"]);

    let desk = world.desk();
    let looked = said(&run(&world, &desk, "look"));
    for word in ["platform-requests/media", "+    argocd.argoproj.io/sync-options: Prune=false", "-kind: VClusterCore"]
    {
        assert!(looked.contains(word), "{word}:\n{looked}");
    }
    let pods = said(&run(&world, &desk, "pods"));
    assert!(pods.contains("reads-the-node"), "{pods}");
    assert_eq!(world.git("state", &["rev-parse", "main^{tree}"]), before, "looking writes nothing");

    let commits = world.commits("state");
    world.start("");
    world.wait_ready(&format!("vclusterorchestrator/media -n {}", v1::HOME));
    assert_eq!(world.commits("state"), commits + 1);
    let request = world.get(&format!("vclusterorchestrator media -n {}", v1::HOME));
    assert_eq!(request["metadata"]["finalizers"], serde_json::json!(["kept.integratn.tech/cleanup"]));
    assert_eq!(request["status"]["vip"], "10.0.4.77");

    world.stop();
    let clone = desk.join("clone");
    let url = world.url("state").replacen("://", &format!("://{}@", world.login()), 1);
    let cloned = Command::new("git").args(["clone", "-q", &url]).arg(&clone).status().expect("git");
    assert!(cloned.success());
    said(&run(&world, &clone, "back"));
    assert_eq!(world.git("state", &["rev-parse", "main^{tree}"]), before);
    let request = world.get(&format!("vclusterorchestrator media -n {}", v1::HOME));
    assert_eq!(request["metadata"]["finalizers"], serde_json::Value::Null);
}
