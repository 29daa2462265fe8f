//! Whether nothing is lost when all that the operator lives on fails: `cargo bench --bench chaos --features real-parts`.
//!
//! For half an hour some 300 requests of several kinds are created, edited and deleted at random. Meanwhile the API
//! server crashes, lets go of whoever watches it, refuses and fails, its etcd stops and goes on; Gitea goes away,
//! fails and hangs up; and the operator itself is killed or stopped, and started again. In good weather again all
//! requests have to become Ready, `kept verify` has to find nothing, every commit has to be whole and to follow the
//! one before, and when all requests are deleted nothing may stay. The memory of each life of the operator is
//! compared: those of the end with those of the beginning.
//!
//! `KEPT_CHAOS_SECONDS` sets how long, `KEPT_SEED` which way chance goes.

#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    unreachable_pub,
    dead_code,
    reason = "a program that prints tables"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::sleep;
use std::time::{Duration, Instant};

use api_proxy::{ApiProxy, CALLS};
use chance::Chance;
use git2::Repository;
use manifests::{destination, store};
use measure::cluster::Cluster;
use measure::figures::{Samples, Table, number, real, verdict};
use measure::operator::Operator;
use measure::platform;
use proxy::{Fault, Proxy, SWIFT};
use serde_json::Value;
use support::World;
use tokio::runtime::Runtime;
use tokio::task::JoinHandle;

#[path = "../tests/cluster/api_proxy.rs"]
mod api_proxy;
#[path = "../tests/faults/chance.rs"]
mod chance;
#[path = "../tests/cluster/git.rs"]
mod git;
#[path = "../tests/cluster/manifests.rs"]
mod manifests;
mod measure;
#[path = "../tests/faults/proxy.rs"]
mod proxy;
#[path = "../tests/cluster/support.rs"]
mod support;
#[path = "../tests/faults/witness.rs"]
mod witness;

const REQUESTS: usize = 300;
/// What becomes of spoilt calls of the API server.
const FAULTS: &[Fault] = &[
    Fault::Status(429),
    Fault::Status(500),
    Fault::Status(409),
    Fault::StatusAfter(500),
    Fault::CutBefore,
    Fault::CutAfter,
    Fault::Slow,
];
/// What can happen, to whom.
const WEATHER: [(&str, &[&str]); 3] = [
    (
        "API server",
        &["is well", "crashes", "cuts watches", "fails some calls", "fails most calls", "stops and goes on"],
    ),
    ("Gitea", &["is well", "is killed", "is stopped", "fails some calls", "fails most calls", "refuses"]),
    ("operator", &["is killed", "is stopped"]),
];
/// What a life of the operator needs to have for its memory to tell something.
const LIFE: Duration = Duration::from_secs(10);
/// The most memory of the lives at the end against that of those at the beginning.
const GROWTH: f64 = 1.1;
/// How long anything may take in good weather.
const PATIENCE: Duration = Duration::from_mins(10);

fn main() {
    let length = Duration::from_secs(number("KEPT_CHAOS_SECONDS", 1800) as u64);
    let mut chaos = Chaos::new();
    chaos.fill();
    chaos.rage(length);
    let (requests, converged) = chaos.converge();
    let findings = chaos.verify();
    let (commits, half) = whole_commits(&chaos.world.bare("state"));
    let moves = witness::went_forward(&chaos.world.bare("state"));
    let left = chaos.clear();
    chaos.end_life();

    println!("\n{}\n", chaos.story());
    let peaks: Vec<f64> = chaos.lives.iter().filter(|(age, _)| *age >= LIFE).map(|(_, peak)| *peak).collect();
    let shown: Vec<String> = peaks.iter().map(|peak| format!("{peak:.1}")).collect();
    println!("MiB at most in each life: {}\n", shown.join(" "));
    let third = peaks.len().div_ceil(3);
    let of = |part: &[f64]| part.iter().copied().collect::<Samples>().median();
    let (first, last) = (of(&peaks[..third]), of(&peaks[peaks.len() - third..]));
    let mut table = Table::new(["", "", "target"]);
    let growth = last / first;
    table.row([
        "memory of a life, last third / first".into(),
        format!("{last:.1} / {first:.1} = {growth:.3}"),
        verdict(growth, GROWTH),
    ]);
    table.row(["requests in the end, all Ready".into(), requests.to_string(), String::new()]);
    table.row(["what kept verify finds".into(), findings.to_string(), verdict(real(findings), 0.0)]);
    table.row(["commits that are not whole".into(), format!("{half} of {commits}"), verdict(real(half), 0.0)]);
    table.row(["moves of the branch, each to a commit on the last".into(), moves.to_string(), String::new()]);
    table.row(["left when all are deleted".into(), left.to_string(), verdict(real(left), 0.0)]);
    let ended = chaos.count("operator ended by itself");
    table.row(["times the operator ended by itself".into(), ended.to_string(), verdict(real(ended), 0.0)]);
    table.row(["seconds until all are Ready".into(), format!("{:.1}", converged.as_secs_f64()), String::new()]);
    table.print();
    assert_eq!(findings + half + left + ended, 0, "something was lost, or left over");
}

struct Chaos {
    api: ApiProxy,
    gitea: Proxy,
    operator: Option<(Operator, Instant)>,
    cluster: Arc<Cluster>,
    runtime: Runtime,
    chance: Chance,
    done: BTreeMap<String, usize>,
    /// How long each life of the operator was, and the most memory it had, in MiB.
    lives: Vec<(Duration, f64)>,
    // Stopped last.
    world: World,
}

impl Chaos {
    fn new() -> Self {
        let world = World::new();
        let (api, gitea) =
            (ApiProxy::before(Path::new(&world.info("kubeconfig"))), Proxy::before(&world.info("giteaUrl")));
        let own = fs::read_to_string(world.info("kubeconfig")).unwrap().replace(&world.info("apiServer"), &api.url);
        fs::write(world.desk().join("operator.kubeconfig"), own).unwrap();
        let url = world.repository("state").replace(&world.info("giteaUrl"), &gitea.url);
        witness::log_moves(&world.bare("state"));
        let host = destination("host", "state", ".", "initWorkloads: {enabled: false}");
        world.apply(&(world.secret() + &store("state", &url, "") + &host + &platform::namespaces()));
        world.kubectl(&["label", "destination", "host", "capability.vcluster=true"]);
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
        let cluster = Arc::new(runtime.block_on(Cluster::of(Path::new(&world.info("kubeconfig")))));
        let (operator, done, lives) = (None, BTreeMap::new(), Vec::new());
        let mut chaos =
            Self { api, gitea, operator, cluster, runtime, chance: Chance::new("chaos"), done, lives, world };
        chaos.begin_life();
        chaos.world.wait_ready("destination/host");
        chaos
    }

    fn begin_life(&mut self) {
        let desk = self.world.desk();
        let kubeconfig = desk.join("operator.kubeconfig").display().to_string();
        self.operator = Some((Operator::start(&kubeconfig, &desk.join("operator.log")), Instant::now()));
    }

    /// Notes how the operator fared; answers it, to be ended in some way.
    fn take_life(&mut self) -> Option<Operator> {
        let (mut operator, since) = self.operator.take()?;
        if !operator.runs() {
            self.note("operator ended by itself");
            println!("the operator ended by itself; its log ends:\n{}", self.log());
            return None;
        }
        self.lives.push((since.elapsed(), operator.memory("VmHWM")));
        Some(operator)
    }

    fn end_life(&mut self) {
        drop(self.take_life());
    }

    /// All requests, in good weather: every life holds them from its beginning.
    fn fill(&self) {
        self.runtime.block_on(async {
            for at in 0..REQUESTS {
                self.cluster.apply(&platform::manifest(at, 1)).await.expect("it is taken");
            }
        });
        self.until_settled();
    }

    fn rage(&mut self, length: Duration) {
        let start = Instant::now();
        let (over, users) = self.users();
        while start.elapsed() < length {
            sleep(Duration::from_secs(1) + self.chance.while_of(Duration::from_secs(5)));
            let (whom, what) = WEATHER[self.chance.below(WEATHER.len())];
            self.strike(whom, self.chance.clone().pick(what));
            self.chance.next();
            if self.operator.as_mut().is_none_or(|(operator, _)| !operator.runs()) {
                self.end_life();
                self.begin_life();
            }
        }
        over.store(true, Ordering::Relaxed);
        let done = self.runtime.block_on(users).expect("the users' requests are taken");
        for (what, times) in done {
            *self.done.entry(what.to_owned()).or_default() += times;
        }
    }

    /// Those who create, edit and delete, in any weather.
    fn users(&mut self) -> (Arc<AtomicBool>, JoinHandle<BTreeMap<&'static str, usize>>) {
        let over = Arc::new(AtomicBool::new(false));
        let (cluster, mut chance, until) = (self.cluster.clone(), self.chance.fork(), over.clone());
        let users = self.runtime.spawn(async move {
            let (mut done, mut edition) = (BTreeMap::new(), 1);
            while !until.load(Ordering::Relaxed) {
                edition += 1;
                let manifest = platform::manifest(chance.below(REQUESTS), edition);
                let what = if chance.percent(25) { "deleted" } else { "created or edited" };
                // As people do, until it is taken.
                let start = Instant::now();
                while let Err(error) = match what {
                    "deleted" => cluster.remove(&manifest).await,
                    _ => cluster.apply(&manifest).await,
                } {
                    assert!(start.elapsed() < PATIENCE, "{error}: {manifest}");
                    tokio::time::sleep(Duration::from_millis(300)).await;
                }
                *done.entry(what).or_default() += 1;
                tokio::time::sleep(chance.while_of(Duration::from_millis(300))).await;
            }
            done
        });
        (over, users)
    }

    fn strike(&mut self, whom: &str, what: &str) {
        self.note(&format!("{whom} {what}"));
        let chance = self.chance.fork();
        match (whom, what) {
            ("API server", "crashes") => {
                self.world.server("kill apiserver");
                sleep(self.chance.while_of(Duration::from_secs(2)));
                self.world.server("start apiserver");
            }
            ("API server", "cuts watches") => self.api.cut(),
            ("API server", "fails some calls") => self.api.spoil_some(CALLS, 20, FAULTS, chance),
            ("API server", "fails most calls") => self.api.spoil_some(CALLS, 60, FAULTS, chance),
            ("API server", "stops and goes on") => {
                for _ in 0..5 {
                    self.world.signal("etcd", "STOP");
                    sleep(self.chance.while_of(Duration::from_millis(800)));
                    self.world.signal("etcd", "CONT");
                    sleep(self.chance.while_of(Duration::from_millis(200)));
                }
            }
            ("API server", _) => self.api.heal(),
            ("Gitea", "is killed" | "is stopped") => {
                self.world.server(if what == "is killed" { "kill gitea" } else { "stop gitea" });
                sleep(self.chance.while_of(Duration::from_secs(2)));
                self.world.server("start gitea");
            }
            ("Gitea", "fails some calls") => self.gitea.spoil_some(25, SWIFT, chance),
            ("Gitea", "fails most calls") => self.gitea.spoil_some(75, SWIFT, chance),
            ("Gitea", "refuses") => {
                self.gitea.close();
                sleep(self.chance.while_of(Duration::from_secs(2)));
                self.gitea.open();
            }
            ("Gitea", _) => self.gitea.heal(),
            _ => match self.take_life() {
                Some(operator) if what == "is killed" => operator.crash(),
                operator => drop(operator),
            },
        }
    }

    /// Good weather again: until every request is Ready, and none is on its way out. How many there are then.
    fn converge(&mut self) -> (usize, Duration) {
        self.api.heal();
        self.gitea.heal();
        let start = Instant::now();
        (self.until_settled(), start.elapsed())
    }

    fn until_settled(&self) -> usize {
        let start = Instant::now();
        loop {
            match self.runtime.block_on(self.cluster.requests()) {
                Ok((all, 0)) => return all,
                seen => assert!(start.elapsed() < PATIENCE, "not all are Ready: {seen:?}\n{}", self.log()),
            }
            sleep(Duration::from_millis(200));
        }
    }

    /// How much `kept verify` finds that is not as the cluster asks for.
    fn verify(&self) -> usize {
        let mut command = Command::new(env!("CARGO_BIN_EXE_kept"));
        command.args(["verify", "-o", "json"]).env("KUBECONFIG", self.world.info("kubeconfig"));
        let output = command.output().expect("kept runs");
        let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        let found: Vec<Value> = serde_json::from_str(&out).unwrap_or_default();
        assert_eq!(output.status.success(), found.is_empty(), "{err}");
        for row in found.iter().take(10) {
            println!("kept verify finds: {row}");
        }
        found.len()
    }

    /// Deletes all requests: how many of them, and of their files, stay.
    fn clear(&self) -> usize {
        let start = Instant::now();
        let all = || self.runtime.block_on(self.cluster.requests()).map_or(REQUESTS, |(all, _)| all);
        self.runtime.block_on(async {
            for at in 0..REQUESTS {
                self.cluster.remove(&platform::manifest(at, 1)).await.expect("it is taken");
            }
        });
        while all() > 0 && start.elapsed() < PATIENCE {
            sleep(Duration::from_millis(200));
        }
        let files = self.world.git("state", &["ls-tree", "-r", "--name-only", "main", "resources", ".kept/owners"]);
        let left: Vec<&str> = files.lines().filter(|file| !file.ends_with("/.keep")).collect();
        for file in left.iter().take(10) {
            println!("left: {file}");
        }
        all() + left.len()
    }

    fn note(&mut self, what: &str) {
        *self.done.entry(what.to_owned()).or_default() += 1;
    }

    fn count(&self, what: &str) -> usize {
        self.done.get(what).copied().unwrap_or_default()
    }

    fn log(&self) -> String {
        let log = fs::read_to_string(self.world.desk().join("operator.log")).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(30)..].join("\n")
    }

    fn story(&self) -> String {
        let done: Vec<String> = self.done.iter().map(|(what, times)| format!("{what}: {times}")).collect();
        let ((api, spoilt), (git, cut)) = (self.api.calls(CALLS), self.gitea.calls());
        format!(
            "{}; calls of the API server: {api}, {spoilt} of them spoilt; of Gitea: {git}, {cut} of them spoilt; lives: {}",
            done.join(", "),
            self.lives.len()
        )
    }
}

/// How many commits there are, and how many of them hold other files than the records of requests say.
fn whole_commits(bare: &Path) -> (usize, usize) {
    let repo = Repository::open(bare).unwrap();
    let mut walk = repo.revwalk().unwrap();
    walk.push_ref("refs/heads/main").unwrap();
    let commits: Vec<_> = walk.map(|id| repo.find_commit(id.unwrap()).unwrap().tree().unwrap()).collect();
    let half = commits.iter().filter(|tree| !is_whole(&repo, tree)).count();
    (commits.len(), half)
}

/// Every directory that a record names is there as it was written, and there is no file beside them.
fn is_whole(repo: &Repository, tree: &git2::Tree) -> bool {
    let (mut whole, mut recorded) = (true, BTreeSet::new());
    each_file(tree, ".kept", &mut |_, entry| {
        let file = entry.to_object(repo).unwrap();
        let record = serde_json::from_slice::<Value>(file.as_blob().unwrap().content()).unwrap_or_default();
        for place in record["places"].as_array().into_iter().flatten() {
            let dir = place["dir"].as_str().unwrap_or_default();
            let there = tree.get_path(Path::new(dir)).is_ok_and(|there| there.id().to_string() == place["tree"]);
            whole &= there && recorded.insert(format!("{dir}/"));
        }
    });
    each_file(tree, "resources", &mut |path, _| {
        whole &= path.ends_with("/.keep") || recorded.iter().any(|dir| path.starts_with(dir));
    });
    whole
}

/// Each file of a tree below a directory, with its path.
fn each_file(tree: &git2::Tree, below: &str, look: &mut dyn FnMut(&str, &git2::TreeEntry)) {
    let walked = tree.walk(git2::TreeWalkMode::PreOrder, |dir, entry| {
        if dir.is_empty() && entry.name() != Ok(below) {
            return git2::TreeWalkResult::Skip;
        }
        if entry.kind() == Some(git2::ObjectType::Blob) {
            look(&format!("{dir}{}", entry.name().unwrap()), entry);
        }
        git2::TreeWalkResult::Ok
    });
    walked.unwrap();
}
