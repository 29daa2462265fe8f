//! What is said of what is seen.

use std::sync::Arc;

use kube::api::DynamicObject;
use serde_json::{Value, json};
use tokio::sync::mpsc;

use super::board::{Board, Scope};
use super::health::{Health, of_request, of_vcluster};
use super::report::{Pod, Volume};
use super::sight::Sight;
use super::{Application, Applies, Id, Kind, PACE, Report, Watched, pass_on};
use crate::controller::triggers::Triggers;
use crate::manifest::{Observed, ObservedKind, ObservedObject, VirtualCluster};
use crate::values::{RequestKey, Timestamp};

const NAMESPACE: &str = "vcluster-media";

fn key() -> RequestKey {
    RequestKey { namespace: "requests".into(), promise: "vcluster-orchestrator".into(), name: "media".into() }
}

fn object(kind: ObservedKind, namespace: &str, name: &str) -> ObservedObject {
    ObservedObject { kind, namespace: namespace.into(), name: name.into() }
}

/// Where the files of the request are.
fn homes() -> Vec<(String, String)> {
    vec![("https://git.example.com/platform/state.git".into(), "main".into())]
}

/// What a virtual cluster is made of.
fn observed() -> Observed {
    Observed {
        objects: vec![
            object(ObservedKind::Application, "argocd", "vcluster-media"),
            object(ObservedKind::AppProject, "argocd", "vcluster-media"),
            object(ObservedKind::ExternalSecret, "argocd", "cluster"),
            object(ObservedKind::ExternalSecret, NAMESPACE, "kubeconfig"),
            object(ObservedKind::PushSecret, NAMESPACE, "kubeconfig"),
        ],
        vcluster: Some(VirtualCluster {
            namespace: NAMESPACE.into(),
            server: "https://media.example.com:443".into(),
            cluster: "vcluster-media".into(),
        }),
    }
}

fn scope(kind: Kind) -> Scope {
    let namespaced = matches!(kind, Kind::Observed(ObservedKind::Application | ObservedKind::AppProject));
    (kind, namespaced.then(|| "argocd".to_owned()))
}

const KINDS: [Kind; 6] = [
    Kind::Observed(ObservedKind::Application),
    Kind::Observed(ObservedKind::AppProject),
    Kind::Observed(ObservedKind::ExternalSecret),
    Kind::Observed(ObservedKind::PushSecret),
    Kind::Pod,
    Kind::Volume,
];

fn id(kind: Kind, namespace: &str, name: &str) -> Id {
    Id { kind, namespace: namespace.into(), name: name.into() }
}

/// A board that sees everything there is.
fn board() -> Board {
    let mut board = Board::default();
    for kind in KINDS {
        board.expect(scope(kind));
    }
    assert!(!board.is_settled());
    for kind in KINDS {
        board.begin(&scope(kind));
        board.complete(&scope(kind));
    }
    assert!(board.is_settled());
    board
}

fn put_application(board: &mut Board, name: &str, sync: &'static str, health: &'static str, cluster: &str) -> usize {
    let report = Application { sync, health, cluster: cluster.into(), ..Application::default() };
    let id = id(Kind::Observed(ObservedKind::Application), "argocd", name);
    board.put(id, Some(Report::Application(Box::new(report)))).len()
}

fn put_secrets(board: &mut Board, status: &str, message: &str) {
    let conditions = json!([{"type": "Ready", "status": status, "message": message}]);
    for object in observed().objects {
        let kind = Kind::Observed(object.kind);
        match object.kind {
            ObservedKind::Application => {}
            ObservedKind::AppProject => {
                board.put(id(kind, &object.namespace, &object.name), Some(Report::Exists));
            }
            ObservedKind::ExternalSecret | ObservedKind::PushSecret => {
                // Some have no spec, and say nothing else either.
                let secret: DynamicObject = serde_json::from_value(json!({
                    "metadata": {"namespace": object.namespace, "name": object.name},
                    "status": {"conditions": conditions},
                }))
                .expect("a secret");
                board.put(secret.id(kind), secret.report(kind));
            }
        }
    }
}

fn put_pod(board: &mut Board, namespace: &str, name: &str, phase: &str, ready: &str) {
    let pod: Pod = serde_json::from_value(json!({
        "metadata": {"namespace": namespace, "name": name},
        "spec": {"containers": []},
        "status": {"phase": phase, "conditions": [{"type": "Ready", "status": ready}]},
    }))
    .expect("a pod");
    board.put(pod.id(Kind::Pod), pod.report(Kind::Pod));
}

/// A virtual cluster of which all is well.
fn healthy() -> Board {
    let mut board = board();
    board.wish(&key(), &observed());
    put_application(&mut board, "vcluster-media", "Synced", "Healthy", "https://kubernetes.default.svc");
    put_secrets(&mut board, "True", "");
    put_pod(&mut board, NAMESPACE, "media-0", "Running", "True");
    board
}

fn judge(board: &Board) -> Health {
    of_vcluster(&board.sight(&key(), &homes()), None, Timestamp::now())
}

fn phase(board: &Board) -> String {
    judge(board).fields["phase"].as_str().expect("a phase").to_owned()
}

/// The reason of a condition, and whether it is true.
fn condition(board: &Board, type_: &str) -> Option<(&'static str, bool)> {
    let health = judge(board);
    health.conditions.iter().find(|(of, _)| *of == type_).map(|(_, said)| (said.reason, said.is_good()))
}

#[test]
fn a_virtual_cluster_is_ready_when_all_of_it_is() {
    let mut board = healthy();
    let health = judge(&board);
    assert_eq!((&health.fields["phase"], health.verdict.expect("seen").is_good()), (&json!("Ready"), true));
    assert_eq!(
        health.fields["health"],
        json!({
            "argocd": {"syncStatus": "Synced", "healthStatus": "Healthy"},
            "workloads": {"ready": 1, "total": 1},
            "subApps": {"healthy": 0, "total": 0, "unhealthy": []},
        })
    );
    for (type_, reason) in [
        ("ArgoSynced", "Synced"),
        ("PodsReady", "AllPodsRunning"),
        ("KubeconfigAvailable", "SecretExists"),
        ("ClusterRegistered", "Registered"),
    ] {
        assert_eq!(condition(&board, type_), Some((reason, true)), "{type_}");
    }
    // Pods that have ended do not count, nor do those of others.
    put_pod(&mut board, NAMESPACE, "job", "Succeeded", "False");
    put_pod(&mut board, NAMESPACE, "crashed", "Failed", "False");
    put_pod(&mut board, "vcluster-other", "other-0", "Running", "False");
    assert_eq!(phase(&board), "Ready");
}

#[test]
fn the_first_phase_that_matches_is_said() {
    let cluster = "https://kubernetes.default.svc";
    let mut board = healthy();
    put_application(&mut board, "vcluster-media", "OutOfSync", "Healthy", cluster);
    assert_eq!(phase(&board), "Progressing");
    assert_eq!(condition(&board, "ArgoSynced"), Some(("OutOfSync", false)));
    put_application(&mut board, "vcluster-media", "Synced", "Degraded", cluster);
    assert_eq!(phase(&board), "Degraded");

    let application = id(Kind::Observed(ObservedKind::Application), "argocd", "vcluster-media");
    board.put(application, None);
    assert_eq!(phase(&board), "Scheduled");
    assert_eq!(condition(&board, "ArgoSynced"), Some(("NotFound", false)));

    // Fewer than half of the pods, and then half of them.
    let mut board = healthy();
    put_pod(&mut board, NAMESPACE, "media-1", "Pending", "False");
    assert_eq!(phase(&board), "Progressing");
    assert_eq!(condition(&board, "PodsReady"), Some(("PodsNotReady", false)));
    put_pod(&mut board, NAMESPACE, "media-2", "Running", "False");
    assert_eq!(phase(&board), "Degraded");
    board.put(id(Kind::Pod, NAMESPACE, "media-1"), None);
    board.put(id(Kind::Pod, NAMESPACE, "media-2"), None);
    assert_eq!(phase(&board), "Ready");
    board.put(id(Kind::Pod, NAMESPACE, "media-0"), None);
    assert_eq!(phase(&board), "Progressing", "there is none");

    let mut board = healthy();
    put_secrets(&mut board, "False", "no item media");
    let health = judge(&board);
    assert_eq!(health.fields["phase"], "Progressing");
    assert!(
        health.verdict.expect("seen").message.contains("PushSecret vcluster-media/kubeconfig is not ready: no item")
    );
    assert_eq!(condition(&board, "KubeconfigAvailable"), Some(("SecretMissing", false)));
    assert_eq!(condition(&board, "ClusterRegistered"), Some(("NotRegistered", false)));
}

#[test]
fn applications_in_a_virtual_cluster_are_found_by_its_address_and_by_its_name() {
    let mut board = healthy();
    assert_eq!(put_application(&mut board, "shop", "Synced", "Healthy", "vcluster-media"), 1, "it is looked at");
    assert_eq!(put_application(&mut board, "till", "OutOfSync", "Healthy", "https://media.example.com:443"), 1);
    assert_eq!(put_application(&mut board, "other", "Synced", "Degraded", "vcluster-other"), 0, "that is not its own");
    assert_eq!(phase(&board), "Ready");
    put_application(&mut board, "till", "Synced", "Missing", "https://media.example.com:443");
    let health = judge(&board);
    assert_eq!(health.fields["phase"], "Progressing");
    assert_eq!(health.fields["health"]["subApps"], json!({"healthy": 1, "total": 2, "unhealthy": ["till"]}));
    assert_eq!(health.vcluster.expect("one").applications, Some((1, 2)));
    // It moves elsewhere.
    put_application(&mut board, "till", "Synced", "Missing", "in-cluster");
    assert_eq!(judge(&board).fields["health"]["subApps"]["total"], 1);
}

#[test]
fn what_is_degraded_for_long_has_failed() {
    let mut board = healthy();
    put_application(&mut board, "vcluster-media", "Synced", "Degraded", "");
    let sight = board.sight(&key(), &homes());
    let at = |minutes: i64| Timestamp::from_second(1_800_000_000 + minutes * 60).expect("a time");
    let judge = |since: Option<i64>, now: i64| {
        let health = of_vcluster(&sight, since.map(at), at(now));
        let since = health.fields["health"]["degradedSince"].as_str().map(|t| t.parse().expect("a time"));
        (health.fields["phase"].as_str().expect("a phase").to_owned(), since, health.again.map(|again| again.as_secs()))
    };
    assert_eq!(judge(None, 0), ("Degraded".into(), Some(at(0)), Some(15 * 60)));
    assert_eq!(judge(Some(0), 14), ("Degraded".into(), Some(at(0)), Some(60)));
    assert_eq!(judge(Some(0), 15), ("Failed".into(), Some(at(0)), None));
    assert_eq!(judge(Some(20), 15), ("Degraded".into(), Some(at(15)), Some(15 * 60)), "a clock was put back");
}

#[test]
fn what_cannot_be_seen_is_left_out() {
    // No Argo CD: there is nothing that could say how it runs.
    let mut board = healthy();
    board.absent(&scope(Kind::Observed(ObservedKind::Application)));
    let health = judge(&board);
    assert!(health.verdict.is_none(), "{health:?}");
    assert_eq!((&health.fields["phase"], &health.fields["health"]), (&json!("Unknown"), &Value::Null));
    let metrics = health.vcluster.expect("one");
    assert_eq!(
        (metrics.is_ready, metrics.pods, metrics.argocd),
        (None, None, None),
        "nobody knows, so nothing is said"
    );
    assert_eq!(condition(&board, "PodsReady"), None);

    // No External Secrets Operator.
    let mut board = healthy();
    for kind in [ObservedKind::ExternalSecret, ObservedKind::PushSecret] {
        board.absent(&scope(Kind::Observed(kind)));
    }
    assert_eq!((phase(&board), condition(&board, "KubeconfigAvailable")), ("Ready".into(), None));

    // The API server does not list them now: they are not gone.
    let mut board = self::board();
    board.wish(&key(), &observed());
    let application = scope(Kind::Observed(ObservedKind::Application));
    board.absent(&application);
    board.failing(&application, "no answer".into());
    put_secrets(&mut board, "True", "");
    put_pod(&mut board, NAMESPACE, "media-0", "Running", "True");
    assert_eq!((phase(&board).as_str(), condition(&board, "ArgoSynced")), ("Unknown", Some(("HealthUnknown", false))));
    let mut board = healthy();
    board.failing(&application, "no answer".into());
    assert_eq!(phase(&board), "Ready", "what was seen before is still known");
}

#[test]
fn requests_without_a_virtual_cluster_say_what_others_say_of_their_objects() {
    let mut board = board();
    let application = Observed { objects: vec![observed().objects.swap_remove(0)], vcluster: None };
    board.wish(&key(), &application);
    let judge = |sight: &Sight| {
        let health = of_request(sight);
        let said = health.verdict.map(|verdict| (verdict.reason, verdict.is_good()));
        (said, health.fields.get("health").cloned())
    };
    let argocd = |sync: &str, health: &str| Some(json!({"argocd": {"syncStatus": sync, "healthStatus": health}}));
    assert_eq!(judge(&board.sight(&key(), &homes())), (Some(("Scheduled", false)), argocd("Unknown", "Missing")));
    put_application(&mut board, "vcluster-media", "Synced", "Healthy", "");
    assert_eq!(judge(&board.sight(&key(), &homes())), (Some(("AllHealthy", true)), argocd("Synced", "Healthy")));

    // One that only has files is as well as whoever applies them.
    board.wish(&key(), &Observed::default());
    assert_eq!(judge(&board.sight(&key(), &homes())), (None, Some(Value::Null)));
    let applier = id(Kind::Observed(ObservedKind::Application), "argocd", "applier");
    let failing = |trouble: Option<&str>, branch: Option<&str>| {
        let trouble = trouble.map(Into::into);
        let applies = Some(Applies { request: key(), source: (None, branch.map(Into::into)) });
        Some(Report::Application(Box::new(Application { sync: "Synced", trouble, applies, ..Application::default() })))
    };
    assert!(board.put(applier.clone(), failing(Some("no such kind"), Some("main"))).contains(&key()));
    let health = of_request(&board.sight(&key(), &homes()));
    let verdict = health.verdict.expect("trouble is seen");
    assert!(
        !verdict.is_good() && verdict.message.contains("argocd/applier") && verdict.message.contains("no such kind")
    );
    // Another one of the same files does not hide it; one of other files does not matter.
    let other = id(Kind::Observed(ObservedKind::Application), "argocd", "other");
    board.put(other.clone(), failing(None, None));
    assert!(of_request(&board.sight(&key(), &homes())).verdict.is_some());
    board.put(applier.clone(), failing(None, None));
    assert_eq!(judge(&board.sight(&key(), &homes())), (None, Some(Value::Null)));
    board.put(other, failing(Some("no such kind"), Some("elsewhere")));
    assert_eq!(judge(&board.sight(&key(), &homes())), (None, Some(Value::Null)));
}

#[test]
fn only_changes_are_passed_on_and_nothing_is_kept_of_what_is_gone() {
    let mut board = healthy();
    assert_eq!(put_application(&mut board, "vcluster-media", "Synced", "Healthy", "https://kubernetes.default.svc"), 0);
    assert_eq!(put_application(&mut board, "vcluster-media", "Synced", "Degraded", ""), 1);

    // A watch begins anew, and does not name what went meanwhile.
    let pods = scope(Kind::Pod);
    board.begin(&pods);
    put_pod(&mut board, NAMESPACE, "media-1", "Running", "True");
    assert!(board.complete(&pods).contains(&key()));
    assert_eq!(judge(&board).fields["health"]["workloads"], json!({"ready": 1, "total": 1}));

    let volume: Volume = serde_json::from_value(json!({
        "metadata": {"name": "pv-1"},
        "spec": {"persistentVolumeReclaimPolicy": "Retain", "claimRef": {"namespace": NAMESPACE, "name": "data"}},
    }))
    .expect("a volume");
    board.put(volume.id(Kind::Volume), volume.report(Kind::Volume));
    assert_eq!(board.volumes(NAMESPACE), ["pv-1"]);
    assert!(board.volumes("vcluster-medi").is_empty() && board.volumes("vcluster-media2").is_empty());

    board.unwish(&key());
    for kind in KINDS {
        board.begin(&scope(kind));
        board.complete(&scope(kind));
    }
    assert!(board.is_empty());
}

#[tokio::test]
async fn what_comes_together_is_passed_on_once_and_no_faster_than_the_pace() {
    let mut triggers = Triggers::default();
    let mut heard = triggers.register(&crate::cluster::resource("VClusterOrchestrator", "vclusterorchestrators"));
    let (concerned, waiting) = mpsc::unbounded_channel();
    let passing = tokio::spawn(pass_on(waiting, Arc::new(triggers)));
    let other = || RequestKey { name: "other".into(), ..key() };
    let say = |requests: &[RequestKey]| concerned.send(requests.iter().cloned().collect()).expect("it listens");
    let begun = std::time::Instant::now();
    for _ in 0..100 {
        say(&[key()]);
        say(&[key(), other()]);
    }
    let mut names = Vec::new();
    for _ in 0..2 {
        names.push(heard.one.recv().await.expect("a request").name);
    }
    assert!(begun.elapsed() >= PACE, "it waits for what comes together");
    names.sort();
    assert_eq!(names, ["media", "other"]);

    // What comes afterwards waits as long again, and nothing of before is said once more.
    let begun = std::time::Instant::now();
    say(&[key()]);
    assert_eq!(heard.one.recv().await.expect("a request").name, "media");
    assert!(begun.elapsed() >= PACE, "a change after a pause is no exception");
    drop(concerned);
    passing.await.expect("it ends with those who tell it");
    assert!(heard.one.try_recv().is_err());
}
