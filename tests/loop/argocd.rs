//! A platform as `deploy/argocd` sets it up, and Argo CD as people watch it.

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::support::{PATIENCE, World};

/// A file of this repository, with the real Gitea's address in it.
pub fn file(world: &World, path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    let text = fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    text.replace("https://gitea.example.com", &world.info("giteaUrl"))
}

impl World {
    /// Argo CD may read the repositories, and knows how kept's objects are.
    pub fn prepare_argocd(&self) {
        let home = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/argocd/argocd-cm.yaml");
        let file = format!("--patch-file={}", home.display());
        self.kubectl(&["patch", "configmap", "argocd-cm", "-n", "argocd", "--type=merge", &file]);
        self.apply(&format!(
            "apiVersion: v1\nkind: Secret\nmetadata:\n  name: gitea\n  namespace: argocd\n  labels: {{argocd.argoproj.io/secret-type: repo-creds}}\nstringData: {{url: '{}/{}', username: '{1}', password: '{}'}}\n",
            self.info("giteaUrl"),
            self.info("giteaUser"),
            self.info("giteaPassword"),
        ));
    }

    /// Applies files of `deploy/argocd`.
    pub fn deploy(&self, names: &[&str]) {
        for name in names {
            self.apply(&file(self, &format!("deploy/argocd/{name}.yaml")));
        }
    }

    /// An Application.
    pub fn application(&self, name: &str) -> Value {
        self.get(&format!("application {name} -n argocd"))
    }

    /// Has Argo CD read a repository again, as a webhook of Gitea's would.
    pub fn refresh(&self, application: &str) {
        let now = "argocd.argoproj.io/refresh=normal";
        self.kubectl(&["annotate", "--overwrite", "application", application, "-n", "argocd", now]);
    }

    /// Waits until an Application has applied a commit of its repository, and finds no difference.
    pub fn wait_synced(&self, name: &str, commit: &str) -> Value {
        self.eventually_told(
            &format!("Argo CD has applied {commit} for {name}"),
            || self.application(name),
            |application| {
                let status = &application["status"];
                status["sync"]["status"] == "Synced"
                    && status["sync"]["revision"] == commit
                    && status["operationState"]["phase"] == "Succeeded"
            },
        )
    }

    /// Waits until an Application is as healthy as that.
    pub fn wait_health(&self, name: &str, health: &str) -> Value {
        let what = format!("{name} is {health}");
        let look = || self.application(name);
        self.eventually_told(&what, look, |application| application["status"]["health"]["status"] == health)
    }

    /// Waits until something is as wanted, and shows it as it is if it never is.
    pub fn eventually_told(&self, what: &str, look: impl Fn() -> Value, mut good: impl FnMut(&Value) -> bool) -> Value {
        let since = Instant::now();
        loop {
            let found = look();
            if good(&found) {
                return found;
            }
            assert!(since.elapsed() < PATIENCE, "not in time: {what}\n{found:#}\n{}", self.log());
            sleep(Duration::from_millis(50));
        }
    }

    /// The head of a repository's main.
    pub fn head(&self, repository: &str) -> String {
        self.git(repository, &["rev-parse", "-q", "--verify", "main"]).trim().to_owned()
    }

    /// Tells when objects of a kind come, change or go, from now on.
    pub fn watch(&self, kind: &str, namespace: &str) -> Watch {
        use std::io::{BufRead as _, BufReader};
        let mut kubectl = Command::new(self.info("kubectl"))
            .args(["get", kind, "-n", namespace, "--watch-only", "-o", "name"])
            .env("KUBECONFIG", self.info("kubeconfig"))
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("kubectl runs");
        let lines = BufReader::new(kubectl.stdout.take().expect("piped"));
        let (send, events) = channel();
        std::thread::spawn(move || {
            for _ in lines.lines().map_while(Result::ok) {
                let _ = send.send(Instant::now());
            }
        });
        Watch { kubectl, events }
    }
}

/// Events of a kind of objects.
pub struct Watch {
    kubectl: Child,
    events: Receiver<Instant>,
}

impl Watch {
    /// When the next thing happened.
    pub fn first(&self) -> Instant {
        self.events.recv_timeout(PATIENCE).expect("something happens to a request")
    }

    /// Forgets what has happened so far.
    pub fn forget(&self) {
        while self.events.try_recv().is_ok() {}
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        let _ = self.kubectl.kill();
        let _ = self.kubectl.wait();
    }
}
