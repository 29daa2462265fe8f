//! What the chart makes for Argo CD is what `deploy/argocd` has for those without the chart.

use std::fs;

use serde_json::{Value, json};

use crate::helm::{chart, objects};

/// The object in a file of `deploy/argocd`.
fn file(name: &str) -> Value {
    let path = chart().join("../../argocd").join(name);
    let text = fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    serde_saphyr::from_str(&text).expect("YAML")
}

#[test]
fn the_chart_and_the_files_have_the_same_objects() {
    let project = file("project.yaml");
    for (mode, name) in [("applicationset", "applicationset.yaml"), ("application", "application.yaml")] {
        let plain = file(name);
        let values = json!({
            "stateStore": { "spec": { "url": "https://gitea.example.com/keeper/state.git" } },
            "destination": { "spec": { "path": "clusters/host" } },
            "argocd": { "create": true, "mode": mode, "project": project["metadata"]["name"] },
        });
        let all = objects(&values.to_string());
        let made = all.iter().find(|object| object["apiVersion"] == "argoproj.io/v1alpha1").expect("Argo CD's object");
        for field in ["/kind", "/metadata/namespace", "/spec"] {
            assert_eq!(made.pointer(field), plain.pointer(field), "{mode}: {field}");
        }
        // And the project lets them.
        let application = plain.pointer("/spec/template").unwrap_or(&plain);
        let spec = &application["spec"];
        assert_eq!(spec["project"], project["metadata"]["name"]);
        assert_eq!(project["spec"]["sourceRepos"], json!([spec["source"]["repoURL"]]));
        let destination = json!([{ "server": spec["destination"]["server"], "namespace": "*" }]);
        assert_eq!(project["spec"]["destinations"], destination);
    }
}
