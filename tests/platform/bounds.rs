//! Every field is explained and bounded.

use std::collections::BTreeSet;

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    JSONSchemaProps, JSONSchemaPropsOrArray, JSONSchemaPropsOrBool,
};
use kept::api;
use serde_json::{Value, json};

use crate::{below, crd_of, crds, documents, mistakes, spec, walk};

#[test]
fn the_examples_leave_out_no_field() {
    fn used(schema: &JSONSchemaProps, value: &Value, path: &str, found: &mut BTreeSet<String>) {
        found.insert(path.to_owned());
        for (step, next) in below(schema) {
            match (step.as_str(), value) {
                ("[]", Value::Array(items)) => items.iter().for_each(|i| used(next, i, &format!("{path}[]"), found)),
                ("{}", Value::Object(fields)) => {
                    fields.values().for_each(|v| used(next, v, &format!("{path}{{}}"), found));
                }
                (field, Value::Object(fields)) if fields.contains_key(&field[1..]) => {
                    used(next, &fields[&field[1..]], &format!("{path}{field}"), found);
                }
                _ => {}
            }
        }
    }
    let documents = documents("full.yaml");
    for crd in crds() {
        let mut found = BTreeSet::new();
        for object in documents.iter().filter(|o| o["kind"] == crd.spec.names.kind.as_str()) {
            used(spec(&crd), &object["spec"], "spec", &mut found);
        }
        let mut all = BTreeSet::new();
        walk(spec(&crd), "spec", &mut |path, _| {
            all.insert(path.to_owned());
        });
        // All sources are alike, and each field stands in one of them.
        let alike = |path: &String| {
            let other = path.replacen("spec.sources[]", "spec.source", 1);
            found.contains(path)
                || found.contains(&other)
                || found.contains(&path.replacen("spec.source", "spec.sources[]", 1))
        };
        let missing: Vec<_> = all.iter().filter(|path| !alike(path)).collect();
        assert!(missing.is_empty(), "{}: {missing:?}", crd.spec.names.kind);
    }
}

#[test]
fn every_field_is_explained_and_bounded_and_none_has_a_default() {
    let mut nullable = Vec::new();
    for crd in crds() {
        let kind = &crd.spec.names.kind;
        walk(spec(&crd), "spec", &mut |path, schema| {
            let at = format!("{kind} {path}");
            assert!(schema.default.is_none(), "{at} has a default");
            let item = path.ends_with("[]");
            assert!(item || schema.description.is_some(), "{at} is not explained");
            if schema.nullable == Some(true) {
                nullable.push(at.clone());
            }
            match schema.type_.as_deref() {
                Some("string") => {
                    let listed = schema.enum_.is_some();
                    assert!(listed || schema.max_length.is_some() && schema.pattern.is_some(), "{at} is not bounded");
                }
                Some("integer") => {
                    assert!(schema.minimum.is_some() && schema.maximum.is_some(), "{at} is not bounded");
                    assert!(matches!(schema.format.as_deref(), Some("int32" | "int64")), "{at}: {:?}", schema.format);
                }
                Some("array") => assert!(schema.max_items.is_some(), "{at} is not bounded"),
                Some("object") if schema.additional_properties.is_some() => {
                    assert!(schema.max_properties.is_some(), "{at} is not bounded");
                }
                Some("object") if schema.properties.is_none() => {
                    assert_eq!(schema.x_kubernetes_preserve_unknown_fields, Some(true), "{at} is empty");
                }
                Some("object" | "boolean") => {}
                other => panic!("{at} is {other:?}"),
            }
        });
    }
    let registration = "VClusterArgoCDClusterRegistration spec";
    assert_eq!(nullable, [format!("{registration}.annotations{{}}"), format!("{registration}.labels{{}}")]);
}

/// The strings in a value that its schema knows, as JSON pointers.
fn strings(schema: &JSONSchemaProps, value: &Value, pointer: &str, found: &mut Vec<(String, Option<String>)>) {
    match value {
        Value::String(_) => found.push((pointer.to_owned(), schema.pattern.clone())),
        Value::Array(items) => {
            let Some(JSONSchemaPropsOrArray::Schema(of)) = &schema.items else { return };
            for (i, item) in items.iter().enumerate() {
                strings(of, item, &format!("{pointer}/{i}"), found);
            }
        }
        Value::Object(fields) => {
            for (name, field) in fields {
                let known = schema.properties.as_ref().and_then(|p| p.get(name));
                let of = match &schema.additional_properties {
                    Some(JSONSchemaPropsOrBool::Schema(of)) => Some(of.as_ref()),
                    _ => known,
                };
                if let Some(of) = of {
                    strings(of, field, &format!("{pointer}/{name}").replace("//", "/"), found);
                }
            }
        }
        _ => {}
    }
}

#[test]
fn no_string_takes_control_characters_and_only_texts_take_lines() {
    let several_lines = api::fields::patterns::TEXT;
    let mut texts = BTreeSet::new();
    for object in documents("full.yaml") {
        let crd = crd_of(&object);
        let mut found = Vec::new();
        strings(spec(&crd), &object["spec"], "", &mut found);
        for (pointer, pattern) in found {
            let with = |end: &str| {
                let mut odd = object.clone();
                let place = odd["spec"].pointer_mut(&pointer).unwrap_or_else(|| panic!("nothing at {pointer}"));
                *place = json!(format!("{}{end}", place.as_str().expect("a string")));
                mistakes(&odd)
            };
            for end in ["\0", "\u{1b}[2J", "\u{7f}", "\u{85}", "\u{2028}", "\u{2029}"] {
                assert_ne!(with(end), "", "{} {pointer} takes {end:?}", crd.spec.names.kind);
            }
            let takes_lines = with("\nx: y").is_empty();
            assert_eq!(takes_lines, pattern.as_deref() == Some(several_lines), "{} {pointer}", crd.spec.names.kind);
            if takes_lines {
                texts.insert(
                    pointer.rsplit('/').find(|part| part.parse::<usize>().is_err()).unwrap_or_default().to_owned(),
                );
            }
        }
    }
    assert!(texts.contains("valuesYaml") && texts.contains("description") && !texts.contains("reason"), "{texts:?}");
}
