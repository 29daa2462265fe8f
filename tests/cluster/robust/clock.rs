//! A wall clock that jumps. What waits, waits by a clock that only goes forward.

use std::process::Command;
use std::thread::sleep;
use std::time::Duration;

use crate::manifests::team;
use crate::support::World;

const DAY: i64 = 24 * 60 * 60;

impl World {
    /// Has the operator's wall clock set by [`World::set_clock`] from its next start on.
    fn own_clock(&mut self) {
        let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/cluster/robust/clock.c");
        let library = self.desk().join("clock.so");
        let built = Command::new("cc").args(["-shared", "-fPIC", "-o"]).arg(&library).args([source, "-ldl"]).status();
        assert!(built.expect("cc runs").success());
        self.set_clock(0);
        self.give("CLOCK_OFFSET", &self.desk().join("clock").display().to_string());
        self.give("LD_PRELOAD", &library.display().to_string());
    }

    /// Sets the operator's clock so many seconds later than everybody else's.
    fn set_clock(&self, seconds: i64) {
        let next = self.desk().join("clock.next");
        std::fs::write(&next, format!("{seconds}\n")).unwrap();
        std::fs::rename(next, self.desk().join("clock")).unwrap();
    }

    /// What the operator's clock said when it last wrote into an object, as seconds from now.
    fn said_at(&self, what: &str) -> i64 {
        let said = self.condition(what, "Ready")["lastTransitionTime"].as_str().unwrap().parse::<jiff::Timestamp>();
        said.unwrap().as_second() - jiff::Timestamp::now().as_second()
    }
}

#[test]
fn a_wall_clock_that_jumps_a_day_forward_and_two_back() {
    let mut world = World::new();
    world.own_clock();
    world.begin();
    for (at, offset) in [0, DAY, -DAY, 0].into_iter().enumerate() {
        world.set_clock(offset);
        let name = format!("t{at:03}");
        world.apply(&team("default", &name, "T"));
        world.wait_ready(&format!("team {name}"));
        let said = world.said_at(&format!("team {name}"));
        assert!((said - offset).abs() < DAY / 2, "the clock is not what it was set to: {said}");
        // Those of before too.
        world.apply(&team("default", "t000", &format!("Version {at}")));
        world.wait_ready("team t000");
        let events = world.events("DriftRepaired", &name).len();
        world.foreign_commit("state", |clone| {
            let file = format!("resources/default/team/{name}/backstage-team-{name}.yaml");
            std::fs::write(clone.join(file), "edited: by hand\n").unwrap();
        });
        world.kubectl(&["label", "team", &name, "kratix.io/manual-reconciliation=true"]);
        world.eventually("it is put back, and said so", || {
            (world.events("DriftRepaired", &name).len() > events).then_some(())
        });
        world.pre_receive("state", "exit 1");
        let failing = format!("f{at:03}");
        world.apply(&team("default", &failing, "F"));
        world.wait_reason(&format!("team {failing}"), "PushRejected");
        world.no_pre_receive("state");
        // What is due after a while does not come due at once, or never, by a clock that jumps.
        world.kubectl(&["delete", "team", &failing, "--timeout=60s"]);
    }
    world.kubectl(&["delete", "teams", "--all", "--timeout=60s"]);
    sleep(Duration::from_millis(200));
    assert!(!world.files("state", "main").iter().any(|file| file.contains("/team/")));
    assert!(world.runs());
}

#[test]
fn what_lingers_is_waited_for_by_a_clock_that_does_not_jump() {
    let mut world = World::new();
    world.own_clock();
    // As much of the External Secrets Operator as matters here: something that Argo CD would have to delete.
    world.apply(
        "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata: {name: pushsecrets.external-secrets.io}\n\
         spec:\n  group: external-secrets.io\n  scope: Namespaced\n  names: {kind: PushSecret, plural: pushsecrets, singular: pushsecret, listKind: PushSecretList}\n  \
         versions: [{name: v1alpha1, served: true, storage: true, schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}}]\n",
    );
    world.established();
    for namespace in ["platform-requests", "vcluster-dev"] {
        world.kubectl(&["create", "namespace", namespace]);
    }
    world.begin();
    world.kubectl(&["label", "destination", "host", "capability.vcluster=true"]);
    world.apply(
        "apiVersion: platform.integratn.tech/v1alpha1\nkind: VClusterKubeconfigSync\nmetadata: {name: dev, namespace: platform-requests}\n\
         spec: {name: dev, targetNamespace: vcluster-dev, hostname: dev.integratn.tech}\n",
    );
    let committed = "--for=condition=Committed";
    world.kubectl(&["wait", committed, "vclusterkubeconfigsync/dev", "-n", "platform-requests", "--timeout=100s"]);
    let file = world.files("state", "main").into_iter().find(|file| file.contains("dev")).expect("its files");
    for document in world.file("state", &file).split("---\n").filter(|document| document.contains("PushSecret")) {
        world.apply(document);
    }
    // A day ahead of whoever wrote the time of the deletion: that is no reason to take Argo CD for gone.
    world.set_clock(DAY);
    world.kubectl(&["delete", "vclusterkubeconfigsync", "dev", "-n", "platform-requests", "--wait=false"]);
    let message = world.wait_reason("vclusterkubeconfigsync dev -n platform-requests", "Lingering");
    assert!(message.contains("waiting for Argo CD to delete the PushSecret"), "{message}");
    world.kubectl(&["delete", "pushsecrets", "--all", "-n", "vcluster-dev"]);
    world.kubectl(&["wait", "--for=delete", "vclusterkubeconfigsync/dev", "-n", "platform-requests", "--timeout=60s"]);
}
