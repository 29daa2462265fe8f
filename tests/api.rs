//! Mistakes in objects: what the schemas and rules refuse, in which words, and that files are judged
//! as an API server judges.

use kept::api::{self, Destination, GitStateStore, Kind, Team};
use kept::known::Known;
use kept::promises::{Refusal, by_kind};
use kube_cel::Validator;
use serde_json::{Value, json};

#[allow(clippy::needless_pass_by_value)] // Reads better at the calls.
fn team(spec: Value) -> Value {
    json!({
        "apiVersion": "platform.kratix.io/v1alpha1",
        "kind": "Team",
        "metadata": { "name": "x", "namespace": "teams" },
        "spec": spec,
    })
}

#[allow(clippy::needless_pass_by_value)]
fn store(spec: Value) -> Value {
    json!({
        "apiVersion": "platform.kratix.io/v1alpha1", "kind": "GitStateStore", "metadata": { "name": "x" }, "spec": spec,
    })
}

#[allow(clippy::needless_pass_by_value)]
fn destination(spec: Value) -> Value {
    json!({
        "apiVersion": "platform.kratix.io/v1alpha1", "kind": "Destination", "metadata": { "name": "x" }, "spec": spec,
    })
}

/// What is wrong with an object from a file, a line for each mistake.
fn mistakes(object: &Value) -> String {
    let kind = object["kind"].as_str().expect("a kind");
    let found = match kind {
        "GitStateStore" => api::read::<GitStateStore>(object).err(),
        "Destination" => api::read::<Destination>(object).err(),
        _ => match by_kind(api::GROUP, kind).expect("a promise").request(object, Some("default")) {
            Ok(request) => {
                let promise = by_kind(api::GROUP, kind).expect("a promise");
                match promise.render(&request, &kept::config::Settings::default(), &Known::default()) {
                    Err(Refusal::Invalid(found)) => Some(found),
                    Err(other) => panic!("{other}"),
                    Ok(_) => None,
                }
            }
            Err(found) => Some(found),
        },
    };
    found.map(|f| f.mistakes.iter().flat_map(|m| [m.to_string(), "\n".into()]).collect()).unwrap_or_default()
}

/// What the CEL rules of the kind refuse, on creation or as a change of `old`.
fn refused_by_cel<K: Kind + serde::Serialize>(object: &Value, old: Option<&Value>) -> bool {
    let version = &K::definition().spec.versions[0];
    let schema = version.schema.as_ref().and_then(|s| s.open_api_v3_schema.as_ref()).expect("a schema");
    let schema = serde_json::to_value(schema).expect("JSON");
    // With its defaults, as the API server has it when it runs the rules.
    let full = |object: &Value| {
        let typed: K = serde_json::from_value(object.clone()).expect("a typed object");
        serde_json::to_value(typed).expect("JSON")
    };
    Validator::new().validate(&schema, &full(object), old.map(full).as_ref()).is_err()
}

#[test]
fn all_mistakes_are_told_together_with_what_to_do() {
    let object = team(json!({
        "id": "a b", "emial": "x@example.org", "email": false, "members": ["ok", "not ok", 7, "ok"],
        "parent": "", "description": null, "picture": "ftp://x",
    }));
    let found = mistakes(&object);
    let lines: Vec<&str> = found.lines().collect();
    let expect = |start: &str| assert!(lines.iter().any(|l| l.starts_with(start)), "no {start:?} in\n{found}");
    expect("spec.emial: unknown field");
    expect("spec.email: is the boolean false, not a string: put quotes around it");
    expect(r#"spec.id: "a b" is not allowed here. The team's identity"#);
    expect("spec.name: is missing (What people call the team)");
    expect(r#"spec.members[1]: "not ok" is not allowed"#);
    expect("spec.members[2]: is the number 7, not a string: put quotes around it");
    expect(r#"spec.members[3]: "ok" is in the list already"#);
    expect("spec.parent: must not be empty");
    expect("spec.description: has no value: give it one, or leave the line out");
    expect(r#"spec.picture: "ftp://x" is not allowed here"#);
    assert_eq!(lines.len(), 10, "{found}");
}

#[test]
fn unknown_fields_name_the_one_that_was_meant() {
    let found = mistakes(&team(json!({ "id": "a", "nmae": "A", "Descripton": "x", "zzz": 1 })));
    assert!(found.contains("spec.nmae: unknown field; did you mean \"name\"?"), "{found}");
    assert!(found.contains("spec.Descripton: unknown field; did you mean \"description\"?"), "{found}");
    assert!(found.contains("spec.zzz: unknown field\n"), "{found}");
    let mut top = team(json!({ "id": "a", "name": "A" }));
    top["data"] = json!({});
    assert!(mistakes(&top).contains("data: unknown field"), "{}", mistakes(&top));
}

#[test]
fn ids_are_strings_and_bounded() {
    for id in ["no", "on", "1e3", "0x1f", "A", "a_b-c", "9", &"x".repeat(63)] {
        assert_eq!(mistakes(&team(json!({ "id": id, "name": "N" }))), "", "{id}");
    }
    for id in ["", "-a", "a-", "_a", "a.b", "a/b", "..", "é", "a\n", &"x".repeat(64)] {
        assert!(mistakes(&team(json!({ "id": id, "name": "N" }))).contains("spec.id: "), "{id:?}");
    }
    for id in [json!(true), json!(1000.0), json!(31), json!(["a"]), json!({ "a": 1 })] {
        assert!(mistakes(&team(json!({ "id": id, "name": "N" }))).contains("not a string"), "{id}");
    }
}

#[test]
fn names_are_one_line_of_text() {
    for name in ["a\nb", "a\tb", "\u{0}", "\u{85}", "\u{2028}", " ", "", &"n".repeat(101)] {
        assert!(mistakes(&team(json!({ "id": "a", "name": name }))).contains("spec.name: "), "{name:?}");
    }
    for name in ["שלום עולם", "名前", "😀", "a\" }${file(\"/etc/passwd\")}", "{{ .x }}", &"é".repeat(100)]
    {
        assert_eq!(mistakes(&team(json!({ "id": "a", "name": name }))), "", "{name:?}");
    }
}

#[test]
fn metadata_is_checked_where_it_becomes_paths_and_labels() {
    let with = |metadata: Value| {
        let mut object = team(json!({ "id": "a", "name": "A" }));
        object["metadata"] = metadata;
        mistakes(&object)
    };
    for name in ["../x", "a/b", "A", "", "-a", "a..b", ".", &"a".repeat(254)] {
        assert!(with(json!({ "name": name })).starts_with("metadata.name: "), "{name:?}");
    }
    for namespace in ["../x", "a.b", "A", "", &"a".repeat(64)] {
        assert!(
            with(json!({ "name": "x", "namespace": namespace })).starts_with("metadata.namespace: "),
            "{namespace:?}"
        );
    }
    assert!(with(json!({ "name": 5 })).contains("put quotes around it"));
    assert!(with(json!({})).contains("metadata.name: is missing"));
    assert!(
        with(json!({ "name": "x", "labels": { "a": true } })).contains("metadata.labels[\"a\"]: is the boolean true")
    );
    assert!(with(json!("x")).contains("metadata: is a string"));
    assert_eq!(with(json!({ "name": &"a".repeat(253), "managedFields": [{ "x": 1 }], "uid": "u" })), "");
}

#[test]
fn a_file_leaves_out_the_namespace_and_a_server_never_does() {
    let promise = by_kind(api::GROUP, "Team").expect("the promise");
    let mut object = team(json!({ "id": "a", "name": "A" }));
    object["metadata"] =
        json!({ "name": "x", "uid": "u1", "generation": 3, "creationTimestamp": "2026-01-02T03:04:05Z" });
    object["status"] = json!({ "conditions": "nonsense" });
    let from_file = promise.request(&object, Some("home")).expect("a request");
    assert_eq!((from_file.key.namespace.as_str(), from_file.uid.as_str(), from_file.generation), ("home", "", 0));
    assert!(promise.request(&object, None).is_err());
    object["metadata"]["namespace"] = json!("teams");
    let served = promise.request(&object, None).expect("a request");
    assert_eq!((served.key.namespace.as_str(), served.uid.as_str(), served.generation), ("teams", "u1", 3));
    assert_eq!(served.created.map(|c| c.to_string()).as_deref(), Some("2026-01-02T03:04:05Z"));
}

#[test]
fn a_definition_of_another_kind_is_told() {
    let mut object = team(json!({ "id": "a", "name": "A" }));
    object["apiVersion"] = json!("platform.kratix.io/v1");
    assert!(
        mistakes(&object).contains("apiVersion: is \"platform.kratix.io/v1\": Team is platform.kratix.io/v1alpha1")
    );
    assert_eq!(api::check(Team::definition(), &json!("x")).len(), 1);
    assert!(api::check(Destination::definition(), &object).iter().any(|m| m.field == "kind"));
}

#[test]
fn a_default_address_needs_a_domain_that_makes_one() {
    let promise = by_kind(api::GROUP, "Team").expect("the promise");
    let request = promise.request(&team(json!({ "id": "a", "name": "A" })), None).expect("a request");
    let mut settings = kept::config::Settings::default();
    settings.promises.team.email_domain = "not a domain".into();
    let found = promise.render(&request, &settings, &Known::default()).expect_err("no address");
    assert!(found.to_string().contains("emailDomain"), "{found}");
    settings.promises.team.email_domain = String::new();
    let output = promise.render(&request, &settings, &Known::default()).expect("no address is fine");
    assert!(!format!("{output:?}").contains('@'));
}

/// Specs of stores, and whether they are refused.
fn stores() -> Vec<(Value, Option<&'static str>)> {
    let secret = json!({ "name": "git", "namespace": "kept" });
    vec![
        (json!({ "url": "https://git.example.org/a/b.git" }), None),
        (json!({ "url": "https://git.example.org:3000/a/b.git", "secretRef": secret }), None),
        (json!({ "url": "http://gitea-http.gitea.svc:3000/a/b.git", "secretRef": secret }), None),
        (json!({ "url": "http://gitea.gitea.svc.cluster.local/a/b", "secretRef": secret }), None),
        (json!({ "url": "http://127.0.0.1:3000/a/b.git", "secretRef": secret }), None),
        (json!({ "url": "http://[::1]:3000/a/b.git", "secretRef": secret }), None),
        (json!({ "url": "http://LocalHost/a/b.git", "secretRef": secret }), None),
        (json!({ "url": "http://git.example.org/a/b.git" }), None),
        (json!({ "url": "http://git.example.org/a/b.git", "secretRef": secret, "allowInsecureHTTP": true }), None),
        (json!({ "url": "http://git.example.org/a/b.git", "secretRef": secret }), Some("over plain http")),
        (json!({ "url": "http://localhost.example.org/a.git", "secretRef": secret }), Some("over plain http")),
        (json!({ "url": "http://x.svc.example.org/a.git", "secretRef": secret }), Some("over plain http")),
        (json!({ "url": "http://gitsvc/a.git", "secretRef": secret }), Some("over plain http")),
        (json!({ "url": "http://git.svcs/a.git", "secretRef": secret }), Some("over plain http")),
        (json!({ "url": "http://evil/git.svc/a.git", "secretRef": secret }), Some("over plain http")),
        (json!({ "url": "http://127.0.0.1.example.org/a.git", "secretRef": secret }), Some("over plain http")),
        (json!({ "url": "https://user:pw@git.example.org/a/b.git" }), Some("credentials do not belong")),
        (json!({ "url": "https://token@git.example.org/a/b.git" }), Some("credentials do not belong")),
        (
            json!({ "url": "ssh://git:pw@git.example.org/a", "authMethod": "ssh", "secretRef": secret }),
            Some("credentials"),
        ),
        (json!({ "url": "https://git.example.org" }), Some("not complete")),
        (json!({ "url": "https://user:p/w@git.example.org/a/b.git" }), Some("not complete")),
        (json!({ "url": "https://git.example.org/" }), Some("not complete")),
        (json!({ "url": "https:///a/b.git" }), Some("not complete")),
        (json!({ "url": "https://git.example.org/a/b.git?x=1" }), Some("not complete")),
        (json!({ "url": "git@git.example.org:a/b.git", "authMethod": "ssh", "secretRef": secret }), None),
        (json!({ "url": "ssh://git@git.example.org:22/a/b.git", "authMethod": "ssh", "secretRef": secret }), None),
        (json!({ "url": "git@git.example.org:a/b.git", "authMethod": "ssh" }), Some("need a secretRef")),
        (json!({ "url": "git@git.example.org:a/b.git" }), Some("needs authMethod ssh")),
        (
            json!({ "url": "https://x.org/a", "authMethod": "ssh", "secretRef": secret }),
            Some("needs a URL such as ssh://"),
        ),
        (json!({ "url": "https://github.com/a/b", "authMethod": "githubApp" }), Some("need a secretRef")),
        (json!({ "url": "file:///srv/git/state.git" }), None),
        (json!({ "url": "file://./state.git" }), None),
        (json!({ "url": "https://x.org/a", "branch": "feature/x.1" }), None),
        (json!({ "url": "https://x.org/a", "branch": "refs/heads/main" }), Some("not the name of a branch")),
        (json!({ "url": "https://x.org/a", "branch": "a..b" }), Some("not the name of a branch")),
        (json!({ "url": "https://x.org/a", "branch": "a/.b" }), Some("not the name of a branch")),
        (json!({ "url": "https://x.org/a", "branch": "a.lock" }), Some("not the name of a branch")),
        (json!({ "url": "https://x.org/a", "path": "/clusters/prod/" }), None),
        (json!({ "url": "https://x.org/a", "path": "../x" }), Some("has a component")),
        (json!({ "url": "https://x.org/a", "path": "a/.GIT/b" }), Some("has a component")),
        (json!({ "url": "https://x.org/a", "path": "a/.kept" }), Some("has a component")),
    ]
}

#[test]
fn rules_for_stores_hold_in_files_as_in_a_cluster() {
    for (spec, refused) in stores() {
        let object = store(spec);
        let found = mistakes(&object);
        match refused {
            None => assert_eq!(found, "", "{object}"),
            Some(words) => assert!(found.contains(words), "{object} should be refused with {words:?}: {found:?}"),
        }
        assert_eq!(refused_by_cel::<GitStateStore>(&object, None), refused.is_some(), "CEL differs on {object}");
    }
}

#[test]
fn schemas_of_stores_refuse_what_rules_need_not_see() {
    let refused = |spec: Value| !mistakes(&store(spec)).is_empty();
    assert!(refused(json!({})));
    assert!(refused(json!({ "url": "gopher://x/y" })));
    assert!(refused(json!({ "url": "https://x.org/a b" })));
    assert!(refused(json!({ "url": "https://x.org/a", "branch": "-x" })));
    assert!(refused(json!({ "url": "https://x.org/a", "authMethod": "basic" })));
    assert!(refused(json!({ "url": "https://x.org/a", "gitAuthor": { "name": "a <b>" } })));
    assert!(refused(json!({ "url": "https://x.org/a", "gitAuthor": { "name": "..." } })));
    assert!(refused(json!({ "url": "https://x.org/a", "caBundle": "-----BEGIN CERTIFICATE-----" })));
    let good = json!({ "url": "https://x.org/a", "caBundle": "LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0tCg==" });
    assert!(!refused(good.clone()));
    let typed: GitStateStore = api::read(&store(good)).expect("a store");
    assert_eq!((typed.spec.branch.as_str(), typed.spec.git_author.name.as_str()), ("main", "kratix"));
    assert!(typed.spec.ca_bundle.is_some_and(|pem| pem.0.starts_with(b"-----BEGIN")));
    assert!(
        mistakes(&store(json!({ "url": "https://x.org/a", "authMethod": "SSH" }))).contains("did you mean \"ssh\"?")
    );
}

#[test]
fn credentials_in_a_url_are_never_shown() {
    for url in
        ["https://me:hunter2@git.example.org/a b", "https://me:hunter2@git.example.org/a", "ssh://me:hunter2@x/y"]
    {
        let found = mistakes(&store(json!({ "url": url })));
        assert!(found.contains("spec.url: ") && !found.contains("hunter2"), "{found}");
    }
}

#[test]
fn rules_for_destinations_hold_in_files_as_in_a_cluster() {
    let reference = json!({ "kind": "GitStateStore", "name": "state" });
    let paths = [
        "",
        ".",
        "/",
        "a/b",
        "./a/",
        "a b",
        "..",
        "a/../b",
        ".git",
        "x/.gitmodules",
        "git~1",
        "a.",
        "a./b",
        " a",
        "a /b",
        ".kept/x",
        "a/.KRATIX",
    ];
    for (i, path) in paths.iter().enumerate() {
        let object = destination(json!({ "path": path, "stateStoreRef": reference }));
        assert_eq!(mistakes(&object).is_empty(), i < 6, "{path:?}: {}", mistakes(&object));
        assert_eq!(refused_by_cel::<Destination>(&object, None), i >= 6, "CEL differs on {path:?}");
    }
    for (filepath, good) in [
        (json!({ "mode": "aggregatedYAML", "filename": "all.yaml" }), true),
        (json!({ "mode": "aggregatedYAML" }), true),
        (json!({ "mode": "none" }), true),
        (json!({}), true),
        (json!({ "mode": "none", "filename": "all.yaml" }), false),
        (json!({ "filename": "all.yaml" }), false),
    ] {
        let object = destination(json!({ "path": ".", "stateStoreRef": reference, "filepath": filepath }));
        assert_eq!(mistakes(&object).is_empty(), good, "{object}");
        assert_eq!(refused_by_cel::<Destination>(&object, None), !good, "CEL differs on {object}");
    }
    let refused = |spec: Value| !mistakes(&destination(spec)).is_empty();
    assert!(refused(json!({ "path": "." })), "names no store");
    assert!(refused(json!({ "path": ".", "stateStoreRef": { "kind": "GitStateStore" } })));
    assert!(refused(json!({ "path": ".", "stateStoreRef": { "kind": "BucketStateStore", "name": "x" } })));
    assert!(refused(
        json!({ "path": ".", "stateStoreRef": reference, "filepath": { "mode": "aggregatedYAML", "filename": "a/b" } })
    ));
    let mut cluster_scoped = destination(json!({ "path": ".", "stateStoreRef": reference }));
    cluster_scoped["metadata"]["namespace"] = json!("default");
    assert_eq!(mistakes(&cluster_scoped), "", "a namespace on a cluster-scoped object is accepted");
}

#[test]
fn what_cannot_change_cannot_be_changed() {
    let before = team(json!({ "id": "a", "name": "A" }));
    assert!(refused_by_cel::<Team>(&team(json!({ "id": "b", "name": "A" })), Some(&before)));
    assert!(!refused_by_cel::<Team>(&team(json!({ "id": "a", "name": "B" })), Some(&before)));
    assert!(refused_by_cel::<Team>(&team(json!({ "id": "a", "name": "A", "parent": "a" })), None));
    assert!(mistakes(&team(json!({ "id": "a", "name": "A", "parent": "a" }))).contains("its own parent"));
    let with = |mode: &str| {
        let reference = json!({ "kind": "GitStateStore", "name": "state" });
        destination(json!({ "path": ".", "stateStoreRef": reference, "filepath": { "mode": mode } }))
    };
    assert!(refused_by_cel::<Destination>(&with("none"), Some(&with("nestedByMetadata"))));
    assert!(!refused_by_cel::<Destination>(&with("none"), Some(&with("none"))));
}

#[test]
fn conditions_keep_their_time_while_their_status_stays() {
    use api::status::set;
    let condition = |status: &str, message: &str, time: &str| {
        serde_json::from_value(json!({
            "type": "Ready", "status": status, "reason": "R", "message": message, "lastTransitionTime": time,
        }))
        .expect("a condition")
    };
    let (early, late) = ("2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z");
    let mut list = Vec::new();
    assert!(set(&mut list, condition("True", "a", early)));
    assert!(!set(&mut list, condition("True", "a", late)), "only the time differs");
    assert!(set(&mut list, condition("True", "b", late)));
    assert_eq!(list[0].last_transition_time.0.to_string(), early);
    assert_eq!(list[0].status, "True");
    assert!(set(&mut list, condition("False", "b", late)));
    assert_eq!(list[0].last_transition_time.0.to_string(), late);
    assert!(list[0].status == "False" && list.len() == 1);
}
