//! The operator as a process.

use std::fs::File;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use super::process::memory;

/// `kept run`, with the settings that it has without any. Dropping it stops it.
pub struct Operator(Child);

impl Operator {
    /// One that works at once, wherever that is.
    pub fn start(kubeconfig: &str, log: &Path) -> Self {
        Self::start_replica(kubeconfig, log, "", "")
    }

    /// One of several, as in a pod of this namespace and name.
    pub fn start_replica(kubeconfig: &str, log: &Path, namespace: &str, name: &str) -> Self {
        let log = File::options().create(true).append(true).open(log).expect("a log");
        let mut command = Command::new(env!("CARGO_BIN_EXE_kept"));
        command
            .arg("run")
            .env("KUBECONFIG", kubeconfig)
            .env("KEPT_LISTEN", "127.0.0.1:0")
            .env("POD_NAMESPACE", namespace)
            .env("POD_NAME", name)
            .stdin(Stdio::null())
            .stderr(log);
        Self(command.spawn().expect("kept runs"))
    }

    /// Whether it has not ended by itself.
    pub fn runs(&mut self) -> bool {
        self.0.try_wait().expect("wait").is_none()
    }

    /// Ends it as a crash does.
    pub fn crash(mut self) {
        self.0.kill().expect("kill");
    }

    pub fn pid(&self) -> u32 {
        self.0.id()
    }

    /// `VmHWM` or `VmRSS`, in MiB.
    pub fn memory(&self, which: &str) -> f64 {
        memory(self.pid(), which).expect("the operator runs")
    }
}

impl Drop for Operator {
    fn drop(&mut self) {
        if self.runs() {
            let _ = Command::new("kill").arg(self.pid().to_string()).status();
        }
        let _ = self.0.wait();
    }
}
