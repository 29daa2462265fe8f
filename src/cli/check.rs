//! `kept check`.

use std::collections::HashSet;
use std::process::ExitCode;
use std::sync::Arc;

use serde::Serialize;

use super::args::{CheckArgs, FindingFormat};
use super::input::{Options, Scan, scan};
use super::landscape::{anywhere, understand};
use super::problem::{Note, Problem, Subject};
use super::session::{check_name, settings};
use super::{Answer, UNUSABLE, console, render};
use crate::manifest::read::Position;
use crate::policy::{Rule, collisions, credentials};

/// A finding as scripts read it: every field is always there.
#[derive(Serialize)]
struct Finding<'a> {
    rule: &'a str,
    message: &'a str,
    kind: Option<&'a str>,
    namespace: Option<&'a str>,
    name: Option<&'a str>,
    field: Option<&'a str>,
    file: Option<&'a str>,
    line: Option<usize>,
    column: Option<usize>,
}

/// Holds any manifests against the policy, and the requests among them against their own rules too.
pub(super) fn run(args: &CheckArgs) -> Answer {
    check_name("--namespace", &args.namespace)?;
    let settings = settings(args.config.as_deref())?;
    let paths: Vec<_> = args.filename.iter().chain(&args.files).cloned().collect();
    let options = Options {
        paths: &paths,
        namespace: &args.namespace,
        ignore_foreign: false,
        names_only: false,
        served: false,
        anything: true,
    };
    let (mut input, scan) = scan(&options, &settings)?;
    if scan.files.is_empty() && scan.unread.is_empty() {
        return Err("no files were found: name some, or directories that hold .yaml, .yml or .json".into());
    }
    // Where requests go to is not asked: that takes all stores and destinations, and `kept diff` shows it.
    understand(&mut input);
    render::rehearse(&mut input, &settings, &anywhere()?);
    scan.notes.iter().for_each(|note| console::note(note));
    let found = findings(&scan, &input.problems);
    match args.output {
        FindingFormat::Json => {
            let rows: Vec<Finding> = found.iter().flat_map(rows).collect();
            console::print(&format!("{}\n", serde_json::to_string_pretty(&rows).unwrap_or_default()));
        }
        FindingFormat::Text => {
            found.iter().for_each(console::finding);
            console::print(&summary(&scan, &found));
        }
    }
    Ok(match (scan.unread.is_empty(), found.is_empty()) {
        (false, _) => ExitCode::from(UNUSABLE),
        (true, false) => ExitCode::from(1),
        (true, true) => ExitCode::SUCCESS,
    })
}

/// All that is wrong, in the order of the files.
fn findings(scan: &Scan, of_requests: &[Problem]) -> Vec<Problem> {
    // The schema of a request says the same of its labels.
    let places: HashSet<_> = of_requests.iter().flat_map(|problem| &problem.notes).map(place).collect();
    let is_new =
        |problem: &&Problem| problem.reason != Rule::Label.name() || !places.contains(&place(&problem.notes[0]));
    let mut found: Vec<Problem> = scan.problems.iter().filter(is_new).cloned().collect();
    // What a request says and what comes of it is one mistake.
    let told: HashSet<_> = scan.problems.iter().filter_map(whose).collect();
    let is_told = |problem: &Problem| whose(problem).is_some_and(|whose| told.contains(&whose));
    found
        .extend(of_requests.iter().filter(|problem| problem.reason != "PolicyViolation" || !is_told(problem)).cloned());
    found.extend(collisions(scan.files.iter().map(|file| &**file)).into_iter().map(|(path, message)| Problem {
        subject: None,
        reason: Rule::Path.name(),
        notes: vec![Note { file: Some(path.into()), position: None, field: String::new(), message }],
    }));
    found.extend(scan.unread.iter().cloned());
    found.sort_by(|a, b| key(a).cmp(&key(b)));
    found.iter_mut().for_each(redact);
    found
}

/// What a file says is repeated in words about it; a credential in it is not.
fn redact(problem: &mut Problem) {
    let hide = |text: &mut String| {
        if !credentials(text).is_empty() {
            "(not shown: it holds a credential)".clone_into(text);
        }
    };
    if let Some(subject) = &mut problem.subject {
        [&mut subject.kind, &mut subject.namespace, &mut subject.name].into_iter().for_each(hide);
    }
    for note in &mut problem.notes {
        [&mut note.field, &mut note.message].into_iter().for_each(hide);
    }
}

/// Which object of which file a problem is of; its namespace may be left to the command line.
fn whose(problem: &Problem) -> Option<(Option<&str>, &str, &str)> {
    let subject = problem.subject.as_ref()?;
    Some((problem.notes.first()?.file.as_deref(), &subject.kind, &subject.name))
}

fn place(note: &Note) -> (Option<Arc<str>>, Option<Position>) {
    (note.file.clone(), note.position)
}

fn key(problem: &Problem) -> impl Ord {
    problem.notes.first().map(place)
}

fn rows(problem: &Problem) -> impl Iterator<Item = Finding<'_>> {
    let name = |of: fn(&Subject) -> &str| problem.subject.as_ref().map(of).filter(|text| !text.is_empty());
    problem.notes.iter().map(move |note| Finding {
        rule: problem.reason,
        message: &note.message,
        kind: name(|s| &s.kind),
        namespace: name(|s| &s.namespace),
        name: name(|s| &s.name),
        field: Some(note.field.as_str()).filter(|text| !text.is_empty()),
        file: note.file.as_deref(),
        line: note.position.map(|p| p.line),
        column: note.position.map(|p| p.column),
    })
}

fn summary(scan: &Scan, found: &[Problem]) -> String {
    let count = |n: usize, what: &str| format!("{n} {what}{}", if n == 1 { "" } else { "s" });
    let looked = format!("{} with {}", count(scan.files.len(), "file"), count(scan.objects, "object"));
    match found.iter().map(|problem| problem.notes.len()).sum() {
        0 => format!("{looked}: nothing found\n"),
        n => format!("{looked}: {}\n", count(n, "finding")),
    }
}
