//! A real control plane and a real Gitea for one test, and kubectl and git to look at them as people do.

#[path = "chart.rs"]
mod chart;

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Output, Stdio};
use std::sync::{Mutex, MutexGuard, OnceLock};
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

use crate::manifests::{secret_with, store};
use chart::Identity;

/// How long anything may take before a test fails. Generous: the machine may be busy.
pub const PATIENCE: Duration = Duration::from_mins(2);

/// Everything that one test runs against. Dropping it stops all of it.
pub struct World {
    parts: Child,
    hold: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
    info: Value,
    operator: Option<Child>,
    identity: Identity,
    /// What the operator takes for the API server, if that is not the real one; more of its environment.
    api_server: Option<String>,
    environment: Vec<(String, String)>,
    dir: TempDir,
    _slot: MutexGuard<'static, ()>,
}

/// Control planes that run at the same time: as many as two cores carry.
static SLOTS: [Mutex<()>; 2] = [Mutex::new(()), Mutex::new(())];

fn slot() -> MutexGuard<'static, ()> {
    loop {
        for slot in &SLOTS {
            match slot.try_lock() {
                Ok(guard) => return guard,
                Err(std::sync::TryLockError::Poisoned(poisoned)) => return poisoned.into_inner(),
                Err(std::sync::TryLockError::WouldBlock) => {}
            }
        }
        sleep(Duration::from_millis(100));
    }
}

/// The harness of the real parts, built once.
fn harness() -> &'static Path {
    static HARNESS: OnceLock<PathBuf> = OnceLock::new();
    HARNESS.get_or_init(|| {
        let parts = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/parts");
        let binary = Path::new(env!("CARGO_TARGET_TMPDIR")).join("parts");
        let built = Command::new("go").arg("build").arg("-o").arg(&binary).arg(".").current_dir(&parts).status();
        assert!(built.expect("go is needed to build the real parts").success(), "tests/parts does not build");
        binary
    })
}

/// Where a real part is, built if it is missing.
pub fn part(name: &str) -> PathBuf {
    let found = Command::new(harness()).args(["path", name]).output().expect("the harness runs");
    assert!(found.status.success(), "{}", String::from_utf8_lossy(&found.stderr));
    PathBuf::from(String::from_utf8_lossy(&found.stdout).trim())
}

impl World {
    /// Starts a control plane with kept's kinds, and a Gitea.
    pub fn new() -> Self {
        let world = Self::empty();
        world.install();
        world
    }

    /// Makes kept's kinds known.
    pub fn install(&self) {
        let crds = Command::new(env!("CARGO_BIN_EXE_kept")).arg("crd").output().expect("kept runs");
        self.apply(&String::from_utf8_lossy(&crds.stdout));
        self.established();
    }

    /// Waits until objects of all definitions can be made.
    pub fn established(&self) {
        // While one has no conditions at all, kubectl gives up.
        let wait = ["wait", "--for=condition=Established", "crd", "--all", "--timeout=60s"];
        self.eventually("the definitions", || self.try_kubectl(&wait, "").status.success().then_some(()));
    }

    /// Starts a control plane and a Gitea.
    pub fn empty() -> Self {
        Self::up(&[])
    }

    /// Starts the External Secrets Operator and a 1Password Connect server too.
    pub fn with_eso() -> Self {
        Self::up(&["--eso"])
    }

    /// Starts a control plane and a Gitea, and what else the harness has options for.
    pub fn up(options: &[&str]) -> Self {
        let slot = slot();
        let mut parts = Command::new(harness())
            .arg("up")
            .args(options)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("the harness starts");
        let hold = parts.stdin.take();
        let mut line = String::new();
        let mut answers = BufReader::new(parts.stdout.take().expect("piped"));
        answers.read_line(&mut line).expect("the harness answers");
        let info = serde_json::from_str(&line).unwrap_or_else(|_| {
            panic!("the real parts do not start; run `go -C tests/parts run . up` to see why: {line}")
        });
        let identity = Identity::default();
        let dir = TempDir::new().expect("a directory");
        let (api_server, environment) = (None, Vec::new());
        Self { parts, hold, answers, info, operator: None, identity, api_server, environment, dir, _slot: slot }
    }

    /// A directory of the test's own.
    pub fn desk(&self) -> PathBuf {
        self.dir.path().to_owned()
    }

    /// Something that the harness says of itself.
    pub fn info(&self, key: &str) -> String {
        self.info[key].as_str().unwrap_or_else(|| panic!("the harness does not say {key}")).to_owned()
    }

    /// Stops, kills or starts one of the servers: `kill gitea`.
    pub fn server(&mut self, order: &str) {
        use std::io::Write as _;
        writeln!(self.hold.as_mut().expect("the harness runs"), "{order}").expect("the harness listens");
        let mut line = String::new();
        self.answers.read_line(&mut line).expect("the harness answers");
        let answer: Value = serde_json::from_str(&line).unwrap_or_default();
        assert_eq!(answer["ok"], true, "{order}: {line}");
    }

    /// Sends one of the servers a signal.
    pub fn signal(&self, server: &str, signal: &str) {
        let pid = self.info["pids"][server].to_string();
        let sent = Command::new("sh").arg("-c").arg(format!("kill -{signal} {pid}")).status().expect("kill");
        assert!(sent.success(), "{server} does not run");
    }

    // ---- the operator

    /// Has the operator talk to another address than the API server's, from its first start on.
    pub fn talk_to(&mut self, api_server: &str) {
        self.api_server = Some(api_server.to_owned());
    }

    /// Gives the operator a variable from its next start on.
    pub fn give(&mut self, variable: &str, value: &str) {
        self.environment.push((variable.to_owned(), value.to_owned()));
    }

    /// Whether the operator has not ended by itself.
    pub fn runs(&mut self) -> bool {
        self.operator.as_mut().is_some_and(|operator| operator.try_wait().expect("wait").is_none())
    }

    /// Lets the operator read the Secrets of one more namespace from its next start on.
    pub fn secrets_in(&mut self, namespace: &'static str) {
        self.identity.secret_namespaces.push(namespace);
    }

    /// Starts `kept run` with these settings (YAML, may be empty), as the Helm chart does: under its
    /// service account, with its rights, and with the settings file that it makes of them.
    pub fn start(&mut self, settings: &str) {
        self.prepare(settings);
        self.launch();
    }

    /// Makes all that `kept run` is started with, as the Helm chart does.
    pub fn prepare(&mut self, settings: &str) {
        self.become_the_charts(settings);
    }

    /// Starts `kept run` with `settings.yaml` and `operator.kubeconfig` of the test's directory.
    pub fn launch(&mut self) {
        let log = fs::OpenOptions::new().create(true).append(true).open(self.log_path()).expect("a log");
        let mut command = Command::new(env!("CARGO_BIN_EXE_kept"));
        command.arg("run").arg("--config").arg(self.dir.path().join("settings.yaml"));
        command.env("KUBECONFIG", self.dir.path().join("operator.kubeconfig")).env("KEPT_LOG", "kept=debug");
        // Others run on this machine, too.
        command.env("KEPT_LISTEN", "127.0.0.1:0");
        // It works at once, also where these tests run in a pod.
        command.env("POD_NAMESPACE", "");
        command.envs(self.environment.iter().map(|(variable, value)| (variable, value)));
        self.operator = Some(command.stderr(log).stdin(Stdio::null()).spawn().expect("kept runs"));
    }

    /// Stops the operator as a cluster does.
    pub fn stop(&mut self) {
        let mut operator = self.operator.take().expect("an operator runs");
        let killed = Command::new("sh").arg("-c").arg(format!("kill {}", operator.id())).status().expect("kill");
        assert!(killed.success());
        let since = Instant::now();
        while operator.try_wait().expect("wait").is_none() {
            assert!(since.elapsed() < Duration::from_secs(30), "the operator does not stop\n{}", self.log());
            sleep(Duration::from_millis(20));
        }
    }

    /// Ends the operator as a crash does.
    pub fn crash(&mut self) {
        let mut operator = self.operator.take().expect("an operator runs");
        operator.kill().expect("kill");
        operator.wait().expect("it ends");
    }

    fn log_path(&self) -> PathBuf {
        self.dir.path().join("operator.log")
    }

    /// What the operator has logged.
    pub fn log(&self) -> String {
        fs::read_to_string(self.log_path()).unwrap_or_default()
    }

    // ---- kubectl

    /// kubectl, whatever comes of it.
    pub fn try_kubectl(&self, args: &[&str], input: &str) -> Output {
        use std::io::Write as _;
        let mut child = Command::new(self.info("kubectl"))
            .args(args)
            .env("KUBECONFIG", self.info("kubeconfig"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("kubectl runs");
        child.stdin.take().expect("piped").write_all(input.as_bytes()).ok();
        child.wait_with_output().expect("kubectl ends")
    }

    /// kubectl, which must succeed.
    pub fn kubectl(&self, args: &[&str]) -> String {
        let output = self.try_kubectl(args, "");
        assert!(
            output.status.success(),
            "kubectl {}: {}\n--- operator\n{}",
            args.join(" "),
            String::from_utf8_lossy(&output.stderr),
            tail(&self.log())
        );
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// `kubectl apply`, which must succeed.
    pub fn apply(&self, manifests: &str) {
        let output = self.try_kubectl(&["apply", "-f", "-"], manifests);
        assert!(output.status.success(), "{}\n{manifests}", String::from_utf8_lossy(&output.stderr));
    }

    /// `kubectl apply`, which must be refused; what it says.
    pub fn refused(&self, manifests: &str) -> String {
        let output = self.try_kubectl(&["apply", "-f", "-"], manifests);
        assert!(!output.status.success(), "accepted:\n{manifests}");
        String::from_utf8_lossy(&output.stderr).into_owned()
    }

    /// An object, or null.
    pub fn get(&self, what: &str) -> Value {
        let mut args = vec!["get", "-o", "json", "--ignore-not-found"];
        args.extend(what.split(' '));
        serde_json::from_str(&self.kubectl(&args)).unwrap_or_default()
    }

    /// A condition of an object, or null.
    pub fn condition(&self, what: &str, type_: &str) -> Value {
        let object = self.get(what);
        let conditions = object["status"]["conditions"].as_array().cloned().unwrap_or_default();
        conditions.into_iter().find(|c| c["type"] == type_).unwrap_or_default()
    }

    /// Waits as people do.
    pub fn wait_ready(&self, what: &str) {
        let mut args = vec!["wait", "--for=condition=Ready", "--timeout=100s"];
        args.extend(what.split(' '));
        self.kubectl(&args);
    }

    /// Waits until that many teams are there and Ready. `kubectl wait` asks for one after the other, at
    /// a few a second.
    pub fn wait_teams(&self, count: usize) {
        self.eventually(&format!("{count} teams are Ready"), || {
            let list = self.get("teams -A");
            let ready = |team: &&Value| {
                let conditions = team["status"]["conditions"].as_array().cloned().unwrap_or_default();
                conditions.iter().any(|c| {
                    c["type"] == "Ready"
                        && c["status"] == "True"
                        && c["observedGeneration"] == team["metadata"]["generation"]
                })
            };
            (list["items"].as_array()?.iter().filter(ready).count() == count).then_some(())
        });
    }

    /// Waits until Ready is False for this reason; its message.
    pub fn wait_reason(&self, what: &str, reason: &str) -> String {
        self.eventually(&format!("{what} says {reason}"), || {
            let ready = self.condition(what, "Ready");
            (ready["reason"] == reason).then(|| ready["message"].as_str().unwrap_or_default().to_owned())
        })
    }

    /// Waits until something is there.
    pub fn eventually<T>(&self, what: &str, mut look: impl FnMut() -> Option<T>) -> T {
        let since = Instant::now();
        loop {
            if let Some(found) = look() {
                return found;
            }
            assert!(since.elapsed() < PATIENCE, "not in time: {what}\n--- operator\n{}", tail(&self.log()));
            sleep(Duration::from_millis(50));
        }
    }

    // ---- the usual objects

    /// The Secret `git` in `default` with good credentials.
    pub fn secret(&self) -> String {
        secret_with("default", &self.info("giteaUser"), &self.info("giteaPassword"))
    }

    /// A store on a repository of that name, with more fields of spec.
    pub fn store(&self, name: &str, more: &str) -> String {
        store(name, &self.url(name), more)
    }
}

fn tail(log: &str) -> String {
    let lines: Vec<&str> = log.lines().collect();
    lines[lines.len().saturating_sub(60)..].join("\n")
}

impl Drop for World {
    fn drop(&mut self) {
        if let Some(mut operator) = self.operator.take() {
            let _ = operator.kill();
            let _ = operator.wait();
        }
        drop(self.hold.take());
        let _ = self.parts.wait();
    }
}
