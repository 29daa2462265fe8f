//! What many requests cost an operator: `cargo bench --bench scale --features real-parts`.
//!
//! Measured on a real API server and a real Gitea: 10,000 requests of all kinds, at 20 destinations in 4 stores. How
//! long a new operator takes until it has compared each of them with its repository, and its memory; what it costs
//! while nothing changes; and what one change costs, at first among 100 requests and then, of the same ones, among
//! all: the processor time of the two is to be the same, or else a change looks at what it does not concern.
//!
//! The yardsticks are, in the same run, that the same client lists the same objects, for a start; and for a change a
//! create, a finalizer, a push by the git CLI and a status, one after the other.
//!
//! `KEPT_BENCH_REQUESTS` sets how many requests, `KEPT_BENCH_RUNS` how many starts, `KEPT_BENCH_SECONDS` how long
//! nothing changes; `KEPT_BENCH_FEATURES`, such as `WatchList=false`, what the API server has on or off.

#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    unreachable_pub,
    dead_code,
    reason = "a program that prints tables"
)]

use std::fs;
use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, Instant};

use measure::cluster::Cluster;
use measure::everything::{applier, manifest, pod};
use measure::figures::{Samples, Table, ms, number, real, runs, verdict};
use measure::fleet::all_writes;
use measure::git::told;
use measure::operator::Operator;
use measure::platform;
use measure::process::cpu;
use support::{World, part};
use tokio::runtime::Runtime;

#[path = "../tests/cluster/git.rs"]
mod git;
#[path = "../tests/cluster/manifests.rs"]
mod manifests;
mod measure;
#[path = "../tests/cluster/support.rs"]
mod support;

const STORES: usize = 4;
const DESTINATIONS: usize = 20;
/// Requests that are changed, one after the other.
const CHANGES: usize = 100;
const PODS: usize = 3_000;
const APPLICATIONS: usize = 1_000;
/// Until what was begun is over.
const SETTLES: Duration = Duration::from_secs(15);
/// How often a new operator is asked how far it is: its answer takes time and memory as well.
const LOOK: Duration = Duration::from_millis(500);

/// MiB.
const MEMORY: f64 = 150.0;
/// As good as none, and what the clock of processor time cannot tell.
const GROWTH: f64 = 1.2;

fn main() {
    let bench = Bench::new();
    let all = number("KEPT_BENCH_REQUESTS", 10_000).max(CHANGES);
    let seconds = number("KEPT_BENCH_SECONDS", 60) as u64;

    let operator = bench.operator();
    bench.create(0..CHANGES, CHANGES);
    let few = bench.changes(&operator, 2);
    println!("{CHANGES} requests: changed");
    let begun = Instant::now();
    bench.create(CHANGES..all, all);
    println!("{all} requests: Ready after {:.0} s", begun.elapsed().as_secs_f64());
    sleep(SETTLES);
    let first = operator.memory("VmHWM");
    drop(operator);

    let mut starts = Vec::new();
    let mut operator = None;
    for _ in 0..runs(3) {
        drop(operator.take());
        let listed = bench.list();
        let (started, start) = bench.start(all, listed);
        starts.push(start);
        operator = Some(started);
    }
    let operator = operator.expect("at least one start");
    sleep(SETTLES);
    // Seconds a minute.
    let steady = idle(&operator, Duration::from_secs(seconds)) * 60.0;
    let rest = operator.memory("VmRSS");
    let many = bench.changes(&operator, 3);
    drop(operator);
    let least = bench.least(all..all + 20);

    bench.fill();
    // The first one says anew how requests fare.
    let (operator, _) = bench.start(all, 1.0);
    sleep(SETTLES);
    drop(operator);
    let (operator, with) = bench.start(all, 1.0);
    sleep(SETTLES);
    let rest_with = operator.memory("VmRSS");
    drop(operator);

    println!("\n{all} requests of all kinds: starts, each right after all of them were listed by the same client");
    let mut table =
        Table::new(["s until all are checked", "s of CPU", "/ the lists", "MiB at most", "writes", "commits"]);
    for start in &starts {
        table.row([
            format!("{:.1}", start.seconds),
            format!("{:.1}", start.cpu),
            format!("{:.1}", start.ratio),
            format!("{:.0}", start.peak),
            start.writes.to_string(),
            start.commits.to_string(),
        ]);
    }
    table.print();
    println!("{CHANGES} changes of requests of all kinds, one after the other");
    let mut table = Table::new(["among", "ms, p50", "p99", "CPU ms each", "writes each", "commits"]);
    for (among, changes) in [(CHANGES, &few), (all, &many)] {
        table.row([
            among.to_string(),
            format!("{:.0}", changes.took.median()),
            format!("{:.0}", changes.took.at(0.99)),
            format!("{:.2}", changes.cpu),
            format!("{:.2}", changes.writes),
            changes.commits.to_string(),
        ]);
    }
    table.row(["the yardstick".into(), format!("{:.0}", least.median()), format!("{:.0}", least.at(0.99))]);
    table.print();

    let of = |figure: fn(&Start) -> f64| starts.iter().map(figure).collect::<Samples>();
    let mut table = Table::new(["", "", "target"]);
    let mut row = |name: String, figure: f64, decimals: usize, most: Option<f64>| {
        let target = most.map(|most| verdict(figure, most)).unwrap_or_default();
        table.row([name, format!("{figure:.decimals$}"), target]);
    };
    row("start / listing the same objects".into(), of(|start| start.ratio).median(), 1, None);
    row("writes of a start".into(), of(|start| real(start.writes)).most(), 0, Some(0.0));
    row("commits of a start".into(), of(|start| real(start.commits)).most(), 0, Some(0.0));
    row("MiB at most, all made at once".into(), first, 0, Some(MEMORY));
    row("MiB at most, of a start".into(), of(|start| start.peak).most(), 0, Some(MEMORY));
    row("MiB at rest".into(), rest, 0, Some(MEMORY));
    let more = format!("with {PODS} pods and {APPLICATIONS} Applications");
    row(format!("MiB at most, of a start, {more}"), with.peak, 0, Some(MEMORY));
    row(format!("MiB at rest, {more}"), rest_with, 0, Some(MEMORY));
    row("CPU seconds a minute while nothing changes".into(), steady, 2, None);
    row("a change, p50 / the yardstick's".into(), many.took.median() / least.median(), 2, None);
    row(format!("CPU of a change among {all} / among {CHANGES}"), many.cpu / few.cpu, 2, Some(GROWTH));
    table.print();
}

/// What a new operator took.
struct Start {
    seconds: f64,
    cpu: f64,
    /// To the time that the lists took.
    ratio: f64,
    peak: f64,
    writes: usize,
    commits: usize,
}

/// What single changes took.
struct Changes {
    /// Milliseconds, each.
    took: Samples,
    /// Milliseconds of the operator, each, without what it takes anyway.
    cpu: f64,
    /// Each, without the change itself.
    writes: f64,
    commits: usize,
}

struct Bench {
    cluster: Cluster,
    runtime: Runtime,
    // Stopped last.
    world: World,
}

impl Bench {
    fn new() -> Self {
        let features = std::env::var("KEPT_BENCH_FEATURES").unwrap_or_default();
        let world = World::up(&["--feature-gates", &features]);
        world.install();
        let mut manifests = world.secret() + &platform::namespaces();
        for at in 0..STORES {
            world.repository(&store(at));
            manifests += &world.store(&store(at), "");
        }
        for at in 0..DESTINATIONS {
            manifests += &format!(
                "apiVersion: platform.kratix.io/v1alpha1\nkind: Destination\nmetadata:\n  name: host-{at}\n  \
                 labels: {{capability.vcluster: 'true'}}\nspec:\n  path: host-{at}\n  \
                 stateStoreRef: {{kind: GitStateStore, name: {}}}\n---\n",
                store(at % STORES)
            );
        }
        world.apply(&manifests);
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
        let cluster = runtime.block_on(Cluster::of(Path::new(&world.info("kubeconfig"))));
        Self { cluster, runtime, world }
    }

    fn operator(&self) -> Operator {
        Operator::start(&self.world.info("kubeconfig"), &self.world.desk().join("operator.log"))
    }

    fn create(&self, range: std::ops::Range<usize>, all: usize) {
        self.runtime.block_on(async {
            self.cluster.create_all(range.map(|at| manifest(at, 1))).await;
            self.cluster.until_all_ready(all).await;
        });
    }

    /// The yardstick of a change, while no operator runs.
    fn least(&self, range: std::ops::Range<usize>) -> Samples {
        let dir = tempfile::TempDir::new().unwrap();
        let login = format!("://{}:{}@", self.world.info("giteaUser"), self.world.info("giteaPassword"));
        let url = self.world.repository("least").replace("://", &login);
        told(dir.path(), &["init", "-q", "-b", "main"]);
        let one = |at: usize| {
            fs::write(dir.path().join(format!("{at}.yaml")), manifest(at, 1)).unwrap();
            told(dir.path(), &["add", "."]);
            told(dir.path(), &["commit", "-q", "-m", "One"]);
            let push = || drop(told(dir.path(), &["push", "-q", &url, "HEAD:refs/heads/main"]));
            ms(self.runtime.block_on(self.cluster.least(&manifest(at, 1), push)))
        };
        range.map(one).collect()
    }

    /// How long it takes to list everything, in seconds.
    fn list(&self) -> f64 {
        let begun = Instant::now();
        self.runtime.block_on(self.cluster.list_all());
        begun.elapsed().as_secs_f64()
    }

    /// Starts an operator, and waits until it has checked so many requests and nothing is under way.
    fn start(&self, all: usize, listed: f64) -> (Operator, Start) {
        let (writes, commits) = (self.writes(), self.commits());
        let begun = Instant::now();
        let operator = self.operator();
        loop {
            let (ready, other) = operator.requests();
            // With Argo CD's kinds a request may be Committed long before it is healthy, but nothing is pending.
            if ready >= all && other == 0 {
                break;
            }
            assert!(begun.elapsed() < Duration::from_mins(20), "{ready} of {all} are ready, {other} are not");
            sleep(LOOK);
        }
        let seconds = begun.elapsed().as_secs_f64();
        let cpu = ms(cpu(operator.pid())) / 1000.0;
        // What was left to be written counts too.
        sleep(Duration::from_secs(3));
        let start = Start {
            seconds,
            cpu,
            ratio: seconds / listed,
            peak: operator.memory("VmHWM"),
            writes: self.writes() - writes,
            commits: self.commits() - commits,
        };
        println!("started: {seconds:.1} s, {cpu:.1} s of CPU, {:.0} MiB at most", start.peak);
        (operator, start)
    }

    /// Changes requests, one after the other.
    fn changes(&self, operator: &Operator, edition: usize) -> Changes {
        sleep(SETTLES);
        let idle = idle(operator, SETTLES);
        let (writes, commits) = (self.writes(), self.commits());
        let (before, begun) = (cpu(operator.pid()), Instant::now());
        let took: Samples =
            (0..CHANGES).map(|at| ms(self.runtime.block_on(self.cluster.change(&manifest(at, edition))))).collect();
        sleep(Duration::from_secs(2));
        let spent = ms(cpu(operator.pid()).saturating_sub(before)) - idle * ms(begun.elapsed());
        let changes = real(CHANGES);
        Changes {
            took,
            cpu: spent / changes,
            writes: real(self.writes() - writes) / changes - 1.0,
            commits: self.commits() - commits,
        }
    }

    /// Adds what is watched to say how requests fare.
    fn fill(&self) {
        let crds = part("argocd-crds").display().to_string();
        self.world.kubectl(&["apply", "--server-side", "-k", &crds]);
        self.world.established();
        self.world.kubectl(&["create", "namespace", "argocd"]);
        let url = self.world.url(&store(0));
        self.runtime.block_on(async {
            let teams = (0..).filter(|at| manifest(*at, 1).contains("kind: Team"));
            let appliers = teams.take(APPLICATIONS).map(|at| applier(at, &url));
            self.cluster.create_others("applications", appliers).await;
            self.cluster.create_others("pods", (0..PODS).map(pod)).await;
        });
    }

    fn writes(&self) -> usize {
        all_writes(&self.world.kubectl(&["get", "--raw", "/metrics"]))
    }

    fn commits(&self) -> usize {
        (0..STORES).map(|at| self.world.commits(&store(at))).sum()
    }
}

/// The share of a core that an operator takes while nothing changes.
fn idle(operator: &Operator, time: Duration) -> f64 {
    let (before, begun) = (cpu(operator.pid()), Instant::now());
    sleep(time);
    ms(cpu(operator.pid()).saturating_sub(before)) / ms(begun.elapsed())
}

fn store(at: usize) -> String {
    format!("state-{at}")
}
