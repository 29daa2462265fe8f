//! HCL, as Terraform and OpenTofu read it, made of values: whatever people wrote arrives as text and
//! is never evaluated. Escaped by hand, because hcl-rs 0.20 lets `${` and `%{` pass after a first one.

use std::fmt::Write;

/// A name in HCL: of a resource, an output, an attribute.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Identifier(String);

impl Identifier {
    /// An ASCII letter or `_`, then letters, digits, `_` and `-`: a subset of what HCL takes.
    pub(super) fn new(text: &str) -> Option<Self> {
        let fits = |b: u8| b.is_ascii_alphanumeric() || b == b'_' || b == b'-';
        let begins = text.bytes().next().is_some_and(|b| b.is_ascii_alphabetic() || b == b'_');
        (begins && text.bytes().all(fits)).then(|| Self(text.to_owned()))
    }
}

/// The value of an attribute.
pub(super) enum Expression {
    /// A string, whatever is in it.
    Text(String),
    /// A reference to an attribute of a resource: type, name, attribute.
    Attribute(&'static str, Identifier, &'static str),
}

/// A block with attributes, in order.
pub(super) struct Block {
    /// Its type and labels, such as `resource`, `"gitea_org"`, `"team_payments"`.
    pub(super) kind: &'static str,
    /// The label before the name, where the type has one.
    pub(super) label: Option<&'static str>,
    /// The last label.
    pub(super) name: Identifier,
    /// Names and values.
    pub(super) attributes: Vec<(&'static str, Expression)>,
}

/// The text of a file of blocks, as `terraform fmt` would leave it.
pub(super) fn file(blocks: &[Block]) -> String {
    let mut out = String::new();
    for block in blocks {
        if !out.is_empty() {
            out.push('\n');
        }
        out.push_str(block.kind);
        if let Some(label) = block.label {
            let _ = write!(out, " \"{label}\"");
        }
        let _ = writeln!(out, " \"{}\" {{", block.name.0);
        let width = block.attributes.iter().map(|(name, _)| name.len()).max().unwrap_or_default();
        for (name, value) in &block.attributes {
            let _ = write!(out, "  {name:width$} = ");
            match value {
                Expression::Text(text) => quoted(text, &mut out),
                Expression::Attribute(kind, name, attribute) => {
                    let _ = write!(out, "{kind}.{}.{attribute}", name.0);
                }
            }
            out.push('\n');
        }
        out.push_str("}\n");
    }
    out
}

fn quoted(text: &str, out: &mut String) {
    out.push('"');
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\\' => out.push_str("\\\\"),
            '"' => out.push_str("\\\""),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            // `${` and `%{` begin what is evaluated; doubled they stand for themselves.
            '$' | '%' if chars.peek() == Some(&'{') => {
                out.push(c);
                out.push(c);
            }
            c if c.is_control() || matches!(c, '\u{2028}' | '\u{2029}' | '\u{feff}') => {
                let _ = write!(out, "\\u{:04x}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('"');
}
