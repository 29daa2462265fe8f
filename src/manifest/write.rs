//! YAML out: deterministic, and read alike by YAML 1.1 and 1.2 readers.

use std::borrow::Cow;

use serde::Serialize;
use serde_json::{Map, Value, json};
use serde_saphyr::DoubleQuoted;

/// One YAML document, without a directive or `---`, ending in a newline. The same value gives the
/// same text.
///
/// Keys come in the order in which people read manifests: `apiVersion`, `kind`, `metadata`, `name`,
/// `namespace`, then the rest by alphabet. A string that YAML 1.1 or 1.2 would read as something else
/// is quoted. Text of several lines is a literal block where every reader agrees on one, otherwise
/// quoted.
///
/// The structure is written here. Which scalars need quotes, and which, is for `serde-saphyr` to say,
/// but for those that plainly need none: nearly all, and a tenth of the time.
pub fn to_yaml(value: &Value) -> String {
    let mut out = Out(String::new());
    match value {
        Value::Object(fields) if !fields.is_empty() => out.fields(fields, 0, true),
        Value::Array(items) if !items.is_empty() => out.items(items, 0, true),
        other => out.scalar(other, 2),
    }
    out.0
}

struct Out(String);

impl Out {
    /// The fields of a mapping, a line each. `begun`: the first line is indented already.
    fn fields(&mut self, fields: &Map<String, Value>, indent: usize, mut begun: bool) {
        let mut entries: Vec<(&String, &Value)> = fields.iter().collect();
        entries.sort_by_key(|(key, _)| (rank(key), *key));
        for (field, value) in entries {
            if !std::mem::take(&mut begun) {
                self.indent(indent);
            }
            self.0.push_str(&key(field));
            self.0.push(':');
            match value {
                Value::Object(fields) if !fields.is_empty() => {
                    self.0.push('\n');
                    self.fields(fields, indent + 2, false);
                }
                Value::Array(items) if !items.is_empty() => {
                    self.0.push('\n');
                    self.items(items, indent, false);
                }
                other => {
                    self.0.push(' ');
                    self.scalar(other, indent + 2);
                }
            }
        }
    }

    /// The items of a sequence, after a dash each. `begun`: the first line is indented already.
    fn items(&mut self, items: &[Value], indent: usize, mut begun: bool) {
        for item in items {
            if !std::mem::take(&mut begun) {
                self.indent(indent);
            }
            self.0.push_str("- ");
            match item {
                Value::Object(fields) if !fields.is_empty() => self.fields(fields, indent + 2, true),
                Value::Array(items) if !items.is_empty() => self.items(items, indent + 2, true),
                other => self.scalar(other, indent + 2),
            }
        }
    }

    /// A scalar, and the end of its line. `indent`: of the lines of a literal block.
    fn scalar(&mut self, value: &Value, indent: usize) {
        match value {
            Value::String(text) if fits_literal_block(text) && !looks_like_marker(text) => {
                self.line(if text.ends_with('\n') { "|" } else { "|-" });
                for line in text.lines() {
                    if !line.is_empty() {
                        self.indent(indent);
                    }
                    self.line(line);
                }
            }
            Value::String(text) if is_plain(text) => self.line(text),
            other => self.line(&scalar(other)),
        }
    }

    fn indent(&mut self, indent: usize) {
        self.0.extend(std::iter::repeat_n(' ', indent));
    }

    fn line(&mut self, text: &str) {
        self.0.push_str(text);
        self.0.push('\n');
    }
}

fn key(key: &str) -> Cow<'_, str> {
    if is_plain(key) && !key.contains([' ', ':']) {
        return key.into();
    }
    let written = serialised(&json!({ key: null }));
    match written.as_deref().and_then(|line| line.strip_suffix(": null\n")) {
        Some(written) if !looks_like_marker(written) => written.to_owned().into(),
        _ => Value::from(key).to_string().into(),
    }
}

/// A scalar on one line.
fn scalar(value: &Value) -> String {
    let written = match value {
        Value::String(text) if looks_like_marker(text) => serialised(&DoubleQuoted(text)),
        other => serialised(other),
    };
    // JSON is YAML, so that even what the serializer cannot write has a text.
    written.map_or_else(|| value.to_string(), |text| text.trim_end_matches('\n').to_owned())
}

fn serialised(value: &impl Serialize) -> Option<String> {
    // Readers disagree about some of the blocks that it would write.
    let options = serde_saphyr::ser_options! { prefer_block_scalars: false };
    serde_saphyr::to_string_with_options(value, options).ok()
}

/// Whether a text is itself to every reader without quotes. There are more such texts; these are plain to
/// see: words of letters, digits and `_./-`, beginning with a letter, with single spaces and colons inside.
fn is_plain(text: &str) -> bool {
    /// What begins with a letter and means something to YAML 1.1, or to readers that are easily pleased.
    const WORDS: [&str; 12] = ["y", "n", "yes", "no", "on", "off", "true", "false", "null", "nan", "inf", "infinity"];
    let bytes = text.as_bytes();
    let inside = |pair: &[u8]| match pair {
        [b' ' | b':', next] => next.is_ascii_alphanumeric() || *next == b'/',
        [_, next] => next.is_ascii_alphanumeric() || b"_./- :".contains(next),
        _ => true,
    };
    bytes.first().is_some_and(u8::is_ascii_alphabetic)
        && bytes.last().is_some_and(|last| !b" :".contains(last))
        && bytes.windows(2).all(inside)
        && !WORDS.iter().any(|word| text.eq_ignore_ascii_case(word))
}

fn rank(key: &str) -> usize {
    const FIRST: [&str; 5] = ["apiVersion", "kind", "metadata", "name", "namespace"];
    FIRST.iter().position(|first| *first == key).unwrap_or(FIRST.len())
}

/// Tools that split streams into documents line by line take more for a marker than YAML does.
fn looks_like_marker(text: &str) -> bool {
    text.starts_with("---") || text.starts_with("...")
}

/// Whether all readers read a literal block of this text as this text. They differ when its first
/// line is empty or indented (above all by a tab), when lines end in blanks or with anything but one
/// newline, and about characters that are invisible or break lines in YAML 1.1 alone.
fn fits_literal_block(text: &str) -> bool {
    let body = text.strip_suffix('\n').unwrap_or(text);
    body.contains('\n')
        && !body.starts_with([' ', '\t', '\n'])
        && !body.ends_with('\n')
        && !body.split('\n').any(|line| line.ends_with([' ', '\t']))
        && !text.chars().any(|c| {
            c.is_control() && c != '\n' && c != '\t'
                || matches!(c, '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}')
        })
}
