//! The operator as a process.

use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

use super::process::memory;

/// How often a program that starts is asked whether it listens.
const LOOK: Duration = Duration::from_millis(20);

/// `kept run`, with the settings that it has without any. Dropping it stops it.
pub struct Operator {
    process: Child,
    log: PathBuf,
    /// Where in the log its own lines begin.
    begin: usize,
}

impl Operator {
    /// One that works at once, wherever that is.
    pub fn start(kubeconfig: &str, log: &Path) -> Self {
        Self::start_replica(kubeconfig, log, "", "")
    }

    /// One of several, as in a pod of this namespace and name.
    pub fn start_replica(kubeconfig: &str, log: &Path, namespace: &str, name: &str) -> Self {
        let path = log.to_owned();
        let log = File::options().create(true).append(true).open(log).expect("a log");
        let begin = fs::read(&path).expect("the log").len();
        let mut command = Command::new(env!("CARGO_BIN_EXE_kept"));
        command
            .arg("run")
            .env("KUBECONFIG", kubeconfig)
            .env("KEPT_LISTEN", "127.0.0.1:0")
            .env("POD_NAMESPACE", namespace)
            .env("POD_NAME", name)
            .stdin(Stdio::null())
            .stderr(log);
        Self { process: command.spawn().expect("kept runs"), log: path, begin }
    }

    /// Whether it has not ended by itself.
    pub fn runs(&mut self) -> bool {
        self.process.try_wait().expect("wait").is_none()
    }

    /// Ends it as a crash does.
    pub fn crash(mut self) {
        self.process.kill().expect("kill");
    }

    /// What it serves at `/metrics`, once it does.
    pub fn metrics(&self) -> String {
        loop {
            let log = fs::read(&self.log).expect("the log");
            let log = String::from_utf8_lossy(&log[self.begin..]);
            let line = log.lines().find_map(|line| line.split_once("serving /metrics")?.1.split_once("address="));
            if let Some(mut stream) = line.and_then(|(_, address)| TcpStream::connect(address.trim()).ok()) {
                write!(stream, "GET /metrics HTTP/1.1\r\nHost: kept\r\n\r\n").expect("asked");
                let mut answer = String::new();
                stream.read_to_string(&mut answer).expect("an answer");
                return answer;
            }
            sleep(LOOK);
        }
    }

    /// How many requests it has found to be as they should be, and how many there are of which it does not know yet
    /// or that are not.
    pub fn requests(&self) -> (usize, usize) {
        let (mut ready, mut other) = (0, 0);
        for line in self.metrics().lines().filter(|line| line.starts_with("kept_requests{")) {
            let count: usize = line.rsplit(' ').next().and_then(|count| count.parse().ok()).expect("a count");
            *(if line.contains("phase=\"ready\"") { &mut ready } else { &mut other }) += count;
        }
        (ready, other)
    }

    pub fn pid(&self) -> u32 {
        self.process.id()
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
        let _ = self.process.wait();
    }
}
