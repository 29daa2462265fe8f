//! Texts that break programs, for tests.
#![allow(dead_code, unreachable_pub)] // Each test uses a part of it.

use proptest::prelude::*;
use serde_json::{Map, Value};

/// Texts that mean something to some reader, and pieces of such texts.
pub const ODD: &[&str] = &[
    "",
    " ",
    "no",
    "on",
    "y",
    "~",
    "null",
    "1e3",
    "0x1f",
    "012",
    "1_000",
    "12:30:45",
    "2020-01-01",
    "<<",
    "=",
    "-",
    "---",
    "...",
    "- ",
    "? ",
    ": ",
    "#",
    " #",
    "&a",
    "*a",
    "!t",
    "!!binary",
    "|",
    ">",
    "%YAML 1.1",
    "@",
    "`",
    "'",
    "\"",
    "\\",
    "{",
    "}",
    "[",
    "]",
    ",",
    "${",
    "%{",
    "$",
    "%",
    "$${",
    "%%{",
    "${file(\"/etc/passwd\")}",
    "{{ .x }}",
    "{{",
    "}}",
    "\t",
    "\n",
    "\r",
    "\r\n",
    "\n\n",
    "\n---\n",
    "\n...\n",
    "\u{0}",
    "\u{7f}",
    "\u{85}",
    "\u{a0}",
    "\u{2028}",
    "\u{2029}",
    "\u{feff}",
    "\u{fffe}",
    "\u{202e}",
    "\u{200b}",
    "é",
    "שלום",
    "名前",
    "😀",
    "a\" }",
    "a: b",
    "a # b",
    "\\u0041",
    "\\${x}",
    "~{",
    "<~",
    "EOT",
    "kind: Group",
];

/// Text made of them, and any text.
pub fn odd_text() -> impl Strategy<Value = String> {
    prop_oneof![
        prop::collection::vec(prop::sample::select(ODD), 0..6).prop_map(|parts| parts.concat()),
        prop::collection::vec(prop::sample::select(ODD), 1..4).prop_map(|parts| parts.join("x")),
        any::<String>(),
        "[ -~\n\t]{0,60}",
        "[a-z ]{0,200}",
    ]
}

/// Any JSON value, with such texts in it and as keys.
pub fn odd_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        4 => odd_text().prop_map(Value::from),
        1 => any::<i64>().prop_map(Value::from),
        1 => any::<bool>().prop_map(Value::from),
        1 => Just(Value::Null),
    ];
    leaf.prop_recursive(4, 24, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::btree_map(odd_text(), inner, 0..5)
                .prop_map(|entries| Value::Object(entries.into_iter().collect::<Map<_, _>>())),
        ]
    })
}
