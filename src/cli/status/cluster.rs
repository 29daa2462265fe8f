//! What a cluster's operator says of its requests, in their status.

use std::collections::{BTreeMap, BTreeSet};

use futures::StreamExt;
use futures::stream::SelectAll;
use kube::api::{Api, DynamicObject};
use kube::runtime::WatchStreamExt;
use kube::runtime::watcher::{self, Event, watcher};
use kube::{Client, ResourceExt};
use serde_json::{Value, json};

use super::{Line, or_dash, print, seen, sentence};
use crate::api::status::condition::READY;
use crate::cli::args::{StatusArgs, StatusFormat};
use crate::cli::cluster::{connect, list, runtime};
use crate::cli::console::Columns;
use crate::cli::problem::Subject;
use crate::cli::{Answer, console};
use crate::cluster::requests_of;
use crate::promises;

const HEADER: [&str; 6] = ["KIND", "NAME", "READY", "COMMIT", "AGE", "MESSAGE"];
const NOT_INSTALLED: &str = "the cluster does not know kept's kinds: `kept crd | kubectl apply -f -` installs them";

/// Shows all requests, once or for as long as people look.
pub(super) fn show(args: &StatusArgs) -> Answer {
    let runtime = runtime()?;
    let client = runtime.block_on(connect(&args.cluster))?;
    if args.watch {
        return runtime.block_on(Watching::new(args).run(&client));
    }
    let lines = runtime.block_on(lines(&client, args.namespace.as_deref()))?;
    print(&HEADER, &lines, args.output, "ready");
    seen()
}

async fn lines(client: &Client, namespace: Option<&str>) -> Result<Vec<Line>, String> {
    let (mut lines, mut installed) = (Vec::new(), false);
    for promise in promises::all() {
        let kind = requests_of(*promise);
        let Some(objects) = list(client, &kind, namespace).await? else { continue };
        installed = true;
        lines.extend(objects.iter().map(|object| line(&kind.kind, object)));
    }
    if installed { Ok(lines) } else { Err(NOT_INSTALLED.into()) }
}

fn line(kind: &str, object: &DynamicObject) -> Line {
    let subject =
        Subject { kind: kind.to_owned(), namespace: object.namespace().unwrap_or_default(), name: object.name_any() };
    let conditions = object.data.pointer("/status/conditions").and_then(Value::as_array);
    let ready = conditions.into_iter().flatten().find(|condition| condition["type"] == READY);
    let word = |field: &str| ready.and_then(|ready| ready[field].as_str()).unwrap_or_default();
    let seen = ready.and_then(|ready| ready["observedGeneration"].as_i64());
    let leaving = object.metadata.deletion_timestamp.is_some();
    let (state, reason, message) = match (word("status"), word("message")) {
        // What stands in the way of that is what the condition says.
        ("False", message) if leaving => ("False", word("reason"), message),
        _ if leaving => ("False", "Deleting", "its files are being removed"),
        ("", _) => ("Unknown", "Pending", "the operator has not looked at it yet"),
        _ if seen.is_some() && seen != object.metadata.generation => {
            ("Unknown", "Pending", "it has changed, and the operator has not looked at that yet")
        }
        // Nothing but good news.
        ("True", "") => ("True", "", ""),
        (status, message) => (status, word("reason"), message),
    };
    let commit = object.data.pointer("/status/commit").and_then(Value::as_str).unwrap_or_default();
    let created = object.creation_timestamp().map(|time| time.0);
    let some = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
    Line {
        cells: vec![
            subject.kind.clone(),
            subject.full_name(),
            state.to_owned(),
            or_dash(commit),
            sentence(reason, message),
        ],
        is_well: state == "True",
        since: created,
        json: json!({
            "kind": subject.kind,
            "namespace": subject.namespace,
            "name": subject.name,
            "ready": state,
            "reason": some(reason),
            "message": some(message),
            "commit": some(commit),
            "created": created.map(|at| at.to_string()),
            "deleting": leaving,
        }),
        subject,
    }
}

/// What has been shown so far.
struct Watching<'a> {
    args: &'a StatusArgs,
    shown: BTreeMap<Subject, Line>,
    /// Set once everything that was there has been shown.
    columns: Option<Columns>,
}

impl<'a> Watching<'a> {
    fn new(args: &'a StatusArgs) -> Self {
        Self { args, shown: BTreeMap::new(), columns: None }
    }

    /// Shows everything, and then what changes, until somebody ends it.
    async fn run(mut self, client: &Client) -> Answer {
        let kinds: Vec<_> = promises::all().iter().map(|promise| requests_of(*promise)).collect();
        let mut events = SelectAll::new();
        for (at, kind) in kinds.iter().enumerate() {
            let api: Api<DynamicObject> = match &self.args.namespace {
                Some(namespace) => Api::namespaced_with(client.clone(), namespace, kind),
                None => Api::all_with(client.clone(), kind),
            };
            let seen = watcher(api, watcher::Config::default()).default_backoff();
            events.push(seen.map(move |event| (at, event)).boxed());
        }
        let mut awaited: BTreeSet<usize> = (0..kinds.len()).collect();
        let mut listed: Vec<BTreeSet<Subject>> = vec![BTreeSet::new(); kinds.len()];
        let mut installed = false;
        while let Some((at, event)) = events.next().await {
            let kind = &kinds[at].kind;
            match event {
                Ok(Event::Init) => listed[at].clear(),
                Ok(Event::InitApply(object)) => {
                    let line = line(kind, &object);
                    listed[at].insert(line.subject.clone());
                    self.take(line);
                }
                Ok(Event::InitDone) => {
                    installed = true;
                    awaited.remove(&at);
                    let is_gone = |subject: &&Subject| subject.kind == *kind && !listed[at].contains(*subject);
                    let gone: Vec<Subject> = self.shown.keys().filter(is_gone).cloned().collect();
                    for subject in &gone {
                        self.gone(subject);
                    }
                }
                Ok(Event::Apply(object)) => self.take(line(kind, &object)),
                Ok(Event::Delete(object)) => self.gone(&line(kind, &object).subject),
                // A kind that is not installed has no requests.
                Err(watcher::Error::InitialListFailed(kube::Error::Api(status))) if status.code == 404 => {
                    awaited.remove(&at);
                }
                Err(error) if awaited.contains(&at) => return Err(format!("cannot list {kind}: {error}")),
                Err(error) => console::warning(&format!("{kind}: {error}; trying again")),
            }
            if self.columns.is_none() && awaited.is_empty() {
                if !installed {
                    return Err(NOT_INSTALLED.into());
                }
                self.begin();
            }
        }
        seen()
    }

    /// Shows what is there.
    fn begin(&mut self) {
        if self.args.output != StatusFormat::Json {
            self.columns = Some(print(&HEADER, self.shown.values(), self.args.output, "ready"));
            return;
        }
        self.columns = Some(Columns::of(&HEADER, &[]));
        for line in self.shown.values() {
            console::print(&format!("{}\n", line.json));
        }
    }

    /// Something is there, or has changed.
    fn take(&mut self, line: Line) {
        let is_news = self.shown.get(&line.subject).is_none_or(|before| before.json != line.json);
        if is_news {
            self.tell(&line);
        }
        self.shown.insert(line.subject.clone(), line);
    }

    fn gone(&mut self, subject: &Subject) {
        let Some(mut line) = self.shown.remove(subject) else { return };
        let said = ["False", "Deleted"];
        line.cells[2] = said[0].into();
        line.cells[4] = said[1].into();
        line.json["ready"] = json!(said[0]);
        line.json["reason"] = json!(said[1]);
        line.json["message"] = Value::Null;
        self.tell(&line);
    }

    fn tell(&self, line: &Line) {
        match &self.columns {
            None => {}
            Some(_) if self.args.output == StatusFormat::Json => console::print(&format!("{}\n", line.json)),
            Some(columns) => columns.print([line.cells()]),
        }
    }
}
