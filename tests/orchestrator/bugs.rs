//! What was wrong with the originals, by the numbers that their bugs have in the list of them.

use std::collections::BTreeSet;

use kept::known::Known;
use kept::manifest::Content;
use kept::promises::Request;
use serde_json::{Value, json};

use crate::support::{
    address, annotated, application, at, check, demo, mistakes, namespace, record, render, render_with, request, value,
    values,
};

fn vcluster(fields: Value) -> Value {
    json!({ "vcluster": fields })
}

/// All objects of a request.
fn objects(request: &Request) -> Vec<Value> {
    let files = render(request).files.into_values();
    files
        .map(|content| match content {
            Content::Object(object) => object,
            other => panic!("{other:?}"),
        })
        .collect()
}

#[test]
fn bug_01_without_a_target_it_never_gets_the_namespace_of_the_requests() {
    let output = render(&demo(json!({})));
    let namespaces: Vec<Value> = objects(&demo(json!({}))).into_iter().filter(|o| o["kind"] == "Namespace").collect();
    assert_eq!(namespaces.len(), 1);
    assert_eq!(namespaces[0]["metadata"]["name"], "vcluster-demo");
    assert!(namespace(&output)["metadata"]["annotations"].get("argocd.argoproj.io/sync-options").is_none());
    // Where a request lies in the namespace that it names, that one stays.
    let own = request("vcluster-demo", "demo", json!({ "name": "demo", "targetNamespace": "vcluster-demo" }));
    let kept = &namespace(&render(&own))["metadata"]["annotations"]["argocd.argoproj.io/sync-options"].clone();
    assert_eq!(kept, "Prune=false,Delete=false");
}

#[test]
fn bug_02_chart_0_30_4_gets_no_disruption_budget() {
    let of = |chart: &str| {
        let spec = json!({ "vcluster": { "preset": "prod" }, "argocdApplication": { "targetRevision": chart } });
        values(&render(&demo(spec)))["controlPlane"].get("advanced").cloned()
    };
    assert_eq!(of("0.30.4"), None);
    assert!(of("0.31.0").is_some());
}

#[test]
fn bug_03_no_key_stands_twice() {
    let spec = vcluster(json!({ "preset": "prod" }));
    let checked = check(&demo(spec));
    for (path, file) in checked.files() {
        // This reader refuses a key that stands twice.
        let read: Result<Value, _> = serde_saphyr::from_slice(&file.bytes);
        let object = read.unwrap_or_else(|e| panic!("{path}: {e}"));
        if let Some(text) = object["data"]["values.yaml"].as_str() {
            let tree: Value = serde_saphyr::from_str(text).expect("readable YAML");
            assert!(tree["controlPlane"]["service"].is_object() && tree["controlPlane"]["advanced"].is_object());
            assert_eq!(text.matches("\ncontrolPlane:").count() + usize::from(text.starts_with("controlPlane:")), 1);
        }
    }
}

#[test]
fn bug_04_three_replicas_have_a_backing_store() {
    let output = render(&demo(vcluster(json!({ "preset": "prod" }))));
    assert_eq!(value(&output, "/controlPlane/statefulSet/highAvailability/replicas"), 3);
    assert_eq!(value(&output, "/controlPlane/backingStore/etcd/deploy/enabled"), true);
}

#[test]
fn bug_05_and_13_and_14_no_job_moves_credentials() {
    let kinds: BTreeSet<String> =
        objects(&demo(json!({}))).iter().map(|o| o["kind"].as_str().expect("a kind").to_owned()).collect();
    let wanted = ["AppProject", "Application", "ConfigMap", "ExternalSecret", "Namespace", "PushSecret"];
    assert_eq!(kinds, wanted.map(String::from).into(), "no Job, Role or ServiceAccount, and no Secret");
    let output = render(&demo(json!({})));
    let push = at(&output, "vcluster-kubeconfig-sync/pushsecret-vcluster-demo-kubeconfig.yaml");
    assert_eq!(push["spec"]["deletionPolicy"], "Delete");
    assert_eq!(push["spec"]["updatePolicy"], "Replace");
}

#[test]
fn bug_07_annotations_of_the_request_are_read_although_their_keys_have_dots() {
    let annotations = json!({
        "platform.integratn.tech/base-domain": "example.org", "platform.integratn.tech/reconcile-at": "now" });
    let output = render(&annotated("platform-requests", "demo", annotations, json!({ "name": "demo" })));
    assert_eq!(output.facts["hostname"], "demo.example.org");
    let push = at(&output, "vcluster-kubeconfig-sync/pushsecret-vcluster-demo-kubeconfig.yaml");
    assert_eq!(push["metadata"]["annotations"]["platform.integratn.tech/reconcile-at"], "now");
}

#[test]
fn bug_08_external_secrets_are_of_a_version_that_is_served() {
    for object in objects(&demo(json!({}))) {
        match object["kind"].as_str() {
            Some("ExternalSecret") => assert_eq!(object["apiVersion"], "external-secrets.io/v1"),
            Some("PushSecret") => assert_eq!(object["apiVersion"], "external-secrets.io/v1alpha1"),
            _ => {}
        }
    }
}

#[test]
fn bug_09_the_status_names_what_is_made() {
    let output = render(&demo(json!({})));
    let credentials = &output.facts["credentials"];
    let kubeconfig = at(&output, "vcluster-kubeconfig-external-secret/externalsecret-vcluster-demo-kubeconfig.yaml");
    assert_eq!(kubeconfig["spec"]["target"]["name"], credentials["kubeconfigSecret"]);
    let push = at(&output, "vcluster-kubeconfig-sync/pushsecret-vcluster-demo-kubeconfig.yaml");
    assert_eq!(push["spec"]["data"][0]["match"]["remoteRef"]["remoteKey"], credentials["onePasswordItem"]);
}

#[test]
fn bug_10_every_vcluster_of_a_subnet_gets_an_address_of_its_own() {
    let mut known = Known::default();
    let mut found = BTreeSet::new();
    for i in 0..20 {
        let name = format!("n{i}");
        let me = request("platform-requests", &name, json!({ "name": name, "exposure": { "subnet": "10.0.6.0/24" } }));
        let output = render_with(&me, &known).expect("it renders");
        found.insert(address(&output));
        record(&mut known, &me.key, &output.claims.into_iter().collect::<Vec<_>>());
    }
    assert_eq!(found.len(), 20);
}

#[test]
fn bug_11_small_subnets_have_addresses_too() {
    for (subnet, wanted) in
        [("10.0.6.0/25", "10.0.6.100"), ("10.0.6.128/26", "10.0.6.166"), ("10.0.6.8/30", "10.0.6.10")]
    {
        assert_eq!(address(&render(&demo(json!({ "exposure": { "subnet": subnet } })))), wanted);
    }
}

#[test]
fn bug_12_an_address_without_a_subnet_is_one() {
    let refused = mistakes(&demo(json!({ "exposure": { "vip": "999.1.1.1" } })));
    assert_eq!(refused, "spec.exposure.vip: \"999.1.1.1\" is not an IPv4 address\n");
}

#[test]
fn bug_15_a_kubeconfig_with_a_token_is_a_secure_one() {
    let output = render(&demo(vcluster(json!({ "exportKubeConfig": { "serviceAccount": { "name": "a" } } }))));
    let push = at(&output, "vcluster-kubeconfig-sync/pushsecret-vcluster-demo-argocd-config.yaml");
    let config = push["spec"]["template"]["data"]["argocd-config"].as_str().expect("a template");
    assert!(config.contains("bearerToken") && config.contains("toJson") && !config.contains("\"insecure\" true"));
}

#[test]
fn bug_18_what_people_write_stays_text() {
    let hostile = "x\n---\nkind: Secret\n\"'{}[]: #&*!|>%@`";
    let spec = json!({ "integrations": { "argocd": { "clusterAnnotations": { "note": hostile } } },
                       "vcluster": { "helmOverrides": { "plugins": { "a: b\n# ": hostile } } } });
    // YAML in a string is looked into, so that nothing which is no Secret passes for one.
    let output = render(&demo(spec.clone()));
    let secret = at(&output, "vcluster-argocd-cluster-registration/externalsecret-vcluster-demo-argocd-cluster.yaml");
    assert_eq!(secret["spec"]["target"]["template"]["metadata"]["annotations"]["note"], hostile);
    assert_eq!(values(&output)["plugins"]["a: b\n# "], hostile);
    let live = json!({ "integrations": { "argocd": { "clusterAnnotations": { "note": "{{ .x }}" } } } });
    assert!(mistakes(&demo(live)).starts_with("spec.integrations.argocd.clusterAnnotations[\"note\"]: holds {{"));
    let helm = json!({ "vcluster": { "helmOverrides": { "plugins": { "a": { "image": "{{ .x }}" } } } } });
    check(&demo(helm));
}

#[test]
fn bug_19_what_is_given_in_part_leaves_the_rest_to_the_preset() {
    let given = |preset: &str, fields: Value| {
        let mut fields = fields;
        fields["preset"] = preset.into();
        render(&demo(vcluster(fields)))
    };
    let dev = given("dev", json!({ "persistence": {} }));
    assert_eq!(value(&dev, "/controlPlane/statefulSet/persistence/volumeClaim/enabled"), false);
    let prod = given("prod", json!({ "resources": { "requests": { "cpu": "1" } } }));
    assert_eq!(
        value(&prod, "/controlPlane/statefulSet/resources"),
        json!({ "requests": { "cpu": "1", "memory": "1Gi" }, "limits": { "cpu": "2", "memory": "2Gi" } })
    );
}

#[test]
fn bug_20_labels_of_the_cluster_are_on_its_secret_alone() {
    let spec = json!({ "integrations": { "argocd": { "clusterLabels": { "team": "x" }, "clusterAnnotations": { "a": "b" } } } });
    for object in objects(&demo(spec)) {
        assert!(object["metadata"]["labels"].get("team").is_none(), "{object}");
        assert!(object["metadata"]["labels"].get("argocd.argoproj.io/secret-type").is_none(), "{object}");
        assert!(object["metadata"]["annotations"].get("a").is_none(), "{object}");
    }
}

#[test]
fn bug_21_the_project_follows_repository_and_cluster() {
    let output = render(&demo(json!({ "argocdApplication": {
        "repoURL": "https://charts.example.org", "destinationServer": "https://host.example.org" } })));
    let project = &at(&output, "argocd-project/appproject-vcluster-demo.yaml")["spec"];
    assert_eq!(project["sourceRepos"], json!(["https://charts.example.org"]));
    assert_eq!(project["destinations"][0]["server"], "https://host.example.org");
}

#[test]
fn bug_22_the_dns_configuration_has_another_name_than_the_syncers() {
    let output = render(&demo(json!({})));
    let config = at(&output, "vcluster-coredns/configmap-vc-demo-coredns.yaml");
    assert_eq!(config["data"]["Corefile"], value(&output, "/controlPlane/coredns/overwriteConfig"));
    assert!(objects(&demo(json!({}))).iter().all(|o| o["metadata"]["name"] != "coredns-x-kube-system-x-demo"));
}

#[test]
fn bug_25_one_replica_has_no_disruption_budget_and_a_version_is_a_whole_one() {
    let output = render(&demo(vcluster(json!({ "preset": "dev", "k8sVersion": "1.34" }))));
    assert_eq!(value(&output, "/controlPlane/advanced"), Value::Null);
    assert_eq!(value(&output, "/controlPlane/distro/k8s/version"), "v1.34.3");
}

#[test]
fn bug_26_names_that_become_too_long_are_refused() {
    let long = "n".repeat(54);
    let refused = mistakes(&request("platform-requests", "demo", json!({ "name": long })));
    assert!(refused.starts_with("spec.name: has 54 characters, 53 are allowed"), "{refused}");
    let fits = "n".repeat(53);
    check(&request("platform-requests", "demo", json!({ "name": fits })));
}

#[test]
fn bug_26b_a_storage_class_and_overrides_lose_nothing() {
    let output = render(&demo(json!({
        "vcluster": {
            "persistence": { "storageClass": "fast" },
            "backingStore": { "etcd": { "deploy": { "enabled": true } } },
            "helmOverrides": { "controlPlane": { "ingress": { "enabled": true } } },
        },
        "exposure": { "vip": "10.0.6.9" },
    })));
    assert_eq!(value(&output, "/controlPlane/statefulSet/persistence/volumeClaim/storageClass"), "fast");
    assert_eq!(value(&output, "/controlPlane/service/spec/loadBalancerIP"), "10.0.6.9");
    assert_eq!(value(&output, "/controlPlane/proxy/extraSANs"), json!(["demo.integratn.tech", "10.0.6.9"]));
    assert_eq!(value(&output, "/controlPlane/statefulSet/resources/requests/cpu"), "200m");
    assert_eq!(value(&output, "/controlPlane/ingress/enabled"), true);
    assert_eq!(application(&output)["spec"]["source"]["helm"]["valuesObject"], *values(&output));
}
