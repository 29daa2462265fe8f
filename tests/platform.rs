//! The kinds of `platform.integratn.tech`: what was valid before kept stays valid and is read whole,
//! every field is bounded, and the rules hold in files as in a cluster.

use std::collections::BTreeSet;
use std::path::Path;

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    CustomResourceDefinition, JSONSchemaProps, JSONSchemaPropsOrArray, JSONSchemaPropsOrBool,
};
use kept::api::{self, Kind};
use kube_cel::Validator;
use serde_json::{Value, json};

fn documents(file: &str) -> Vec<Value> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/platform").join(file);
    let text = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    serde_saphyr::from_multiple(&text).expect("readable YAML")
}

fn crds() -> impl Iterator<Item = CustomResourceDefinition> {
    api::crds().into_iter().filter(|crd| crd.spec.group == api::PLATFORM_GROUP)
}

fn root(crd: &CustomResourceDefinition) -> &JSONSchemaProps {
    crd.spec.versions[0].schema.as_ref().and_then(|s| s.open_api_v3_schema.as_ref()).expect("a schema")
}

fn spec(crd: &CustomResourceDefinition) -> &JSONSchemaProps {
    &root(crd).properties.as_ref().expect("fields")["spec"]
}

fn crd_of(object: &Value) -> CustomResourceDefinition {
    crds().find(|crd| object["kind"] == crd.spec.names.kind.as_str()).expect("a kind of the group")
}

/// The schemas directly below one, each with what is added to the path.
fn below(schema: &JSONSchemaProps) -> Vec<(String, &JSONSchemaProps)> {
    let fields = schema.properties.iter().flatten().map(|(name, field)| (format!(".{name}"), field));
    let mut found: Vec<_> = fields.collect();
    if let Some(JSONSchemaPropsOrArray::Schema(item)) = &schema.items {
        found.push(("[]".into(), item));
    }
    if let Some(JSONSchemaPropsOrBool::Schema(value)) = &schema.additional_properties {
        found.push(("{}".into(), value));
    }
    found
}

fn walk(schema: &JSONSchemaProps, path: &str, visit: &mut dyn FnMut(&str, &JSONSchemaProps)) {
    visit(path, schema);
    for (step, next) in below(schema) {
        walk(next, &format!("{path}{step}"), visit);
    }
}

/// Reads an object as its kind, and writes it again.
fn round(object: &Value) -> Result<Value, String> {
    fn through<K: Kind + serde::Serialize>(object: &Value) -> Result<Value, String> {
        let typed: K = api::read(object).map_err(|e| {
            e.mistakes.iter().flat_map(|mistake| [mistake.to_string(), "\n".into()]).collect::<String>()
        })?;
        Ok(serde_json::to_value(typed).expect("JSON"))
    }
    match object["kind"].as_str().expect("a kind") {
        "VClusterOrchestrator" => through::<api::VClusterOrchestrator>(object),
        "VClusterCore" => through::<api::VClusterCore>(object),
        "VClusterCoredns" => through::<api::VClusterCoredns>(object),
        "VClusterKubeconfigSync" => through::<api::VClusterKubeconfigSync>(object),
        "VClusterKubeconfigExternalSecret" => through::<api::VClusterKubeconfigExternalSecret>(object),
        "VClusterArgoCDClusterRegistration" => through::<api::VClusterArgoCDClusterRegistration>(object),
        "ArgoCDProject" => through::<api::ArgoCDProject>(object),
        "ArgoCDApplication" => through::<api::ArgoCDApplication>(object),
        other => panic!("{other} is none of the kinds"),
    }
}

fn mistakes(object: &Value) -> String {
    round(object).err().unwrap_or_default()
}

fn refused_by_cel(object: &Value, old: Option<&Value>) -> bool {
    let schema = serde_json::to_value(root(&crd_of(object))).expect("JSON");
    Validator::new().validate(&schema, object, old).is_err()
}

/// The first object of the kind, changed: paths are JSON pointers below `spec`; null removes.
fn changed(kind: &str, name: &str, changes: &[(&str, Value)]) -> Value {
    let is_it = |o: &Value| o["kind"] == kind && o["metadata"]["name"] == name;
    let mut object = documents("full.yaml").into_iter().find(is_it).expect("a request of the kind");
    for (pointer, value) in changes {
        let (parent, field) = pointer.rsplit_once('/').expect("a pointer");
        let parent = object["spec"].pointer_mut(parent).unwrap_or_else(|| panic!("nothing at {parent}"));
        match (parent, value) {
            (Value::Object(fields), Value::Null) => drop(fields.remove(field).expect("something to remove")),
            (Value::Object(fields), value) => drop(fields.insert(field.into(), value.clone())),
            (other, _) => panic!("{other} is not an object"),
        }
    }
    object
}

#[test]
fn what_was_valid_stays_valid_and_is_read_whole() {
    for file in ["as-before.yaml", "full.yaml"] {
        for object in documents(file) {
            let read = round(&object).unwrap_or_else(|e| panic!("{file}: {} is refused:\n{e}", object["kind"]));
            assert_eq!(read["spec"], object["spec"], "{file}: something of {} is lost", object["kind"]);
            assert!(!refused_by_cel(&object, None), "{file}: the rules refuse {object}");
            assert!(!refused_by_cel(&object, Some(&object)), "{file}: the rules refuse to leave {object} as it is");
        }
    }
}

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
fn names_of_the_kinds_stay_as_they_were() {
    let names: Vec<_> =
        crds().map(|crd| (crd.spec.names.kind, crd.spec.names.plural, crd.spec.names.singular)).collect();
    let wanted = [
        ("VClusterOrchestrator", "vclusterorchestrators"),
        ("VClusterCore", "vclustercore"),
        ("VClusterCoredns", "vclustercoredns"),
        ("VClusterKubeconfigSync", "vclusterkubeconfigsync"),
        ("VClusterKubeconfigExternalSecret", "vclusterkubeconfigexternalsecret"),
        ("VClusterArgoCDClusterRegistration", "vclusterargocdclusterregistrations"),
        ("ArgoCDProject", "argocdprojects"),
        ("ArgoCDApplication", "argocdapplications"),
    ];
    let wanted = wanted.map(|(kind, plural)| (kind.to_owned(), plural.to_owned(), Some(kind.to_lowercase())));
    assert_eq!(names, wanted);
    assert!(crds().all(|crd| crd.spec.scope == "Namespaced" && crd.spec.versions[0].name == api::VERSION));
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

#[test]
fn only_the_maps_of_a_registration_have_keys_without_values() {
    let empty = |kind: &str, name: &str, field: &str| mistakes(&changed(kind, name, &[(field, json!({ "a": null }))]));
    assert_eq!(empty("VClusterArgoCDClusterRegistration", "full", "/labels"), "");
    assert_eq!(empty("VClusterArgoCDClusterRegistration", "full", "/annotations"), "");
    for field in ["/labels", "/annotations"] {
        assert!(empty("ArgoCDProject", "full", field).contains("has no value"), "{field}");
    }
    assert!(empty("VClusterOrchestrator", "full", "/integrations/argocd/clusterLabels").contains("has no value"));
    let object = changed("VClusterArgoCDClusterRegistration", "full", &[("/labels", json!({ "a": "not a label" }))]);
    assert!(mistakes(&object).contains("The value of a label"), "{}", mistakes(&object));
    let many: serde_json::Map<String, Value> = (0..101).map(|i| (format!("l{i}"), json!("x"))).collect();
    let object = changed("VClusterArgoCDClusterRegistration", "full", &[("/labels", many.into())]);
    assert_eq!(mistakes(&object), "spec.labels: has 101 entries, 100 are allowed\n");
}

#[test]
fn what_is_not_given_is_not_there() {
    let bare = json!({
        "apiVersion": "platform.integratn.tech/v1alpha1", "kind": "VClusterOrchestrator",
        "metadata": { "name": "x" }, "spec": { "name": "x" },
    });
    let read: api::VClusterOrchestrator = api::read(&bare).expect("a name is enough");
    assert!(read.spec.vcluster.is_none() && read.spec.integrations.is_none() && read.spec.exposure.is_none());
    let mut empty = bare.clone();
    empty["spec"] =
        json!({ "name": "x", "exposure": {}, "vcluster": { "persistence": {} }, "integrations": { "argocd": {} } });
    assert_eq!(round(&empty).expect("a request")["spec"], empty["spec"]);
    let read: api::VClusterOrchestrator = api::read(&empty).expect("a request");
    assert!(read.spec.vcluster.is_some_and(|v| v.persistence.is_some_and(|p| p.enabled.is_none())));
    assert!(read.spec.integrations.is_some_and(|i| i.argocd.is_some_and(|a| a.environment.is_none())));
    for kind in [
        "VClusterCore",
        "VClusterCoredns",
        "VClusterKubeconfigSync",
        "VClusterKubeconfigExternalSecret",
        "VClusterArgoCDClusterRegistration",
        "ArgoCDProject",
    ] {
        let mut bare = bare.clone();
        bare["kind"] = json!(kind);
        assert_eq!(mistakes(&bare), "", "{kind}");
        bare["spec"] = json!({});
        assert!(mistakes(&bare).starts_with("spec.name: is missing"), "{kind}: {}", mistakes(&bare));
    }
}

#[test]
fn slips_of_the_pen_are_told() {
    let slip = |pointer: &str, value: Value| mistakes(&changed("VClusterOrchestrator", "full", &[(pointer, value)]));
    let expect = |pointer: &str, value: Value, words: &str| {
        let found = slip(pointer, value.clone());
        assert!(found.contains(words), "{pointer} {value}: {found:?} does not say {words:?}");
    };
    let object =
        changed("VClusterOrchestrator", "full", &[("/targetNamespace", Value::Null), ("/targetNamspace", json!("x"))]);
    assert!(mistakes(&object).contains("did you mean \"targetNamespace\"?"), "{}", mistakes(&object));
    expect("/vcluster/presets", json!("dev"), "spec.vcluster.presets: unknown field");
    expect("/vcluster/preset", json!("Prod"), "did you mean \"prod\"?");
    expect("/vcluster/k8sVersion", json!(1.34), "put quotes around it");
    expect("/vcluster/isolationMode", json!("none"), "standard, strict");
    expect("/vcluster/replicas", json!(0), "is 0, less than 1");
    expect("/vcluster/helmOverrides", json!("a: 1"), "is a string, not an object");
    expect("/exposure/apiPort", json!(65536), "more than 65535");
    expect("/exposure/apiPort", json!("443"), "is a string, not a whole number");
    expect("/argocdApplication/repoUrl", json!("x"), "unknown field");
    expect("/podSecurity/reason", Value::Null, "spec.podSecurity.reason: is missing");
    expect("/podSecurity/enforce", json!("none"), "privileged, baseline, restricted");
    expect("/podSecurity/reason", json!(" "), "is not allowed here");
    expect("/name", json!(&"n".repeat(64)), "is 64 characters long, 63 are allowed");
    let project = |pointer: &str, value: Value| mistakes(&changed("ArgoCDProject", "full", &[(pointer, value)]));
    assert!(project("/roles/0/jwtTokens", json!([])).contains("unknown field"));
    assert!(project("/syncWindows/1/kind", json!("Allow")).contains("did you mean \"allow\"?"));
}

#[test]
fn values_of_their_own_kind_have_patterns() {
    let at = |pointer: &str, value: &str| {
        mistakes(&changed("VClusterOrchestrator", "full", &[(pointer, json!(value))])).is_empty()
    };
    let cases: [(&str, &[&str], &[&str]); 7] = [
        ("/name", &["a", "0", "a-b", "a--b"], &["", "A", "-a", "a-", "a.b", "a_b", "é"]),
        (
            "/vcluster/k8sVersion",
            &["v1.34.3", "1.34", "1.33", "1.32", "v1.36", "1.30.12"],
            &["", "v2.0", "1", "1.34.3-k3s1", "1.x", "latest"],
        ),
        (
            "/vcluster/resources/limits/memory",
            &["512Mi", "1Gi", "1000m", "2", "0.5", "1.5Gi", "1e3", "1E", ".5Gi", "500M", "1k"],
            &["", "-1Gi", "1 Gi", "1GB", "Gi", "1,5Gi", "1Ki5", "0x10", "1KI"],
        ),
        (
            "/exposure/hostname",
            &["a.io", "x-1.example.org"],
            &["", "localhost", "A.io", "a..io", "a.io.", "-a.io", "*.a.io", "a.1"],
        ),
        (
            "/exposure/subnet",
            &["10.0.6.0/24", "1.2.3.4/0", "999.1.1.1/32"],
            &["", "10.0.6.0", "10.0.6.0/33", "10.0.6.0/08", "::/64", "10.6.0/24"],
        ),
        ("/exposure/vip", &["10.0.6.7", "999.1.1.1"], &["", "10.0.6", "10.0.6.7/24", "fe80::1", "a.b.c.d"]),
        ("/integrations/argocd/environment", &["development", "eu.prod_1"], &["", "-a", "a b", "{{x}}"]),
    ];
    for (pointer, good, bad) in cases {
        for value in good {
            assert!(at(pointer, value), "{pointer} refuses {value:?}");
        }
        for value in bad {
            assert!(!at(pointer, value), "{pointer} takes {value:?}");
        }
    }
}

/// An object, and what is said against it; nothing, if it is good.
fn judged() -> Vec<(Value, &'static str)> {
    let app = |changes: &[(&str, Value)]| changed("ArgoCDApplication", "full", changes);
    let several = |changes: &[(&str, Value)]| changed("ArgoCDApplication", "several", changes);
    let project = |to: Value| changed("ArgoCDProject", "full", &[("/destinations", json!([to]))]);
    let source = json!({ "repoURL": "https://x.org/a.git", "path": "." });
    let raised = json!({ "labels": { "a": "b", "pod-security.kubernetes.io/enforce": "privileged" } });
    let policy = "/argocdApplication/syncPolicy/managedNamespaceMetadata";
    vec![
        (app(&[("/sources", json!([source]))]), "spec: needs a source, or sources for several, and not both"),
        (app(&[("/source", Value::Null)]), "spec: needs a source, or sources"),
        (app(&[("/source", source.clone())]), ""),
        (app(&[("/source/path", json!("x"))]), "spec.source.path: has a chart and a path"),
        (app(&[("/source/targetRevision", Value::Null)]), "spec.source.targetRevision: is missing: a chart needs"),
        (app(&[("/source/chart", Value::Null)]), "spec.source: needs a path, a chart, or a ref"),
        (app(&[("/source/chart", Value::Null), ("/source/ref", json!("x"))]), "spec.source: needs a path or a chart"),
        (app(&[("/source/helm/values", json!("a: 1"))]), "spec.source.helm.values: stands beside valuesObject"),
        (several(&[("/sources", json!([source, { "repoURL": "x" }]))]), "spec.sources[1]: needs a path, a chart"),
        (several(&[("/sources", json!([source, { "repoURL": "x", "ref": "x" }]))]), ""),
        (app(&[("/destination/name", json!("x"))]), "spec.destination: needs a server or the name"),
        (app(&[("/destination/server", Value::Null)]), "spec.destination: needs a server or the name"),
        (app(&[("/destination/server", Value::Null), ("/destination/name", json!("x"))]), ""),
        (
            app(&[("/syncPolicy/managedNamespaceMetadata", raised.clone())]),
            "spec.syncPolicy.managedNamespaceMetadata.labels: may not set pod-security.kubernetes.io labels",
        ),
        (changed("VClusterOrchestrator", "full", &[(policy, raised)]), "spec.argocdApplication.syncPolicy.managed"),
        (changed("VClusterOrchestrator", "full", &[(policy, json!({ "labels": { "pod-security": "x" } }))]), ""),
        (project(json!({ "namespace": "x" })), "spec.destinations[0]: needs a server or the name of a cluster"),
        (project(json!({ "name": "x" })), ""),
    ]
}

#[test]
fn rules_hold_in_files_as_in_a_cluster() {
    for (object, words) in judged() {
        let found = mistakes(&object);
        assert_eq!(found.is_empty(), words.is_empty(), "{object}: {found:?}");
        assert!(found.contains(words), "{object} should be refused with {words:?}: {found:?}");
        assert_eq!(refused_by_cel(&object, None), !words.is_empty(), "CEL differs on {object}");
    }
}

#[test]
fn rules_say_the_same_in_files_as_in_a_cluster() {
    let mut said = BTreeSet::new();
    for crd in crds() {
        walk(spec(&crd), "spec", &mut |_, schema| {
            for rule in schema.x_kubernetes_validations.iter().flatten() {
                said.insert((rule.rule.contains("oldSelf"), rule.message.clone().expect("a message")));
            }
        });
    }
    let in_files: String = judged().iter().map(|(object, _)| mistakes(object)).collect();
    for (of_changes, message) in said {
        assert!(of_changes || in_files.contains(&message), "no file is refused with {message:?}");
    }
}

#[test]
fn an_identity_cannot_be_changed() {
    for object in documents("full.yaml") {
        let mut renamed = object.clone();
        renamed["spec"]["name"] = json!("other");
        assert!(refused_by_cel(&renamed, Some(&object)), "{} takes another name", object["kind"]);
        assert!(!refused_by_cel(&renamed, None), "{} refuses a good name", object["kind"]);
    }
    let target = |kind: &str, to: Option<&str>| {
        changed(kind, "full", &[("/targetNamespace", to.map_or(Value::Null, |to| json!(to)))])
    };
    let moved =
        |kind: &str, from: Option<&str>, to: Option<&str>| refused_by_cel(&target(kind, to), Some(&target(kind, from)));
    let (default, other) = (Some("vcluster-full"), Some("other"));
    // An absent one is `vcluster-{name}`; to say so, or no longer, changes nothing.
    for (from, to, refused) in [
        (default, other, true),
        (other, default, true),
        (other, other, false),
        (None, other, true),
        (other, None, true),
        (None, default, false),
        (default, None, false),
        (None, None, false),
    ] {
        assert_eq!(moved("VClusterOrchestrator", from, to), refused, "{from:?} -> {to:?}");
    }
    // An absent one is the namespace of the request, which no rule can see.
    for (from, to, refused) in [
        (default, other, true),
        (default, default, false),
        (None, other, true),
        (default, None, true),
        (None, None, false),
    ] {
        assert_eq!(moved("VClusterCore", from, to), refused, "{from:?} -> {to:?}");
    }
}
