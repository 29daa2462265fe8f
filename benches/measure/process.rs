//! What a program costs: the clock, the processor, the memory. Linux's `/proc` tells.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// How often a running program's memory is looked at.
const LOOK: Duration = Duration::from_millis(2);
/// The unit of times in `/proc/PID/stat`, which is the same on every Linux.
const TICK: Duration = Duration::from_millis(10);

/// What one or more programs took.
#[derive(Clone, Copy, Debug, Default)]
pub struct Cost {
    pub wall: Duration,
    /// User and system, of the program and all it started and waited for.
    pub cpu: Duration,
    /// The most memory it had, in MiB.
    pub peak: f64,
}

impl std::ops::Add for Cost {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self { wall: self.wall + other.wall, cpu: self.cpu + other.cpu, peak: self.peak.max(other.peak) }
    }
}

/// Runs a program to its end; what it prints goes nowhere, what it complains of is shown if it fails.
pub fn cost(command: &mut Command) -> Cost {
    let mut errors = tempfile::tempfile().expect("a temporary file");
    command.stdout(Stdio::null()).stderr(errors.try_clone().expect("a handle"));
    let before = cpu_of_children();
    let start = Instant::now();
    let mut child = command.spawn().expect("it starts");
    let pid = child.id();
    let done = AtomicBool::new(false);
    let (status, wall, peak) = thread::scope(|scope| {
        let watch = scope.spawn(|| {
            let mut peak = 0.0_f64;
            while !done.load(Ordering::Relaxed) {
                peak = memory(pid, "VmHWM").map_or(peak, |now| peak.max(now));
                thread::sleep(LOOK);
            }
            peak
        });
        let status = child.wait().expect("it ends");
        let wall = start.elapsed();
        done.store(true, Ordering::Relaxed);
        (status, wall, watch.join().expect("the watch ends"))
    });
    if !status.success() {
        use std::io::{Read as _, Seek as _};
        let mut text = String::new();
        errors.rewind().expect("it can be read");
        errors.read_to_string(&mut text).expect("it can be read");
        panic!("{command:?} failed: {text}");
    }
    Cost { wall, cpu: cpu_of_children().saturating_sub(before), peak }
}

/// `VmHWM` or `VmRSS` of a process, in MiB.
pub fn memory(pid: u32, which: &str) -> Option<f64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(which)?.strip_prefix(':'))?;
    line.trim().strip_suffix(" kB")?.parse::<f64>().ok().map(|kib| kib / 1024.0)
}

/// The processor time of a process that runs, with that of the children it has waited for.
pub fn cpu(pid: u32) -> Duration {
    let of = times(format!("/proc/{pid}/stat").into());
    of.iter().sum()
}

fn cpu_of_children() -> Duration {
    times("/proc/self/stat".into())[2..].iter().sum()
}

/// User, system, children's user, children's system.
fn times(stat: PathBuf) -> [Duration; 4] {
    let stat = fs::read_to_string(stat).unwrap_or_default();
    // The name, in parentheses, may hold anything.
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    [11, 12, 13, 14].map(|at| TICK * fields.get(at).and_then(|text| text.parse().ok()).unwrap_or(0_u32))
}

/// The process whose command line matches.
pub fn pid_of(pattern: &str) -> u32 {
    let found = Command::new("pgrep").args(["-f", pattern]).output().expect("pgrep runs");
    let found = String::from_utf8_lossy(&found.stdout);
    found.lines().next().and_then(|pid| pid.parse().ok()).unwrap_or_else(|| panic!("nothing runs like {pattern}"))
}
