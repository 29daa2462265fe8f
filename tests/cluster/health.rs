//! What a status says of how things run. The External Secrets Operator is the real one; what Argo CD and the nodes would
//! report, the tests do. With the real Argo CD it is seen in `tests/loop`.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::{Value, json};

use crate::manifests::team;
use crate::support::{World, part};
use crate::vclusters::{asked, platform, vcluster};

const MEDIA: &str = "vclusterorchestrator media -n platform-requests";
const TARGET: &str = "vcluster-media";

impl World {
    /// Argo CD's kinds and its namespace.
    pub fn argocd_kinds(&self) {
        self.kubectl(&["apply", "--server-side", "-k", &part("argocd-crds").display().to_string()]);
        self.established();
        let there = self.get("namespace argocd");
        if there.is_null() {
            self.kubectl(&["create", "namespace", "argocd"]);
        }
    }

    /// Applies the files of a request, as Argo CD does.
    pub fn sync(&self, promise: &str, name: &str) {
        let mut files = self.rendered("platform-requests", promise, name);
        // The namespace goes before what lies in it.
        files.sort_by_key(|file| !file.contains("/namespace-"));
        for file in files {
            let path = format!("host/resources/platform-requests/{promise}/{name}/{file}");
            self.apply(&self.file("state", &path));
        }
    }

    /// What Argo CD would say of an Application.
    fn report(&self, application: &str, sync: &str, health: &str) {
        let status = json!({"status": {"sync": {"status": sync}, "health": {"status": health}}}).to_string();
        self.kubectl(&["patch", "application", application, "-n", "argocd", "--type=merge", "-p", &status]);
    }

    /// A pod as its node would report it.
    fn pod(&self, name: &str, phase: &str, ready: &str) {
        let pod = json!({
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": name, "namespace": TARGET},
            "spec": {
                "automountServiceAccountToken": false,
                "containers": [{"name": "main", "image": "none"}],
            },
        });
        self.apply(&pod.to_string());
        let status =
            json!({"status": {"phase": phase, "conditions": [{"type": "Ready", "status": ready}]}}).to_string();
        self.kubectl(&["patch", "pod", name, "-n", TARGET, "--subresource=status", "--type=merge", "-p", &status]);
    }

    fn phase(&self, phase: &str) -> Value {
        self.eventually(&format!("the phase is {phase}"), || {
            let found = self.get(MEDIA);
            (found["status"]["phase"] == phase).then_some(found)
        })
    }

    /// Waits until a condition is so, for that reason; its message.
    pub fn says(&self, what: &str, type_: &str, status: &str, reason: &str) -> String {
        self.eventually(&format!("{what}: {type_} is {status}, {reason}"), || {
            let found = self.condition(what, type_);
            let is_so = found["status"] == status && found["reason"] == reason;
            is_so.then(|| found["message"].as_str().unwrap_or_default().to_owned())
        })
    }

    /// The events about a request, the oldest first: reasons and notes.
    fn story(&self, name: &str) -> Vec<(String, String)> {
        let list = self.get("events.v1.events.k8s.io -n platform-requests --sort-by=.eventTime");
        let about = |event: &&Value| event["regarding"]["name"] == name;
        let events = list["items"].as_array().into_iter().flatten().filter(about);
        let text = |event: &Value, field: &str| event[field].as_str().unwrap_or_default().to_owned();
        let told = |event: &Value| (text(event, "reason"), text(event, "note"));
        events.map(told).collect()
    }
}

#[test]
fn a_virtual_clusters_status_tells_how_it_runs() {
    let mut world = World::with_eso();
    world.install();
    world.argocd_kinds();
    world.secret_store();
    platform(&mut world);

    world.apply(&vcluster("media", ""));
    let scheduled = world.phase("Scheduled");
    assert_eq!(world.condition(MEDIA, "Committed")["status"], "True");
    assert_eq!(world.says(MEDIA, "Ready", "False", "Scheduled").matches("is not there yet").count(), 8);
    assert_eq!(
        scheduled["status"]["endpoints"]["argocd"],
        "https://argocd.cluster.integratn.tech/applications/vcluster-media"
    );
    world.sync("vcluster-orchestrator", "media");
    world.phase("Progressing");
    world.says(MEDIA, "ArgoSynced", "False", "Unknown");
    // Its parts are made, and fail, one after the other.
    world.eventually("it says which PushSecret is not ready", || {
        let why = world.says(MEDIA, "KubeconfigAvailable", "False", "SecretMissing");
        why.contains("PushSecret vcluster-media/vcluster-media-kubeconfig is not ready: ").then_some(())
    });

    deliver_kubeconfig(&world);
    world.report("vcluster-media", "Synced", "Healthy");
    world.says(MEDIA, "ArgoSynced", "True", "Synced");
    assert!(world.says(MEDIA, "Ready", "False", "Progressing").contains("it has no pods yet"));
    world.pod("media-0", "Running", "False");
    world.phase("Degraded");
    world.pod("media-0", "Running", "True");
    world.pod("setup", "Succeeded", "False");
    let ready = world.phase("Ready");
    assert_eq!(ready["status"]["health"]["workloads"], json!({"ready": 1, "total": 1}));
    assert_eq!(ready["status"]["health"].get("degradedSince"), None, "that is over");
    world.says(MEDIA, "Ready", "True", "AllHealthy");
    let shown = world.kubectl(&["get", "vclusterorchestrator", "media", "-n", "platform-requests"]);
    let mut lines = shown.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    assert_eq!(lines.next().expect("a head"), ["NAME", "PHASE", "READY", "COMMIT", "ARGO", "ADDRESS", "AGE"]);
    let row = lines.next().expect("a line");
    let commit = ready["status"]["commit"].as_str().expect("a commit");
    assert_eq!(row[..6], ["media", "Ready", "True", commit, "Healthy", "https://media.integratn.tech:8443"]);

    // What changes nothing is not written.
    let before = ready["metadata"]["resourceVersion"].clone();
    world.kubectl(&["annotate", "application", "vcluster-media", "-n", "argocd", "look=1"]);
    world.kubectl(&["annotate", "pod", "media-0", "-n", TARGET, "look=1"]);
    std::thread::sleep(Duration::from_secs(2));
    assert_eq!(world.get(MEDIA)["metadata"]["resourceVersion"], before);

    applications_come_and_go(&world);
    told_once(&world);
    a_pause(&mut world);

    // An operator that starts finds it as it is, and writes nothing.
    world.stop();
    let before = world.get(MEDIA)["metadata"]["resourceVersion"].clone();
    world.launch();
    let told = world.story("media");
    world.eventually("it is looked at", || world.page().contains("platform_vcluster_ready{").then_some(()));
    assert_eq!(world.get(MEDIA)["metadata"]["resourceVersion"], before);
    assert_eq!(world.story("media"), told, "nor does it tell anything again");

    // A request that is refused does not make what runs unknown.
    let edit = r#"{"spec":{"exposure":{"vip":"192.168.7.7"}}}"#;
    world.kubectl(&["patch", "vclusterorchestrator", "media", "-n", "platform-requests", "--type=merge", "-p", edit]);
    world.says(MEDIA, "Ready", "False", "InvalidRequest");
    assert_eq!(world.get(MEDIA)["status"]["phase"], "Ready");
    world.pod("media-0", "Running", "False");
    world.phase("Degraded");

    leave_a_volume(&world);
}

/// The vcluster writes its Secret: the External Secrets Operator brings it into the vault, and back.
fn deliver_kubeconfig(world: &World) {
    let data = json!({"config": "c", "certificate-authority": "a", "client-certificate": "b", "client-key": "k"});
    let secret = json!({
        "apiVersion": "v1", "kind": "Secret", "metadata": {"name": "vc-media", "namespace": TARGET}, "stringData": data,
    });
    world.apply(&secret.to_string());
    for kind in ["pushsecrets", "externalsecrets"] {
        for namespace in [TARGET, "argocd"] {
            world.kubectl(&["annotate", kind, "--all", "-n", namespace, "look=1"]);
        }
        if kind == "pushsecrets" {
            world.eventually("the item is whole", || {
                let items = world.items();
                (items.first()?["fields"].as_array()?.len() >= 5).then_some(())
            });
        }
    }
    world.says(MEDIA, "KubeconfigAvailable", "True", "SecretExists");
    world.says(MEDIA, "ClusterRegistered", "True", "Registered");
}

/// Applications in it are found by its name and by its address, and counted in the metrics too.
fn applications_come_and_go(world: &World) {
    for (name, to) in [
        ("shop", json!({"name": "vcluster-media"})),
        ("till", json!({"server": "https://media.integratn.tech:8443"})),
        ("other", json!({"name": "vcluster-other"})),
    ] {
        let source = json!({"repoURL": "https://git.example.com/shop", "path": "."});
        let application = json!({
            "apiVersion": "argoproj.io/v1alpha1",
            "kind": "Application",
            "metadata": {"name": name, "namespace": "argocd"},
            "spec": {"project": "default", "source": source, "destination": to},
        });
        world.apply(&application.to_string());
    }
    world.report("shop", "Synced", "Healthy");
    world.eventually("it says which one is not well", || {
        let why = world.says(MEDIA, "Ready", "False", "Progressing");
        why.contains("1 of the 2 Applications in it are not healthy: till").then_some(())
    });
    let progressing = world.phase("Progressing");
    let counted = json!({"healthy": 1, "total": 2, "unhealthy": ["till"]});
    assert_eq!(progressing["status"]["health"]["subApps"], counted);
    let page = world.page();
    for series in [
        "phase_info{name=\"media\",namespace=\"platform-requests\",phase=\"Progressing\"} 1",
        "ready{name=\"media\",namespace=\"platform-requests\"} 0",
        "pods_ready{name=\"media\",namespace=\"platform-requests\"} 1",
        "pods_total{name=\"media\",namespace=\"platform-requests\"} 1",
        "argocd_synced{name=\"media\",namespace=\"platform-requests\"} 1",
        "argocd_healthy{name=\"media\",namespace=\"platform-requests\"} 1",
        "subapps_healthy{name=\"media\",namespace=\"platform-requests\"} 1",
        "subapps_total{name=\"media\",namespace=\"platform-requests\"} 2",
    ] {
        assert!(page.contains(&format!("\nplatform_vcluster_{series}\n")), "{series}\n{page}");
    }
    let counts =
        |phase: &str| world.metric(&format!("kept_requests{{kind=\"VClusterOrchestrator\",phase=\"{phase}\"}}"));
    assert_eq!((counts("committed"), counts("ready")), (Some(1.0), Some(0.0)));
    world.kubectl(&["delete", "application", "till", "-n", "argocd"]);
    world.phase("Ready");
    world.eventually("it counts as ready", || {
        (counts("ready") == Some(1.0) && counts("committed") == Some(0.0)).then_some(())
    });
}

/// Whatever happened was told, each with its own words and no more than once by one operator.
fn told_once(world: &World) {
    let story = world.eventually("all of it is told", || {
        let story = world.story("media");
        let is_told = |reason: &&str| story.iter().any(|(told, _)| told == reason);
        ["Committed", "Scheduled", "Progressing", "Degraded", "AllHealthy"].iter().all(is_told).then_some(story)
    });
    assert_eq!(story.iter().filter(|(told, _)| told == "Committed").count(), 1, "{story:?}");
    let distinct: BTreeSet<_> = story.iter().collect();
    assert_eq!(distinct.len(), story.len(), "{story:?}");
}

/// While nothing is written for it, its status goes on saying how it runs.
fn a_pause(world: &mut World) {
    let media = ["vclusterorchestrator", "media", "-n", "platform-requests"];
    let label = |label: &str| world.kubectl(&[&["label"], &media[..], &[label]].concat());
    label("kratix.io/paused=true");
    world.says(MEDIA, "Paused", "True", "Paused");
    let before =
        (world.commits("state"), world.condition(MEDIA, "Committed"), world.get(MEDIA)["status"]["places"].clone());
    world.pod("media-0", "Running", "False");
    let degraded = world.phase("Degraded");
    assert_eq!(degraded["status"]["health"]["workloads"], json!({"ready": 0, "total": 1}));
    world.says(MEDIA, "Ready", "False", "Degraded");
    world.says(MEDIA, "PodsReady", "False", "PodsNotReady");
    let series = "platform_vcluster_ready{name=\"media\",namespace=\"platform-requests\"}";
    world.eventually("the metrics say so", || (world.metric(series) == Some(0.0)).then_some(()));

    // An operator that is new here looks on as well, and an edit that waits says nothing of what runs.
    world.stop();
    world.pod("media-0", "Running", "True");
    world.launch();
    world.phase("Ready");
    world.says(MEDIA, "Ready", "True", "AllHealthy");
    let edit = r#"{"spec":{"vcluster":{"coredns":{"replicas":3}}}}"#;
    world.kubectl(&[&["patch"], &media[..], &["--type=merge", "-p", edit]].concat());
    world.pod("media-0", "Running", "False");
    let waits = world.phase("Degraded");
    assert_eq!(waits["metadata"]["generation"], 2);
    assert_eq!(waits["status"]["observedGeneration"], 1);
    assert_eq!(world.condition(MEDIA, "Ready")["observedGeneration"], 1, "it is of what was committed");
    world.pod("media-0", "Running", "True");
    world.phase("Ready");
    let after =
        (world.commits("state"), world.condition(MEDIA, "Committed"), world.get(MEDIA)["status"]["places"].clone());
    assert_eq!(after, before);

    let label = |label: &str| world.kubectl(&[&["label"], &media[..], &[label]].concat());
    label("kratix.io/paused-");
    world.eventually("the edit is committed", || (world.get(MEDIA)["status"]["observedGeneration"] == 2).then_some(()));
    assert_eq!(world.commits("state"), before.0 + 1);
    world.phase("Ready");
}

/// It goes, and its volume stays.
fn leave_a_volume(world: &World) {
    let volume = json!({
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {"name": "pv-media"},
        "spec": {
            "capacity": {"storage": "5Gi"},
            "accessModes": ["ReadWriteOnce"],
            "persistentVolumeReclaimPolicy": "Retain",
            "hostPath": {"path": "/nowhere"},
            "claimRef": {"namespace": TARGET, "name": "data-media-0"},
        },
    });
    world.apply(&volume.to_string());
    world.kubectl(&["delete", "vclusterorchestrator", "media", "-n", "platform-requests", "--wait=false"]);
    world.phase("Deleting");
    // Argo CD prunes.
    world.kubectl(&["delete", "pushsecrets", "--all", "-n", TARGET, "--timeout=100s"]);
    world.eventually("it is gone", || world.get(MEDIA).is_null().then_some(()));
    let events = world.eventually("an event names the volume", || {
        let events = world.kubectl(&["get", "events", "-n", "platform-requests", "-o", "json"]);
        events.contains("VolumesRemain").then_some(events)
    });
    assert!(events.contains("kubectl delete persistentvolume pv-media"), "{events}");
    world.eventually("its series are gone", || (!world.page().contains("platform_vcluster_")).then_some(()));
    let story = world.story("media");
    for reason in ["Committed", "Scheduled", "Progressing", "Degraded", "AllHealthy", "InvalidRequest", "VolumesRemain"]
    {
        assert!(story.iter().any(|(told, _)| told == reason), "{reason}: {story:?}");
    }
    // Of the request, and of its edit.
    assert_eq!(story.iter().filter(|(told, _)| told == "Committed").count(), 2, "{story:?}");
}

#[test]
fn without_argo_cd_a_request_that_is_committed_is_ready_until_argo_cd_comes() {
    let mut world = World::new();
    platform(&mut world);
    world.apply(&vcluster("media", ""));
    world.ready("media");
    let unknown = world.phase("Unknown");
    assert_eq!(unknown["status"].get("health"), None);
    let page = world.page();
    assert!(page.contains("platform_vcluster_phase_info{") && !page.contains("platform_vcluster_ready"), "{page}");
    world.counts("kept_requests{kind=\"VClusterOrchestrator\",phase=\"ready\"}", 1.0);
    assert_eq!(world.condition(MEDIA, "PodsReady"), Value::Null);
    world.stop();
    world.argocd_kinds();
    world.start("");
    world.phase("Scheduled");
    world.says(MEDIA, "Ready", "False", "Scheduled");
    world.says(MEDIA, "Committed", "True", "Committed");

    // Where the files are for other clusters, nobody looks here.
    world.stop();
    world.start("health: false");
    world.phase("Unknown");
    world.ready("media");
    assert_eq!(world.condition(MEDIA, "ArgoSynced"), Value::Null);
    let page = world.page();
    assert!(page.contains("platform_vcluster_phase_info{") && !page.contains("platform_vcluster_ready"), "{page}");
}

#[test]
fn other_requests_say_what_argo_cd_and_the_secrets_operator_say() {
    let mut world = World::with_eso();
    world.install();
    world.argocd_kinds();
    world.secret_store();
    world.kubectl(&["create", "namespace", "vcluster-shop"]);
    platform(&mut world);
    let source = json!({"repoURL": "https://git.example.com/shop", "path": "."});
    let to = json!({"server": "https://kubernetes.default.svc", "namespace": "shop"});
    let application = json!({"name": "shop", "project": "shop", "source": source, "destination": to});
    world.apply(&asked("ArgoCDApplication", "shop", application));
    let shop = "argocdapplication shop -n platform-requests";
    assert_eq!(world.says(shop, "Ready", "False", "Scheduled"), "the Application argocd/shop is not there yet");
    world.sync("argocd-application", "shop");
    world.report("shop", "OutOfSync", "Degraded");
    assert!(world.says(shop, "Ready", "False", "Degraded").contains("is Degraded and OutOfSync"));
    world.says(shop, "ArgoSynced", "False", "OutOfSync");
    world.report("shop", "Synced", "Healthy");
    world.says(shop, "Ready", "True", "AllHealthy");
    let health = &world.get(shop)["status"]["health"]["argocd"];
    assert_eq!(*health, json!({"syncStatus": "Synced", "healthStatus": "Healthy"}));

    let project = json!({"name": "shop", "sourceRepos": ["*"], "destinations": [{"server": "*", "namespace": "shop"}]});
    world.apply(&asked("ArgoCDProject", "shop", project));
    let shop = "argocdproject shop -n platform-requests";
    assert_eq!(world.says(shop, "Ready", "False", "Scheduled"), "the AppProject argocd/shop is not there yet");
    world.sync("argocd-project", "shop");
    world.says(shop, "Ready", "True", "AllHealthy");

    let spec = json!({"name": "shop", "targetNamespace": "vcluster-shop"});
    world.apply(&asked("VClusterKubeconfigExternalSecret", "shop", spec));
    let shop = "vclusterkubeconfigexternalsecret shop -n platform-requests";
    world.says(shop, "Ready", "False", "Scheduled");
    world.sync("vcluster-kubeconfig-external-secret", "shop");
    let why = world.says(shop, "Ready", "False", "Progressing");
    assert!(why.contains("ExternalSecret vcluster-shop/vcluster-shop-kubeconfig is not ready: "), "{why}");

    // A request of files alone is as well as the Application that applies them.
    world.kubectl(&["label", "destination", "host", "capability.vcluster-"]);
    world.apply(&team("default", "payments", "Payments"));
    world.wait_ready("team/payments");
    let source = json!({"repoURL": world.url("state"), "path": "host/resources/default/team/payments"});
    let applier = json!({
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Application",
        "metadata": {"name": "payments", "namespace": "argocd"},
        "spec": {"project": "default", "source": source, "destination": {"name": "in-cluster"}},
        "status": {"conditions": [{"type": "ComparisonError", "message": "no such kind", "lastTransitionTime": null}]},
    });
    world.apply(&applier.to_string());
    let why = world.says("team payments", "Ready", "False", "Progressing");
    assert!(why.contains("argocd/payments") && why.contains("no such kind"), "{why}");
    world.kubectl(&["delete", "application", "payments", "-n", "argocd"]);
    world.says("team payments", "Ready", "True", "Committed");
}
