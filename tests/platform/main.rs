//! The kinds of `platform.integratn.tech`: what was valid before kept stays valid and is read whole,
//! every field is bounded, and the rules hold in files as in a cluster.

mod bounds;
mod rules;

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
