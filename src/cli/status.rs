//! `kept status`: for looking, so what it shows never makes it fail.

mod cluster;
mod repository;

use std::process::ExitCode;

use serde_json::Value;

use super::args::{StatusArgs, StatusFormat};
use super::console::{self, Columns};
use super::problem::Subject;
use super::{Answer, session::check_name};
use crate::values::Timestamp;

/// One request.
struct Line {
    subject: Subject,
    is_well: bool,
    /// Without the age, which is last but one.
    cells: Vec<String>,
    since: Option<Timestamp>,
    json: Value,
}

impl Line {
    fn cells(&self) -> Vec<String> {
        let mut cells = self.cells.clone();
        cells.insert(cells.len() - 1, self.since.map_or_else(|| "-".to_owned(), age));
        cells
    }
}

/// Shows a cluster or a repository.
pub(super) fn run(args: &StatusArgs) -> Answer {
    if let Some(namespace) = &args.namespace {
        check_name("--namespace", namespace)?;
    }
    match &args.store {
        Some(_) if args.watch => Err(
            "--watch is for clusters: a repository is looked at once, and `watch kept status --store …` repeats that"
                .into(),
        ),
        Some(_) if args.cluster.kubeconfig.is_some() || args.cluster.context.is_some() => {
            Err("--store is what to look at, so no cluster is asked: leave out --kubeconfig and --context".into())
        }
        Some(store) => repository::show(args, store),
        None => cluster::show(args),
    }
}

/// Prints everything, what is wrong first; answers the columns, for what comes later.
fn print<'a>(header: &[&str], lines: impl IntoIterator<Item = &'a Line>, format: StatusFormat, well: &str) -> Columns {
    let mut lines: Vec<&Line> = lines.into_iter().collect();
    lines.sort_by(|a, b| (a.is_well, &a.subject).cmp(&(b.is_well, &b.subject)));
    let rows: Vec<Vec<String>> = lines.iter().map(|line| line.cells()).collect();
    let columns = Columns::of(header, &rows);
    let columns = if format == StatusFormat::Table { columns.fitted() } else { columns };
    if format == StatusFormat::Json {
        let all: Vec<&Value> = lines.iter().map(|line| &line.json).collect();
        console::print(&format!("{}\n", serde_json::to_string_pretty(&all).unwrap_or_default()));
        return columns;
    }
    if !rows.is_empty() {
        columns.print([header]);
        columns.print(&rows);
    }
    let ready = lines.iter().filter(|line| line.is_well).count();
    let requests = if rows.len() == 1 { "request" } else { "requests" };
    console::print(&format!("{} {requests}, {ready} {well}, {} not\n", rows.len(), rows.len() - ready));
    columns
}

/// How long ago, in the largest unit that says enough.
fn age(since: Timestamp) -> String {
    let seconds = (Timestamp::now().as_second() - since.as_second()).max(0);
    match seconds {
        0..120 => format!("{seconds}s"),
        120..7200 => format!("{}m", seconds / 60),
        7200..172_800 => format!("{}h", seconds / 3600),
        _ => format!("{}d", seconds / 86_400),
    }
}

/// `reason: message`, or nothing.
fn sentence(reason: &str, message: &str) -> String {
    match (reason, message) {
        ("", message) => message.to_owned(),
        (reason, "") => reason.to_owned(),
        (reason, message) => format!("{reason}: {message}"),
    }
}

fn or_dash(text: &str) -> String {
    if text.is_empty() { "-".to_owned() } else { text.to_owned() }
}

/// Done, whatever was seen.
fn seen() -> Answer {
    Ok(ExitCode::SUCCESS)
}
