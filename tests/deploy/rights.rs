//! What the chart lets kept do.

use std::fs;

use kept::api;
use serde_json::{Value, json};

use crate::helm::{examples, objects, objects_where};

/// All rules of all roles that some values render to.
fn rules(values: &str) -> Vec<(String, Value)> {
    let mut rules = Vec::new();
    for object in objects_where(&["argoproj.io/v1alpha1/Application"], values) {
        for rule in object["rules"].as_array().into_iter().flatten() {
            rules.push((format!("{} {}", object["kind"], object["metadata"]["name"]), rule.clone()));
        }
    }
    assert!(rules.len() > 5, "{rules:?}");
    rules
}

fn texts<'a>(rule: &'a Value, field: &str) -> Vec<&'a str> {
    rule[field].as_array().into_iter().flatten().filter_map(Value::as_str).collect()
}

#[test]
fn no_rule_has_a_wildcard_and_secrets_are_only_got_in_namespaces() {
    for file in examples() {
        for (role, rule) in rules(&fs::read_to_string(&file).expect("a file")) {
            let place = format!("{}: {role}: {rule}", file.display());
            for field in ["apiGroups", "resources", "verbs", "resourceNames"] {
                assert!(!texts(&rule, field).contains(&"*"), "{place}");
            }
            for verb in ["create", "update", "delete", "deletecollection", "escalate", "bind", "impersonate"] {
                let resources = texts(&rule, "resources");
                let events = resources == ["events"] && verb == "create";
                // One lease is written; one that is created has no name yet by which it could be told apart.
                let lease = resources == ["leases"] && role.starts_with("\"Role\"");
                let lease = lease && (verb == "create" || verb == "update" && texts(&rule, "resourceNames").len() == 1);
                assert!(events || lease || !texts(&rule, "verbs").contains(&verb), "{place}");
            }
            if texts(&rule, "resources").contains(&"secrets") {
                assert_eq!(texts(&rule, "verbs"), ["get"], "{place}");
                assert!(role.starts_with("\"Role\""), "{place}");
            }
        }
    }
}

#[test]
fn secrets_are_got_where_the_values_say_and_nowhere_else() {
    let roles = |values: &str| -> Vec<(String, String, Vec<String>)> {
        let of_secrets = |object: &Value| object["kind"] == "Role" && object["rules"].to_string().contains("secrets");
        let roles = objects(values).into_iter().filter(of_secrets);
        roles
            .map(|role| {
                let names = texts(&role["rules"][0], "resourceNames").iter().map(ToString::to_string).collect();
                let text = |field: &str| role["metadata"][field].as_str().unwrap_or_default().to_owned();
                (text("namespace"), text("name"), names)
            })
            .collect()
    };
    let role = |namespace: &str, names: &[&str]| {
        (namespace.to_owned(), "kept".to_owned(), names.iter().map(ToString::to_string).collect::<Vec<_>>())
    };
    assert_eq!(roles(""), [role("kept-system", &[])]);
    let values = "secretNamespaces: {default: [git, signer], platform: []}";
    assert_eq!(roles(values), [role("default", &["git", "signer"]), role("platform", &[])]);
}

#[test]
fn argo_cds_objects_may_be_told_where_it_is_and_nowhere_else() {
    let roles = |values: &str, kinds: &[&str]| -> Vec<(String, Value)> {
        let all = objects_where(kinds, values);
        let of_argocd = all.iter().filter(|object| object["rules"].to_string().contains("argoproj"));
        of_argocd
            .map(|role| (format!("{} {}", role["kind"], role["metadata"]["namespace"]), role["rules"].clone()))
            .collect()
    };
    let rule = |resources: [&str; 2], verbs: &[&str]| json!({ "apiGroups": ["argoproj.io"], "resources": resources, "verbs": verbs });
    let told = rule(["applications", "applicationsets"], &["list", "watch", "patch"]);
    let seen = rule(["applications", "appprojects"], &["list", "watch"]);
    let with = |namespace: &str, rules: &[&Value]| (format!("\"Role\" \"{namespace}\""), json!(rules));
    let role = |namespace: &str| with(namespace, &[&told, &seen]);
    let argocd = ["argoproj.io/v1alpha1/Application"];
    assert_eq!(roles("", &[]), [], "there is no Argo CD");
    assert_eq!(roles("settings: {health: false, argocd: {notify: false}}", &argocd), []);
    assert_eq!(roles("settings: {argocd: {notify: false}}", &argocd), [with("argocd", &[&seen])]);
    assert_eq!(roles("settings: {health: false}", &argocd), [with("argocd", &[&told])]);
    assert_eq!(roles("", &argocd), [role("argocd")]);
    assert_eq!(roles("settings: {argocd: {notify: true}, health: true}", &argocd), [role("argocd")]);
    // The settings go before the namespace that the chart makes objects in, and that before the default.
    assert_eq!(roles("argocd: {namespace: gitops}", &argocd), [role("gitops")]);
    let both = "argocd: {namespace: gitops}\nsettings: {argocd: {namespaces: [one, two, one]}}";
    assert_eq!(roles(both, &argocd), [role("one"), role("two")]);
}

#[test]
fn what_runs_is_looked_at_only_where_statuses_tell_of_it() {
    let looks = |values: &str| {
        let rules = objects(values).into_iter().filter(|role| role["kind"] == "ClusterRole");
        rules.filter(|role| role["rules"].to_string().contains("persistentvolumes")).count()
    };
    assert_eq!((looks(""), looks("settings: {health: false}")), (1, 0));
}

#[test]
fn one_lease_is_written_where_the_settings_say() {
    let roles = |values: &str| -> Vec<Value> {
        let roles = objects(values).into_iter().filter(|role| role["rules"].to_string().contains("leases"));
        roles.map(|role| json!([role["kind"], role["metadata"]["namespace"], role["rules"]])).collect()
    };
    let role = |namespace: &str, name: &str| {
        let lease = json!({ "apiGroups": ["coordination.k8s.io"], "resources": ["leases"] });
        let (mut create, mut keep) = (lease.clone(), lease);
        create["verbs"] = json!(["create"]);
        (keep["resourceNames"], keep["verbs"]) = (json!([name]), json!(["get", "update"]));
        json!(["Role", namespace, [create, keep]])
    };
    assert_eq!(roles(""), [role("kept-system", "kept")]);
    let elsewhere = "settings: {leaderElection: {name: one, namespace: leases}}";
    assert_eq!(roles(elsewhere), [role("leases", "one")]);
}

#[test]
fn every_kind_is_served_with_its_status() {
    let rules = rules("");
    for crd in api::crds() {
        let names = &crd.spec.names;
        for (resource, needed) in [
            (names.plural.clone(), &["get", "list", "watch", "patch"][..]),
            (format!("{}/status", names.plural), &["patch"][..]),
        ] {
            let found = rules.iter().find(|(_, rule)| {
                texts(rule, "apiGroups") == [crd.spec.group.as_str()] && texts(rule, "resources").contains(&&*resource)
            });
            let (_, rule) = found.unwrap_or_else(|| panic!("no rule for {resource}.{}", crd.spec.group));
            assert_eq!(texts(rule, "verbs"), needed, "{resource}");
        }
    }
}

#[test]
fn a_writer_of_its_own_needs_no_look_at_kube_system() {
    let asks = |values: &str| rules(values).iter().any(|(_, rule)| texts(rule, "resources").contains(&"namespaces"));
    assert!(asks("") && !asks("settings: {writer: production}"));
}
