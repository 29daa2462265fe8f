//! What the operator adds to what any operator has to do: `cargo bench --bench operator --features real-parts`.
//!
//! Measured on a real API server and a real Gitea: Teams created at once, until all of them are Ready. The
//! yardstick is what no operator with finalizers, a status and a Git repository can do without, made by the
//! same client while the operator is not running: a create, a finalizer and a status for each, 32 calls
//! under way at a time, and two pushes of the very same files by the git CLI. Each round runs the yardstick
//! and the operator one after the other, and takes its ratio of the two.
//!
//! `KEPT_BENCH_RUNS` sets how many rounds, `KEPT_BENCH_REQUESTS` how many teams in the last and largest run.

#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    unreachable_pub,
    dead_code,
    reason = "a program that prints tables"
)]

use std::fs;
use std::ops::Range;
use std::path::Path;
use std::time::{Duration, Instant};

use kept::store::Footprint;
use manifests::destination;
use measure::cluster::{Cluster, writes};
use measure::figures::{Samples, Table, ms, number, real, runs, verdict};
use measure::git::told;
use measure::operator::Operator;
use measure::process::{cpu, pid_of};
use measure::requests::Street;
use measure::teams;
use support::World;
use tokio::runtime::Runtime;

#[path = "../tests/cluster/git.rs"]
mod git;
#[path = "../tests/cluster/manifests.rs"]
mod manifests;
mod measure;
#[path = "../tests/cluster/support.rs"]
mod support;

const WALL: f64 = 1.5;
const WRITES: f64 = 2.0;
const COMMITS: f64 = 5.0;
/// MiB.
const MEMORY: f64 = 150.0;
/// Linear, and a tenth for what else the machine does.
const GROWTH: f64 = 1.1;
const MANY: usize = 1_000;
const FEW: usize = 100;

fn main() {
    let bench = Bench::new();
    let all = number("KEPT_BENCH_REQUESTS", 10_000);
    let (mut few, mut many, mut yard) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..runs(5) {
        yard.push(bench.yardstick(0..MANY));
        let operator = bench.operator();
        few.push(bench.round(&operator, MANY..MANY + FEW, FEW));
        many.push(bench.round(&operator, 0..MANY, MANY + FEW));
        bench.remove(0..MANY + FEW);
        println!("round {round}: yardstick {:.0} ms, operator {:.0} ms", yard[round].total(), many[round].wall);
    }
    let operator = bench.operator();
    let idle = operator.memory("VmRSS");
    let largest = bench.round(&operator, 0..all, all);
    std::thread::sleep(Duration::from_secs(5));
    let (peak, rest) = (operator.memory("VmHWM"), operator.memory("VmRSS"));
    drop(operator);
    let operator = bench.operator();
    std::thread::sleep(Duration::from_secs(20));
    let again = operator.memory("VmHWM");

    let rounds = [(FEW, &few[..]), (MANY, &many[..]), (all, std::slice::from_ref(&largest))];
    print_rounds(rounds);
    print_yardstick(&yard);
    let mut table = Table::new(["", "", "target"]);
    let ratio: Samples = many.iter().zip(&yard).map(|(round, yard)| round.wall / yard.total()).collect();
    table.row(["1,000 teams / the yardstick".into(), ratio.shown(2), verdict(ratio.median(), WALL)]);
    let each = |rounds: &[Round]| rounds.iter().map(|round| round.wall / round.count).collect::<Samples>().median();
    let most = |figure: fn(&Round) -> f64, rounds: &[Round]| rounds.iter().map(figure).fold(0.0, f64::max);
    let figures = [
        ("writes per team, 1,000 teams".into(), most(|round| round.writes, &many), 2, WRITES),
        ("commits, 1,000 teams".into(), most(|round| round.commits, &many), 0, COMMITS),
        (format!("MiB at most, {all} teams (idle: {idle:.0})"), peak, 0, MEMORY),
        (format!("MiB at rest, {all} teams"), rest, 0, MEMORY),
        (format!("MiB at most after a restart, {all} teams"), again, 0, MEMORY),
        (format!("time per team, {all} / {FEW}"), each(rounds[2].1) / each(&few), 2, GROWTH),
    ];
    for (name, figure, decimals, target) in figures {
        table.row([name, format!("{figure:.decimals$}"), verdict(figure, target)]);
    }
    table.print();
}

fn print_rounds(rounds: [(usize, &[Round]); 3]) {
    println!("\nTeams created at once until all are Ready: median (least-most)");
    let mut table =
        Table::new(["teams", "ms", "ms each", "CPU ms each", "CPU of API server", "commits", "writes each"]);
    for (count, rounds) in rounds {
        let of = |figure: fn(&Round) -> f64| rounds.iter().map(figure).collect::<Samples>();
        table.row([
            count.to_string(),
            of(|round| round.wall).shown(0),
            of(|round| round.wall / round.count).shown(2),
            of(|round| round.cpu / round.count).shown(2),
            of(|round| round.api_cpu / round.count).shown(2),
            of(|round| round.commits).shown(0),
            of(|round| round.writes).shown(2),
        ]);
    }
    table.print();
}

fn print_yardstick(yard: &[Yardstick]) {
    let mut table = Table::new(["the yardstick", "ms"]);
    let of = |figure: fn(&Yardstick) -> f64| yard.iter().map(figure).collect::<Samples>().shown(0);
    table.row(["1,000 creates".into(), of(|yard| yard.creates)]);
    table.row(["1,000 finalizers, 1,000 statuses".into(), of(|yard| yard.patches)]);
    table.row(["two pushes".into(), of(|yard| yard.pushes)]);
    table.row(["(CPU of the API server)".into(), of(|yard| yard.api_cpu)]);
    table.print();
}

struct Bench {
    world: World,
    runtime: Runtime,
    cluster: Cluster,
    api_server: u32,
}

/// What the operator took.
struct Round {
    count: f64,
    wall: f64,
    cpu: f64,
    api_cpu: f64,
    commits: f64,
    writes: f64,
}

/// What has to be done in any case; milliseconds.
struct Yardstick {
    creates: f64,
    patches: f64,
    pushes: f64,
    /// Of the API server, for all but the pushes.
    api_cpu: f64,
}

impl Yardstick {
    fn total(&self) -> f64 {
        self.creates + self.patches + self.pushes
    }
}

impl Bench {
    fn new() -> Self {
        let world = World::new();
        world.repository("state");
        world.apply(&(world.secret() + &world.store("state", "") + &destination("host", "state", ".", "")));
        world.apply(&teams::namespaces());
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
        let cluster = runtime.block_on(Cluster::of(Path::new(&world.info("kubeconfig"))));
        let api_server = pid_of(&format!("kube-apiserver.*{}", world.info("dir")));
        Self { world, runtime, cluster, api_server }
    }

    /// Starts `kept run`, and waits until it is at work.
    fn operator(&self) -> Operator {
        let operator = Operator::start(&self.world.info("kubeconfig"), &self.world.desk().join("operator.log"));
        self.world.wait_ready("destination/host");
        // The destination may be Ready since an earlier operator.
        std::thread::sleep(Duration::from_secs(3));
        operator
    }

    fn yardstick(&self, range: Range<usize>) -> Yardstick {
        let before = cpu(self.api_server);
        let creates = timed(|| self.runtime.block_on(self.cluster.create(range.clone())));
        let patches = timed(|| self.runtime.block_on(self.cluster.hold_and_tell(range.clone())));
        let api_cpu = ms(cpu(self.api_server).saturating_sub(before));
        self.runtime.block_on(self.cluster.release(range.clone()));
        Yardstick { creates, patches, pushes: self.two_pushes(range), api_cpu }
    }

    /// Pushes the files of these teams in two commits, which are made before the clock starts.
    fn two_pushes(&self, range: Range<usize>) -> f64 {
        let dir = tempfile::TempDir::new().unwrap();
        let name = dir.path().file_name().and_then(|name| name.to_str()).unwrap().replace('.', "x");
        let url = self.world.repository(&name);
        let login = format!("://{}:{}@", self.world.info("giteaUser"), self.world.info("giteaPassword"));
        told(dir.path(), &["init", "-q", "-b", "main"]);
        let street = Street::to(&url);
        let half = range.start.midpoint(range.end);
        let commits = [range.start..half, half..range.end].map(|range| {
            for place in range.flat_map(|at| street.change(at, 1).roots.into_iter().flat_map(|(_, places)| places)) {
                let Footprint::Exclusive { dir: below, files, .. } = place.footprint else {
                    panic!("its own directory")
                };
                for (file, bytes) in files {
                    let path = dir.path().join(below.join(&file).as_str());
                    fs::create_dir_all(path.parent().unwrap()).unwrap();
                    fs::write(path, bytes).unwrap();
                }
            }
            told(dir.path(), &["add", "."]);
            told(dir.path(), &["commit", "-q", "-m", "Teams"]);
            told(dir.path(), &["rev-parse", "HEAD"])
        });
        told(dir.path(), &["remote", "add", "origin", &url.replace("://", &login)]);
        let push = |commit: &String| told(dir.path(), &["push", "-q", "origin", &format!("{commit}:refs/heads/main")]);
        commits.iter().map(|commit| timed(|| drop(push(commit)))).sum()
    }

    /// Creates teams, which make it so many.
    fn round(&self, operator: &Operator, range: Range<usize>, all: usize) -> Round {
        let count = range.len();
        let (commits, written) = (self.world.commits("state"), self.writes());
        let (cpu_before, api_before) = (cpu(operator.pid()), cpu(self.api_server));
        let wall = timed(|| {
            self.runtime.block_on(async {
                self.cluster.create(range).await;
                self.cluster.until_ready(all).await;
            });
        });
        // What was left to be written counts too.
        std::thread::sleep(Duration::from_secs(2));
        Round {
            count: real(count),
            wall,
            cpu: ms(cpu(operator.pid()).saturating_sub(cpu_before)),
            api_cpu: ms(cpu(self.api_server).saturating_sub(api_before)),
            commits: real(self.world.commits("state") - commits),
            writes: real(self.writes() - written) / real(count),
        }
    }

    fn writes(&self) -> usize {
        writes(&self.world.kubectl(&["get", "--raw", "/metrics"]))
    }

    fn remove(&self, range: Range<usize>) {
        self.runtime.block_on(async {
            self.cluster.delete(range).await;
            self.cluster.until_gone().await;
        });
    }
}

fn timed(work: impl FnOnce()) -> f64 {
    let start = Instant::now();
    work();
    ms(start.elapsed())
}
