//! Manifests of any kind, and other files, held against the rules of the policy as they are read.

use std::borrow::Cow;
use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;

use rayon::prelude::*;
use serde_json::{Map, Value};

use super::walk::{self, Source, is_yaml};
use super::{Collector, Input, MAX_LISTS, Options};
use crate::cli::problem::{Note, Origin, Problem, Subject};
use crate::config::Settings;
use crate::manifest::read::{Document, Fault, MAX_BYTES, Position, Positions, documents};
use crate::policy::{self, Rule, Violation};

/// As far as Git looks for a byte that no text has.
const BINARY_WITHIN: usize = 8000;

/// What was seen besides requests.
#[derive(Default)]
pub(in crate::cli) struct Scan {
    /// The files that were read.
    pub(in crate::cli) files: Vec<Arc<str>>,
    /// How many objects were in them.
    pub(in crate::cli) objects: usize,
    /// What the policy has against them.
    pub(in crate::cli) problems: Vec<Problem>,
    /// What the user should know although it is no mistake.
    pub(in crate::cli) notes: Vec<String>,
    /// Files of which nothing can be said.
    pub(in crate::cli) unread: Vec<Problem>,
}

impl Scan {
    fn take_in(&mut self, other: Self) {
        self.files.extend(other.files);
        self.objects += other.objects;
        self.problems.extend(other.problems);
        self.notes.extend(other.notes);
        self.unread.extend(other.unread);
    }
}

/// Reads everything: the requests, stores and destinations among it, and what the policy says of all of it.
/// `Err` only if standard input is asked for twice.
pub(in crate::cli) fn scan(options: &Options<'_>, settings: &Settings) -> Result<(Input, Scan), String> {
    // A file that is gone hides no other.
    let (paths, missing): (Vec<_>, Vec<_>) =
        options.paths.iter().cloned().partition(|path| path.as_os_str() == "-" || path.exists());
    let mut all = Scan::default();
    for path in missing {
        let why = path.metadata().err().map(|error| error.to_string()).unwrap_or_default();
        all.unread.push(unread(&path.display().to_string().into(), &why));
    }
    let parts: Vec<_> =
        walk::sources(&paths, true)?.into_par_iter().map(|source| file(options, settings, source)).collect();
    let mut collector = Collector::new(options);
    let mut seen = HashSet::with_capacity(parts.len());
    for (identity, found, collectors) in parts {
        if identity.is_none_or(|identity| seen.insert(identity)) {
            all.take_in(found);
            for part in collectors {
                collector.take_in(part);
            }
        }
    }
    Ok((collector.finish(), all))
}

fn unread(file: &Arc<str>, why: &str) -> Problem {
    Problem::unreadable(file, Fault { position: None, message: format!("cannot be read: {why}") })
}

type Part<'a> = (Option<walk::Identity>, Scan, Vec<Collector<'a>>);

fn file<'a>(options: &'a Options<'a>, settings: &Settings, mut source: Source) -> Part<'a> {
    let bytes = source.read();
    let file: Arc<str> = source.name.into();
    let (identity, bytes) = match bytes {
        Ok(read) => read,
        Err(error) => {
            return (None, Scan { unread: vec![unread(&file, &error.to_string())], ..Scan::default() }, Vec::new());
        }
    };
    let (scan, collectors) = content(options, settings, &file, &bytes);
    (identity, scan, collectors)
}

/// Text in UTF-16, which begins with its mark, as UTF-8.
fn utf16(bytes: &[u8]) -> Option<Vec<u8>> {
    let unit: fn([u8; 2]) -> u16 = match bytes {
        [0xff, 0xfe, ..] => u16::from_le_bytes,
        [0xfe, 0xff, ..] => u16::from_be_bytes,
        _ => return None,
    };
    let units: Vec<u16> = bytes[2..].chunks_exact(2).map(|pair| unit([pair[0], pair[1]])).collect();
    Some(String::from_utf16_lossy(&units).into_bytes())
}

fn content<'a>(
    options: &'a Options<'a>,
    settings: &Settings,
    file: &Arc<str>,
    bytes: &[u8],
) -> (Scan, Vec<Collector<'a>>) {
    let mut scan = Scan { files: vec![Arc::clone(file)], ..Scan::default() };
    if bytes.len() > MAX_BYTES {
        scan.unread.push(unread(file, &format!("it is larger than {MAX_BYTES} bytes: split it, or leave it out")));
        return (scan, Vec::new());
    }
    let wide = utf16(bytes);
    let bytes = wide.as_deref().unwrap_or(bytes);
    if !is_yaml(file) && bytes[..bytes.len().min(BINARY_WITHIN)].contains(&0) {
        return (scan, Vec::new());
    }
    let text = String::from_utf8_lossy(bytes);
    let credentials = policy::credentials(&text);
    if !is_yaml(file) {
        scan.problems.extend(credentials.into_iter().map(|violation| in_text(file, violation)));
        return (scan, Vec::new());
    }
    let read = documents(bytes);
    let faults: Vec<&Fault> = read.iter().filter_map(|document| document.as_ref().err()).collect();
    if faults.is_empty() {
        let mut lines = Lines::new(file, &credentials);
        let objects = read.iter().flatten().flat_map(|document| objects(&document.value, &document.positions, 0));
        for (value, positions) in objects {
            scan.objects += usize::from(matches!(value, Cow::Borrowed(_)) && subject(&value).is_some());
            let origin = Origin { file: Arc::clone(file), positions };
            let mut found = policy::inspect(&value, settings);
            // Where a key is cannot be looked up, so it is on what line is left.
            found.sort_by_key(|violation| violation.at.ends_with("(a key)"));
            scan.problems.extend(found.into_iter().map(|violation| lines.in_object(&value, &origin, violation)));
        }
        scan.problems.extend(lines.left(credentials));
    } else {
        // Helm and others make YAML of what is none yet.
        if text.contains("{{") {
            let at = faults[0].position.map(|at| format!(":{at}")).unwrap_or_default();
            let why = &faults[0].message;
            scan.notes.push(format!("{file}{at}: not YAML, looked at as a template's text: {why}"));
        } else {
            let unreadable = |fault: &Fault| {
                let message = format!("cannot be read as YAML: {}", fault.message);
                Problem::unreadable(file, Fault { message, ..fault.clone() })
            };
            scan.problems.extend(faults.into_iter().map(unreadable));
        }
        let mut found = policy::inspect_text(&text);
        let seen: BTreeSet<_> = found.iter().filter(|v| v.rule == Rule::Credential).map(|v| v.line).collect();
        found.extend(credentials.into_iter().filter(|violation| !seen.contains(&violation.line)));
        scan.problems.extend(found.into_iter().map(|violation| in_text(file, violation)));
    }
    let collectors = read.into_iter().flatten().map(|document| collect(options, file, document));
    (scan, collectors.collect())
}

fn collect<'a>(options: &'a Options<'a>, file: &Arc<str>, document: Document) -> Collector<'a> {
    Collector::new(options).document(file, Ok(document), b"")
}

/// The document itself, or the items of a list, and what the list says besides.
fn objects<'a>(value: &'a Value, positions: &Positions, lists: usize) -> Vec<(Cow<'a, Value>, Positions)> {
    let kind = value["kind"].as_str().unwrap_or_default();
    let is_list = kind.ends_with("List") && lists < MAX_LISTS;
    let Some(items) = value["items"].as_array().filter(|_| is_list) else {
        return vec![(Cow::Borrowed(value), positions.clone())];
    };
    let besides = value.as_object().into_iter().flatten().filter(|(key, _)| *key != "items");
    let besides: Map<String, Value> = besides.map(|(key, value)| (key.clone(), value.clone())).collect();
    let mut found = vec![(Cow::Owned(Value::Object(besides)), positions.clone())];
    for (i, item) in items.iter().enumerate() {
        found.extend(objects(item, &positions.below(&format!("items[{i}]")), lists + 1));
    }
    found
}

/// How an object is called, if it is one. What must not be there at all is not to be repeated.
fn subject(value: &Value) -> Option<Subject> {
    let text = |pointer: &str| {
        let text = value.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
        if policy::credentials(text).is_empty() { text.to_owned() } else { String::new() }
    };
    let kind = text("/kind");
    let is_one = !kind.is_empty() && value["apiVersion"].is_string();
    is_one.then(|| Subject { kind, namespace: text("/metadata/namespace"), name: text("/metadata/name") })
}

/// The lines of a file that hold credentials, and which of them are not found in objects: these are in
/// comments, or in texts that are folded.
struct Lines {
    file: Arc<str>,
    all: BTreeSet<usize>,
    left: BTreeSet<usize>,
}

impl Lines {
    fn new(file: &Arc<str>, credentials: &[Violation]) -> Self {
        let all: BTreeSet<usize> = credentials.iter().map(|violation| violation.line.unwrap_or(1)).collect();
        Self { file: Arc::clone(file), left: all.clone(), all }
    }

    fn in_object(&mut self, value: &Value, origin: &Origin, mut violation: Violation) -> Problem {
        let mut position = origin.positions.of(violation.field());
        if violation.rule == Rule::Credential {
            let start = position.map_or(1, |at| at.line);
            // The text of a block begins below its key.
            let line = match violation.line {
                Some(line) => start + line,
                None if violation.at.ends_with("(a key)") => self.left.range(start..).next().copied().unwrap_or(start),
                None if !self.all.contains(&start) => start + 1,
                None => start,
            };
            if self.all.contains(&line) {
                self.left.remove(&line);
                position = position.filter(|at| at.line == line).or(Some(Position { line, column: 1 }));
                violation.line = None;
            }
        }
        problem(&origin.file, subject(value), position, violation)
    }

    fn left(self, credentials: Vec<Violation>) -> impl Iterator<Item = Problem> {
        let left = credentials.into_iter().filter(move |found| self.left.contains(&found.line.unwrap_or(1)));
        left.map(move |violation| in_text(&self.file, violation))
    }
}

/// Of a text the line is known, and what document of it that is need not be said.
fn in_text(file: &Arc<str>, mut violation: Violation) -> Problem {
    let position = violation.line.take().map(|line| Position { line, column: 1 });
    if let Some((_, inside)) = violation.at.clone().strip_prefix(" (document ").and_then(|at| at.split_once(')')) {
        inside.trim_start_matches('.').clone_into(&mut violation.at);
    }
    problem(file, None, position, violation)
}

fn problem(file: &Arc<str>, subject: Option<Subject>, position: Option<Position>, violation: Violation) -> Problem {
    let field = violation.place().trim_start().to_owned();
    let note = Note { file: Some(Arc::clone(file)), position, field, message: violation.message };
    Problem { subject, reason: violation.rule.name(), notes: vec![note] }
}
