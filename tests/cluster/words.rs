//! What others say of trouble at length, in characters of several bytes: it is quoted in part, and breaks nothing.

use serde_json::json;

use crate::support::{World, part};
use crate::vclusters::{asked, platform};

/// As many characters as a message may have that nobody cuts.
const LENGTH: usize = 2000;
/// What the API server takes of an event.
const NOTE: usize = 1024;

/// Two thousand characters of one to four bytes.
fn words() -> String {
    "xé€𐍈".chars().cycle().take(LENGTH).collect()
}

/// What a request's condition says quotes the words.
fn quotes(world: &World, what: &str, reason: &str) -> String {
    let begin: String = words().chars().take(400).collect();
    let message = world.eventually(&format!("{what} quotes it"), || {
        let ready = world.condition(what, "Ready");
        let message = ready["message"].as_str().unwrap_or_default();
        (ready["reason"] == reason && message.contains(&begin)).then(|| message.to_owned())
    });
    let length = message.chars().count();
    assert!(length < LENGTH / 2, "{length} characters: {message}");
    message
}

/// An event about a request says as much of that as it has room for.
fn tells(world: &World, name: &str, reason: &str, message: &str) {
    let note = world.eventually(&format!("an event about {name} quotes it"), || {
        let list = world.get("events.v1.events.k8s.io -n platform-requests");
        let events = list["items"].as_array().cloned().unwrap_or_default();
        let mut notes = events.iter().filter(|event| event["reason"] == reason && event["regarding"]["name"] == name);
        notes.find_map(|event| event["note"].as_str().filter(|note| note.contains("𐍈")).map(str::to_owned))
    });
    assert!(note.len() <= NOTE, "{} bytes: {note}", note.len());
    let whole = note.strip_suffix('…').unwrap_or(&note);
    assert!(message.starts_with(whole), "{note}\n{message}");
}

#[test]
fn what_others_say_at_length_is_quoted_in_part() {
    let mut world = World::new();
    world.argocd_kinds();
    // Nobody reconciles them: their statuses are the test's.
    world.kubectl(&["apply", "--server-side", "-k", &part("eso-crds").display().to_string()]);
    world.established();
    world.kubectl(&["create", "namespace", "vcluster-till"]);
    platform(&mut world);
    let source = json!({"repoURL": "https://git.example.com/shop", "path": "."});
    let to = json!({"server": "https://kubernetes.default.svc", "namespace": "shop"});
    let shop = json!({"name": "shop", "project": "shop", "source": source, "destination": to});
    world.apply(&asked("ArgoCDApplication", "shop", shop));
    let till = json!({"name": "till", "targetNamespace": "vcluster-till"});
    world.apply(&asked("VClusterKubeconfigExternalSecret", "till", till));
    world.says("argocdapplication shop -n platform-requests", "Committed", "True", "Committed");
    world.says("vclusterkubeconfigexternalsecret till -n platform-requests", "Committed", "True", "Committed");
    world.sync("argocd-application", "shop");
    world.sync("vcluster-kubeconfig-external-secret", "till");

    let status = json!({"status": {
        "sync": {"status": "Unknown"},
        "health": {"status": "Degraded"},
        "conditions": [{"type": "ComparisonError", "message": words()}],
    }});
    world.kubectl(&["patch", "application", "shop", "-n", "argocd", "--type=merge", "-p", &status.to_string()]);
    let ready = json!({"type": "Ready", "status": "False", "reason": "SecretSyncedError", "message": words()});
    let status = json!({"status": {"conditions": [ready]}}).to_string();
    let secrets = world.get("externalsecrets -n vcluster-till");
    let secret = secrets["items"][0]["metadata"]["name"].as_str().expect("an ExternalSecret").to_owned();
    let patch =
        ["patch", "externalsecret", &secret, "-n", "vcluster-till", "--subresource=status", "--type=merge", "-p"];
    world.kubectl(&[&patch[..], &[&status]].concat());

    let message = quotes(&world, "argocdapplication shop -n platform-requests", "Degraded");
    tells(&world, "shop", "Degraded", &message);
    quotes(&world, "vclusterkubeconfigexternalsecret till -n platform-requests", "Progressing");
    assert!(world.log().lines().all(|line| line.len() < 5000), "the log is not flooded");
}
