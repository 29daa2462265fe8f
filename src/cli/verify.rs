//! `kept verify`.

mod findings;
mod homes;

use std::collections::BTreeSet;
use std::process::ExitCode;
use std::time::Duration;

use serde::Serialize;

use self::findings::{Finding, Look, look};
use super::ahead::Ahead;
use super::args::{FindingFormat, InputArgs, StoreArgs, VerifyArgs};
use super::input::Input;
use super::open::Purpose;
use super::problem::Subject;
use super::session::{Session, read, settings};
use super::{Answer, UNUSABLE, cluster, console};
use crate::config::Settings;

/// How long what is on its way in a cluster is given to arrive. What takes longer is worth a look by people.
const ON_ITS_WAY: Duration = Duration::from_secs(5);

/// A finding as scripts read it: every field is always there.
#[derive(Serialize)]
struct Row<'a> {
    reason: &'a str,
    message: &'a str,
    kind: Option<&'a str>,
    namespace: Option<&'a str>,
    name: Option<&'a str>,
    repository: Option<&'a str>,
    branch: Option<&'a str>,
    path: Option<&'a str>,
    field: Option<&'a str>,
    file: Option<&'a str>,
    line: Option<usize>,
    column: Option<usize>,
}

/// Compares what the repositories hold with what the requests ask for.
pub(super) fn run(args: &VerifyArgs) -> Answer {
    if args.filename.is_empty() {
        return of_cluster(args);
    }
    if args.cluster.kubeconfig.is_some() || args.cluster.context.is_some() {
        return Err("-f gives the requests, so no cluster is asked: leave out --kubeconfig and --context".into());
    }
    let input = InputArgs {
        filename: args.filename.clone(),
        namespace: args.namespace.clone(),
        ignore_foreign: args.ignore_foreign,
        config: args.config.clone(),
    };
    let (settings, mut input) = read(&input, false)?;
    if input.requests.is_empty() && input.rejected.is_empty() {
        return Ok(super::nothing_found(&input));
    }
    let (session, found) = open(&args.store, &mut input, settings, args.ignore_foreign)?;
    Ok(report(&session, found, args.output))
}

/// The same of a cluster, in the name of its operator.
fn of_cluster(args: &VerifyArgs) -> Answer {
    if args.store.store.is_some() {
        return Err("--store needs requests to compare with: name them with -f. Without both, a cluster is verified, \
                    with the stores that it has"
            .into());
    }
    let settings = settings(args.config.as_deref())?;
    let runtime = cluster::runtime()?;
    let client = runtime.block_on(cluster::connect(&args.cluster))?;
    let writer = match args.store.writer.clone().or_else(|| settings.writer.clone()) {
        Some(writer) => writer,
        None => runtime.block_on(crate::cluster::uid(&client)).map_err(|e| {
            format!("cannot read the namespace kube-system, whose UID is the operator's name: {e}; give --writer")
        })?,
    };
    let store = StoreArgs {
        store: None,
        branch: args.store.branch.clone(),
        path: args.store.path.clone(),
        writer: Some(writer),
        adopt: args.store.adopt.clone(),
    };
    let once = || {
        let mut input = runtime.block_on(cluster::input(&client))?;
        open(&store, &mut input, settings.clone(), true)
    };
    let (mut session, mut now) = once()?;
    if !now.found.is_empty() && !now.trouble && session.branches.values().all(Result::is_ok) {
        std::thread::sleep(ON_ITS_WAY);
        let before: BTreeSet<_> = now.found.iter().map(Finding::key).collect();
        let (again, mut later) = once()?;
        later.found.retain(|finding| before.contains(&finding.key()));
        (session, now) = (again, later);
    }
    Ok(report(&session, now, args.output))
}

fn open(
    args: &StoreArgs,
    input: &mut Input,
    settings: Settings,
    ignore_foreign: bool,
) -> Result<(Session, Look), String> {
    let opened = Session::open(args, Ahead::default(), input, settings, ignore_foreign, Purpose::Look);
    let mut session = opened.inspect_err(|_| input.problems.iter().for_each(console::problem))?;
    let found = look(&mut session, input);
    Ok((session, found))
}

fn report(session: &Session, look: Look, format: FindingFormat) -> ExitCode {
    look.notes.iter().for_each(|note| console::note(note));
    match format {
        FindingFormat::Json => {
            let rows: Vec<Row<'_>> = look.found.iter().flat_map(|finding| rows(session, finding)).collect();
            console::print(&format!("{}\n", serde_json::to_string_pretty(&rows).unwrap_or_default()));
        }
        FindingFormat::Text => {
            look.found.iter().for_each(|finding| console::finding(&finding.problem));
            let count = |n: usize, one: &str, more: &str| format!("{n} {}", if n == 1 { one } else { more });
            let looked = format!(
                "{} in {}",
                count(look.requests, "request", "requests"),
                count(session.branches.len(), "repository", "repositories")
            );
            let found: usize = look.found.iter().map(|finding| finding.problem.notes.len()).sum();
            let said = if found > 0 { count(found, "finding", "findings") } else { "nothing found".to_owned() };
            console::print(&format!("{looked}: {said}\n"));
        }
    }
    let code = match (look.trouble, look.found.is_empty()) {
        (true, _) => ExitCode::from(UNUSABLE),
        (false, false) => ExitCode::from(1),
        (false, true) => ExitCode::SUCCESS,
    };
    super::with_stores(session, &look.once, code, UNUSABLE)
}

fn rows<'a>(session: &'a Session, finding: &'a Finding) -> impl Iterator<Item = Row<'a>> {
    let problem = &finding.problem;
    let name = |of: fn(&Subject) -> &str| problem.subject.as_ref().map(of).filter(|text| !text.is_empty());
    problem.notes.iter().map(move |note| Row {
        reason: problem.reason,
        message: &note.message,
        kind: name(|s| &s.kind),
        namespace: name(|s| &s.namespace),
        name: name(|s| &s.name),
        repository: finding
            .place
            .as_ref()
            .and_then(|(branch, _)| session.landscape.store_for(branch).map(|store| store.url.as_str())),
        branch: finding.place.as_ref().map(|(branch, _)| branch.name.as_str()),
        path: finding.place.as_ref().map(|(_, path)| path.as_str()),
        field: Some(note.field.as_str()).filter(|text| !text.is_empty()),
        file: note.file.as_deref().filter(|_| finding.place.is_none()),
        line: note.position.map(|p| p.line),
        column: note.position.map(|p| p.column),
    })
}
