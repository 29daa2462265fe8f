//! The results: a line for each request, or one JSON array.

use std::process::ExitCode;

use serde::Serialize;
use serde_json::Value;

use super::args::ResultFormat;
use super::console;
use super::problem::{Problem, Subject};
use super::session::Once;
use super::submit::{Confirmed, Done, Job};

/// How many digits of a commit people are shown.
pub(super) const SHORT: usize = 7;

/// One line.
pub(super) struct Row {
    subject: Option<Subject>,
    result: &'static str,
    files: usize,
    commits: Vec<String>,
    places: Vec<Confirmed>,
    problem: Option<Problem>,
}

/// A result as scripts read it: every field is always there.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct JsonRow<'a> {
    kind: Option<&'a str>,
    namespace: Option<&'a str>,
    name: Option<&'a str>,
    result: &'static str,
    files_changed: usize,
    commit: Option<&'a str>,
    places: &'a [Confirmed],
    error: Option<Value>,
}

impl Row {
    /// What became of a job.
    pub(super) fn new(job: &Job, done: Done, removed: &'static str) -> Self {
        let problem = job_problem(job, &done);
        let result = match () {
            () if problem.is_some() => "failed",
            () if job.removal => {
                if done.files > 0 {
                    removed
                } else {
                    "unchanged"
                }
            }
            () if done.created && !job.known => "created",
            () if done.files > 0 => "changed",
            () => "unchanged",
        };
        Self {
            subject: Some(job.subject.clone()),
            result,
            files: done.files,
            commits: done.commits,
            places: done.places,
            problem,
        }
    }

    /// What was not even tried.
    pub(super) fn failed(problem: Problem) -> Self {
        Self {
            subject: problem.subject.clone(),
            result: "failed",
            files: 0,
            commits: Vec::new(),
            places: Vec::new(),
            problem: Some(problem),
        }
    }

    /// The problem, if it has one.
    pub(super) fn problem(&self) -> Option<&Problem> {
        self.problem.as_ref()
    }

    fn json(&self) -> JsonRow<'_> {
        let name = |of: fn(&Subject) -> &str| self.subject.as_ref().map(of).filter(|text| !text.is_empty());
        JsonRow {
            kind: name(|s| &s.kind),
            namespace: name(|s| &s.namespace),
            name: name(|s| &s.name),
            result: self.result,
            files_changed: self.files,
            commit: self.commits.first().map(String::as_str),
            places: &self.places,
            error: self.problem.as_ref().map(Problem::json),
        }
    }

    fn cells(&self, dry_run: bool) -> Vec<String> {
        let subject = self.subject.as_ref();
        let short: Vec<String> = self.commits.iter().map(|c| c.chars().take(SHORT).collect()).collect();
        let or_dash = |text: String| if text.is_empty() { "-".to_owned() } else { text };
        vec![
            or_dash(subject.map(|s| s.kind.clone()).unwrap_or_default()),
            or_dash(subject.map(Subject::full_name).unwrap_or_default()),
            format!("{}{}", self.result, if dry_run { " (dry run)" } else { "" }),
            self.files.to_string(),
            or_dash(short.join(",")),
        ]
    }
}

fn job_problem(job: &Job, done: &Done) -> Option<Problem> {
    let mut problems = done.errors.iter().map(|error| Problem::failed(job.subject.clone(), job.origin.as_ref(), error));
    let mut first = problems.next()?;
    first.notes.extend(problems.flat_map(|p| p.notes));
    Some(first)
}

/// Prints all of it, in the order of names, but for what is said once of a whole store; the exit code follows
/// from it.
pub(super) fn report(mut rows: Vec<Row>, format: ResultFormat, dry_run: bool, once: &mut Once) -> ExitCode {
    rows.sort_by(|a, b| a.subject.cmp(&b.subject));
    rows.iter().filter_map(Row::problem).filter(|problem| !once.takes(problem)).for_each(console::problem);
    match format {
        ResultFormat::Json => {
            let all: Vec<JsonRow<'_>> = rows.iter().map(Row::json).collect();
            console::print(&format!("{}\n", serde_json::to_string_pretty(&all).unwrap_or_default()));
        }
        ResultFormat::Table => {
            let named: Vec<Vec<String>> =
                rows.iter().filter(|r| r.subject.is_some()).map(|r| r.cells(dry_run)).collect();
            if !named.is_empty() {
                console::table(&["KIND", "NAME", "RESULT", "FILES", "COMMIT"], &named);
            }
        }
    }
    if rows.iter().any(|row| row.problem.is_some()) { ExitCode::from(1) } else { ExitCode::SUCCESS }
}

/// Files that went although nobody had asked for it by name.
pub(super) fn warn_of_drift(job: &Job, done: &Done) {
    if !done.drift.is_empty() {
        let paths: Vec<String> = done.drift.iter().map(ToString::to_string).collect();
        let what = paths.join(", ");
        console::warning(&format!(
            "{}: changed or removed what others had put into its directory: {what}",
            job.subject
        ));
    }
}
