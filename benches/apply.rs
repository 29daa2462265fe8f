//! What `kept apply` costs against the git CLI: `cargo bench --bench apply`.
//!
//! The yardstick is `git fast-import` of the very same files into an empty bare repository, plus a
//! `git push` of that to another one: what it takes to get these files into Git when they are known
//! already, the history is written in one go, and nothing is rendered, checked or compared. Each round runs
//! the yardstick and kept one after the other on the same file system, and each ratio is taken within one
//! round, so that what else the machine does strikes both.
//!
//! `KEPT_BENCH_RUNS` sets how many rounds, `KEPT_BENCH_REQUESTS` how many requests.

#![allow(clippy::print_stdout, unreachable_pub, dead_code, reason = "a program that prints tables")]

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use measure::figures::{Samples, Table, ms, number, real, runs, verdict};
use measure::git::{bare, git, told};
use measure::process::{Cost, cost};
use measure::teams;

mod measure;

const AT_FIRST: f64 = 0.6;
const UNCHANGED: f64 = 0.12;

fn main() {
    let all = number("KEPT_BENCH_REQUESTS", 10_000);
    let desk = Desk::new();
    let sizes = [(all / 100, runs(9)), (all / 10, runs(7)), (all, runs(7))];
    let measured = sizes.map(|(count, rounds)| (count, desk.measure(count, rounds)));
    println!("Teams applied to a bare repository beside: median (least-most)");
    let mut table = Table::new(["requests", "", "ms", "CPU ms", "x git", "CPU x git", "peak MiB", "target"]);
    for (count, costs) in &measured {
        for (at, (name, target)) in STEPS.into_iter().enumerate() {
            let all_of = |figure: fn(&Cost) -> f64| costs.iter().map(|round| figure(&round[at])).collect::<Samples>();
            let against = |figure: fn(&Cost) -> f64| {
                costs.iter().map(|round| figure(&round[at]) / figure(&round[0])).collect::<Samples>()
            };
            let ratio = against(|cost| ms(cost.wall));
            let judged = target.filter(|_| *count == all).map(|target| verdict(ratio.median(), target));
            table.row([
                count.to_string(),
                name.to_owned(),
                all_of(|cost| ms(cost.wall)).shown(0),
                all_of(|cost| ms(cost.cpu)).shown(0),
                ratio.shown(3),
                against(|cost| ms(cost.cpu)).shown(3),
                format!("{:.0}", all_of(|cost| cost.peak).most()),
                judged.unwrap_or_default(),
            ]);
        }
    }
    table.print();
    println!("Microseconds for each request: linear or better if they do not grow");
    let mut table = Table::new(["", "a hundredth", "a tenth", "all"]);
    for (at, (name, _)) in STEPS.into_iter().enumerate() {
        let [hundredth, tenth, all] = measured.each_ref().map(|(count, costs)| {
            let walls: Samples = costs.iter().map(|round| ms(round[at].wall)).collect();
            format!("{:.0}", walls.median() * 1000.0 / real(*count))
        });
        table.row([name.to_owned(), hundredth, tenth, all]);
    }
    table.print();
}

/// What is measured, in the order of a round, and what it may take of the yardstick's time: the first.
const STEPS: [(&str, Option<f64>); 7] = [
    ("git: import and push", None),
    ("apply, a file each", Some(AT_FIRST)),
    ("  again, unchanged", Some(UNCHANGED)),
    ("  again, 1 % edited", None),
    ("apply, all in one file", None),
    ("  again, unchanged", None),
    ("render, a file each", None),
];

struct Desk {
    dir: TempDir,
}

impl Desk {
    fn new() -> Self {
        // Beside what cargo builds: a temporary directory may be in memory.
        let dir = TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).expect("a directory");
        Self { dir }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn fresh(&self, name: &str) -> PathBuf {
        let path = self.path(name);
        if path.exists() {
            fs::remove_dir_all(&path).expect("it goes");
        }
        bare(&path);
        path
    }

    /// The costs of each step, round by round.
    fn measure(&self, count: usize, rounds: usize) -> Vec<[Cost; STEPS.len()]> {
        let (dir, file, edited) = (self.path("teams"), self.path("teams.yaml"), self.path("edited"));
        for old in [&dir, &edited].into_iter().filter(|dir| dir.exists()) {
            fs::remove_dir_all(old).expect("it goes");
        }
        teams::write_files(&dir, count);
        teams::write_files(&edited, count);
        for at in (0..count).step_by(100) {
            fs::write(edited.join(format!("{}.yaml", teams::name(at))), teams::manifest(at, 2)).expect("a file");
        }
        teams::write_file(&file, count);
        let tree = self.export(&dir);
        (0..rounds).map(|_| self.round(&tree, &dir, &edited, &file)).collect()
    }

    /// The files that kept writes, as a stream for `git fast-import`; and the tree they make.
    fn export(&self, dir: &Path) -> String {
        let store = self.fresh("state.git");
        cost(&mut apply(dir, &store));
        let stream = File::create(self.path("stream")).expect("a file");
        let status = git(&store, &["fast-export", "main"]).stdout(stream).status().expect("git runs");
        assert!(status.success(), "git fast-export failed");
        told(&store, &["rev-parse", "main^{tree}"])
    }

    fn round(&self, tree: &str, dir: &Path, edited: &Path, file: &Path) -> [Cost; STEPS.len()] {
        let yardstick = self.import_and_push(tree);
        let (each, one) = (self.fresh("state.git"), self.fresh("one.git"));
        let first = cost(&mut apply(dir, &each));
        assert_eq!(told(&each, &["rev-parse", "main^{tree}"]), tree, "kept writes what it wrote");
        let head = told(&each, &["rev-parse", "main"]);
        let unchanged = cost(&mut apply(dir, &each));
        assert_eq!(told(&each, &["rev-parse", "main"]), head, "nothing was to be changed");
        let change = cost(&mut apply(edited, &each));
        assert_ne!(told(&each, &["rev-parse", "main"]), head, "something was to be changed");
        let first_of_one = cost(&mut apply(file, &one));
        let unchanged_of_one = cost(&mut apply(file, &one));
        assert_eq!(told(&one, &["rev-list", "--count", "main"]), "1");
        let render = cost(kept().arg("render").arg("-f").arg(dir));
        [yardstick, first, unchanged, change, first_of_one, unchanged_of_one, render]
    }

    fn import_and_push(&self, tree: &str) -> Cost {
        let (imported, pushed) = (self.fresh("imported.git"), self.fresh("pushed.git"));
        let stream = File::open(self.path("stream")).expect("the stream");
        let import = cost(git(&imported, &["fast-import", "--quiet"]).stdin(stream));
        let push = cost(&mut git(&imported, &["push", "-q", pushed.to_str().expect("a plain path"), "main"]));
        assert_eq!(told(&pushed, &["rev-parse", "main^{tree}"]), tree, "the same files");
        import + push
    }
}

fn kept() -> Command {
    Command::new(env!("CARGO_BIN_EXE_kept"))
}

fn apply(input: &Path, store: &Path) -> Command {
    let mut command = kept();
    command.arg("apply").arg("-f").arg(input).arg("--store").arg(store);
    command
}
