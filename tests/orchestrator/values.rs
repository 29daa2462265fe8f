//! The Helm values: one tree, everybody's own merged over it, and what has to hold for the whole.

use serde_json::{Value, json};

use crate::support::{application, at, check, demo, mistakes, namespace, render, value, values};

fn vcluster(fields: Value) -> Value {
    json!({ "vcluster": fields })
}

/// What `demo` renders to with these Helm values of its own, and this chart.
fn overridden(preset: &str, chart: &str, overrides: Value) -> Value {
    json!({
        "vcluster": { "preset": preset, "helmOverrides": overrides },
        "argocdApplication": { "targetRevision": chart },
    })
}

#[test]
fn everybody_is_merged_in_order() {
    let output = render(&demo(vcluster(json!({
        "backingStore": { "etcd": { "deploy": { "enabled": true, "statefulSet": { "env": [{ "name": "A" }] } } } },
        "exportKubeConfig": { "context": "one", "server": "https://two.example.org" },
        "helmOverrides": {
            "controlPlane": {
                "backingStore": { "etcd": { "deploy": { "statefulSet": { "env": [], "extraArgs": ["-v"] } } } },
                "proxy": { "extraSANs": ["three"] },
                "service": { "annotations": { "four": "4" } },
                "statefulSet": { "image": { "tag": "5" } },
            },
            "exportKubeConfig": { "context": "six" },
            "plugins": { "seven": { "image": "x" } },
        },
    }))));
    let deploy = value(&output, "/controlPlane/backingStore/etcd/deploy");
    assert_eq!(deploy, json!({ "enabled": true, "statefulSet": { "env": [], "extraArgs": ["-v"] } }));
    let config = value(&output, "/exportKubeConfig");
    assert_eq!(config, json!({ "context": "six", "server": "https://two.example.org" }));
    // Lists are replaced, maps are merged, and nothing beside is lost.
    assert_eq!(value(&output, "/controlPlane/proxy/extraSANs"), json!(["three"]));
    let annotations = json!({ "external-dns.alpha.kubernetes.io/hostname": "demo.integratn.tech", "four": "4" });
    assert_eq!(value(&output, "/controlPlane/service/annotations"), annotations);
    assert_eq!(
        value(&output, "/controlPlane/statefulSet/image"),
        json!({ "repository": "loft-sh/vcluster-oss", "tag": "5" })
    );
    assert_eq!(value(&output, "/plugins/seven/image"), "x");
    // What the PushSecret gives to Argo CD is the exposed address, whatever the kubeconfig says.
    let push = at(&output, "vcluster-kubeconfig-sync/pushsecret-vcluster-demo-argocd-server.yaml");
    assert_eq!(push["spec"]["template"]["data"]["argocd-server"], "https://demo.integratn.tech:443");
}

#[test]
fn the_application_and_the_config_map_hold_the_same_values() {
    let spec = json!({ "vcluster": { "preset": "prod", "helmOverrides": { "a": { "b": [1, null, "no"] } } } });
    let checked = check(&demo(spec.clone()));
    let read = |path: &str| -> Value {
        let file = &checked.files()[path];
        serde_saphyr::from_slice(&file.bytes).expect("readable YAML")
    };
    let text = read("vcluster-core/configmap-demo-vcluster-values.yaml")["data"]["values.yaml"].clone();
    let of_config_map: Value = serde_saphyr::from_str(text.as_str().expect("text")).expect("readable YAML");
    let output = render(&demo(spec));
    assert_eq!(&of_config_map, values(&output));
    let of_application = read("argocd-application/application-vcluster-demo.yaml");
    assert_eq!(&of_application["spec"]["source"]["helm"]["valuesObject"], values(&output));
}

/// As in a values file of Helm's: `null` is what removes a default.
#[test]
fn null_takes_a_default_away() {
    let output = render(&demo(vcluster(json!({ "helmOverrides": {
        "deploy": null,
        "controlPlane": { "statefulSet": { "scheduling": { "priorityClassName": null } } },
    } }))));
    assert_eq!(values(&output).get("deploy"), Some(&Value::Null));
    assert_eq!(
        value(&output, "/controlPlane/statefulSet/scheduling"),
        json!({ "podManagementPolicy": "Parallel", "priorityClassName": null })
    );
    // Without replicas there is one, as the chart has it.
    let none = json!({ "controlPlane": { "statefulSet": { "highAvailability": { "replicas": null } } } });
    let output = render(&demo(overridden("prod", "0.36.1", none)));
    assert_eq!(value(&output, "/controlPlane/backingStore"), Value::Null);
    assert_eq!(value(&output, "/controlPlane/advanced"), Value::Null);
}

#[test]
fn nothing_is_thrown_away_by_mistake() {
    for scalar in [json!("x"), json!(1), json!(true), json!([])] {
        let refused = mistakes(&demo(vcluster(json!({ "helmOverrides": { "controlPlane": { "proxy": scalar } } }))));
        assert!(refused.starts_with("spec.vcluster.helmOverrides.controlPlane.proxy: stands where"), "{refused}");
    }
}

fn replicas(count: Value) -> Value {
    json!({ "controlPlane": { "statefulSet": { "highAvailability": { "replicas": count } } } })
}

#[test]
fn more_than_one_replica_gets_a_backing_store_that_carries_them() {
    let deployed = json!({
        "etcd": { "deploy": { "enabled": true, "statefulSet": { "highAvailability": { "replicas": 3 } } } },
    });
    let of = |fields: Value| value(&render(&demo(vcluster(fields))), "/controlPlane/backingStore");
    assert_eq!(of(json!({})), Value::Null);
    assert_eq!(of(json!({ "preset": "prod" })), deployed);
    assert_eq!(of(json!({ "replicas": 2 })), deployed);
    assert_eq!(of(json!({ "preset": "prod", "replicas": 1 })), Value::Null);
    // What counts is what runs in the end.
    assert_eq!(of(json!({ "helmOverrides": replicas(json!(2)) })), deployed);
    assert_eq!(of(json!({ "preset": "prod", "helmOverrides": replicas(json!(1)) })), Value::Null);
    let refused = mistakes(&demo(vcluster(json!({ "helmOverrides": replicas(json!("3")) }))));
    let field = "spec.vcluster.helmOverrides.controlPlane.statefulSet.highAvailability.replicas: \"3\" is not a whole";
    assert!(refused.starts_with(field), "{refused}");
    // One that is chosen stays as it is, an etcd of one replica too.
    for store in [
        json!({ "etcd": { "deploy": { "enabled": true } } }),
        json!({ "etcd": { "external": { "enabled": true, "endpoint": "etcd:2379" } } }),
    ] {
        assert_eq!(of(json!({ "preset": "prod", "backingStore": store })), store);
        let overrides = json!({ "controlPlane": { "backingStore": store } });
        assert_eq!(of(json!({ "preset": "prod", "helmOverrides": overrides })), store);
    }
    // What is said of an etcd without choosing it is kept.
    let half = json!({ "etcd": { "deploy": { "statefulSet": { "highAvailability": { "replicas": 5 }, "env": [] } } } });
    let mut whole = half.clone();
    whole["etcd"]["deploy"]["enabled"] = true.into();
    assert_eq!(of(json!({ "preset": "prod", "backingStore": half })), whole);
    assert_eq!(of(json!({ "preset": "prod", "backingStore": { "etcd": null } })), deployed);
    let off =
        demo(vcluster(json!({ "preset": "prod", "backingStore": { "etcd": { "deploy": { "enabled": false } } } })));
    assert_eq!(value(&render(&off), "/controlPlane/backingStore"), deployed);
    assert_eq!(
        render(&off).notes,
        [
            "spec.vcluster.backingStore.etcd.deploy.enabled has no effect: 3 replicas need a backing store, and no other is chosen"
        ]
    );
}

#[test]
fn a_backing_store_that_cannot_carry_the_replicas_is_refused() {
    let embedded = json!({ "database": { "embedded": { "enabled": true } } });
    let refused = mistakes(&demo(vcluster(json!({ "preset": "prod", "backingStore": embedded }))));
    assert!(refused.starts_with("spec.vcluster.backingStore.database.embedded.enabled: carries one"), "{refused}");
    render(&demo(vcluster(json!({ "preset": "dev", "backingStore": embedded }))));
    let two = json!({ "database": { "embedded": { "enabled": true } }, "etcd": { "deploy": { "enabled": true } } });
    let refused = mistakes(&demo(vcluster(json!({ "preset": "dev", "backingStore": two }))));
    assert!(refused.contains("is one backing store too many"), "{refused}");
}

#[test]
fn features_of_pro_are_refused_with_the_open_source_image() {
    let features = [
        (
            "controlPlane.backingStore.etcd.embedded.enabled",
            json!({ "backingStore": { "etcd": { "embedded": { "enabled": true } } } }),
        ),
        (
            "controlPlane.backingStore.database.external.enabled",
            json!({ "backingStore": { "database": { "external": { "enabled": true } } } }),
        ),
        ("controlPlane.hostPathMapper.enabled", json!({ "hostPathMapper": { "enabled": true } })),
        ("controlPlane.hostPathMapper.central", json!({ "hostPathMapper": { "central": true } })),
        ("controlPlane.coredns.embedded", json!({ "coredns": { "embedded": true } })),
    ];
    for (field, feature) in features {
        for preset in ["dev", "prod"] {
            let with = |image: Value| {
                let mut control_plane = feature.clone();
                control_plane["statefulSet"] = json!({ "image": image });
                demo(overridden(preset, "0.36.1", json!({ "controlPlane": control_plane })))
            };
            let refused = mistakes(&with(json!({})));
            let wanted =
                format!("spec.vcluster.helmOverrides.{field}: needs vCluster Pro, and the image loft-sh/vcluster-oss ");
            assert!(refused.starts_with(&wanted), "{refused}");
            let mirrored = mistakes(&with(json!({ "repository": "mirror.example.org/a/vcluster-oss" })));
            assert!(mirrored.contains("the image mirror.example.org/a/vcluster-oss is"), "{mirrored}");
            render(&with(json!({ "repository": "loft-sh/vcluster-pro" })));
        }
    }
    // The field is the one that the user wrote.
    let refused = mistakes(&demo(vcluster(json!({ "backingStore": { "etcd": { "embedded": { "enabled": true } } } }))));
    assert!(refused.starts_with("spec.vcluster.backingStore.etcd.embedded.enabled: needs"), "{refused}");
    // Off is not on.
    render(&demo(overridden("dev", "0.36.1", json!({ "controlPlane": { "coredns": { "embedded": false } } }))));
}

#[test]
fn a_disruption_budget_where_the_chart_knows_it_and_more_than_one_replica_runs() {
    let of = |preset: &str, chart: &str, overrides: Value| {
        let output = render(&demo(overridden(preset, chart, overrides)));
        value(&output, "/controlPlane/advanced/podDisruptionBudget")
    };
    let budget = json!({ "enabled": true, "minAvailable": 1 });
    for chart in ["0.31.0", "v0.31.0", "0.31.1", "0.36.1", "0.100.0", "1.0.0"] {
        assert_eq!(of("prod", chart, json!({})), budget, "{chart}");
        assert_eq!(of("dev", chart, json!({})), Value::Null, "{chart}");
        assert_eq!(of("dev", chart, replicas(json!(2))), budget, "{chart}");
        assert_eq!(of("prod", chart, replicas(json!(1))), Value::Null, "{chart}");
    }
    // What may be any version may be one that does not know it.
    for chart in ["0.30.4", "0.30.0", "v0.30.4", "*", "0.36", ">=0.31.0", "0.31.x", "~0.36.1", "0.36.1-rc.1", "latest"]
    {
        assert_eq!(of("prod", chart, json!({})), Value::Null, "{chart}");
    }
    let own = |budget: Value| json!({ "controlPlane": { "advanced": { "podDisruptionBudget": budget } } });
    assert_eq!(of("prod", "0.36.1", own(json!({ "minAvailable": 2 }))), json!({ "enabled": true, "minAvailable": 2 }));
    let most = json!({ "enabled": true, "maxUnavailable": 1 });
    assert_eq!(of("prod", "0.36.1", own(json!({ "maxUnavailable": 1 }))), most);
    assert_eq!(of("prod", "0.36.1", own(json!({ "enabled": false })))["enabled"], false);
    // With one replica it would keep nodes from being drained, whoever asks for it.
    let alone = render(&demo(overridden("dev", "0.36.1", own(most.clone()))));
    assert_eq!(value(&alone, "/controlPlane/advanced/podDisruptionBudget"), Value::Null);
    assert!(alone.notes[0].contains("podDisruptionBudget has no effect: with one replica"), "{:?}", alone.notes);
    let unlimited = of("prod", "0.36.1", own(json!({ "maxUnavailable": null })));
    assert_eq!(unlimited["minAvailable"], 1, "null is no limit");
    let old = render(&demo(overridden("dev", "0.30.4", own(most))));
    assert_eq!(value(&old, "/controlPlane/advanced/podDisruptionBudget"), Value::Null);
    let note = "spec.vcluster.helmOverrides.controlPlane.advanced.podDisruptionBudget has no effect: chart 0.31.0 is \
                the first one that knows it";
    assert_eq!(old.notes, [note]);
}

/// What the namespace of `demo` enforces, and why.
fn enforced(spec: Value) -> (Value, Value) {
    let output = render(&demo(spec));
    let metadata = &namespace(&output)["metadata"];
    for mode in ["warn", "audit"] {
        assert_eq!(metadata["labels"][format!("pod-security.kubernetes.io/{mode}")], "restricted");
    }
    (
        metadata["labels"]["pod-security.kubernetes.io/enforce"].clone(),
        metadata["annotations"]["platform.integratn.tech/pod-security-reason"].clone(),
    )
}

#[test]
fn the_namespace_is_privileged_only_where_a_node_s_directory_is_needed() {
    let baseline = (json!("baseline"), Value::Null);
    assert_eq!(enforced(json!({})), baseline);
    assert_eq!(enforced(vcluster(json!({ "preset": "prod" }))), baseline);
    let volumes = |volume: Value| {
        vcluster(
            json!({ "helmOverrides": { "controlPlane": { "statefulSet": { "persistence": { "addVolumes": [volume] } } } } }),
        )
    };
    assert_eq!(enforced(volumes(json!({ "name": "a", "emptyDir": {} }))), baseline);
    let (level, why) = enforced(volumes(json!({ "name": "a", "hostPath": { "path": "/srv" } })));
    assert_eq!(level, "privileged");
    assert!(why.as_str().expect("a reason").contains("controlPlane.statefulSet.persistence.addVolumes[0].hostPath"));
    let mapper = json!({ "controlPlane": {
        "hostPathMapper": { "enabled": true }, "statefulSet": { "image": { "repository": "loft-sh/vcluster-pro" } } } });
    let (level, why) = enforced(vcluster(json!({ "helmOverrides": mapper })));
    assert_eq!(level, "privileged");
    assert!(why.as_str().expect("a reason").contains("hostPathMapper"));
    let manifests = "kind: Pod\nspec:\n  volumes:\n  - hostPath: {path: /dev}\n";
    let inside = json!({ "experimental": { "deploy": { "host": { "manifests": manifests } } } });
    assert_eq!(enforced(vcluster(json!({ "helmOverrides": inside }))).0, "privileged");
    // In so many words, for a reason.
    for level in ["privileged", "baseline", "restricted"] {
        let given = json!({ "podSecurity": { "enforce": level, "reason": "GPU operators" } });
        assert_eq!(enforced(given), (json!(level), json!("GPU operators")));
    }
}

#[test]
fn a_name_has_room_for_what_is_made_of_it() {
    let named = |length: usize, fields: Value| {
        let mut fields = fields;
        fields["name"] = "n".repeat(length).into();
        crate::support::request("platform-requests", "demo", fields)
    };
    let dev = json!({});
    let volume = vcluster(json!({ "persistence": { "enabled": true } }));
    let prod = vcluster(json!({ "preset": "prod" }));
    // A Helm release; the label of a StatefulSet's pods; that of etcd's.
    for (max, fields) in [(53, dev), (52, volume), (47, prod)] {
        render(&named(max, fields.clone()));
        let refused = mistakes(&named(max + 1, fields));
        assert!(refused.starts_with(&format!("spec.name: has {} characters, {max} are allowed", max + 1)), "{refused}");
    }
}

#[test]
fn the_project_follows_the_application() {
    let output = render(&demo(json!({ "argocdApplication": {
        "repoURL": "https://charts.example.org", "chart": "own", "targetRevision": "9.9.9",
        "destinationServer": "https://host.example.org:6443",
    } })));
    let project = at(&output, "argocd-project/appproject-vcluster-demo.yaml");
    assert_eq!(
        project["spec"],
        json!({
            "description": "VCluster project for demo",
            "sourceRepos": ["https://charts.example.org"],
            "destinations": [{ "server": "https://host.example.org:6443", "namespace": "vcluster-demo" }],
            "clusterResourceWhitelist": [{ "group": "*", "kind": "*" }],
            "namespaceResourceWhitelist": [{ "group": "*", "kind": "*" }],
        })
    );
    assert_eq!(
        project["metadata"]["labels"],
        json!({
        "argocd.argoproj.io/project-group": "appteam", "kratix.io/resource-request": "demo" })
    );
    let application = application(&output);
    assert_eq!(application["metadata"]["finalizers"], json!(["resources-finalizer.argocd.argoproj.io"]));
    assert_eq!(application["spec"]["destination"], project["spec"]["destinations"][0]);
    let source = &application["spec"]["source"];
    assert_eq!(
        [&source["repoURL"], &source["chart"], &source["targetRevision"], &source["helm"]["releaseName"]],
        ["https://charts.example.org", "own", "9.9.9", "demo"]
    );
    assert!(application["spec"]["syncPolicy"].get("managedNamespaceMetadata").is_none());
}

#[test]
fn a_null_where_the_chart_needs_a_map_is_refused() {
    for (overrides, field) in [
        (json!({ "controlPlane": null }), "controlPlane"),
        (
            json!({ "controlPlane": { "statefulSet": { "highAvailability": null } } }),
            "controlPlane.statefulSet.highAvailability",
        ),
        (json!({ "controlPlane": { "advanced": null } }), "controlPlane.advanced"),
    ] {
        let found = mistakes(&demo(vcluster(json!({ "preset": "prod", "helmOverrides": overrides }))));
        assert!(found.contains(&format!("spec.vcluster.helmOverrides.{field}: is null")), "{found}");
    }
}
