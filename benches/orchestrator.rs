//! How many requests for a vcluster are planned, rendered and checked in a second, on one core.
//!
//! `cargo bench --bench orchestrator`. What the numbers are measured against: the same objects, written
//! as YAML and nothing else, in the same run. Linux tells how long this thread was on a processor, so that
//! others on the same machine count for little; elsewhere it is the clock on the wall.

#![allow(clippy::print_stdout, reason = "it prints a table")]

use std::hint::black_box;
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use kept::config::Settings;
use kept::known::Known;
use kept::manifest::write::to_yaml;
use kept::manifest::{Content, Output};
use kept::policy;
use kept::promises::{self, Request};
use serde_json::Value;

/// What one core has to manage, in requests a second.
const TARGET: f64 = 2000.0;
const RUNS: usize = 7;
const RUN: Duration = Duration::from_millis(700);

fn main() {
    let promise = promises::by_kind("platform.integratn.tech", "VClusterOrchestrator").expect("it is served");
    let text = include_str!("../promises/vcluster-orchestrator/request.yaml");
    let objects: Vec<Value> = serde_saphyr::from_multiple(text).expect("readable YAML");
    let settings = Settings::default();
    let known = Known::default();
    println!("{:<12} {:>10} {:>10} {:>10}   (median of {RUNS} runs, and the least and the most)", "", "", "", "");
    println!("{:<12} {:>22} {:>22} {:>22} {:>22}", "per second", "the whole", "plan and render", "check", "YAML alone");
    let mut slowest = f64::INFINITY;
    for object in &objects {
        let request = promise.request(object, Some("default")).expect("a good request");
        let render = || promise.render(&request, &settings, &known).expect("it renders");
        let output = render();
        let whole = measure(|| checked(&request, render(), &settings));
        let rendering = measure(|| drop(black_box(render())));
        let checking = measure(|| checked(&request, output.clone(), &settings));
        let yardstick = measure(|| written(&output));
        slowest = slowest.min(whole.median);
        let cells = [&whole, &rendering, &checking, &yardstick].map(|rate| format!("{:>22}", rate.shown()));
        println!("{:<12} {}", request.key.name, cells.join(" "));
    }
    let verdict = if slowest >= TARGET { "met" } else { "MISSED" };
    println!("target {TARGET:.0} a second for the whole, {verdict}: the slowest is {slowest:.0}");
}

fn checked(request: &Request, output: Output, settings: &Settings) {
    black_box(policy::check(&request.key, output, settings).expect("it passes"));
}

fn written(output: &Output) {
    for content in output.files.values() {
        if let Content::Object(object) = content {
            black_box(to_yaml(object));
        }
    }
}

/// How often something was done in a second.
struct Rate {
    median: f64,
    least: f64,
    most: f64,
}

impl Rate {
    fn shown(&self) -> String {
        format!("{:.0} ({:.0}-{:.0})", self.median, self.least, self.most)
    }
}

fn measure(mut work: impl FnMut()) -> Rate {
    work();
    let mut rates: Vec<f64> = (0..RUNS)
        .map(|_| {
            let (wall, start) = (Instant::now(), on_processor());
            let mut times = 0_u32;
            while wall.elapsed() < RUN {
                work();
                times += 1;
            }
            f64::from(times) / (on_processor() - start)
        })
        .collect();
    rates.sort_by(f64::total_cmp);
    Rate { median: rates[RUNS / 2], least: rates[0], most: rates[RUNS - 1] }
}

/// How long this thread has been on a processor, in seconds.
fn on_processor() -> f64 {
    static START: LazyLock<Instant> = LazyLock::new(Instant::now);
    let told = std::fs::read_to_string("/proc/thread-self/schedstat").ok();
    let nanoseconds = told.and_then(|text| text.split_whitespace().next()?.parse().ok());
    nanoseconds.map_or_else(|| START.elapsed(), Duration::from_nanos).as_secs_f64()
}
