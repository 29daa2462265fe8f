use proptest::prelude::*;
use serde_json::json;

use super::*;

fn one(text: &str) -> Document {
    let mut found = documents(text.as_bytes());
    assert_eq!(found.len(), 1, "{text}: {found:?}");
    found.remove(0).unwrap_or_else(|fault| panic!("{text}: {fault:?}"))
}

fn fault(text: &str) -> Fault {
    documents(text.as_bytes()).pop().and_then(Result::err).unwrap_or_else(|| panic!("{text:?} should be refused"))
}

#[allow(clippy::unnecessary_wraps, reason = "what it is compared with is optional")]
fn at(line: usize, column: usize) -> Option<Position> {
    Some(Position { line, column })
}

#[test]
fn fields_have_positions() {
    let text = "apiVersion: v1\nspec:\n  id: no\n  members:\n    - a\n    - name: b\n  text: |\n    long\n  flow: {x: [1, 2]}\n";
    let document = one(text);
    assert_eq!(document.value["spec"]["members"][1]["name"], "b");
    let positions = &document.positions;
    assert_eq!(positions.of("spec"), at(2, 1));
    assert_eq!(positions.of("spec.id"), at(3, 7));
    assert_eq!(positions.unquoted("spec.id"), Some("no"));
    assert_eq!(positions.of("spec.members[0]"), at(5, 7));
    assert_eq!(positions.of("spec.members[1].name"), at(6, 13));
    assert_eq!(positions.of("spec.text"), at(7, 3));
    assert_eq!(positions.of("spec.flow.x[1]"), at(9, 17));
    // A field that is missing is reported where it should be.
    assert_eq!(positions.of("spec.name"), at(2, 1));
    assert_eq!(positions.of("metadata.name"), at(1, 1));
    let below = positions.below("spec");
    assert_eq!(below.of("members[0]"), at(5, 7));
}

#[test]
fn several_documents_and_empty_ones() {
    let found = documents(b"\xef\xbb\xbf---\n---\na: 1\n---\n# nothing\n---\nb: 2\n...\n");
    let values: Vec<_> = found.into_iter().map(|d| d.map(|d| d.value)).collect();
    assert_eq!(values, [Ok(json!({"a": 1})), Ok(json!({"b": 2}))]);
    assert!(documents(b"").is_empty());
}

#[test]
fn json_is_read_the_same_way() {
    let document =
        one("{\n\t\"a\": [1, 2.5, true, null, \"no\"],\n\t\"b\": {\"c\\/d\": \"\\ud83d\\ude00 \\u00e9\"}\n}\n");
    assert_eq!(document.value, json!({"a": [1, 2.5, true, null, "no"], "b": {"c/d": "😀 é"}}));
    assert_eq!(document.positions.of("b"), at(3, 2));
}

#[test]
fn broken_yaml_says_where_and_keeps_what_came_before() {
    let found = documents(b"a: 1\n---\nb: [1\nc: 2\n---\nd: 3\n");
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(found[0].is_ok());
    let fault = found[1].as_ref().expect_err("broken");
    assert!(fault.position.is_some_and(|p| p.line >= 3), "{fault:?}");
    assert!(!fault.message.is_empty());
}

#[test]
fn a_refused_document_does_not_hide_the_next() {
    let found = documents(b"a: 1\na: 2\n---\nd: 3\n");
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(found[0].is_err());
    assert!(found[1].is_ok());
}

#[test]
fn duplicate_keys_name_both_places() {
    let fault = fault("a:\n  x: 1\n  w: 2\n  \"x\": 3\n");
    assert_eq!(fault.position, at(4, 3));
    assert!(fault.message.contains("first at 2:3"), "{fault:?}");
    assert!(super::documents(b"1: a\n\"1\": b\n")[0].is_err());
}

#[test]
fn aliases_and_merge_keys() {
    let document = one("base: &b {x: 1, w: 2}\nuse:\n  <<: *b\n  w: 3\nlist: [*b, *b]\n");
    assert_eq!(document.value["use"], json!({"x": 1, "w": 3}));
    assert_eq!(document.value["list"][1]["w"], 2);
    assert_eq!(document.positions.of("use.x"), at(2, 1));
    let two = one("a: &a {x: 1}\nb: &b {x: 2, z: 3}\nc: {<<: [*a, *b]}\n");
    assert_eq!(two.value["c"], json!({"x": 1, "z": 3}));
    assert_eq!(one("\"<<\": {x: 1}\n").value, json!({"<<": {"x": 1}}));
    assert!(fault("b: &b {x: 1}\nc:\n  x: 2\n  <<: *b\n").message.contains("put `<<` first"));
    assert!(fault("<<: 3\n").message.contains("needs a mapping"));
    assert!(fault("a: &a [*a]\n").message.contains("inside what it stands for"));
    assert!(!fault("a: *nowhere\n").message.is_empty());
}

#[test]
fn alias_bombs_are_stopped() {
    let mut bomb = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for i in 1..12 {
        let refs = vec![format!("*a{}", i - 1); 10].join(", ");
        bomb = format!("{bomb}a{i}: &a{i} [{refs}]\n");
    }
    assert!(fault(&bomb).message.contains("expand to too much"));
    let long = format!("a: &a {}\nb: [{}]\n", "x".repeat(1 << 20), ["*a"; 10].join(", "));
    assert!(fault(&long).message.contains("expand to too much"));
}

#[test]
fn depth_and_size_are_bounded() {
    assert!(fault(&"[".repeat(100_000)).position.is_some());
    let nested = format!("{}{}", "[".repeat(150), "]".repeat(150));
    assert!(fault(&nested).message.contains("deep"));
    let block = (0..150).map(|i| " ".repeat(i) + "a:\n").collect::<String>();
    assert!(fault(&block).message.contains("deep"));
    assert!(documents(&vec![b'#'; MAX_BYTES + 1])[0].is_err());
}

#[test]
fn bytes_that_are_no_text_are_named() {
    let fault = documents(b"a: 1\nb: \xff\n")[0].clone().expect_err("not UTF-8");
    assert_eq!(fault.position, at(2, 4));
    assert!(fault.message.contains("byte 8"), "{fault:?}");
}

#[test]
fn tags_and_keys() {
    assert_eq!(
        one("a: !!str no\nb: ! 3\nc: !!int \"3\"\nd: !!seq [1]\n").value,
        json!({"a": "no", "b": "3", "c": 3, "d": [1]})
    );
    assert!(fault("a: !!binary aGk=\n").message.contains("binary"));
    assert!(fault("a: !thing x\n").message.contains("!thing"));
    assert!(fault("a: !!set {x}\n").message.contains("set"));
    assert!(fault("? [a]\n: b\n").message.contains("key"));
    assert!(fault("~: b\n").message.contains("key"));
    assert_eq!(one("on: 1\n0x10: 2\n1.5: 3\n").value, json!({"true": 1, "16": 2, "1.5": 3}));
    assert!(fault("a: .nan\n").message.contains("NaN"));
}

proptest! {
    #[test]
    fn nothing_makes_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = documents(&bytes);
    }

    #[test]
    fn nothing_that_looks_like_yaml_makes_it_panic(text in "[-a-c0-3:{}\\[\\],&*!|>'\"\n #<.?%~]{0,80}") {
        let _ = documents(text.as_bytes());
    }

    #[test]
    fn json_strings_come_back(text in any::<String>()) {
        let file = serde_json::to_string(&json!({"k": text})).expect("JSON");
        prop_assert_eq!(one(&file).value, json!({"k": text}));
    }
}

#[test]
fn halves_of_a_mapping_at_the_root_are_joined_where_that_is_asked_for() {
    let joined = |text: &str| documents_joined(text.as_bytes()).pop().expect("a document");
    let text = "a:\n  x: 1\nb: 2\na:\n  w: {z: 3}\n";
    assert_eq!(joined(text).map(|d| d.value), Ok(json!({"a": {"x": 1, "w": {"z": 3}}, "b": 2})));
    assert!(fault(text).message.contains("\"a\" stands here for the second time; first at 1:1"));
    // Not where one would hide the other, nor further down.
    for text in ["a: {x: 1}\na: {x: 1}\n", "a: 1\na: {x: 1}\n", "a: {x: 1}\na: 2\n", "r: {a: {x: 1}, a: {w: 1}}\n"] {
        let message = joined(text).expect_err(text).message;
        assert!(message.contains("second time"), "{text}: {message}");
    }
}
