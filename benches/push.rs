//! How long a request takes from its submission until the remote has confirmed it, against `git push`:
//! `cargo bench --bench push --features real-parts`.
//!
//! Two repositories of one Gitea hold the same 10,000 files. In one, a warm writer, as the operator has it,
//! gets one changed request; in the other, `git push` sends a commit that changes the same files and was made
//! before the clock starts. They take turns, so that what else the machine does strikes both. git gets its
//! credentials in the quickest way there is, as a header that it sends at once; with a credential helper,
//! as people have it, it is refused first and asks again.
//!
//! `KEPT_BENCH_RUNS` sets how many turns.

#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    unreachable_pub,
    dead_code,
    reason = "a program that prints tables"
)]

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use base64::Engine as _;
use kept::store::writer::{Event, Ticket, Writer};
use kept::store::{Change, Footprint, Heads};
use measure::figures::{Samples, Table, ms, number, runs, verdict};
use measure::git::{git as git_cli, told};
use measure::process::{Cost, cpu, pid_of};
use measure::requests::{Street, branch};
use support::World;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

#[path = "../tests/cluster/git.rs"]
mod git;
#[path = "../tests/cluster/manifests.rs"]
mod manifests;
mod measure;
#[path = "../tests/cluster/support.rs"]
mod support;

const MEDIAN: f64 = 1.0;
const LAST: f64 = 1.5;
const AT_ONCE: f64 = 3.0;
/// Each renders two files.
const TEAMS: usize = 5_000;
const CROWD: usize = 1_000;
const WARM_UP: usize = 5;

fn main() {
    let world = World::empty();
    let turns = number("KEPT_BENCH_RUNS", 150);
    // The one with its own Gitea's configuration.
    let gitea = pid_of(&format!("{}/app.ini web", world.info("giteaDir")));
    let mut kept = Kept::new(&world);
    let cli = Cli::new(&world, &kept.street, turns + WARM_UP);
    let mut one = Taken::default();
    let mut header = Taken::default();
    let mut helper = Taken::default();
    for turn in 0..turns + WARM_UP {
        let change = vec![kept.street.change(changing(turn), turn + 2)];
        let measured = [
            timed(gitea, || kept.submit(change)),
            timed(gitea, || cli.push(turn, "fast", true)),
            timed(gitea, || cli.push(turn, "asked", false)),
        ];
        if turn >= WARM_UP {
            for (taken, cost) in [&mut one, &mut header, &mut helper].into_iter().zip(measured) {
                taken.push(cost);
            }
        }
    }
    let mut crowd = Taken::default();
    for round in 0..runs(9).min(30) {
        let changes = (0..CROWD).map(|team| kept.street.change(team, 1_000_000 + round)).collect();
        crowd.push(timed(gitea, || kept.submit(changes)));
    }
    println!("A repository of {} files at Gitea; {turns} turns; ms, processor time per operation", 2 * TEAMS);
    let mut table = Table::new(["", "p50", "p90", "p99", "most", "CPU here", "CPU of Gitea"]);
    for (name, taken) in [
        ("kept: one request", &one),
        ("git push, header", &header),
        ("git push, helper", &helper),
        ("kept: 1,000 requests", &crowd),
    ] {
        let shares = [0.5, 0.9, 0.99, 1.0].map(|share| format!("{:.1}", taken.wall.at(share)));
        let [p50, p90, p99, most] = shares;
        let (here, there) = (taken.here / taken.wall.count(), taken.there / taken.wall.count());
        table.row([name.to_owned(), p50, p90, p99, most, format!("{here:.1}"), format!("{there:.1}")]);
    }
    table.print();
    let mut table = Table::new(["", "ratio", "target"]);
    for (name, ratio, most) in [
        ("one request / git push, p50", one.wall.median() / header.wall.median(), MEDIAN),
        ("one request / git push, p99", one.wall.at(0.99) / header.wall.at(0.99), LAST),
        ("1,000 at once / one request, p50", crowd.wall.median() / one.wall.median(), AT_ONCE),
    ] {
        table.row([name.to_owned(), format!("{ratio:.2}"), verdict(ratio, most)]);
    }
    table.print();
}

/// The team that changes in a turn: all over the repository.
fn changing(turn: usize) -> usize {
    turn * 37 % TEAMS
}

/// What an operation took, all times together.
#[derive(Default)]
struct Taken {
    wall: Samples,
    here: f64,
    there: f64,
}

impl Taken {
    fn push(&mut self, (cost, gitea): (Cost, Duration)) {
        self.wall.push(ms(cost.wall));
        self.here += ms(cost.cpu);
        self.there += ms(gitea);
    }
}

/// What it costs here, children included, and what it costs Gitea.
fn timed(gitea: u32, work: impl FnOnce()) -> (Cost, Duration) {
    let own = std::process::id();
    let (here, there, start) = (cpu(own), cpu(gitea), Instant::now());
    work();
    let wall = start.elapsed();
    (Cost { wall, cpu: cpu(own).saturating_sub(here), peak: 0.0 }, cpu(gitea).saturating_sub(there))
}

struct Kept {
    street: Street,
    writer: Writer,
    events: UnboundedReceiver<Event>,
    id: u64,
}

impl Kept {
    fn new(world: &World) -> Self {
        let street = Street::to(&world.repository("kept"));
        let access = street.access(&world.info("giteaUser"), &world.info("giteaPassword"));
        let (sender, events) = unbounded_channel();
        let writer = Writer::spawn(branch(&access.url), access, Heads::default(), sender).unwrap();
        let mut kept = Self { street, writer, events, id: 0 };
        let all = (0..TEAMS).map(|team| kept.street.change(team, 1)).collect();
        kept.submit(all);
        kept
    }

    /// Submits changes, and waits for the answers.
    fn submit(&mut self, changes: Vec<Change>) {
        let count = changes.len();
        for change in changes {
            self.id += 1;
            self.writer.submit(Ticket { id: self.id, change });
        }
        for _ in 0..count {
            let event = self.events.blocking_recv().expect("the writer runs");
            assert!(event.outcome.as_ref().is_ok_and(|receipt| receipt.files_changed > 0), "{:?}", event.outcome);
        }
    }
}

/// A clone, with a chain of commits that are ready to be pushed.
struct Cli {
    clone: PathBuf,
    commits: Vec<String>,
    credentials: Credentials,
}

impl Cli {
    /// Makes the repositories `fast` and `asked` with what `kept` holds, and `count` commits on top.
    fn new(world: &World, street: &Street, count: usize) -> Self {
        let clone = world.desk().join("clone");
        told(Path::new("."), &["clone", "-q", world.bare("kept").to_str().unwrap(), clone.to_str().unwrap()]);
        let cli = Self { commits: commits(&clone, street, count), clone, credentials: Credentials::of(world) };
        for name in ["fast", "asked"] {
            told(&cli.clone, &["remote", "add", name, &world.repository(name)]);
            cli.push_commit("origin/main", name, true);
        }
        cli
    }

    fn push(&self, turn: usize, remote: &str, header: bool) {
        self.push_commit(&self.commits[turn], remote, header);
    }

    fn push_commit(&self, commit: &str, remote: &str, header: bool) {
        let mut command = git_cli(&self.clone, &["push", "-q", remote, &format!("{commit}:refs/heads/main")]);
        if header {
            command.envs(setting("http.extraHeader", &self.credentials.header));
        } else {
            command.envs(setting("credential.helper", &self.credentials.helper));
        }
        let output = command.output().expect("git runs");
        assert!(output.status.success(), "git push: {}", String::from_utf8_lossy(&output.stderr));
    }
}

/// How git logs in. The environment shows it to nobody else, as arguments would.
struct Credentials {
    header: String,
    helper: String,
}

impl Credentials {
    fn of(world: &World) -> Self {
        let (user, password) = (world.info("giteaUser"), world.info("giteaPassword"));
        let token = base64::engine::general_purpose::STANDARD.encode(format!("{user}:{password}"));
        Self {
            header: format!("Authorization: Basic {token}"),
            helper: format!("!f() {{ echo username={user}; echo password={password}; }}; f"),
        }
    }
}

fn setting(key: &str, value: &str) -> [(&'static str, String); 3] {
    [("GIT_CONFIG_COUNT", "1".into()), ("GIT_CONFIG_KEY_0", key.into()), ("GIT_CONFIG_VALUE_0", value.into())]
}

/// Commits that change what kept's requests change, as loose objects, as `git commit` leaves them.
fn commits(clone: &Path, street: &Street, count: usize) -> Vec<String> {
    let mut stream = Vec::new();
    for turn in 0..count {
        writeln!(stream, "commit refs/heads/ready").unwrap();
        writeln!(stream, "committer Someone <someone@example.com> {} +0000", 1_700_000_000 + turn).unwrap();
        writeln!(stream, "data <<END\nEdit a team\nEND").unwrap();
        if turn == 0 {
            writeln!(stream, "from refs/remotes/origin/main").unwrap();
        }
        for place in street.change(changing(turn), turn + 2).roots.into_iter().flat_map(|(_, places)| places) {
            let Footprint::Exclusive { dir, files, .. } = place.footprint else { panic!("a directory of its own") };
            for (file, bytes) in files {
                writeln!(stream, "M 100644 inline {}\ndata {}", dir.join(&file), bytes.len()).unwrap();
                stream.extend(bytes);
                stream.push(b'\n');
            }
        }
    }
    let args = ["-c", "fastimport.unpackLimit=1000000", "fast-import", "--quiet"];
    let mut import = git_cli(clone, &args).stdin(Stdio::piped()).spawn().expect("git runs");
    import.stdin.take().unwrap().write_all(&stream).unwrap();
    assert!(import.wait().unwrap().success(), "git fast-import failed");
    told(clone, &["rev-list", "--reverse", "origin/main..ready"]).lines().map(str::to_owned).collect()
}
