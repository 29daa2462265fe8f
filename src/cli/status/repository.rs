//! What a state repository says by itself.

use serde_json::json;

use super::{Line, or_dash, print, seen, sentence};
use crate::cli::ahead::Ahead;
use crate::cli::args::{StatusArgs, StatusFormat, StoreArgs};
use crate::cli::input::{Input, subject_of};
use crate::cli::jobs::kind_of;
use crate::cli::landscape::local_path;
use crate::cli::open::{Purpose, is_absent};
use crate::cli::report::SHORT;
use crate::cli::session::Session;
use crate::cli::{Answer, console};
use crate::config::Settings;
use crate::store::{Held, Inventory, Written};
use crate::values::RelPath;

const HEADER: [&str; 7] = ["KIND", "NAME", "WRITER", "FILES", "COMMIT", "AGE", "MESSAGE"];

/// Shows what is recorded below a path of a branch, in whosever name.
pub(super) fn show(args: &StatusArgs, store: &str) -> Answer {
    if local_path(store).is_some_and(is_absent) {
        return Err(format!("--store {store}: there is no repository"));
    }
    let store = StoreArgs {
        store: args.store.clone(),
        branch: args.branch.clone(),
        path: args.path.clone(),
        writer: None,
        adopt: Vec::new(),
    };
    let mut nothing = Input::default();
    let mut session = Session::open(&store, Ahead::default(), &mut nothing, Settings::default(), true, Purpose::Look)?;
    let failed = session.failed(&session.once());
    if !failed.is_empty() {
        return Err(failed.join("; "));
    }
    let mut lines = Vec::new();
    let mut unknown = 0;
    for opened in session.branches.values_mut().flatten() {
        let roots: Vec<RelPath> = opened.surveys.keys().cloned().collect();
        for root in roots {
            let Inventory { held, head } = opened.engine.inventory(&root).map_err(|e| e.to_string())?;
            let is_asked = |held: &&Held| args.namespace.as_ref().is_none_or(|n| *n == held.record.owner.key.namespace);
            let held: Vec<&Held> = held.iter().filter(is_asked).collect();
            unknown += held.iter().filter(|held| held.written.is_none()).count();
            lines.extend(held.into_iter().map(|held| line(held, &root, head.as_ref())));
        }
    }
    print(&HEADER, &lines, args.output, "as written");
    if unknown > 0 && args.output != StatusFormat::Json {
        console::note(&format!(
            "the commits that wrote {unknown} of these are not at hand: the branch's head is shown for them"
        ));
    }
    seen()
}

fn line(held: &Held, root: &RelPath, head: Option<&Written>) -> Line {
    let owner = &held.record.owner;
    let subject = subject_of(&kind_of(&owner.key), &owner.key);
    let written = held.written.as_ref().or(head);
    let paths = |paths: &[RelPath]| paths.iter().map(|path| root.join(path).to_string()).collect::<Vec<_>>().join(", ");
    let (reason, message) = match (held.missing.as_slice(), held.changed.as_slice()) {
        ([], []) => ("", String::new()),
        ([], changed) => ("Changed", format!("others have changed {}; `kept verify` says what", paths(changed))),
        (missing, _) => ("Missing", format!("{} is not there", paths(missing))),
    };
    let commit = written.map(|written| written.commit.as_str()).unwrap_or_default();
    let json = json!({
        "kind": subject.kind,
        "namespace": subject.namespace,
        "name": subject.name,
        "writer": owner.writer,
        "files": held.files,
        "commit": written.map(|written| &written.commit),
        "commitIsHead": held.written.is_none(),
        "committed": written.map(|written| written.at.to_string()),
        "reason": Some(reason).filter(|reason| !reason.is_empty()),
        "message": Some(&message).filter(|message| !message.is_empty()),
    });
    Line {
        cells: vec![
            subject.kind.clone(),
            subject.full_name(),
            owner.writer.clone(),
            held.files.to_string(),
            or_dash(&commit.chars().take(SHORT).collect::<String>()),
            sentence(reason, &message),
        ],
        is_well: reason.is_empty(),
        since: written.map(|written| written.at),
        subject,
        json,
    }
}
