//! The files of the Helm chart that follow from the program: the schema of its values, and versions; and its copies
//! of the dashboard and the alerts. `KEPT_BLESS=1 cargo test --test chart_files` rewrites what is generated. (Its copy of the
//! definitions is checked beside the other one, in `promises.rs`.)

use std::fs;
use std::path::{Path, PathBuf};

use kept::api;
use kept::config::Settings;
use schemars::generate::SchemaSettings;
use serde_json::{Value, json};

fn chart() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/helm/kept")
}

fn read(file: &str) -> String {
    fs::read_to_string(chart().join(file)).unwrap_or_else(|e| panic!("{file}: {e}"))
}

fn yaml(file: &str) -> Value {
    serde_saphyr::from_str(&read(file)).expect("YAML")
}

/// The schema of the settings file, as the program reads it.
fn settings() -> Value {
    // The draft that every version of Helm 3 understands, and nothing to resolve.
    let settings = SchemaSettings::draft07().with(|all| {
        all.inline_subschemas = true;
        all.meta_schema = None;
    });
    let mut schema = settings.into_generator().into_root_schema_for::<Settings>().to_value();
    schema.as_object_mut().expect("an object").remove("title");
    shorten(&mut schema);
    schema
}

/// Leaves out the defaults of whole blocks: each of their fields says its own.
fn shorten(schema: &mut Value) {
    match schema {
        Value::Object(fields) => {
            if fields.contains_key("properties") {
                fields.remove("default");
            }
            fields.values_mut().for_each(shorten);
        }
        Value::Array(all) => all.iter_mut().for_each(shorten),
        _ => {}
    }
}

/// The schema of a kind's spec, for those who write it into values.
fn spec(kind: &str) -> Value {
    let crds = api::crds();
    let crd = crds.iter().find(|crd| crd.spec.names.kind == kind).expect("the kind");
    let crd = serde_json::to_value(crd).expect("a CRD is JSON");
    let mut spec = crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"].clone();
    close(&mut spec);
    // Only if one is to be made at all: the handwritten part says when.
    spec.as_object_mut().expect("an object").remove("required");
    spec
}

/// Leaves out what only an API server understands, and refuses unknown fields.
fn close(schema: &mut Value) {
    match schema {
        Value::Object(fields) => {
            fields.retain(|key, _| !key.starts_with("x-kubernetes-"));
            if fields.contains_key("properties") {
                fields.insert("additionalProperties".into(), json!(false));
            }
            fields.values_mut().for_each(close);
        }
        Value::Array(all) => all.iter_mut().for_each(close),
        _ => {}
    }
}

#[test]
fn the_schema_of_the_values_is_that_of_the_program() {
    let mut schema: Value = serde_json::from_str(&read("values.schema.json")).expect("JSON");
    let mut destination = spec("Destination");
    // The chart's own store is filled in.
    destination["properties"].as_object_mut().expect("an object").remove("stateStoreRef");
    schema["properties"]["settings"] = settings();
    schema["properties"]["stateStore"]["properties"]["spec"] = spec("GitStateStore");
    schema["properties"]["destination"]["properties"]["spec"] = destination;
    let wanted = serde_json::to_string_pretty(&schema).expect("JSON") + "\n";
    if std::env::var_os("KEPT_BLESS").is_some() {
        fs::write(chart().join("values.schema.json"), wanted).expect("written");
    } else {
        assert!(read("values.schema.json") == wanted, "values.schema.json is out of date: run `make generate`");
    }
}

#[test]
fn the_dashboard_and_the_alerts_are_those_of_deploy() {
    for (from, to) in [("dashboards/kept.json", "kept.dashboard.json"), ("alerts/kept.yaml", "kept.alerts.yaml")] {
        let wanted = fs::read_to_string(chart().join("../..").join(from)).expect("a file");
        let to = chart().join("files").join(to);
        if std::env::var_os("KEPT_BLESS").is_some() {
            fs::write(&to, wanted).expect("written");
        } else {
            assert!(fs::read_to_string(&to).ok() == Some(wanted), "{from} has changed: run `make generate`");
        }
    }
}

/// Every value with a default is in the schema, and the other way round.
fn assert_alike(at: &str, values: &Value, schema: &Value) {
    let (Some(values), Some(properties)) = (values.as_object(), schema["properties"].as_object()) else { return };
    assert_eq!(schema["additionalProperties"], false, "{at} takes typos");
    for (key, value) in values {
        let below = properties.get(key).unwrap_or_else(|| panic!("{at}.{key} is not in the schema"));
        if !matches!(key.as_str(), "settings" | "spec") {
            assert_alike(&format!("{at}.{key}"), value, below);
        }
    }
    // Helm's own, and what is only ever added.
    let unsaid = properties.keys().filter(|key| !values.contains_key(*key) && !["global", "claims"].contains(&&***key));
    assert_eq!(unsaid.collect::<Vec<_>>(), [] as [&String; 0], "{at}: not in values.yaml");
}

#[test]
fn every_value_is_in_the_schema() {
    let schema: Value = serde_json::from_str(&read("values.schema.json")).expect("JSON");
    assert_alike("values", &yaml("values.yaml"), &schema);
}

#[test]
fn the_chart_is_of_the_programs_version() {
    let chart = yaml("Chart.yaml");
    assert_eq!(chart["appVersion"], env!("CARGO_PKG_VERSION"));
    assert_eq!(chart["version"], env!("CARGO_PKG_VERSION"), "they are released together");
}
