//! The operator as probes and Prometheus see it.

use std::collections::BTreeSet;
use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;

use regex::Regex;

use crate::manifests::{destination, secret_with, team};
use crate::support::World;
use crate::vclusters::vcluster;

/// Has an object go without its files.
const ABANDON: &str = "kept.integratn.tech/abandon";

impl World {
    /// What the operator answers: the status, the head in lower case, and the body.
    pub fn ask(&self, path: &str) -> (u16, String, String) {
        let mut stream = self.eventually("it listens", || {
            let log = self.log();
            let line = log.lines().rev().find(|line| line.contains("serving /metrics"))?;
            TcpStream::connect(line.rsplit_once("address=")?.1.trim()).ok()
        });
        write!(stream, "GET {path} HTTP/1.1\r\nHost: kept\r\n\r\n").expect("asked");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("an answer");
        let (head, body) = answer.split_once("\r\n\r\n").expect("a head and a body");
        let status = head.split(' ').nth(1).and_then(|code| code.parse().ok()).expect("a status");
        (status, head.to_lowercase(), body.to_owned())
    }

    /// Waits until `/readyz` has this to say.
    pub fn readyz(&self, status: u16, text: &str) -> String {
        self.eventually(&format!("readyz: {status} {text}"), || {
            let (code, _, said) = self.ask("/readyz");
            (code == status && said.contains(text)).then_some(said)
        })
    }

    /// The page of metrics.
    pub fn page(&self) -> String {
        self.ask("/metrics").2
    }

    /// The value of a series, written as the page does.
    pub fn metric(&self, series: &str) -> Option<f64> {
        let (_, _, page) = self.ask("/metrics");
        page.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' ')?.parse().ok())
    }

    /// Waits until a series has at least this value.
    pub fn counts(&self, series: &str, least: f64) {
        self.eventually(&format!("{series} >= {least}"), || self.metric(series).filter(|value| *value >= least));
    }
}

#[test]
fn what_is_missing_is_said_until_nothing_is() {
    let mut world = World::new();
    world.repository("state");
    world.start("");
    world.readyz(503, "state stores: there is none; create a GitStateStore\n");
    world.stop();
    world.kubectl(&["delete", "crd", "gitstatestores.platform.kratix.io"]);
    world.launch();
    world.readyz(503, "kinds: GitStateStore is not installed: `kept crd");
    assert_eq!(world.ask("/healthz").0, 200, "to start it again would not help");
    assert_eq!(world.ask("/metrics").0, 200);
    world.install();
    world.readyz(503, "state stores: there is none");
    world.apply(&(world.store("state", "") + &destination("host", "state", ".", "")));
    let said = world.readyz(503, "state store state: the Secret default/git");
    assert!(!said.contains("kinds:"), "{said}");
    world.apply(&world.secret());
    world.kubectl(&["annotate", "gitstatestore", "state", "look=1"]);
    world.readyz(200, "ready");
    world.kubectl(&["delete", "crd", "vclustercore.platform.integratn.tech"]);
    world.readyz(503, "kinds: VClusterCore is not installed");
    let (_, _, page) = world.ask("/metrics");
    assert!(!page.contains("kind=\"VClusterCore\""), "{page}");
    assert_eq!(world.ask("/healthz").0, 200);
    world.install();
    world.readyz(200, "ready");
    assert_eq!(world.ask("/secrets").0, 404);
}

#[test]
fn metrics_follow_what_happens_and_keep_secrets() {
    let mut world = World::new();
    world.repository("state");
    world.argocd_kinds();
    world.apply(&(world.secret() + &world.store("state", "") + &destination("host", "state", ".", "")));
    world.start("");
    world.readyz(200, "ready");
    world.apply(&team("default", "payments", "Payments"));
    world.wait_ready("team payments");
    world.counts("kept_requests{kind=\"Team\",phase=\"ready\"}", 1.0);
    world.counts("kept_request_confirmation_seconds_count{kind=\"Team\"}", 1.0);
    world.counts("kept_commit_requests_sum{store=\"state\"}", 1.0);
    world.counts("kept_push_duration_seconds_count{store=\"state\",result=\"success\"}", 1.0);
    world.counts("kept_reconciles_total{kind=\"Team\",result=\"success\"}", 2.0);
    world.counts("kept_store_ready{store=\"state\"}", 1.0);
    assert_eq!(world.metric("kept_store_queue_requests{store=\"state\"}"), Some(0.0));
    world.apply(&team("default", "payments", "Pay"));
    world.counts("kept_request_confirmation_seconds_count{kind=\"Team\"}", 2.0);

    assert_eq!(world.metric("kept_orphans"), Some(0.0));
    world.kubectl(&["create", "namespace", "platform-requests"]);
    world.kubectl(&["label", "destination", "host", "capability.vcluster=true"]);
    world.apply(&vcluster("media", ""));
    world.counts("platform_vcluster_ready{name=\"media\",namespace=\"platform-requests\"}", 0.0);

    world.pre_receive("state", "exit 1");
    world.apply(&team("default", "refused", "Refused"));
    world.wait_reason("team refused", "PushRejected");
    world.counts("kept_requests{kind=\"Team\",phase=\"failed\"}", 1.0);
    world.counts("kept_errors_total{kind=\"Team\",reason=\"PushRejected\"}", 1.0);
    world.counts("kept_push_duration_seconds_count{store=\"state\",result=\"error\"}", 1.0);
    world.no_pre_receive("state");
    world.kubectl(&["delete", "team", "refused"]);
    world.eventually("it is not counted any more", || {
        (world.metric("kept_requests{kind=\"Team\",phase=\"failed\"}") == Some(0.0)).then_some(())
    });

    world.apply(&secret_with("default", "nobody", "not-the-password"));
    world.kubectl(&["annotate", "gitstatestore", "state", "look=1"]);
    let said = world.readyz(503, "state store state: ");
    assert_eq!(world.metric("kept_store_ready{store=\"state\"}"), Some(0.0), "{said}");
    world.counts("kept_errors_total{kind=\"GitStateStore\",reason=\"StoreUnauthorized\"}", 1.0);
    assert_eq!(world.ask("/healthz").0, 200, "to start it again would not help");

    let (_, head, page) = world.ask("/metrics");
    assert!(head.contains("content-type: application/openmetrics-text; version=1.0.0; charset=utf-8"), "{head}");
    for secret in ["not-the-password", &world.info("giteaPassword"), "payments"] {
        assert!(!page.contains(secret) && !said.contains(secret), "{secret}\n{said}\n{page}");
    }
    for name in asked() {
        assert!(
            page.lines().any(|line| line.starts_with(&format!("{name}{{")) || line.starts_with(&format!("{name} "))),
            "no {name}\n{page}"
        );
    }
    world.apply(&world.secret());
    world.kubectl(&["annotate", "gitstatestore", "state", "look=2", "--overwrite"]);
    world.readyz(200, "ready");

    // One that goes without its files.
    world.kubectl(&[
        "annotate",
        "vclusterorchestrator",
        "media",
        "-n",
        "platform-requests",
        &format!("{ABANDON}=true"),
    ]);
    world.kubectl(&["delete", "vclusterorchestrator", "media", "-n", "platform-requests"]);
    world.counts("kept_orphans", 1.0);
    world.kubectl(&["delete", "team", "payments"]);
    world.kubectl(&["delete", "destination", "host"]);
    world.kubectl(&["delete", "gitstatestore", "state"]);
    world.readyz(503, "state stores: there is none");
    let (_, _, page) = world.ask("/metrics");
    assert!(!page.contains("store=\"state\""), "{page}");
}

/// The metrics that the dashboard and the alerts ask for.
fn asked() -> BTreeSet<String> {
    let deploy = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy");
    let name = Regex::new(r"\b(?:kept|process|platform_vcluster)_[a-z_]+\b").expect("a pattern");
    let mut names = BTreeSet::new();
    for file in ["dashboards/kept.json", "alerts/kept.yaml"] {
        let text = fs::read_to_string(deploy.join(file)).expect("a file");
        let found: BTreeSet<String> = name.find_iter(&text).map(|found| found.as_str().to_owned()).collect();
        assert!(found.len() > 3, "{file}: {found:?}");
        names.extend(found);
    }
    names
}
