//! The life of a vcluster, from a commit of its user to the last thing that is left of it.

use std::collections::BTreeSet;
use std::fs;
use std::thread::sleep;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};

use crate::argocd::{Watch, file};
use crate::story::{Journey, Story};
use crate::support::{PATIENCE, World};
use crate::vclusters::{KIND, request};

/// Where kept's Application for the request `media` is, and the one of its chart.
const MEDIA: &str = "platform-requests.vcluster-orchestrator.media";
const SANDBOX: &str = "platform-requests.vcluster-orchestrator.sandbox";

/// Everything, with two repositories, and nothing in them but what people need to begin.
fn platform() -> World {
    let mut world = World::up(&["--argocd", "--eso"]);
    world.install();
    world.prepare_argocd();
    world.secret_store();
    for repository in ["platform", "state"] {
        world.repository(repository);
    }
    world.foreign_commit("platform", |root| {
        fs::create_dir_all(root.join("platform/vclusters")).unwrap();
        fs::write(root.join("platform/vclusters/README.md"), "Requests for virtual clusters.\n").unwrap();
    });
    world.apply(&world.secret());
    world.apply(&file(&world, "examples/operator/store.yaml"));
    world.kubectl(&["label", "destination", "host", "capability.vcluster=true"]);
    world.start("");
    world.wait_ready("destination/host");
    world.deploy(&["project", "applicationset", "requests"]);
    world.wait_health("kept-requests", "Healthy");
    world
}

impl World {
    /// The user's commit, and Argo CD's being told of it.
    fn ask(&self, edit: impl FnOnce(&std::path::Path)) -> Instant {
        self.foreign_commit("platform", |root| edit(&root.join("platform/vclusters")));
        let asked = Instant::now();
        self.refresh("kept-requests");
        asked
    }

    /// A change of the user's, all the way to Argo CD's having applied what kept made of it.
    fn follow(&self, watch: &Watch, application: &str, edit: impl FnOnce(&std::path::Path)) -> Journey {
        let before = self.head("state");
        watch.forget();
        let asked = self.ask(edit);
        let arrived = watch.first();
        let commit = self.moved_from(&before);
        let committed = Instant::now();
        self.wait_synced(application, &commit);
        Journey { asked, arrived, committed, applied: Instant::now() }
    }

    /// Waits until kept has committed; the new head.
    fn moved_from(&self, before: &str) -> String {
        let since = Instant::now();
        loop {
            let head = self.head("state");
            if head != before {
                return head;
            }
            assert!(since.elapsed() < PATIENCE, "kept commits nothing\n{}", self.log());
            sleep(Duration::from_millis(5));
        }
    }

    /// Waits until there are just these Applications, and Argo CD finds no difference in any of them.
    fn all_synced(&self, names: &[&str]) {
        let differs = |application: &Value| {
            let status = &application["status"];
            let resources = status["resources"].as_array().into_iter().flatten();
            status["sync"]["status"] != "Synced" || resources.clone().any(|r| r["status"] != "Synced")
        };
        let look = || self.get("applications -n argocd");
        self.eventually_told("all Applications are Synced", look, |list| {
            let all: Vec<&Value> = list["items"].as_array().into_iter().flatten().collect();
            let found: BTreeSet<&str> = all.iter().filter_map(|a| a["metadata"]["name"].as_str()).collect();
            found == names.iter().copied().collect() && !all.into_iter().any(differs)
        });
    }

    fn there(&self, what: &str) -> Value {
        self.eventually_told(what, || self.get(what), Value::is_object)
    }

    fn none(&self, what: &str) {
        self.eventually_told(&format!("no {what}"), || self.get(what), is_empty);
    }

    fn gone(&self, what: &str) {
        self.eventually_told(&format!("{what} is gone"), || self.get(what), Value::is_null);
    }
}

/// Of an empty list kubectl says nothing.
fn is_empty(list: &Value) -> bool {
    list["items"].as_array().is_none_or(Vec::is_empty)
}

fn text(secret: &Value, key: &str) -> String {
    let encoded = secret["data"][key].as_str().unwrap_or_default();
    String::from_utf8(BASE64_STANDARD.decode(encoded).expect("base64")).expect("text")
}

fn write(folder: &std::path::Path, name: &str, request: &Value) {
    fs::write(folder.join(format!("{name}.yaml")), kept::manifest::write::to_yaml(request)).unwrap();
}

#[test]
fn a_vcluster_comes_lives_and_goes_with_a_file_in_git() {
    let story =
        Story::begin("The life of a virtual cluster: Gitea, Argo CD, External Secrets, 1Password Connect and kept.");
    story.step("Two API servers start: one is the platform, the other will play the virtual cluster.");
    let vcluster = World::empty();
    let world = platform();
    let charts = world.publish_chart();
    let port = vcluster.info("apiServer").rsplit(':').next().expect("a port").to_owned();
    let server = format!("https://media.localhost:{port}");
    let mut media = request("media", &charts, |request| {
        request["spec"]["exposure"]["hostname"] = "media.localhost".into();
        request["spec"]["exposure"]["apiPort"] = port.parse::<u16>().expect("a port").into();
    });
    let watch = world.watch(KIND, "platform-requests");
    // It lists before it watches.
    sleep(Duration::from_secs(1));

    story.step("1. A user commits platform/vclusters/media.yaml; Argo CD applies it; kept commits what it becomes.");
    let first = world.follow(&watch, MEDIA, |folder| write(folder, "media", &media));
    story.see(&first.told());

    story.step("2. and 3. What kept committed exists in the cluster.");
    let namespace = world.there("namespace vcluster-media");
    assert_eq!(namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"], "baseline");
    for what in [
        "configmap vc-media-coredns -n vcluster-media",
        "configmap media-vcluster-values -n vcluster-media",
        "appproject vcluster-media -n argocd",
        "application vcluster-media -n argocd",
        "externalsecret vcluster-media-kubeconfig -n vcluster-media",
        "externalsecret vcluster-media-argocd-cluster -n argocd",
    ] {
        world.there(what);
    }
    let pushed = world.get("pushsecrets -n vcluster-media");
    assert_eq!(pushed["items"].as_array().map(Vec::len), Some(5));
    let head = world.head("state");
    let synced = world.wait_synced(MEDIA, &head);
    let resources = synced["status"]["resources"].as_array().expect("resources");
    let apart: Vec<&Value> = resources.iter().filter(|r| r["status"] != "Synced").collect();
    assert!(resources.len() == 12 && apart.is_empty(), "{apart:?}");
    story.see("Namespace with its Pod Security labels, CoreDNS, AppProject, Application, PushSecrets, ExternalSecrets: all Synced.");
    world.there("statefulset media -n vcluster-media");
    story.see("Argo CD has rendered the real chart of vcluster, and its StatefulSets are there.");

    story.step("4. The vcluster boots, and writes its kubeconfig.");
    boot(&world, &vcluster, &server, &story);
    deploy_into(&world, &vcluster);
    story.see("Argo CD deploys into the vcluster.");
    for application in [MEDIA, "vcluster-media"] {
        world.wait_health(application, "Healthy");
    }
    world.wait_health("kept-requests", "Healthy");
    world.all_synced(&[MEDIA, "kept-requests", "vcluster-media"]);
    story.see("All Applications are Synced and Healthy.");
    let look = || world.get(&format!("{KIND} media -n platform-requests"));
    let asked = world.eventually_told("the request says Ready", look, |media| media["status"]["phase"] == "Ready");
    let health = &asked["status"]["health"];
    assert_eq!(health["argocd"], json!({"syncStatus": "Synced", "healthStatus": "Healthy"}));
    story.see("So says the request's own status.");

    story.step("5. A changed field in Git arrives.");
    media["spec"]["vcluster"]["coredns"]["replicas"] = 3.into();
    let second = world.follow(&watch, MEDIA, |folder| write(folder, "media", &media));
    story.see(&second.told());
    let replicas = |wanted: u64| {
        let pointer = "/spec/source/helm/valuesObject/controlPlane/coredns/deployment/replicas";
        let look = || world.application("vcluster-media");
        world.eventually_told("the chart's values", look, |application| {
            application.pointer(pointer) == Some(&json!(wanted))
        });
    };
    replicas(3);

    story.step("6. A second vcluster never boots, and does not stop the first.");
    let sandbox = request("sandbox", &charts, |_| {});
    let third = world.follow(&watch, SANDBOX, |folder| write(folder, "sandbox", &sandbox));
    story.see(&third.told());
    world.wait_health(SANDBOX, "Degraded");
    story.see("Its Application says that something is missing; it is Synced all the same.");
    watch.forget();
    media["spec"]["vcluster"]["coredns"]["replicas"] = 4.into();
    let fourth = world.follow(&watch, MEDIA, |folder| write(folder, "media", &media));
    replicas(4);
    story.see(&fourth.told());
    world.wait_health(MEDIA, "Healthy");
    world.all_synced(&[MEDIA, SANDBOX, "kept-requests", "vcluster-media", "vcluster-sandbox"]);

    story.step("7. git rm of both requests: everything goes.");
    let removed = world.ask(|folder| {
        for name in ["media", "sandbox"] {
            fs::remove_file(folder.join(format!("{name}.yaml"))).unwrap();
        }
    });
    leave_nothing(&world);
    story.see(&format!("Nothing is left, {:.1} s after the commit.", removed.elapsed().as_secs_f64()));

    let journeys = [first, second, third, fourth];
    let slowest = journeys.iter().map(Journey::kept).max().expect("some");
    story.step(&format!("kept's own part was {:.2} s at most.", slowest.as_secs_f64()));
    for journey in journeys {
        assert!(journey.kept() < journey.argocd(), "kept takes longer than Argo CD: {}", journey.told());
    }
}

/// The vcluster's pods run, and its kubeconfig travels through 1Password to its user and to Argo CD.
fn boot(world: &World, vcluster: &World, server: &str, story: &Story) {
    assert_eq!(world.items(), [] as [Value; 0]);
    world.run_pods("vcluster-media");
    world.write_kubeconfig("media", "vcluster-media", vcluster, server);
    world.eventually("the item is in 1Password", || (world.items().len() == 1).then_some(()));
    story.see("The item vcluster-media-kubeconfig is in 1Password.");
    let kubeconfig = world.there("secret vcluster-media-kubeconfig-external -n vcluster-media");
    let cluster = world.there("secret vcluster-media -n argocd");
    assert_eq!(text(&cluster, "server"), *server);
    story.see("The kubeconfig and Argo CD's cluster Secret have come back from there.");
    let file = world.desk().join("media.kubeconfig");
    fs::write(&file, text(&kubeconfig, "kubeconfig")).unwrap();
    let (file, address) = (file.display().to_string(), vcluster.info("apiServer"));
    world.kubectl(&["--kubeconfig", &file, "--server", &address, "create", "namespace", "made-by-its-user"]);
    assert!(vcluster.get("namespace made-by-its-user").is_object());
    story.see("With that kubeconfig its user works in the vcluster.");
}

/// Has Argo CD bring a folder of the platform's repository into the cluster that was registered.
fn deploy_into(world: &World, vcluster: &World) {
    world.foreign_commit("platform", |root| {
        fs::create_dir_all(root.join("workloads/media")).unwrap();
        let hello =
            json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "hello", "namespace": "default"}});
        fs::write(root.join("workloads/media/hello.yaml"), hello.to_string()).unwrap();
    });
    let application = json!({
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Application",
        "metadata": {"name": "workload", "namespace": "argocd"},
        "spec": {
            "project": "default",
            "source": {"repoURL": world.url("platform"), "targetRevision": "main", "path": "workloads/media"},
            "destination": {"name": "vcluster-media", "namespace": "default"},
            "syncPolicy": {"automated": {}},
        },
    });
    world.apply(&application.to_string());
    world.wait_health("workload", "Healthy");
    assert!(vcluster.get("configmap hello -n default").is_object(), "it is in the vcluster");
    world.kubectl(&["delete", "application", "workload", "-n", "argocd"]);
}

/// Waits until all of both requests is gone: from the cluster, from Git, from the store.
fn leave_nothing(world: &World) {
    world.none(&format!("{KIND} -A"));
    for namespace in ["vcluster-media", "vcluster-sandbox"] {
        world.gone(&format!("namespace {namespace}"));
    }
    for kind in ["pushsecrets", "externalsecrets"] {
        world.none(&format!("{kind} -A"));
    }
    world.none("secrets -n argocd -l argocd.argoproj.io/secret-type=cluster");
    // The operator may leave a shell, because 1Password's reads lag behind its writes.
    world.eventually_told(
        "nothing is left in 1Password",
        || world.items().into(),
        |items| {
            items.as_array().expect("a list").iter().all(|item| item["fields"].as_array().is_none_or(Vec::is_empty))
        },
    );

    let canaries: Vec<String> = world.files("state", "main");
    assert!(canaries.len() == 2 && canaries.iter().all(|file| file.contains("kratix-canary-")), "{canaries:?}");
    for name in ["media", "sandbox"] {
        assert_eq!(world.git("state", &["grep", "-l", name, "main"]), "", "{name} is in no record");
    }

    world.eventually_told(
        "only the Application of the requests is left",
        || world.get("applications -n argocd"),
        |list| {
            let list = list["items"].as_array().expect("a list");
            let content = |application: &Value| {
                let status = &application["status"];
                application["metadata"]["name"] == "kept-requests"
                    && status["sync"]["status"] == "Synced"
                    && status["health"]["status"] == "Healthy"
                    && status["operationState"]["phase"] == "Succeeded"
                    && status.get("conditions").is_none()
            };
            list.len() == 1 && list.iter().all(content)
        },
    );
    let set = world.get("applicationset kept-state -n argocd");
    let conditions = set["status"]["conditions"].as_array().expect("conditions");
    assert!(!conditions.iter().any(|c| c["type"] == "ErrorOccurred" && c["status"] == "True"), "{conditions:?}");
    let projects = world.get("appprojects -n argocd");
    let names: Vec<&str> =
        projects["items"].as_array().unwrap().iter().filter_map(|p| p["metadata"]["name"].as_str()).collect();
    assert_eq!(names, ["default", "kept-requests", "kept-state"]);
}
