//! What a request leaves open: presets, defaults, and what v1's API server filled in.

use kept::config::Settings;
use kept::known::Known;
use kept::promises::Refusal;
use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::support::{
    annotated, application, at, demo, mistakes, namespace, promise, render, render_with, request, value, values,
};

/// Replicas, requests, limits, volume, DNS replicas: as the preset's table has them.
fn size(spec: Value) -> [Value; 5] {
    let output = render(&demo(spec));
    let of = |pointer: &str| value(&output, &format!("/controlPlane/{pointer}"));
    [
        of("statefulSet/highAvailability/replicas"),
        of("statefulSet/resources/requests"),
        of("statefulSet/resources/limits"),
        of("statefulSet/persistence/volumeClaim"),
        of("coredns/deployment/replicas"),
    ]
}

fn amount(cpu: &str, memory: &str) -> Value {
    json!({ "cpu": cpu, "memory": memory })
}

fn dev() -> [Value; 5] {
    let volume = json!({ "enabled": false, "size": "5Gi" });
    [json!(1), amount("200m", "512Mi"), amount("1000m", "1Gi"), volume, json!(1)]
}

fn prod() -> [Value; 5] {
    let volume = json!({ "enabled": true, "size": "10Gi" });
    [json!(3), amount("500m", "1Gi"), amount("2", "2Gi"), volume, json!(2)]
}

#[test]
fn presets() {
    assert_eq!(size(json!({})), dev(), "dev is the default");
    assert_eq!(size(json!({ "vcluster": {} })), dev());
    assert_eq!(size(json!({ "vcluster": { "preset": "dev" } })), dev());
    assert_eq!(size(json!({ "vcluster": { "preset": "prod" } })), prod());
}

#[test]
fn a_preset_fills_what_is_left_open_field_by_field() {
    let changed = |of: [Value; 5], i: usize, to: Value| {
        let mut of = of;
        of[i] = to;
        of
    };
    let given =
        |preset: &str, field: &str, value: Value| size(json!({ "vcluster": { "preset": preset, field: value } }));
    for (preset, of) in [("dev", dev()), ("prod", prod())] {
        assert_eq!(given(preset, "replicas", json!(5)), changed(of.clone(), 0, json!(5)));
        let cpu_more = json!({ "limits": { "cpu": "7" } });
        let limits = json!({ "cpu": "7", "memory": of[2]["memory"] });
        assert_eq!(given(preset, "resources", cpu_more), changed(of.clone(), 2, limits));
        let less_memory = json!({ "requests": { "memory": "100Mi" } });
        let requests = json!({ "cpu": of[1]["cpu"], "memory": "100Mi" });
        assert_eq!(given(preset, "resources", less_memory), changed(of.clone(), 1, requests));
        for nothing in [json!({}), json!({ "requests": {} }), json!({ "requests": {}, "limits": {} })] {
            assert_eq!(given(preset, "resources", nothing), of);
        }
        assert_eq!(given(preset, "coredns", json!({ "replicas": 4 })), changed(of.clone(), 4, json!(4)));
        assert_eq!(given(preset, "coredns", json!({})), of);
    }
}

#[test]
fn a_volume_is_what_anybody_says_of_one() {
    let volume = |preset: &str, persistence: Value| {
        size(json!({ "vcluster": { "preset": preset, "persistence": persistence } }))[3].clone()
    };
    let of = |enabled: bool, size: &str| json!({ "enabled": enabled, "size": size });
    // {} says nothing, so it is the preset's.
    assert_eq!(volume("dev", json!({})), of(false, "5Gi"));
    assert_eq!(volume("prod", json!({})), of(true, "10Gi"));
    assert_eq!(volume("dev", json!({ "size": "8Gi" })), of(true, "8Gi"));
    assert_eq!(volume("prod", json!({ "size": "8Gi" })), of(true, "8Gi"));
    let fast = |size: &str| json!({ "enabled": true, "size": size, "storageClass": "fast" });
    assert_eq!(volume("dev", json!({ "storageClass": "fast" })), fast("5Gi"));
    assert_eq!(volume("prod", json!({ "storageClass": "fast" })), fast("10Gi"));
    assert_eq!(volume("dev", json!({ "enabled": true })), of(true, "5Gi"));
    assert_eq!(volume("prod", json!({ "enabled": false })), of(false, "10Gi"));
    assert_eq!(volume("dev", json!({ "enabled": false, "size": "8Gi" })), of(false, "8Gi"));
}

#[test]
fn more_is_not_reserved_than_may_be_used() {
    let given = |resources: Value| demo(json!({ "vcluster": { "preset": "dev", "resources": resources } }));
    let refused = mistakes(&given(json!({ "requests": { "cpu": "1500m", "memory": "2Gi" } })));
    assert_eq!(refused.lines().count(), 2, "{refused}");
    assert!(refused.contains("spec.vcluster.resources.requests.cpu: 1500m is more than the limit, which is 1000m"));
    assert!(refused.contains("spec.vcluster.resources.requests.memory: 2Gi is more than the limit, which is 1Gi"));
    // The same amount in other words is no more.
    for cpu in ["1", "1.0", "1000m", "1e0", "1000000u"] {
        render(&given(json!({ "requests": { "cpu": cpu, "memory": "1048576Ki" } })));
    }
    render(&given(json!({ "requests": { "memory": "2G" }, "limits": { "memory": "2Gi" } })));
    mistakes(&given(json!({ "requests": { "memory": "2Gi" }, "limits": { "memory": "2G" } })));
}

/// A file and the object that v1's API server had made of it render alike.
#[test]
fn what_v1_had_stored_renders_as_the_file_it_came_from() {
    let pairs = [
        (json!({ "exposure": {} }), json!({ "exposure": { "apiPort": 8443 } })),
        (
            json!({ "exposure": { "subnet": "10.0.6.0/24" } }),
            json!({ "exposure": { "subnet": "10.0.6.0/24", "apiPort": 8443 } }),
        ),
        (
            json!({ "vcluster": { "persistence": { "size": "5Gi" } } }),
            json!({ "vcluster": { "persistence": { "size": "5Gi", "enabled": true } } }),
        ),
        (
            json!({ "vcluster": { "preset": "prod", "persistence": { "size": "7Gi" } } }),
            json!({ "vcluster": { "preset": "prod", "persistence": { "size": "7Gi", "enabled": true } } }),
        ),
        (
            json!({ "vcluster": { "preset": "dev", "persistence": { "storageClass": "fast" } } }),
            json!({ "vcluster": { "preset": "dev", "persistence": { "storageClass": "fast", "size": "5Gi", "enabled": true } } }),
        ),
        (
            json!({ "vcluster": { "preset": "prod" }, "integrations": { "argocd": {} } }),
            json!({ "vcluster": { "preset": "prod" }, "integrations": { "argocd": { "environment": "development" } } }),
        ),
        (
            json!({ "vcluster": { "preset": "dev", "resources": { "requests": { "cpu": "100m" } } } }),
            json!({ "vcluster": { "preset": "dev", "resources": {
                "requests": { "cpu": "100m", "memory": "512Mi" }, "limits": { "cpu": "1000m", "memory": "1Gi" } } } }),
        ),
        (json!({ "vcluster": { "coredns": {} } }), json!({ "vcluster": { "coredns": { "replicas": 1 } } })),
        (
            json!({ "vcluster": { "networking": {} } }),
            json!({ "vcluster": { "networking": { "clusterDomain": "cluster.local" }, "k8sVersion": "v1.34.3" } }),
        ),
        (json!({ "vcluster": {} }), json!({ "vcluster": { "isolationMode": "standard" } })),
        (
            json!({ "integrations": { "certManager": {}, "externalSecrets": {} } }),
            json!({ "integrations": {
                "certManager": { "clusterIssuerSelectorLabels": { "integratn.tech/cluster-issuer": "letsencrypt-prod" } },
                "externalSecrets": {
                    "clusterStoreSelectorLabels": { "integratn.tech/cluster-secret-store": "onepassword-store" } },
            } }),
        ),
        (
            json!({ "integrations": { "argocd": { "workloadRepo": {} } } }),
            json!({ "integrations": { "argocd": { "environment": "development", "workloadRepo": {
                "url": "https://github.com/jamesatintegratnio/gitops_homelab_2_0",
                "basePath": "", "path": "workloads", "revision": "main" } } } }),
        ),
        (
            json!({ "argocdApplication": { "targetRevision": "0.30.4" } }),
            json!({ "argocdApplication": {
                "targetRevision": "0.30.4", "repoURL": "https://charts.loft.sh", "chart": "vcluster",
                "destinationServer": "https://kubernetes.default.svc" } }),
        ),
    ];
    for (file, stored) in pairs {
        assert_eq!(render(&demo(file.clone())).files, render(&demo(stored.clone())).files, "{file} and {stored}");
    }
}

#[test]
fn ports() {
    let of = |spec: Value| {
        let output = render(&demo(spec));
        assert_eq!(
            output.facts["endpoints"]["api"],
            value(&output, "/exportKubeConfig/server"),
            "the API is where the kubeconfig says"
        );
        let ports = value(&output, "/controlPlane/service/spec/ports");
        let ports = ports.as_array().expect("a list").iter().map(|p| {
            assert_eq!((&p["targetPort"], &p["protocol"]), (&json!(8443), &json!("TCP")));
            format!("{} {}", p["name"].as_str().expect("a name"), p["port"])
        });
        (ports.collect::<Vec<_>>().join(", "), value(&output, "/exportKubeConfig/server"))
    };
    assert_eq!(of(json!({})), ("https 443".into(), json!("https://demo.integratn.tech:443")));
    let exposed = ("https 8443, https-internal 443".to_owned(), json!("https://demo.integratn.tech:8443"));
    assert_eq!(of(json!({ "exposure": {} })), exposed);
    assert_eq!(of(json!({ "exposure": { "hostname": "demo.integratn.tech" } })), exposed);
    let given = |port: u16| json!({ "exposure": { "hostname": "a.example.org", "apiPort": port } });
    assert_eq!(of(given(443)), ("https 443".into(), json!("https://a.example.org:443")));
    assert_eq!(of(given(6443)).0, "https 6443, https-internal 443");
}

#[test]
fn versions_of_kubernetes() {
    let of = |version: &str| {
        value(&render(&demo(json!({ "vcluster": { "k8sVersion": version } }))), "/controlPlane/distro/k8s/version")
    };
    for (given, wanted) in [
        ("v1.34.3", "v1.34.3"),
        ("1.34", "v1.34.3"),
        ("v1.34", "v1.34.3"),
        ("1.33", "v1.33.7"),
        ("1.32", "v1.32.11"),
        ("1.34.1", "v1.34.1"),
        ("v1.99.0", "v1.99.0"),
    ] {
        assert_eq!(of(given), wanted, "{given}");
    }
    let unknown = mistakes(&demo(json!({ "vcluster": { "k8sVersion": "1.31" } })));
    assert!(unknown.starts_with("spec.vcluster.k8sVersion: 1.31 is not among"), "{unknown}");
    assert!(unknown.contains("1.32, 1.33, 1.34") && unknown.contains("such as v1.31.0"), "{unknown}");
    let mut settings = Settings::default();
    settings.promises.vcluster.kubernetes_patches = [("1.31".to_owned(), "1.31.9".to_owned())].into();
    settings.promises.vcluster.kubernetes_version = "1.31".into();
    let output = promise().render(&demo(json!({})), &settings, &Known::default()).expect("the settings know it");
    assert_eq!(value(&output, "/controlPlane/distro/k8s/version"), "v1.31.9");
}

#[test]
fn the_environment_follows_the_preset_where_argocd_is_not_given() {
    let of = |spec: Value| {
        let output = render(&demo(spec));
        let secret = at(
            &output,
            "vcluster-argocd-cluster-registration/externalsecret-vcluster-demo-argocd-cluster.yaml",
        )["spec"]["target"]["template"]["metadata"]
            .clone();
        let all = [
            output.facts["environment"].clone(),
            secret["labels"]["environment"].clone(),
            secret["annotations"]["environment"].clone(),
            value(&output, "/controlPlane/serviceMonitor/labels/environment"),
        ];
        assert!(all.iter().all(|e| e == &all[0]), "{all:?}");
        all[0].clone()
    };
    let prod = json!({ "preset": "prod" });
    assert_eq!(of(json!({})), "development");
    assert_eq!(of(json!({ "vcluster": prod })), "production");
    assert_eq!(of(json!({ "vcluster": prod, "integrations": {} })), "production");
    assert_eq!(of(json!({ "vcluster": prod, "integrations": { "argocd": {} } })), "development");
    assert_eq!(of(json!({ "vcluster": prod, "integrations": { "argocd": { "environment": "staging" } } })), "staging");
}

#[test]
fn the_annotations_of_a_request() {
    let annotations = |base: &str| json!({ "platform.integratn.tech/base-domain": base });
    let output =
        render(&annotated("platform-requests", "demo", annotations("lab.example.org"), json!({ "name": "demo" })));
    assert_eq!(output.facts["hostname"], "demo.lab.example.org");
    // One name for all, also with a host name of its own.
    let own = json!({ "name": "demo", "exposure": { "hostname": "x.example.org" } });
    let output = render(&annotated("platform-requests", "demo", annotations("lab.example.org"), own));
    assert_eq!(output.facts["hostname"], "x.example.org");
    let secret = at(&output, "vcluster-argocd-cluster-registration/externalsecret-vcluster-demo-argocd-cluster.yaml");
    let of_secret = &secret["spec"]["target"]["template"]["metadata"]["annotations"];
    assert_eq!(of_secret["platform.integratn.tech/base-domain"], "lab.example.org");
    assert_eq!(of_secret["platform.integratn.tech/base-domain-sanitized"], "lab-example-org");
    for bad in ["", "No", "a..b", "-a", "x{{y}}.org", "a b.org"] {
        let refused = mistakes(&annotated("platform-requests", "demo", annotations(bad), json!({ "name": "demo" })));
        assert!(refused.starts_with("metadata.annotations[\"platform.integratn.tech/base-domain\"]: "), "{refused}");
    }
    // A domain of one label and digits makes no host name, and only the host name needs it to.
    let refused = mistakes(&annotated("platform-requests", "demo", annotations("1"), json!({ "name": "demo" })));
    assert!(refused.starts_with("spec.exposure.hostname: is missing, and demo.1"), "{refused}");

    let now = json!({ "platform.integratn.tech/reconcile-at": "2026-01-01" });
    let output = render(&annotated("platform-requests", "demo", now, json!({ "name": "demo" })));
    let with: BTreeSet<&str> = output
        .files
        .keys()
        .map(kept::values::RelPath::as_str)
        .filter(|path| {
            at(&output, path)["metadata"]["annotations"]["platform.integratn.tech/reconcile-at"] == "2026-01-01"
        })
        .filter_map(|path| path.split_once('/'))
        .map(|(directory, _)| directory)
        .collect();
    let credentials =
        ["vcluster-argocd-cluster-registration", "vcluster-kubeconfig-external-secret", "vcluster-kubeconfig-sync"];
    assert_eq!(with, credentials.into());
}

#[test]
fn the_sync_policy_is_merged_over_the_default() {
    let of = |policy: Value| {
        let output = render(&demo(json!({ "argocdApplication": { "syncPolicy": policy } })));
        application(&output)["spec"]["syncPolicy"].clone()
    };
    let default = json!({ "automated": { "selfHeal": true, "prune": true }, "syncOptions": ["CreateNamespace=true"] });
    assert_eq!(of(json!({})), default);
    assert_eq!(of(json!({ "automated": {} })), default);
    let mut changed = default.clone();
    changed["automated"]["prune"] = false.into();
    changed["syncOptions"] = json!(["ServerSideApply=true"]);
    changed["retry"] = json!({ "limit": 2 });
    assert_eq!(
        of(
            json!({ "automated": { "prune": false }, "syncOptions": ["ServerSideApply=true"], "retry": { "limit": 2 } })
        ),
        changed
    );
    let metadata = json!({ "managedNamespaceMetadata": { "labels": { "a": "b" } } });
    let refused = mistakes(&demo(json!({ "argocdApplication": { "syncPolicy": metadata } })));
    assert!(refused.starts_with("spec.argocdApplication.syncPolicy.managedNamespaceMetadata: "), "{refused}");
}

#[test]
fn the_settings_are_the_defaults() {
    let mut settings = Settings::default();
    let vcluster = &mut settings.promises.vcluster;
    vcluster.base_domain = "example.org".into();
    vcluster.argocd_namespace = "gitops".into();
    vcluster.chart.repository = "https://charts.example.org".into();
    vcluster.chart.version = "0.31.2".into();
    vcluster.image = "registry.example.org/vcluster-oss".into();
    vcluster.secrets.item = "kube-{name}".into();
    vcluster.secrets.vault = "lab".into();
    vcluster.workload_repo.path = "apps".into();
    let output = promise().render(&demo(json!({})), &settings, &Known::default()).expect("it renders");
    let application = application(&output);
    assert_eq!(application["metadata"]["namespace"], "gitops");
    assert_eq!(application["spec"]["source"]["repoURL"], "https://charts.example.org");
    assert_eq!(application["spec"]["source"]["targetRevision"], "0.31.2");
    assert_eq!(value(&output, "/controlPlane/statefulSet/image/repository"), "registry.example.org/vcluster-oss");
    assert_eq!(output.facts["hostname"], "demo.example.org");
    assert_eq!(
        output.facts["credentials"],
        json!({ "kubeconfigSecret": "vcluster-demo-kubeconfig-external", "onePasswordItem": "kube-demo",
                "onePasswordVault": "lab" })
    );
    let registration =
        at(&output, "vcluster-argocd-cluster-registration/externalsecret-vcluster-demo-argocd-cluster.yaml");
    assert_eq!(registration["metadata"]["namespace"], "gitops");
    assert_eq!(registration["spec"]["data"][0]["remoteRef"]["key"], "kube-demo");
    assert_eq!(registration["spec"]["target"]["template"]["metadata"]["annotations"]["workload_repo_path"], "apps");
}

#[test]
fn all_mistakes_are_reported_together() {
    let request = annotated(
        "platform-requests",
        "demo",
        json!({ "platform.integratn.tech/base-domain": "No" }),
        json!({
            "name": "demo",
            "targetNamespace": "kube-system",
            "vcluster": {
                "k8sVersion": "1.2",
                "resources": { "requests": { "cpu": "9" } },
                "helmOverrides": { "controlPlane": { "coredns": { "embedded": true }, "service": "none" } },
            },
            "exposure": { "subnet": "10.0.300.0/24", "vip": "999.1.1.1" },
            "integrations": {
                "argocd": {
                    "clusterLabels": { "a b": "c" },
                    "clusterAnnotations": { "note": "{{ .token }}" },
                    "workloadRepo": { "path": "{{ .path }}" },
                },
                "certManager": { "clusterIssuerSelectorLabels": { "-": "x" } },
            },
            "argocdApplication": { "syncPolicy": { "managedNamespaceMetadata": {} } },
        }),
    );
    let found = mistakes(&request);
    for field in [
        "metadata.annotations[\"platform.integratn.tech/base-domain\"]: ",
        "spec.targetNamespace: ",
        "spec.vcluster.k8sVersion: ",
        "spec.vcluster.resources.requests.cpu: ",
        "spec.vcluster.helmOverrides.controlPlane.coredns.embedded: ",
        "spec.vcluster.helmOverrides.controlPlane.service: ",
        "spec.exposure.subnet: ",
        "spec.exposure.vip: ",
        "spec.integrations.argocd.clusterLabels[\"a b\"]: ",
        "spec.integrations.argocd.clusterAnnotations[\"note\"]: ",
        "spec.integrations.argocd.workloadRepo.path: ",
        "spec.integrations.certManager.clusterIssuerSelectorLabels[\"-\"]: ",
        "spec.argocdApplication.syncPolicy.managedNamespaceMetadata: ",
    ] {
        assert!(found.lines().any(|line| line.starts_with(field)), "{field} is missing in:\n{found}");
    }
    assert_eq!(found.lines().count(), 13, "{found}");
}

#[test]
fn nothing_of_what_has_no_effect_is_lost_on_its_author() {
    let output = render(&demo(json!({ "vcluster": { "isolationMode": "strict" } })));
    assert_eq!(output.notes, ["spec.vcluster.isolationMode has no effect"]);
    assert_eq!(output.files, render(&demo(json!({}))).files);
    assert!(render(&demo(json!({}))).notes.is_empty());
}

#[test]
fn the_same_request_gives_the_same_output() {
    let spec = json!({ "vcluster": { "preset": "prod" }, "exposure": { "subnet": "10.0.6.0/24" } });
    assert_eq!(render(&demo(spec.clone())), render(&demo(spec)));
    assert!(matches!(
        render_with(&request("elsewhere", "demo", json!({ "name": "demo" })), &Known::default()),
        Err(Refusal::Invalid(_))
    ));
    assert_eq!(namespace(&render(&demo(json!({}))))["metadata"]["name"], "vcluster-demo");
    assert!(values(&render(&demo(json!({})))).is_object());
}
