//! Requests whose part an orchestrator renders.

use std::collections::HashSet;
use std::slice;

use kept::config::Settings;
use kept::known::{Known, Peer};
use kept::manifest::Claim;
use kept::promises::Refusal;
use serde_json::{Value, json};

use crate::support::{FREE, key, mistakes, offered, output, promise, request};

/// Each kind, a spec for `dev` in the namespace `vcluster-dev`, and the part that it is.
fn parts() -> Vec<(&'static str, Value, Claim)> {
    let of_vcluster = || Claim::new("vcluster-part", "vcluster-dev/dev");
    let named = || json!({ "name": "dev" });
    vec![
        ("VClusterCore", named(), of_vcluster()),
        ("VClusterCoredns", named(), of_vcluster()),
        ("VClusterKubeconfigSync", json!({ "name": "dev", "hostname": "dev.example.org" }), of_vcluster()),
        ("VClusterKubeconfigExternalSecret", named(), of_vcluster()),
        ("VClusterArgoCDClusterRegistration", named(), of_vcluster()),
        ("ArgoCDProject", json!({ "name": "team" }), Claim::new("project-part", "vcluster-dev/team")),
        (
            "ArgoCDApplication",
            json!({
                "name": "vcluster-dev",
                "project": "team",
                "source": { "repoURL": "https://elsewhere.example.org", "path": "." },
                "destination": { "server": "https://elsewhere.example.org" },
            }),
            Claim::new("application-part", "vcluster-dev/vcluster-dev"),
        ),
    ]
}

fn answer(kind: &str, spec: &Value, known: &Known) -> Result<(), Refusal> {
    output(kind, "vcluster-dev", spec.clone(), known).map(|_| ())
}

#[test]
fn a_part_that_an_orchestrator_renders_is_left_to_it() {
    for (kind, spec, part) in parts() {
        for parent in [key("vcluster-orchestrator", FREE, "d"), key("vcluster-orchestrator", "vcluster-dev", "d")] {
            // Before anything else is judged: most of these would be refused where they are.
            let present = offered(&[(parent.clone(), slice::from_ref(&part))]);
            assert_eq!(answer(kind, &spec, &present), Err(Refusal::Superseded(parent.clone())), "{kind}");
            let mut recorded = Known::default();
            recorded.reserve(&parent, &[part.clone()].into());
            assert_eq!(answer(kind, &spec, &recorded), Err(Refusal::Superseded(parent)), "{kind}");
        }
    }
}

#[test]
fn a_part_of_another_is_not() {
    let parent = key("vcluster-orchestrator", FREE, "d");
    for (kind, spec, part) in parts() {
        let (of, name) = part.as_str().split_once('/').expect("a kind and a name");
        let other = Claim::new(of, &name.replace("vcluster-dev/", "vcluster-other/"));
        let known = offered(&[(parent.clone(), &[other])]);
        assert!(!matches!(answer(kind, &spec, &known), Err(Refusal::Superseded(_))), "{kind}");
    }
}

#[test]
fn who_may_not_name_a_namespace_supersedes_nothing_there() {
    let stranger = key("vcluster-orchestrator", "team-b", "d");
    for (kind, spec, part) in parts() {
        let known = offered(&[(stranger.clone(), &[part])]);
        assert!(!matches!(answer(kind, &spec, &known), Err(Refusal::Superseded(_))), "{kind}");
    }
}

#[test]
fn the_oldest_of_two_orchestrators_is_the_parent() {
    let (older, younger) = (key("vcluster-orchestrator", FREE, "z"), key("vcluster-orchestrator", FREE, "a"));
    let (kind, spec, part) = parts().remove(0);
    let mut known = Known::default();
    for (request, created) in [(&younger, "2026-02-01T00:00:00Z"), (&older, "2026-01-01T00:00:00Z")] {
        let created = Some(created.parse().expect("a time"));
        known.peers_mut().arrive(request, Peer { created, offers: [part.clone()].into(), ..Peer::default() });
    }
    assert_eq!(answer(kind, &spec, &known), Err(Refusal::Superseded(older)));
}

#[test]
fn whoever_waits_is_looked_at_again() {
    let settings = Settings::default();
    let wakes = |kind: &str, spec: &Value, comes: Claim| {
        let mut known = Known::default();
        let waiting = request(kind, "vcluster-dev", spec.clone());
        known.peers_mut().arrive(&waiting.key, promise(kind).peer(&waiting, &settings));
        let newcomer = Peer { offers: [comes].into(), ..Peer::default() };
        known.peers_mut().arrive(&key("vcluster-orchestrator", FREE, "d"), newcomer) == HashSet::from([waiting.key])
    };
    for (kind, spec, part) in parts() {
        assert!(wakes(kind, &spec, part), "{kind}");
        assert!(!wakes(kind, &spec, Claim::new("vcluster-part", "vcluster-other/dev")), "{kind}");
        // Whose the credentials are, and which names there are, decides over these too.
        let named_after = !matches!(kind, "VClusterCore" | "VClusterCoredns" | "ArgoCDProject");
        assert_eq!(wakes(kind, &spec, Claim::new("vcluster", "dev")), named_after, "{kind}");
    }
}

#[test]
fn a_core_offers_its_vcluster() {
    let settings = Settings::default();
    let core = request("VClusterCore", FREE, json!({ "name": "dev", "targetNamespace": "vcluster-dev" }));
    let peer = promise("VClusterCore").peer(&core, &settings);
    let offers: Vec<&str> = peer.offers.iter().map(Claim::as_str).collect();
    assert_eq!(offers, ["target-namespace/vcluster-dev", "vcluster/dev"]);
    // What is done for it there may then be asked for there.
    let mut known = Known::default();
    let own = request("VClusterCore", "team-a", json!({ "name": "dev" }));
    known.peers_mut().arrive(&own.key, promise("VClusterCore").peer(&own, &settings));
    let spec = json!({ "name": "dev" });
    assert!(output("VClusterKubeconfigExternalSecret", "team-a", spec.clone(), &known).is_ok());
    assert!(!mistakes("VClusterKubeconfigExternalSecret", "team-b", spec, &known).is_empty());
}
