//! Whether the operator stays what it is: `cargo bench --bench soak --features real-parts`.
//!
//! For ten minutes 300 teams are created, edited and deleted at random, while the network between the
//! operator and Gitea refuses connections, cuts them, stalls and answers with errors. At the end nothing is
//! spoilt any more; then all teams have to become Ready, and the repository has to hold just what
//! `kept render` makes of them. The operator's memory is looked at all the time, and has to stay flat.
//!
//! `KEPT_SOAK_SECONDS` sets how long, `KEPT_SEED` which way chance goes.

#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    unreachable_pub,
    dead_code,
    reason = "a program that prints tables"
)]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread::sleep;
use std::time::{Duration, Instant};

use chance::Chance;
use manifests::{destination, store};
use measure::cluster::Cluster;
use measure::figures::{Samples, Table, number, real, verdict};
use measure::git::told;
use measure::operator::Operator;
use measure::teams;
use proxy::{Fault, Proxy};
use support::World;
use tokio::runtime::Runtime;

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

const TEAMS: usize = 300;
/// What is spoilt and found out at once.
const SUDDEN: [Fault; 8] = [
    Fault::CutBefore,
    Fault::CutDuring,
    Fault::CutAfter,
    Fault::Truncated,
    Fault::Shortened,
    Fault::Status(500),
    Fault::StatusAfter(502),
    Fault::Slow,
];
/// What is found out only when patience is over.
const SILENT: [Fault; 2] = [Fault::Stall, Fault::StallAfter];
/// How often memory is looked at.
const LOOKS: usize = 60;
/// The memory of the last third against that of the first.
const GROWTH: f64 = 1.1;

fn main() {
    let length = Duration::from_secs(number("KEPT_SOAK_SECONDS", 600) as u64);
    let mut soak = Soak::new();
    soak.fill();
    let memory = soak.spoil(length);
    let converged = soak.converge();
    let (files, differences) = soak.compare();

    println!();
    for (at, what) in ["in all", "of its own"].into_iter().enumerate() {
        let shown: Vec<String> = memory.iter().map(|looks| format!("{:.1}", looks[at])).collect();
        println!("MiB {what}, every {:.0} s: {}", length.as_secs_f64() / real(LOOKS), shown.join(" "));
    }
    println!("peak: {:.1} MiB\n", soak.operator.memory("VmHWM"));
    println!("{}\n", soak.story());
    let mut table = Table::new(["", "", "target"]);
    let third = memory.len() / 3;
    let of = |part: &[[f64; 2]]| part.iter().map(|looks| looks[0]).collect::<Samples>().median();
    let (first, last) = (of(&memory[..third]), of(&memory[memory.len() - third..]));
    let growth = last / first;
    let shown = format!("{last:.1} / {first:.1} = {growth:.3}");
    table.row(["memory, last third / first".into(), shown, verdict(growth, GROWTH)]);
    table.row([
        "files that differ from the requests'".into(),
        format!("{differences} of {files}"),
        verdict(real(differences), 0.0),
    ]);
    table.row(["seconds until all are Ready".into(), format!("{:.1}", converged.as_secs_f64()), String::new()]);
    table.print();
    assert_eq!(differences, 0, "the repository does not hold what the requests ask for");
}

struct Soak {
    proxy: Proxy,
    operator: Operator,
    cluster: Cluster,
    runtime: Runtime,
    chance: Chance,
    done: BTreeMap<&'static str, usize>,
    // Stopped last.
    world: World,
}

impl Soak {
    fn new() -> Self {
        let world = World::new();
        let proxy = Proxy::before(&world.info("giteaUrl"));
        let url = world.repository("state").replace(&world.info("giteaUrl"), &proxy.url);
        let host = destination("host", "state", ".", "initWorkloads: {enabled: false}");
        world.apply(&(world.secret() + &store("state", &url, "") + &host + &teams::namespaces()));
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
        let cluster = runtime.block_on(Cluster::of(Path::new(&world.info("kubeconfig"))));
        let operator = Operator::start(&world.info("kubeconfig"), &world.desk().join("operator.log"));
        world.wait_ready("destination/host");
        Self { proxy, operator, cluster, runtime, chance: Chance::new("soak"), done: BTreeMap::new(), world }
    }

    /// All teams, in good weather: what the memory is compared with has held them once.
    fn fill(&self) {
        self.runtime.block_on(self.cluster.create(0..TEAMS));
        self.world.wait_teams(TEAMS);
    }

    /// The ten minutes. Answers how much memory the operator had, again and again: all, and without what
    /// are only files that it looks into.
    fn spoil(&mut self, length: Duration) -> Vec<[f64; 2]> {
        let start = Instant::now();
        let (mut memory, mut edition, mut weather) = (Vec::new(), 1, start);
        while start.elapsed() < length {
            edition += 1;
            let team = self.chance.below(TEAMS);
            let what = if self.chance.percent(25) { "deleted" } else { "created or edited" };
            *self.done.entry(what).or_default() += 1;
            self.runtime.block_on(async {
                if what == "deleted" { self.cluster.drop(team).await } else { self.cluster.put(team, edition).await }
            });
            if weather <= Instant::now() {
                weather = Instant::now() + Duration::from_secs(1) + self.chance.while_of(Duration::from_secs(6));
                self.change_weather();
            }
            if start.elapsed() >= length.mul_f64(real(memory.len()) / real(LOOKS)) {
                memory.push(["VmRSS", "RssAnon"].map(|which| self.operator.memory(which)));
            }
            sleep(self.chance.while_of(Duration::from_millis(200)));
        }
        memory
    }

    fn change_weather(&mut self) {
        let what =
            self.chance.pick(&["all is well", "some calls fail", "most calls fail", "some calls stall", "refused"]);
        *self.done.entry(what).or_default() += 1;
        self.proxy.heal();
        match what {
            "some calls fail" => self.proxy.spoil_some(25, &SUDDEN, self.chance.fork()),
            "most calls fail" => self.proxy.spoil_some(75, &SUDDEN, self.chance.fork()),
            "some calls stall" => self.proxy.spoil_some(5, &SILENT, self.chance.fork()),
            "refused" => {
                self.proxy.close();
                sleep(self.chance.while_of(Duration::from_secs(2)));
                self.proxy.open();
            }
            _ => {}
        }
    }

    /// Good weather again: until every team is Ready, and none is on its way out.
    fn converge(&self) -> Duration {
        self.proxy.heal();
        let start = Instant::now();
        while !self.runtime.block_on(self.cluster.is_settled()) {
            assert!(start.elapsed() < Duration::from_mins(10), "the teams do not become Ready; see the log");
            sleep(Duration::from_millis(200));
        }
        start.elapsed()
    }

    /// Compares the repository with what the teams that there are render to: files, and how many differ.
    fn compare(&self) -> (usize, usize) {
        let desk = self.world.desk();
        let (input, wanted, clone) = (desk.join("teams.yaml"), desk.join("wanted"), desk.join("clone"));
        fs::write(&input, self.world.kubectl(&["get", "teams", "-A", "-o", "yaml"])).unwrap();
        let mut render = Command::new(env!("CARGO_BIN_EXE_kept"));
        let rendered = render.arg("render").arg("-f").arg(&input).arg("--out").arg(&wanted).output().unwrap();
        assert!(rendered.status.success(), "{}", String::from_utf8_lossy(&rendered.stderr));
        told(&desk, &["clone", "-q", self.world.bare("state").to_str().unwrap(), clone.to_str().unwrap()]);
        told(&clone, &["fsck", "--strict", "--full"]);
        let (wanted, found) = (files(&wanted), files(&clone));
        let paths: std::collections::BTreeSet<_> = wanted.keys().chain(found.keys()).collect();
        let differ: Vec<_> = paths.iter().filter(|path| wanted.get(**path) != found.get(**path)).collect();
        differ.iter().take(10).for_each(|path| println!("differs: {}", path.display()));
        (wanted.len(), differ.len())
    }

    fn story(&self) -> String {
        let done: Vec<String> = self.done.iter().map(|(what, times)| format!("{what}: {times}")).collect();
        let (calls, spoilt) = self.proxy.calls();
        let commits = self.world.commits("state");
        format!("{}; calls of Gitea: {calls}, {spoilt} of them spoilt; commits: {commits}", done.join(", "))
    }
}

/// The files below a directory; Git's, kept's records, and the destination's own are left out.
fn files(root: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut ahead = vec![root.to_owned()];
    while let Some(dir) = ahead.pop() {
        for entry in fs::read_dir(dir).unwrap().map(Result::unwrap) {
            let path = entry.path();
            let own = path.file_name().is_some_and(|name| [".git", ".kept", ".keep"].iter().any(|own| name == *own));
            match entry.file_type().unwrap().is_dir() {
                _ if own => {}
                true => ahead.push(path),
                false => {
                    found.insert(path.strip_prefix(root).unwrap().to_owned(), fs::read(&path).unwrap());
                }
            }
        }
    }
    found
}
