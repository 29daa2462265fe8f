//! Objects that cannot be read, made when their definition was another one, and one that cannot be written any more:
//! they say so, once, and hold up nobody.

use std::process::Command;

use serde_json::json;

use super::World;
use crate::manifests::team;

/// What was there before kept's definitions, or while somebody had edited them.
const ODD: &[(&str, &str)] = &[
    (
        "Team",
        "{apiVersion: platform.kratix.io/v1alpha1, kind: Team, metadata: {name: text, namespace: default}, spec: no}",
    ),
    (
        "Team",
        "{apiVersion: platform.kratix.io/v1alpha1, kind: Team, metadata: {name: types, namespace: default}, \
         spec: {id: 5, name: [a], members: {x: y}, metadata: 7}}",
    ),
    ("Team", "{apiVersion: platform.kratix.io/v1alpha1, kind: Team, metadata: {name: bare, namespace: default}}"),
    (
        "Destination",
        "{apiVersion: platform.kratix.io/v1alpha1, kind: Destination, metadata: {name: odd}, \
         spec: {path: 5, stateStoreRef: state}}",
    ),
    (
        "GitStateStore",
        "{apiVersion: platform.kratix.io/v1alpha1, kind: GitStateStore, metadata: {name: odd}, spec: {url: [a, b]}}",
    ),
];

/// The definitions of kept's kinds.
fn crds() -> String {
    let crds = Command::new(env!("CARGO_BIN_EXE_kept")).arg("crd").output().expect("kept runs");
    String::from_utf8(crds.stdout).expect("UTF-8")
}

impl World {
    /// Has the definitions of these kinds take anything.
    fn relax(&self, plurals: &[&str]) {
        for plural in plurals {
            let schema = json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true});
            let path = "/spec/versions/0/schema/openAPIV3Schema";
            let patch = json!([{"op": "replace", "path": path, "value": schema}]).to_string();
            self.kubectl(&["patch", "crd", &format!("{plural}.platform.kratix.io"), "--type=json", "-p", &patch]);
        }
    }
}

#[test]
fn objects_that_cannot_be_read_say_so_once_and_hold_up_nobody() {
    let mut world = World::new();
    world.begin();
    world.apply(&team("default", "before", "Before"));
    world.wait_ready("team before");
    world.relax(&["teams", "destinations", "gitstatestores"]);
    for (_, manifest) in ODD {
        // A definition that has just changed is served a moment later.
        world.eventually("it is taken", || {
            world.try_kubectl(&["apply", "-f", "-"], manifest).status.success().then_some(())
        });
    }
    let garbage = json!({"status": {
        "conditions": "none", "places": [5, {"x": 1}], "commit": {"a": 1}, "observedGeneration": "seven", "more": [1, 2],
    }});
    for what in ["team/before", "destination/host", "gitstatestore/state"] {
        world.kubectl(&["patch", what, "--subresource=status", "--type=merge", "-p", &garbage.to_string()]);
    }
    // Said before kept's definitions are back: then the API server takes no status of some of them.
    for name in ["team text", "team types", "team bare", "destination odd", "gitstatestore odd"] {
        let message = world.wait_reason(name, "InvalidRequest");
        assert!(message.contains("spec"), "{name}: {message}");
    }
    world.apply(&crds());
    for kind in ["Team", "Destination", "GitStateStore"] {
        world.counts(&format!("kept_errors_total{{kind=\"{kind}\",reason=\"InvalidRequest\"}}"), 1.0);
    }
    world.wait_ready("destination/host");
    world.wait_ready("gitstatestore/state");
    world.apply(&(team("default", "after", "After") + &team("default", "before", "Anew")));
    world.wait_ready("team after");
    world.wait_ready("team before");

    // They are looked at again and again, and by another operator too: nothing new is said.
    for turn in 0..2 {
        for at in 0..3 {
            world.kubectl(&["label", "--overwrite", "destination", "host", &format!("look={turn}{at}")]);
            world.apply(&team("default", &format!("more{turn}{at}"), "More"));
            world.wait_ready(&format!("team more{turn}{at}"));
        }
        world.stop();
        world.launch();
    }
    world.apply(&team("default", "last", "Last"));
    world.wait_ready("team last");
    for name in ["text", "types", "bare", "odd"] {
        let events = world.events("InvalidRequest", name);
        let objects = if name == "odd" { 2 } else { 1 };
        assert_eq!(events.len(), objects, "{name}: {events:?}");
        assert!(events.iter().all(|(times, note)| *times == 1 && note.contains("spec")), "{name}: {events:?}");
    }
    // Another mistake is another matter.
    world.relax(&["teams"]);
    world.eventually("another mistake", || {
        let patch = ["patch", "team", "types", "--type=merge", "-p", r#"{"spec":{"id":[1]}}"#];
        world.try_kubectl(&patch, "").status.success().then_some(())
    });
    world.eventually("it is said", || (world.events("InvalidRequest", "types").len() == 2).then_some(()));
    world.kubectl(&["delete", "team", "--all", "--timeout=60s"]);
    world.kubectl(&["delete", "destination", "odd", "--timeout=60s"]);
    world.kubectl(&["delete", "gitstatestore", "odd", "--timeout=60s"]);
    assert!(!world.files("state", "main").iter().any(|file| file.contains("/team/")));
}

#[test]
fn objects_that_cannot_be_read_nor_written_say_so_in_an_event() {
    let mut world = World::new();
    world.begin();
    world.relax(&["destinations", "gitstatestores"]);
    world.stop();
    for (kind, manifest) in ODD {
        if *kind != "Team" {
            world.eventually("it is taken", || {
                world.try_kubectl(&["apply", "-f", "-"], manifest).status.success().then_some(())
            });
        }
    }
    world.apply(&crds());
    let status = r#"{"status":{"conditions":[]}}"#;
    world.eventually("no status of it is taken", || {
        let patch = ["patch", "destination", "odd", "--subresource=status", "--type=merge", "-p", status];
        (!world.try_kubectl(&patch, "").status.success()).then_some(())
    });
    world.launch();
    for kind in ["Destination", "GitStateStore"] {
        world.counts(&format!("kept_errors_total{{kind=\"{kind}\",reason=\"ApiServer\"}}"), 1.0);
    }
    world.eventually("an event for each", || (world.events("NotWritten", "odd").len() == 2).then_some(()));
    world.apply(&team("default", "one", "One"));
    world.wait_ready("team one");
    let events = world.events("NotWritten", "odd");
    assert!(events.iter().all(|(times, note)| *times == 1 && note.contains("spec")), "{events:?}");
}

#[test]
fn an_object_with_no_room_for_a_word_says_so_in_an_event() {
    let mut world = World::new();
    world.begin();
    world.kubectl(&["create", "namespace", "platform-requests"]);
    world.kubectl(&["label", "destination", "host", "capability.vcluster=true"]);
    // As large as etcd takes it, which is 1.5 MiB with all that the API server adds.
    let values = "€".repeat(523_000);
    let create = |padding: usize| {
        let core = format!(
            "apiVersion: platform.integratn.tech/v1alpha1\nkind: VClusterCore\n\
             metadata: {{name: huge, namespace: platform-requests, annotations: {{padding: {}}}}}\n\
             spec: {{name: huge, targetNamespace: vcluster-huge, valuesYaml: 'a: {values}'}}\n",
            "x".repeat(padding)
        );
        world.try_kubectl(&["create", "-f", "-"], &core).status.success()
    };
    let taken = (1..30).map(|step| 3_500 - step * 100).find(|padding| create(*padding));
    assert!(taken.is_some_and(|padding| padding < 3_400), "the largest that is taken: {taken:?}");
    let message = world.eventually("an event", || world.events("NotWritten", "huge").pop()).1;
    assert!(message.contains("too large"), "{message}");
    world.counts("kept_errors_total{kind=\"VClusterCore\",reason=\"ApiServer\"}", 1.0);

    // Others go on, and it is not said twice although it is tried again.
    world.apply(&team("default", "one", "One"));
    world.wait_ready("team one");
    world.kubectl(&["label", "vclustercore", "huge", "-n", "platform-requests", "a-"]);
    world.kubectl(&["label", "destination", "host", "look=again"]);
    world.apply(&team("default", "two", "Two"));
    world.wait_ready("team two");
    let events = world.events("NotWritten", "huge");
    assert!(events.len() == 1 && events[0].0 == 1, "{events:?}");
    // Nothing of it was written, and nothing holds it.
    assert!(!world.files("state", "main").iter().any(|file| file.contains("huge")));
    world.kubectl(&["delete", "vclustercore", "huge", "-n", "platform-requests", "--timeout=60s"]);
}
