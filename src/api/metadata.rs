use serde_json::{Map, Value};

use crate::error::Mistake;

/// What is wrong with an object's `metadata`, as far as it becomes paths, labels and messages.
/// Everything else in it is the API server's business.
pub fn metadata_mistakes(object: &Value) -> Vec<Mistake> {
    let mut found = Vec::new();
    let Some(metadata) = object.get("metadata") else {
        return vec![Mistake::new("metadata.name", "is missing: give the object a name")];
    };
    let Some(metadata) = metadata.as_object() else {
        return vec![Mistake::new("metadata", format!("is {}, not an object", super::schema::describe(metadata)))];
    };
    match text(metadata, "name", &mut found) {
        Some(name) => {
            if let Some(why) = subdomain_fault(name) {
                found.push(Mistake::new("metadata.name", format!("{} cannot be a name: {why}", shown(name))));
            }
        }
        None if found.is_empty() => {
            found.push(Mistake::new("metadata.name", "is missing: give the object a name"));
        }
        None => {}
    }
    if let Some(namespace) = text(metadata, "namespace", &mut found)
        && let Some(why) = namespace_fault(namespace)
    {
        found.push(Mistake::new("metadata.namespace", format!("{} cannot be a namespace: {why}", shown(namespace))));
    }
    for field in ["labels", "annotations"] {
        texts(metadata, field, &mut found);
    }
    found
}

/// Why a text is no DNS-1123 label, as names of namespaces are.
pub(crate) fn namespace_fault(text: &str) -> Option<&'static str> {
    if text.len() > 63 {
        return Some("it is longer than 63 characters");
    }
    if text.contains('.') {
        return Some("it consists of lower-case letters, digits and -, without dots");
    }
    subdomain_fault(text)
}

/// Why a text is no DNS-1123 subdomain, as names of custom resources are.
pub(crate) fn subdomain_fault(text: &str) -> Option<&'static str> {
    const CHARACTERS: &str =
        "it consists of lower-case letters, digits, - and ., and begins and ends with a letter or a digit";
    if text.is_empty() {
        return Some("it is empty");
    }
    if text.len() > 253 {
        return Some("it is longer than 253 characters");
    }
    let good = text.split('.').all(|part| {
        part.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
            && !part.is_empty()
            && !part.starts_with('-')
            && !part.ends_with('-')
    });
    (!good).then_some(CHARACTERS)
}

fn text<'a>(metadata: &'a Map<String, Value>, field: &str, found: &mut Vec<Mistake>) -> Option<&'a str> {
    match metadata.get(field) {
        None | Some(Value::Null) => None,
        Some(Value::String(text)) => Some(text),
        Some(other) => {
            found.push(Mistake::new(format!("metadata.{field}"), super::schema::not_a_string(other)));
            None
        }
    }
}

fn texts(metadata: &Map<String, Value>, field: &str, found: &mut Vec<Mistake>) {
    match metadata.get(field) {
        None | Some(Value::Null) => {}
        Some(Value::Object(entries)) => {
            for (key, value) in entries.iter().filter(|(_, value)| !value.is_string()) {
                found.push(Mistake::new(format!("metadata.{field}[{key:?}]"), super::schema::not_a_string(value)));
            }
        }
        Some(other) => {
            let message = format!("is {}, not an object", super::schema::describe(other));
            found.push(Mistake::new(format!("metadata.{field}"), message));
        }
    }
}

fn shown(text: &str) -> String {
    format!("{:?}", text.chars().take(80).collect::<String>())
}
