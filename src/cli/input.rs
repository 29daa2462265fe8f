//! What `-f` gives: requests, stores, destinations and Secrets, each with its place in a file.

mod scan;
mod walk;

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::path::PathBuf;
use std::sync::Arc;

use rayon::prelude::*;
use serde_json::Value;

pub(super) use self::scan::{Scan, scan};
use self::walk::Source;
use super::open::Fetched;
use super::problem::{Origin, Problem, Subject};
use crate::api;
use crate::error::Mistake;
use crate::manifest::read::{Document, Fault, documents};
use crate::promises::{self, Promise, Request};
use crate::values::RequestKey;

/// Lists may hold lists; deeper than this nobody nests them.
const MAX_LISTS: usize = 8;

/// An object and where it stands.
#[derive(Clone, Debug)]
pub(super) struct Object {
    pub(super) subject: Subject,
    pub(super) value: Value,
    pub(super) origin: Origin,
}

/// A request that can be dealt with.
pub(super) struct Asked {
    pub(super) promise: &'static dyn Promise,
    pub(super) request: Request,
    pub(super) origin: Origin,
}

impl Asked {
    pub(super) fn subject(&self) -> Subject {
        subject_of(&self.request.kind, &self.request.key)
    }
}

/// How a request is named in results.
pub(super) fn subject_of(kind: &str, key: &RequestKey) -> Subject {
    Subject { kind: kind.to_owned(), namespace: key.namespace.clone(), name: key.name.clone() }
}

/// All that was given.
#[derive(Default)]
pub(super) struct Input {
    /// In the order in which the older of two has precedence.
    pub(super) requests: Vec<Asked>,
    /// Requests that are there but cannot be dealt with: they keep what they have.
    pub(super) rejected: BTreeSet<RequestKey>,
    pub(super) stores: Vec<Object>,
    pub(super) destinations: Vec<Object>,
    pub(super) secrets: Vec<Object>,
    /// The Secrets that stores name, if all of it comes from a cluster.
    pub(super) fetched: Option<Fetched>,
    pub(super) problems: Vec<Problem>,
    /// Something could not be read or attributed: what is absent may still be meant to be there.
    pub(super) incomplete: bool,
    /// A part that could not be read seems to describe a Destination.
    pub(super) lost_destination: bool,
}

/// How input is to be taken.
pub(super) struct Options<'a> {
    pub(super) paths: &'a [PathBuf],
    pub(super) namespace: &'a str,
    pub(super) ignore_foreign: bool,
    /// Only the names of requests matter, as for a removal.
    pub(super) names_only: bool,
    /// They come from an API server, which knows more of them than files do.
    pub(super) served: bool,
    /// What is no object is no mistake, nor is what is foreign: manifests of any kind are given.
    pub(super) anything: bool,
}

/// Reads everything. `Err` only if one of the paths cannot be used at all.
pub(super) fn collect(options: &Options<'_>) -> Result<Input, String> {
    let sources = walk::sources(options.paths, false)?;
    let parts: Vec<_> = sources.into_par_iter().map(|source| read(options, source)).collect();
    let mut all = Collector::new(options);
    all.requests.reserve(parts.len());
    let mut seen = HashSet::with_capacity(parts.len());
    for (identity, parts) in parts {
        if identity.is_none_or(|identity| seen.insert(identity)) {
            for part in parts {
                all.take_in(part);
            }
        }
    }
    Ok(all.finish())
}

/// What an API server has listed, in the order of age where two are after the same.
pub(super) fn served(objects: Vec<Value>) -> Input {
    let options =
        Options { paths: &[], namespace: "", ignore_foreign: true, names_only: false, served: true, anything: false };
    let mut all = Collector::new(&options);
    for object in objects {
        all.object(object, Origin::cluster(), 0);
    }
    let mut input = all.finish();
    input.requests.sort_by_key(|asked| (asked.request.created.is_none(), asked.request.created));
    input
}

/// What a file holds, piece by piece, and which file it is.
fn read<'a>(options: &'a Options<'a>, mut source: Source) -> (Option<walk::Identity>, Vec<Collector<'a>>) {
    let bytes = source.read();
    let file: Arc<str> = source.name.into();
    match bytes {
        Err(error) => {
            let fault = Fault { position: None, message: format!("cannot be read: {error}") };
            (None, vec![Collector::new(options).unreadable(&file, fault, b"")])
        }
        Ok((identity, bytes)) => {
            let found = documents(&bytes).into_par_iter().with_min_len(16);
            (identity, found.map(|document| Collector::new(options).document(&file, document, &bytes)).collect())
        }
    }
}

type Parsed = Result<(&'static dyn Promise, Request), Problem>;
type Given = (Subject, Origin, Parsed);

struct Collector<'a> {
    options: &'a Options<'a>,
    input: Input,
    requests: Vec<(RequestKey, Given)>,
}

impl<'a> Collector<'a> {
    fn new(options: &'a Options<'a>) -> Self {
        Self { options, input: Input::default(), requests: Vec::new() }
    }

    fn document(mut self, file: &Arc<str>, document: Result<Document, Fault>, bytes: &[u8]) -> Self {
        match document {
            Ok(document) => {
                let origin = Origin { file: Arc::clone(file), positions: document.positions };
                self.object(document.value, origin, 0);
                self
            }
            Err(fault) => self.unreadable(file, fault, bytes),
        }
    }

    fn unreadable(mut self, file: &Arc<str>, fault: Fault, bytes: &[u8]) -> Self {
        self.input.problems.push(Problem::unreadable(file, fault));
        self.input.incomplete = true;
        self.input.lost_destination |= mentions_destination(bytes);
        self
    }

    /// Takes in what comes after it.
    fn take_in(&mut self, other: Self) {
        let Input {
            requests: _,
            rejected: _,
            fetched: _,
            stores,
            destinations,
            secrets,
            problems,
            incomplete,
            lost_destination,
        } = other.input;
        self.input.stores.extend(stores);
        self.input.destinations.extend(destinations);
        self.input.secrets.extend(secrets);
        self.input.problems.extend(problems);
        self.input.incomplete |= incomplete;
        self.input.lost_destination |= lost_destination;
        self.requests.extend(other.requests);
    }

    fn unattributed(&mut self, origin: &Origin, mistake: Mistake) {
        self.input.problems.push(Problem::refused(None, origin, "Unattributed", mistake));
        self.input.incomplete = true;
    }

    fn object(&mut self, value: Value, origin: Origin, lists: usize) {
        let word = |field: &str| value.get(field).and_then(Value::as_str).unwrap_or_default().to_owned();
        let (version, kind) = (word("apiVersion"), word("kind"));
        if version.is_empty() || kind.is_empty() {
            if self.options.anything {
                return;
            }
            let field = if kind.is_empty() { "kind" } else { "apiVersion" };
            let message = if value.is_object() {
                format!("a Kubernetes object needs the text `{field}`: this is none")
            } else {
                "this is not a Kubernetes object: it needs apiVersion, kind and metadata".to_owned()
            };
            return self.unattributed(&origin, Mistake::new("", message));
        }
        let items = value.get("items").is_some_and(|items| items.is_array() || items.is_null());
        if kind == "List" || kind.ends_with("List") && items {
            return self.list(value, &origin, lists);
        }
        let group = version.split_once('/').map_or("", |(group, _)| group);
        let subject = self.subject(&kind, &value);
        match (group, kind.as_str(), promises::by_kind(group, &kind)) {
            ("", "Secret", _) => self.input.secrets.push(Object { subject, value, origin }),
            (api::GROUP, "GitStateStore", _) => self.input.stores.push(Object { subject, value, origin }),
            (api::GROUP, "Destination", _) => self.input.destinations.push(Object { subject, value, origin }),
            (_, _, Some(promise)) => self.request(promise, subject, &value, origin),
            _ if self.options.anything && !is_misspelt(group, &kind) => {}
            _ if self.options.ignore_foreign => {}
            _ => {
                self.input.problems.push(foreign(subject, &version, &origin));
                // It may be a request whose kind is misspelt.
                self.input.incomplete = true;
            }
        }
    }

    fn list(&mut self, mut value: Value, origin: &Origin, lists: usize) {
        if lists >= MAX_LISTS {
            return self.unattributed(origin, Mistake::new("", "lists are nested too deeply"));
        }
        let items = match value.get_mut("items").map(Value::take) {
            None | Some(Value::Null) => Vec::new(),
            Some(Value::Array(items)) => items,
            Some(_) => return self.unattributed(origin, Mistake::new("items", "is not a list")),
        };
        for (i, item) in items.into_iter().enumerate() {
            let positions = origin.positions.below(&format!("items[{i}]"));
            self.object(item, Origin { file: Arc::clone(&origin.file), positions }, lists + 1);
        }
    }

    fn subject(&self, kind: &str, value: &Value) -> Subject {
        let text = |field: &str| {
            let value = value.pointer(&format!("/metadata/{field}"));
            value.and_then(Value::as_str).map(str::to_owned).filter(|t| !t.is_empty())
        };
        let cluster_scoped = ["GitStateStore", "Destination"].contains(&kind);
        let namespace = if cluster_scoped {
            String::new()
        } else {
            text("namespace").unwrap_or_else(|| self.options.namespace.to_owned())
        };
        Subject { kind: kind.to_owned(), namespace, name: text("name").unwrap_or_default() }
    }

    fn request(&mut self, promise: &'static dyn Promise, subject: Subject, value: &Value, origin: Origin) {
        let names = api::metadata_mistakes(value);
        let attributed = !subject.name.is_empty()
            && names.iter().all(|m| !["metadata", "metadata.name", "metadata.namespace"].contains(&m.field.as_str()));
        if !attributed {
            self.input.incomplete = true;
            self.input.problems.push(Problem::mistakes(subject, &origin, "InvalidRequest", names));
            return;
        }
        let parsed = if self.options.names_only {
            Ok((promise, nameless(promise, &subject)))
        } else {
            let parsed = promise.request(value, (!self.options.served).then_some(self.options.namespace));
            parsed
                .map(|request| (promise, request))
                .map_err(|invalid| Problem::mistakes(subject.clone(), &origin, invalid.reason, invalid.mistakes))
        };
        let key = key_of(promise, &subject);
        self.requests.push((key, (subject, origin, parsed)));
    }

    /// A request that is given twice is not written at all: which of the two is meant is not ours to guess.
    fn finish(mut self) -> Input {
        let mut requests = std::mem::take(&mut self.requests);
        requests.sort_by(|a, b| a.0.cmp(&b.0));
        self.input.requests.reserve(requests.len());
        let mut requests = requests.into_iter().peekable();
        while let Some((key, given)) = requests.next() {
            let mut twins = Vec::new();
            while let Some((_, twin)) = requests.next_if(|(next, _)| *next == key) {
                twins.push(twin);
            }
            if !twins.is_empty() {
                self.input.rejected.insert(key);
                twins.insert(0, given);
                self.twice(&twins);
                continue;
            }
            let (_, origin, parsed) = given;
            match parsed {
                Ok((promise, request)) => self.input.requests.push(Asked { promise, request, origin }),
                Err(problem) => {
                    self.input.rejected.insert(key);
                    self.input.problems.push(problem);
                }
            }
        }
        self.input
    }

    fn twice(&mut self, given: &[Given]) {
        for (i, (subject, origin, _)) in given.iter().enumerate() {
            let others: Vec<String> =
                given.iter().enumerate().filter(|(j, _)| *j != i).map(|(_, (_, o, _))| o.place()).collect();
            let message = format!("is given more than once, also at {}: keep one of them", others.join(" and "));
            let mistake = Mistake::new("", message);
            self.input.problems.push(Problem::refused(Some(subject.clone()), origin, "GivenTwice", mistake));
        }
    }
}

fn key_of(promise: &dyn Promise, subject: &Subject) -> RequestKey {
    RequestKey { namespace: subject.namespace.clone(), promise: promise.name().to_owned(), name: subject.name.clone() }
}

/// A request of which only the name counts.
fn nameless(promise: &dyn Promise, subject: &Subject) -> Request {
    Request {
        key: key_of(promise, subject),
        kind: subject.kind.clone(),
        uid: String::new(),
        generation: 0,
        created: None,
        labels: BTreeMap::new(),
        annotations: BTreeMap::new(),
        spec: Value::Null,
    }
}

/// Whether a kind that is not known is nearly one that is, in a group of ours. Kratix has other kinds there.
fn is_misspelt(group: &str, kind: &str) -> bool {
    let mut groups = promises::all().iter().map(|promise| promise.crd().spec.group.as_str());
    let known = promises::all().iter().map(|promise| promise.crd().spec.names.kind.as_str());
    let near = |known: &str| strsim::osa_distance(&kind.to_lowercase(), &known.to_lowercase()) <= 2;
    groups.any(|known| known == group) && known.chain(["GitStateStore", "Destination"]).any(near)
}

fn foreign(subject: Subject, version: &str, origin: &Origin) -> Problem {
    let known: Vec<&str> = promises::all().iter().map(|p| p.crd().spec.names.kind.as_str()).collect();
    let message = format!(
        "kept does not know the kind {} of {version} (it knows {}, GitStateStore and Destination): correct it, or pass --ignore-foreign",
        subject.kind,
        known.join(", "),
    );
    let named = (!subject.name.is_empty()).then_some(subject);
    Problem::refused(named, origin, "UnknownKind", Mistake::new("kind", message))
}

/// Whether unreadable bytes look as if they described a Destination.
fn mentions_destination(bytes: &[u8]) -> bool {
    let text = String::from_utf8_lossy(bytes);
    text.lines().filter_map(|line| line.split_once("kind")).any(|(_, rest)| {
        let value = rest.trim_start_matches(['"', '\'']).trim_start();
        value.strip_prefix(':').is_some_and(|v| v.trim_start_matches([' ', '"', '\'']).starts_with("Destination"))
    })
}
