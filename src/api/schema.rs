//! Validates objects against the schema of their kind, outside a cluster and stricter than in one:
//! unknown fields are refused, all mistakes are found at once, and each says what to do.
//!
//! A CustomResourceDefinition's schema is structural, which leaves so few keywords that walking it
//! here gives better messages than a general JSON Schema validator.

use std::collections::HashMap;
use std::fmt::Write;
use std::sync::{LazyLock, PoisonError, RwLock};

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    CustomResourceDefinition, JSONSchemaProps, JSONSchemaPropsOrArray, JSONSchemaPropsOrBool,
};
use regex::Regex;
use serde_json::{Map, Value};

use super::metadata_mistakes;
use crate::error::Mistake;

/// All that an object's kind has against it: `apiVersion` and `kind`, names in `metadata`, unknown,
/// missing and malformed fields. `status` and the rest of `metadata` are free, so that what
/// `kubectl get -o yaml` prints can be used as it is.
pub fn check(crd: &CustomResourceDefinition, object: &Value) -> Vec<Mistake> {
    let Some(fields) = object.as_object() else {
        return vec![Mistake::new("", format!("is {}, not a Kubernetes object", describe(object)))];
    };
    let mut found = Vec::new();
    let version = fields.get("apiVersion").and_then(Value::as_str).unwrap_or_default();
    let served = crd.spec.versions.iter().find(|v| version == format!("{}/{}", crd.spec.group, v.name));
    if served.is_none() {
        let known: Vec<String> = crd.spec.versions.iter().map(|v| format!("{}/{}", crd.spec.group, v.name)).collect();
        found.push(Mistake::new(
            "apiVersion",
            format!("is {version:?}: {} is {}", crd.spec.names.kind, known.join(" or ")),
        ));
    }
    let kind = fields.get("kind").and_then(Value::as_str).unwrap_or_default();
    if kind != crd.spec.names.kind {
        found.push(Mistake::new("kind", format!("is {kind:?}, not {}", crd.spec.names.kind)));
    }
    found.extend(metadata_mistakes(object));
    let root = served.and_then(|v| v.schema.as_ref()).and_then(|s| s.open_api_v3_schema.as_ref());
    if let Some(root) = root {
        let own = ["apiVersion", "kind", "metadata", "status"];
        let rest: Map<String, Value> =
            fields.iter().filter(|(k, _)| !own.contains(&k.as_str())).map(|(k, v)| (k.clone(), v.clone())).collect();
        object_fields(root, &rest, "", &mut found);
    }
    found
}

fn value(schema: &JSONSchemaProps, value: &Value, path: &str, found: &mut Vec<Mistake>) {
    let expected = schema.type_.as_deref().unwrap_or_default();
    if let Some(message) = wrong_type(schema, expected, value) {
        found.push(Mistake::new(path, message));
        return;
    }
    match value {
        Value::String(text) => string(schema, text, path, found),
        Value::Number(number) => bounds(schema, number.as_f64().unwrap_or_default(), path, found),
        Value::Array(items) => array(schema, items, path, found),
        Value::Object(fields) => object_fields(schema, fields, path, found),
        Value::Bool(_) | Value::Null => {}
    }
    let allowed = schema.enum_.as_deref().unwrap_or_default();
    if !allowed.is_empty() && !allowed.iter().any(|a| a.0 == *value) {
        let known: Vec<String> =
            allowed.iter().map(|a| a.0.as_str().map_or_else(|| a.0.to_string(), String::from)).collect();
        let given = value.as_str().unwrap_or_default();
        found.push(Mistake::new(
            path,
            format!(
                "{value} is not among its values: {}{}",
                known.join(", "),
                meant(given, known.iter().map(String::as_str))
            ),
        ));
    }
}

fn wrong_type(schema: &JSONSchemaProps, expected: &str, value: &Value) -> Option<String> {
    if value.is_null() {
        let free = schema.nullable == Some(true) || schema.x_kubernetes_preserve_unknown_fields == Some(true);
        return (!free || !expected.is_empty() && schema.nullable != Some(true))
            .then(|| "has no value: give it one, or leave the line out".to_owned());
    }
    let fits = match expected {
        "string" => value.is_string(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "boolean" => value.is_boolean(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        _ => true,
    };
    if fits {
        return None;
    }
    Some(match expected {
        "string" => not_a_string(value),
        "integer" => format!("is {}, not a whole number", describe(value)),
        "boolean" => format!("is {}, not true or false", describe(value)),
        "array" => format!("is {}, not a list", describe(value)),
        "object" => format!("is {}, not an object with fields", describe(value)),
        other => format!("is {}, not a {other}", describe(value)),
    })
}

/// What to say of a value where a string belongs.
pub(super) fn not_a_string(value: &Value) -> String {
    let advice = if value.is_boolean() || value.is_number() { ": put quotes around it" } else { "" };
    format!("is {}, not a string{advice}", describe(value))
}

/// A value as people call it.
pub(super) fn describe(value: &Value) -> String {
    match value {
        Value::Null => "empty".into(),
        Value::Bool(b) => format!("the boolean {b}"),
        Value::Number(n) => format!("the number {n}"),
        Value::String(_) => "a string".into(),
        Value::Array(_) => "a list".into(),
        Value::Object(_) => "an object".into(),
    }
}

fn string(schema: &JSONSchemaProps, text: &str, path: &str, found: &mut Vec<Mistake>) {
    let length = i64::try_from(text.chars().count()).unwrap_or(i64::MAX);
    if schema.min_length.is_some_and(|min| length < min) {
        let message = match schema.min_length {
            Some(1) => "must not be empty".to_owned(),
            min => format!("is shorter than {} characters", min.unwrap_or_default()),
        };
        found.push(Mistake::new(path, message));
        return;
    }
    if let Some(max) = schema.max_length.filter(|max| length > *max) {
        found.push(Mistake::new(path, format!("is {length} characters long, {max} are allowed")));
        return;
    }
    if let Some(wanted) = schema.pattern.as_deref()
        && !pattern(wanted).is_some_and(|p| p.is_match(text))
    {
        let mut message = format!("{} is not allowed here", shown(text));
        if let Some(words) = &schema.description {
            let _ = write!(message, ". {}", words.split_whitespace().collect::<Vec<_>>().join(" "));
        }
        let _ = write!(message, " (pattern {wanted})");
        found.push(Mistake::new(path, message));
    }
    if schema.format.as_deref() == Some("byte") && !is_base64(text) {
        found.push(Mistake::new(path, "is not base64: encode it, for example with `base64 -w0 FILE`"));
    }
}

/// At most the beginning of what somebody wrote, in quotes, without credentials of a URL: messages
/// end up in logs and conditions.
fn shown(text: &str) -> String {
    let text = match pattern(r"://[^/@]*@") {
        Some(credentials) => credentials.replace_all(text, "://…@"),
        None => text.into(),
    };
    let short: String = text.chars().take(80).collect();
    if short.len() < text.len() { format!("{short:?}…") } else { format!("{short:?}") }
}

fn is_base64(text: &str) -> bool {
    let body = text.trim_end_matches('=');
    text.len().is_multiple_of(4)
        && text.len() - body.len() <= 2
        && body.bytes().all(|b| b.is_ascii_alphanumeric() || b"+/".contains(&b))
}

fn bounds(schema: &JSONSchemaProps, number: f64, path: &str, found: &mut Vec<Mistake>) {
    if let Some(min) = schema.minimum.filter(|min| number < *min) {
        found.push(Mistake::new(path, format!("is {number}, less than {min}")));
    }
    if let Some(max) = schema.maximum.filter(|max| number > *max) {
        found.push(Mistake::new(path, format!("is {number}, more than {max}")));
    }
}

fn array(schema: &JSONSchemaProps, items: &[Value], path: &str, found: &mut Vec<Mistake>) {
    let length = i64::try_from(items.len()).unwrap_or(i64::MAX);
    if let Some(min) = schema.min_items.filter(|min| length < *min) {
        found.push(Mistake::new(path, format!("has {length} entries, at least {min} are needed")));
    }
    if let Some(max) = schema.max_items.filter(|max| length > *max) {
        // Looking at every entry of an over-long list helps nobody.
        found.push(Mistake::new(path, format!("has {length} entries, {max} are allowed")));
        return;
    }
    let of = match &schema.items {
        Some(JSONSchemaPropsOrArray::Schema(of)) => Some(of.as_ref()),
        _ => None,
    };
    let distinct = schema.x_kubernetes_list_type.as_deref() == Some("set");
    for (i, item) in items.iter().enumerate() {
        let here = format!("{path}[{i}]");
        if let Some(of) = of {
            value(of, item, &here, found);
        }
        if distinct && items[..i].contains(item) {
            found.push(Mistake::new(here, format!("{item} is in the list already")));
        }
    }
}

fn object_fields(schema: &JSONSchemaProps, fields: &Map<String, Value>, path: &str, found: &mut Vec<Mistake>) {
    let under = |name: &str| if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
    let none = std::collections::BTreeMap::new();
    let properties = schema.properties.as_ref().unwrap_or(&none);
    let length = i64::try_from(fields.len()).unwrap_or(i64::MAX);
    if let Some(max) = schema.max_properties.filter(|max| length > *max) {
        found.push(Mistake::new(path, format!("has {length} entries, {max} are allowed")));
        return;
    }
    for (name, given) in fields {
        if let Some(known) = properties.get(name) {
            value(known, given, &under(name), found);
            continue;
        }
        match &schema.additional_properties {
            Some(JSONSchemaPropsOrBool::Schema(of)) => value(of, given, &under(name), found),
            Some(JSONSchemaPropsOrBool::Bool(true)) => {}
            _ if schema.x_kubernetes_preserve_unknown_fields == Some(true) => {}
            _ => {
                let missing = properties.keys().map(String::as_str).filter(|p| !fields.contains_key(*p));
                found.push(Mistake::new(under(name), format!("unknown field{}", meant(name, missing))));
            }
        }
    }
    for name in schema.required.iter().flatten().filter(|name| !fields.contains_key(*name)) {
        let what = properties.get(name).and_then(|p| p.description.as_deref()).and_then(first_sentence);
        let what = what.map(|words| format!(" ({words})")).unwrap_or_default();
        found.push(Mistake::new(under(name), format!("is missing{what}")));
    }
}

fn first_sentence(description: &str) -> Option<String> {
    let flat = description.split_whitespace().collect::<Vec<_>>().join(" ");
    flat.split([':', '.']).next().map(str::to_owned).filter(|words| !words.is_empty())
}

fn meant<'a>(given: &str, known: impl Iterator<Item = &'a str>) -> String {
    let folded = given.to_lowercase();
    let near = known
        .map(|k| (strsim::osa_distance(&folded, &k.to_lowercase()), k))
        .filter(|(distance, k)| *distance <= 1 + k.len() / 4)
        .min();
    near.map(|(_, k)| format!("; did you mean {k:?}?")).unwrap_or_default()
}

/// A pattern, compiled once for the life of the process; absent if it is not one.
///
/// Not a clone: that would begin with empty caches and work the pattern out anew for every text.
pub(crate) fn pattern(text: &str) -> Option<&'static Regex> {
    static COMPILED: LazyLock<RwLock<HashMap<String, Option<&'static Regex>>>> = LazyLock::new(RwLock::default);
    if let Some(known) = COMPILED.read().unwrap_or_else(PoisonError::into_inner).get(text) {
        return *known;
    }
    let compiled = Regex::new(text).ok().map(|regex| &*Box::leak(Box::new(regex)));
    COMPILED.write().unwrap_or_else(PoisonError::into_inner).insert(text.to_owned(), compiled);
    compiled
}
