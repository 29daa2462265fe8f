//! From events to values: anchors, merge keys, duplicate keys, bounds.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt::Write as _;

use granit_parser::{Event, Parser, ScalarStyle, Span, StrInput, Tag};
use serde_json::{Map, Value};

use super::scalar::{Scalar, resolve, resolve_as};
use super::{Document, Fault, MAX_ALIASED, MAX_DEPTH, Mark, Position, Positions};

/// How reading a document can fail.
pub(super) enum Error {
    /// It breaks a rule of ours; the parser knows where the next one begins.
    Document(Fault),
    /// It is not YAML.
    Stream(Fault),
}

type Composed<T> = Result<T, Error>;

fn refuse<T>(at: Position, message: impl Into<String>) -> Composed<T> {
    Err(Error::Document(Fault::at(at, message)))
}

struct Anchored {
    value: Value,
    weight: usize,
    depth: usize,
}

/// A node as it was read.
struct Node {
    value: Value,
    position: Position,
    depth: usize,
    /// An unquoted scalar that is not a text, as it stands in the file.
    plain: Option<String>,
}

pub(super) struct Composer<'p, 'i> {
    parser: &'p mut Parser<'i, StrInput<'i>>,
    anchors: HashMap<usize, Anchored>,
    marks: Vec<(Box<str>, Mark)>,
    path: String,
    aliased: usize,
    /// Inside what is positioned by something outside it: keys, and the values of merge keys.
    unmarked: usize,
    /// Whether a mapping may stand at the root in two halves.
    joined: bool,
}

impl<'p, 'i> Composer<'p, 'i> {
    pub(super) fn new(parser: &'p mut Parser<'i, StrInput<'i>>, joined: bool) -> Self {
        Self {
            parser,
            anchors: HashMap::new(),
            marks: Vec::new(),
            path: String::new(),
            aliased: 0,
            unmarked: 0,
            joined,
        }
    }

    /// Reads on after a `DocumentStart` up to and with the `DocumentEnd`.
    pub(super) fn document(mut self) -> Composed<Document> {
        let (event, span) = self.next()?;
        let node = self.node(event, span, 0)?;
        self.mark(node.position, node.plain);
        // The end may be missing only if the stream is broken, which the next event then says.
        self.next()?;
        Ok(Document { value: node.value, positions: Positions::new(self.marks) })
    }

    fn next(&mut self) -> Composed<(Event<'i>, Span)> {
        match self.parser.next_event() {
            Some(Ok(event)) => Ok(event),
            Some(Err(error)) => Err(Error::Stream(error.into())),
            None => Err(Error::Stream(Fault { position: None, message: "the document ends too early".into() })),
        }
    }

    fn mark(&mut self, position: Position, plain: Option<String>) {
        if self.unmarked == 0 {
            self.marks.push((self.path.as_str().into(), Mark { position, plain }));
        }
    }

    fn node(&mut self, event: Event<'i>, span: Span, depth: usize) -> Composed<Node> {
        let position = start(span);
        if depth > MAX_DEPTH {
            return refuse(position, format!("nested more than {MAX_DEPTH} levels deep"));
        }
        let (node, anchor) = match event {
            Event::Alias(id) => return self.alias(id, position, depth),
            Event::Scalar(text, style, anchor, tag) => (scalar(&text, style, tag, position)?, anchor),
            Event::SequenceStart(_, anchor, tag) => {
                check_tag(tag, "seq", position)?;
                (self.sequence(position, depth)?, anchor)
            }
            Event::MappingStart(_, anchor, tag) => {
                check_tag(tag, "map", position)?;
                (self.mapping(position, depth)?, anchor)
            }
            other => return refuse(position, format!("expected a value, found {other:?}")),
        };
        if anchor != 0 {
            let anchored = Anchored { value: node.value.clone(), weight: weight(&node.value), depth: node.depth };
            self.anchors.insert(anchor, anchored);
        }
        Ok(node)
    }

    fn alias(&mut self, id: usize, position: Position, depth: usize) -> Composed<Node> {
        let Some(target) = self.anchors.get(&id) else {
            return refuse(position, "the alias stands inside what it stands for");
        };
        self.aliased = self.aliased.saturating_add(target.weight);
        if self.aliased > MAX_ALIASED {
            return refuse(position, "the aliases of this document expand to too much: write it out");
        }
        if depth + target.depth > MAX_DEPTH {
            return refuse(position, format!("nested more than {MAX_DEPTH} levels deep"));
        }
        Ok(Node { value: target.value.clone(), position, depth: target.depth, plain: None })
    }

    fn sequence(&mut self, position: Position, depth: usize) -> Composed<Node> {
        let mut items = Vec::new();
        let mut deepest = 0;
        let here = self.path.len();
        loop {
            let (event, span) = self.next()?;
            if matches!(event, Event::SequenceEnd) {
                return Ok(Node { value: Value::Array(items), position, depth: deepest, plain: None });
            }
            let _ = write!(self.path, "[{}]", items.len());
            let item = self.node(event, span, depth + 1)?;
            self.mark(item.position, item.plain);
            self.path.truncate(here);
            deepest = deepest.max(item.depth + 1);
            items.push(item.value);
        }
    }

    fn mapping(&mut self, position: Position, depth: usize) -> Composed<Node> {
        let mut map = Map::new();
        let mut keys: HashMap<String, Position> = HashMap::new();
        let mut merged: Vec<(Position, Map<String, Value>)> = Vec::new();
        let mut deepest = 0;
        let here = self.path.len();
        loop {
            let (event, span) = self.next()?;
            if matches!(event, Event::MappingEnd) {
                break;
            }
            let at = start(span);
            if is_merge(&event) {
                let (sources, depth_below) = self.merge_sources(at, depth + 1)?;
                deepest = deepest.max(depth_below);
                // Of several merges in one mapping, and of several sources of one merge, the first wins.
                merged.extend(sources.into_iter().map(|source| (at, source)));
                continue;
            }
            let key = self.key(event, span, depth + 1)?;
            let first = keys.insert(key.clone(), at);
            if let Some(first) = first
                && !(self.joined && here == 0)
            {
                return refuse(at, second_time(&key, first));
            }
            if here > 0 {
                self.path.push('.');
            }
            self.path.push_str(&key);
            let (event, span) = self.next()?;
            let value = self.node(event, span, depth + 1)?;
            let simple = value.position.line == at.line && !value.value.is_object() && !value.value.is_array();
            self.mark(if simple { value.position } else { at }, value.plain);
            self.path.truncate(here);
            deepest = deepest.max(value.depth + 1);
            match (first, map.get_mut(&key), value.value) {
                (None, _, value) => {
                    map.insert(key, value);
                }
                (Some(_), Some(Value::Object(half)), Value::Object(other))
                    if !other.keys().any(|key| half.contains_key(key)) =>
                {
                    half.extend(other);
                }
                (Some(first), ..) => return refuse(at, second_time(&key, first)),
            }
        }
        for (at, source) in merged {
            for (key, value) in source {
                if let Some(explicit) = keys.get(&key).filter(|explicit| **explicit < at) {
                    // kubectl lets the later one win, YAML's definition the explicit one.
                    let why = format!("{key:?} is given before the merge key, at {explicit}, and merged over here");
                    return refuse(at, format!("{why}: readers disagree on that; put `<<` first"));
                }
                map.entry(key).or_insert(value);
            }
        }
        Ok(Node { value: Value::Object(map), position, depth: deepest, plain: None })
    }

    fn key(&mut self, event: Event<'i>, span: Span, depth: usize) -> Composed<String> {
        let at = start(span);
        let resolved = match event {
            Event::Scalar(text, style, anchor, tag) => {
                let resolved = resolved(&text, style, tag, at)?;
                if anchor != 0 {
                    let value = resolved.clone().into_value().or_else(|why| refuse(at, why))?;
                    self.anchors.insert(anchor, Anchored { weight: weight(&value), value, depth: 0 });
                }
                resolved
            }
            Event::Alias(id) => match self.alias(id, at, depth)?.value {
                Value::String(text) => Scalar::Text(text),
                Value::Bool(b) => Scalar::Bool(b),
                Value::Number(n) => resolve(&n.to_string()),
                Value::Null => Scalar::Null,
                Value::Array(_) | Value::Object(_) => return refuse(at, "a key must be a single word or text"),
            },
            _ => return refuse(at, "a key must be a single word or text"),
        };
        resolved.into_key().or_else(|why| refuse(at, why))
    }

    /// The mappings behind `<<`, the ones that win first.
    fn merge_sources(&mut self, at: Position, depth: usize) -> Composed<(Vec<Map<String, Value>>, usize)> {
        self.unmarked += 1;
        let (event, span) = self.next()?;
        let node = self.node(event, span, depth)?;
        self.unmarked -= 1;
        let as_map = |value| match value {
            Value::Object(map) => Ok(map),
            _ => refuse(at, "`<<` needs a mapping, or a list of mappings"),
        };
        let sources = match node.value {
            Value::Array(items) => items.into_iter().map(as_map).collect::<Composed<_>>()?,
            other => vec![as_map(other)?],
        };
        Ok((sources, node.depth))
    }
}

fn second_time(key: &str, first: Position) -> String {
    format!("the key {key:?} stands here for the second time; first at {first}")
}

fn start(span: Span) -> Position {
    Position { line: span.start.line(), column: span.start.col() + 1 }
}

fn is_merge(event: &Event<'_>) -> bool {
    match event {
        Event::Scalar(text, ScalarStyle::Plain, _, None) => text == "<<",
        Event::Scalar(text, _, _, Some(tag)) => text == "<<" && core_tag(tag) == Some("merge"),
        _ => false,
    }
}

fn core_tag(tag: &Tag) -> Option<&str> {
    if tag.handle() == "tag:yaml.org,2002:" { Some(tag.suffix()) } else { tag.core_suffix() }
}

fn is_non_specific(tag: &Tag) -> bool {
    tag.original() == "!"
}

fn check_tag(tag: Option<Cow<'_, Tag>>, wanted: &str, at: Position) -> Composed<()> {
    match tag {
        Some(tag) if core_tag(&tag) != Some(wanted) && !is_non_specific(&tag) => {
            refuse(at, format!("the tag {} is not supported here", tag.original()))
        }
        _ => Ok(()),
    }
}

fn resolved(text: &str, style: ScalarStyle, tag: Option<Cow<'_, Tag>>, at: Position) -> Composed<Scalar> {
    match tag {
        None if style == ScalarStyle::Plain => Ok(resolve(text)),
        None => Ok(Scalar::Text(text.to_owned())),
        Some(tag) if is_non_specific(&tag) => Ok(Scalar::Text(text.to_owned())),
        Some(tag) => match core_tag(&tag) {
            Some(core) => resolve_as(core, text).or_else(|why| refuse(at, why)),
            None => refuse(at, format!("the tag {} is not supported here", tag.original())),
        },
    }
}

fn scalar(text: &str, style: ScalarStyle, tag: Option<Cow<'_, Tag>>, at: Position) -> Composed<Node> {
    let resolved = resolved(text, style, tag, at)?;
    let is_text = matches!(resolved, Scalar::Text(_));
    let plain = (style == ScalarStyle::Plain && !is_text).then(|| text.to_owned());
    let value = resolved.into_value().or_else(|why| refuse(at, format!("{text}: {why}")))?;
    Ok(Node { value, position: at, depth: 0, plain })
}

/// What repeating a value costs: its nodes and the bytes of its texts.
fn weight(value: &Value) -> usize {
    16 + match value {
        Value::String(text) => text.len(),
        Value::Array(items) => items.iter().map(weight).sum(),
        Value::Object(map) => map.iter().map(|(k, v)| k.len() + weight(v)).sum(),
        _ => 0,
    }
}
