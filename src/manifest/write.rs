//! YAML out: deterministic, and read alike by YAML 1.1 and 1.2 readers.

use serde::ser::{SerializeMap, SerializeSeq};
use serde::{Serialize, Serializer};
use serde_json::Value;
use serde_saphyr::{DoubleQuoted, LitStr};

/// One YAML document, without a directive or `---`, ending in a newline. The same value gives the
/// same text.
///
/// Keys come in the order in which people read manifests: `apiVersion`, `kind`, `metadata`, `name`,
/// `namespace`, then the rest by alphabet. A string that YAML 1.1 or 1.2 would read as something else
/// is quoted. Text of several lines is a literal block where every reader agrees on one, otherwise
/// quoted.
pub fn to_yaml(value: &Value) -> String {
    let options = serde_saphyr::ser_options! {
        // Chosen per string below: readers disagree about some of the blocks it would write.
        prefer_block_scalars: false,
    };
    let written = serde_saphyr::to_string_with_options(&Ordered(value), options);
    // JSON is YAML, so that even what the serializer cannot write has a text.
    let text = written.unwrap_or_else(|_| value.to_string());
    text.lines().map(finished_line).collect()
}

fn finished_line(line: &str) -> String {
    // Blanks alone on a line stand for an empty line of a literal block, the only scalar that spans
    // lines here: without them diffs have no trailing blanks.
    if line.trim_start_matches(' ').is_empty() {
        return "\n".into();
    }
    // Only a key at the root can look like a marker here; plain, it has no colon in it.
    match line.split_once(':') {
        Some((key, rest)) if looks_like_marker(line) => format!("{}:{rest}\n", Value::from(key)),
        _ => format!("{line}\n"),
    }
}

struct Ordered<'a>(&'a Value);

impl Serialize for Ordered<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Value::Object(fields) => {
                let mut entries: Vec<(&String, &Value)> = fields.iter().collect();
                entries.sort_by_key(|(key, _)| (rank(key), *key));
                let mut map = serializer.serialize_map(Some(entries.len()))?;
                for (key, value) in entries {
                    map.serialize_entry(key, &Ordered(value))?;
                }
                map.end()
            }
            Value::Array(items) => {
                let mut seq = serializer.serialize_seq(Some(items.len()))?;
                for item in items {
                    seq.serialize_element(&Ordered(item))?;
                }
                seq.end()
            }
            Value::String(text) if looks_like_marker(text) => DoubleQuoted(text).serialize(serializer),
            Value::String(text) if fits_literal_block(text) => LitStr(text).serialize(serializer),
            other => other.serialize(serializer),
        }
    }
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
