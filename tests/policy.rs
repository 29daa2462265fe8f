//! What may be committed: each rule with what it refuses and what it lets pass.

use std::fmt::Write;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use kept::config::Settings;
use kept::manifest::{Claim, Content, Output};
use kept::policy::{Checked, check};
use kept::values::RequestKey;
use serde_json::{Value, json};

fn key() -> RequestKey {
    RequestKey { namespace: "teams".into(), promise: "team".into(), name: "x".into() }
}

fn output<const N: usize>(files: [(&str, Content); N]) -> Output {
    let files = files.map(|(path, content)| (path.parse().expect("a path"), content));
    Output { files: files.into(), claims: [Claim::new("team-id", "x")].into(), ..Output::default() }
}

fn try_object(object: Value) -> Result<Checked, String> {
    check(&key(), output([("a.yaml", Content::Object(object))]), &Settings::default()).map_err(|e| e.to_string())
}

fn try_text(text: &str) -> Result<Checked, String> {
    check(&key(), output([("a.tf", Content::Text(text.into()))]), &Settings::default()).map_err(|e| e.to_string())
}

fn config_map(text: &str) -> Value {
    json!({
        "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": "x", "namespace": "teams" }, "data": { "values.yaml": text },
    })
}

fn in_string(text: &str) -> Result<Checked, String> {
    try_object(config_map(text))
}

#[track_caller]
fn assert_refused(result: Result<Checked, String>, words: &str) {
    match result {
        Ok(checked) => panic!("passed, {words:?} expected: {checked:?}"),
        Err(message) => assert!(message.contains(words), "{words:?} expected: {message}"),
    }
}

#[track_caller]
fn assert_passes(result: Result<Checked, String>) {
    if let Err(message) = result {
        panic!("refused: {message}");
    }
}

#[test]
fn objects_are_labelled_and_serialised() {
    let mut request = key();
    request.name = format!("{}.tail", "long-name.".repeat(12));
    let mut object = config_map("a: b\n");
    object["metadata"]["labels"] = json!({ "kratix.io/promise-name": "forged", "own": "kept" });
    let document = json!({ "kind": "Group", "metadata": { "name": "x" } });
    let files = [
        ("a.yaml", Content::Object(object)),
        ("b.yaml", Content::Document(document)),
        ("c.tf", Content::Text("x".into())),
    ];
    let checked = check(&request, output(files), &Settings::default()).expect("passes");
    let files: Vec<_> = checked.files().values().collect();
    let labelled: Value = serde_saphyr::from_slice(&files[0].bytes).expect("YAML");
    let labels = &labelled["metadata"]["labels"];
    let name = labels["kratix.io/resource-name"].as_str().expect("a label");
    assert!(
        name.len() <= 63
            && name.starts_with("long-name.long-name.")
            && name.ends_with(|c: char| c.is_ascii_alphanumeric())
    );
    assert_eq!(labels["kratix.io/promise-name"], "team");
    assert_eq!(labels["app.kubernetes.io/managed-by"], "kratix");
    assert_eq!(labels["own"], "kept");
    assert_eq!(files[0].object.as_deref(), Some("/ConfigMap/teams/x"));
    assert!(files[0].is_document && files[1].is_document && !files[2].is_document);
    assert_eq!(files[1].bytes, b"kind: Group\nmetadata:\n  name: x\n", "a document is written as it is");
    assert_eq!(files[1].object, None);
    assert_eq!(files[2].bytes, b"x");
    assert_eq!(checked.claims().len(), 1);
    // Names that differ only after the cut get different labels.
    request.name.push('2');
    let other =
        check(&request, output([("a.yaml", Content::Object(config_map("")))]), &Settings::default()).expect("passes");
    assert!(!String::from_utf8_lossy(&other.files().values().next().expect("a file").bytes).contains(name));
}

#[test]
fn items_of_lists_are_objects_too() {
    let list = json!({ "apiVersion": "v1", "kind": "List", "items": [config_map("a"), config_map("b")] });
    let checked = try_object(list).expect("passes");
    let text = String::from_utf8(checked.files().values().next().expect("a file").bytes.clone()).expect("UTF-8");
    assert_eq!(text.matches("app.kubernetes.io/managed-by: kratix").count(), 2, "{text}");
    let mut astray = config_map("a");
    astray["metadata"] = json!({ "name": "x" });
    let list = json!({ "apiVersion": "v1", "kind": "ConfigMapList", "items": [config_map("a"), astray] });
    assert_refused(try_object(list), "items[1]: ConfigMap has no metadata.namespace");
}

#[test]
fn secrets_never_pass_as_objects() {
    for kind in ["Secret", "secret", "SECRET", " Secret "] {
        for version in ["v1", "core/v1", "example.org/v2"] {
            let secret =
                json!({ "apiVersion": version, "kind": kind, "metadata": { "name": "x", "namespace": "teams" } });
            assert_refused(try_object(secret.clone()), "a Secret");
            let list = json!({ "apiVersion": "v1", "kind": "List", "items": [config_map(""), secret] });
            assert_refused(try_object(list), "items[1] holds a Secret");
        }
    }
    let template = json!({ "apiVersion": "v1", "kind": "Secret", "stringData": { "a": "b" } });
    let nested = json!({
        "apiVersion": "argoproj.io/v1alpha1", "kind": "Application", "metadata": { "name": "x", "namespace": "argocd" },
        "spec": { "source": { "helm": { "valuesObject": { "extra": [template] } } } },
    });
    assert_refused(try_object(nested), "spec.source.helm.valuesObject.extra[0] holds a Secret");
    let list = json!({ "apiVersion": "v1", "kind": "SecretList", "items": [] });
    assert_refused(try_object(list), "a Secret");
}

#[test]
fn secrets_never_pass_inside_strings() {
    let secret = "apiVersion: v1\nkind: Secret\nmetadata:\n  name: x\nstringData:\n  a: b\n";
    let indented = |text: &str| text.lines().flat_map(|line| ["    ", line, "\n"]).collect::<String>();
    for text in [
        secret.to_owned(),
        secret.replace("Secret", "\"Secret\""),
        secret.replace("Secret", "!!str Secret"),
        format!("a: b\n---\n{secret}"),
        format!("a: [broken\n---\n{secret}"),
        format!("# text\n--- \n{secret}---\nb: c\n"),
        r#"{"apiVersion": "v1", "kind": "Secret", "data": {}}"#.to_owned(),
        format!(
            "experimental:\n  deploy:\n    vcluster:\n      manifests: |-\n        ---\n{}",
            indented(&indented(secret))
        ),
        format!("- first\n- |\n{}", indented(secret)),
        format!("a: |\n  b: |\n{}", indented(secret)),
        // Not YAML before Helm has been there.
        format!("{{{{- if .Values.x }}}}\n{secret}{{{{- end }}}}\n"),
        "kind: Secret".to_owned(),
        // What its letters do not show.
        r#"{"k\u0069nd": "S\u0065cret", "data": {}}"#.to_owned(),
        "\"k\\x69nd\":\n  \"Sec\\\n  ret\"\n".to_owned(),
        "a: &k kind\nb: &s Secret\n*k : *s\n".to_owned(),
        "{? kind\n: Secret}".to_owned(),
        r#"{"a": "{\"k\\u0069nd\": \"Secret\"}"}"#.to_owned(),
    ] {
        assert_refused(in_string(&text), "a Secret");
        assert_refused(try_text(&text), "a Secret");
    }
    let binary = json!({
        "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": "x", "namespace": "teams" },
        "binaryData": { "a": STANDARD.encode(secret) },
    });
    assert_refused(try_object(binary), "binaryData.a (decoded)");
}

#[test]
fn references_to_secrets_pass() {
    for text in [
        "valuesFrom:\n- kind: Secret\n  name: x\n",
        "kind: ExternalSecret\nmetadata:\n  name: x\n",
        "kind: SealedSecret\nmetadata:\n  name: x\n",
        "secretKeyRef:\n  name: x\n  key: token\n",
        "a sentence: the kind: Secret is refused",
        "ownerReferences:\n- apiVersion: v1\n  kind: Secret\n  name: x\n  uid: y\n",
    ] {
        assert_passes(in_string(text));
        assert_passes(try_text(text));
    }
}

/// One token of each kind, made here so that no scanner of this repository takes them for real.
fn tokens() -> Vec<String> {
    let run = |prefix: &str, length: usize| {
        format!("{prefix}{}", "a1B2c3D4e5F6".repeat(9).get(..length).expect("long enough"))
    };
    let header = URL_SAFE_NO_PAD.encode(r#"{"typ":"JWT","alg":"HS256"}"#);
    let payload = URL_SAFE_NO_PAD.encode(r#"{"sub":"x"}"#);
    let pem = |name: &str| format!("-----BEGIN {name}-----\nabc\n-----END {name}-----\n");
    vec![
        run("ghp_", 36),
        run("gho_", 36),
        run("github_pat_", 40),
        run("glpat-", 20),
        run("xoxb-", 20),
        format!("AKIA{}", "ABCDEFGHIJKLMNOP"),
        run("ops_eyJ", 60),
        run("sk_live_", 24),
        run("npm_", 36),
        run("hvs.", 24),
        run("dckr_pat_", 27),
        run("hf_", 34),
        run("AIza", 35),
        format!("{header}.{payload}.{}", run("", 40)),
        format!("x.{header}.{payload}."),
        pem("PRIVATE KEY"),
        pem("RSA PRIVATE KEY"),
        pem("ENCRYPTED PRIVATE KEY"),
        pem("OPENSSH PRIVATE KEY"),
        pem("PGP PRIVATE KEY BLOCK"),
        STANDARD.encode(pem("EC PRIVATE KEY")),
    ]
}

#[test]
fn yaml_that_expands_to_too_much_is_refused_and_not_looked_at() {
    let mut bomb = "kind: &a0 {x: 1}\n".to_owned();
    for level in 1..12 {
        let below = format!("*a{}, ", level - 1).repeat(10);
        bomb.push_str(&format!("k{level}: &a{level} [{below}]\n"));
    }
    assert_refused(in_string(&bomb), "aliases that expand to too much");
}

#[test]
fn credentials_never_pass_in_any_text() {
    assert_refused(in_string("a: -----BEGIN RSA\n  PRIVATE KEY-----\n"), "data.values.yaml");
    for token in tokens() {
        let escaped: String = token.chars().map(|c| format!("\\u{:04x}", u32::from(c))).collect();
        for text in [
            token.clone(),
            format!("token = \"{token}\""),
            format!("a: |\n  {}\n", token.replace('\n', "\n  ")),
            format!("a: \"{escaped}\"\n"),
        ] {
            assert_refused(in_string(&text), "data.values.yaml");
            assert_refused(try_text(&text), "its text");
        }
        let mut annotated = config_map("");
        annotated["metadata"]["annotations"] = json!({ "a": token });
        assert_refused(try_object(annotated), "metadata.annotations.a");
        let as_key = json!({ "kind": "X", "spec": { token: 1 } });
        let files = output([("a.yaml", Content::Document(as_key))]);
        assert_refused(check(&key(), files, &Settings::default()).map_err(|e| e.to_string()), "spec (a key) holds");
    }
}

#[test]
fn kubeconfigs_with_credentials_never_pass() {
    let kubeconfig =
        |user: &str| format!("apiVersion: v1\nkind: Config\nclusters: []\nusers:\n- name: x\n  user:\n    {user}\n");
    for user in ["client-key-data: YWJj", "token: abc", "password: abc", "password: 123"] {
        assert_refused(in_string(&kubeconfig(user)), "a kubeconfig's");
        assert_refused(try_text(&kubeconfig(user)), "a kubeconfig's");
    }
    for user in
        ["exec: {command: x}", "token: ''", "token: '{{ .token }}'", "client-certificate-data: YWJj", "tokenFile: /x"]
    {
        assert_passes(in_string(&kubeconfig(user)));
    }
}

#[test]
fn what_is_public_passes() {
    let certificate = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n";
    for text in [
        certificate.to_owned(),
        STANDARD.encode(certificate),
        "-----BEGIN PUBLIC KEY-----\nabc\n-----END PUBLIC KEY-----\n".to_owned(),
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJKtSpQXqIXm1hFOGG5wCmL9Rm0wJ0zS2J9SUlq2T1xY x@y".to_owned(),
        "image: x@sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855".to_owned(),
        "tokens begin with ghp_, glpat- or AKIA".to_owned(),
        "keycloak.example.organisation.internal/a.b.c".to_owned(),
        "commit 3f786850e387550fdab836ed7e6dc881de23001b".to_owned(),
        "password: hunter2".to_owned(),
    ] {
        assert_passes(in_string(&text));
        assert_passes(try_text(&text));
    }
}

#[test]
fn nesting_without_end_is_refused_and_bombs_are_survived() {
    let mut text = "a: b".to_owned();
    for _ in 0..12 {
        text = serde_json::to_string(&json!({ "a": text })).expect("JSON");
    }
    assert_refused(in_string(&text), "times over");
    let mut bomb = "a: &a [x,x,x,x,x,x,x,x,x]\n".to_owned();
    for (from, to) in "abcdefghi".chars().zip("bcdefghij".chars()) {
        writeln!(bomb, "{to}: &{to} [*{from},*{from},*{from},*{from},*{from},*{from},*{from},*{from},*{from}]")
            .expect("text grows");
    }
    assert_passes(in_string(&bomb));
}

#[test]
fn namespaces_are_named_and_not_the_clusters_own() {
    let object = |version: &str, kind: &str, metadata: Value| {
        try_object(json!({ "apiVersion": version, "kind": kind, "metadata": metadata }))
    };
    assert_refused(object("v1", "ConfigMap", json!({ "name": "x" })), "has no metadata.namespace");
    assert_refused(object("example.org/v1", "Unknown", json!({ "name": "x" })), "has no metadata.namespace");
    assert_refused(object("example.org/v1", "Namespace", json!({ "name": "x" })), "has no metadata.namespace");
    assert_refused(object("v1", "ConfigMap", json!({ "name": "x", "namespace": "../a" })), "cannot be a namespace");
    assert_refused(object("v1", "ConfigMap", json!({ "name": "x", "namespace": "" })), "cannot be a namespace");
    assert_refused(object("v1", "ConfigMap", json!({ "name": "x", "namespace": "kube-system" })), "kube-system");
    assert_refused(object("v1", "Namespace", json!({ "name": "kube-system" })), "kube-system");
    assert_passes(object("v1", "Namespace", json!({ "name": "x" })));
    assert_passes(object("rbac.authorization.k8s.io/v1", "ClusterRole", json!({ "name": "system:x" })));
    assert_passes(object("external-secrets.io/v1", "ClusterSecretStore", json!({ "name": "x" })));
    let cluster_scoped = object("v1", "Namespace", json!({ "name": "x", "namespace": "y" })).expect("passes");
    assert_eq!(cluster_scoped.files().values().next().and_then(|f| f.object.as_deref()), Some("/Namespace//x"));
}

#[test]
fn what_is_no_object_is_refused() {
    for (object, words) in [
        (json!("text"), "has no apiVersion"),
        (json!({ "kind": "X", "metadata": { "name": "x", "namespace": "n" } }), "has no apiVersion"),
        (json!({ "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "namespace": "n" } }), "has no metadata.name"),
        (
            json!({ "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": "a/b", "namespace": "n" } }),
            "cannot be the name",
        ),
        (json!({ "apiVersion": "v1", "kind": "ConfigMap", "metadata": "x" }), "cannot carry labels"),
        (
            json!({ "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": "x", "namespace": "n", "labels": { "a": "b c" } } }),
            "value of label a",
        ),
        (
            json!({ "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": "x", "namespace": "n", "labels": { "a": true } } }),
            "label a is no string",
        ),
    ] {
        assert_refused(try_object(object), words);
    }
}

#[test]
fn paths_that_collide_on_some_file_system_are_refused() {
    let paths = |paths: &[&str]| {
        let files = paths.iter().map(|p| (p.parse().expect("a path"), Content::Text((*p).into()))).collect();
        check(&key(), Output { files, ..Output::default() }, &Settings::default()).map_err(|e| e.to_string())
    };
    assert_refused(paths(&["a.tf", "A.tf"]), "the same path as");
    assert_refused(paths(&["a", "a/b"]), "is a file where a/b needs a directory");
    assert_refused(paths(&["A", "a/b"]), "is a file where a/b needs a directory");
    assert_refused(paths(&["a", "a-b", "a.b", "a/b/c"]), "needs a directory");
    assert_refused(paths(&["Dir/a", "dir/b"]), "the same directory as");
    assert_refused(paths(&[".kept/x"]), ".kept holds records");
    assert_refused(paths(&["a/.KEPT/x"]), ".KEPT holds records");
    assert_refused(paths(&["a/.kratix"]), ".kratix holds records");
    assert_refused(paths(&[""]), "needs a name");
    assert_passes(paths(&["a/b", "a/c", "a-b", "ab/c", "b"]));
}

#[test]
fn the_same_object_twice_is_refused() {
    let files = output([("a.yaml", Content::Object(config_map("a"))), ("b.yaml", Content::Object(config_map("b")))]);
    let found = check(&key(), files, &Settings::default()).map_err(|e| e.to_string());
    assert_refused(found, "b.yaml: holds the same object as a.yaml: /ConfigMap/teams/x");
}

#[test]
fn templates_that_others_execute_hold_no_words_of_requests() {
    let external = |group: &str, kind: &str, spec: Value| {
        try_object(json!({
            "apiVersion": format!("{group}/v1"), "kind": kind, "metadata": { "name": "x", "namespace": "teams" }, "spec": spec,
        }))
    };
    let eso = "external-secrets.io";
    let metadata = json!({ "labels": { "a": "x {{ .token }}" } });
    let target = json!({ "target": { "template": { "metadata": metadata } } });
    assert_refused(
        external(eso, "ExternalSecret", target.clone()),
        "spec.target.template.metadata.labels[\"a\"] holds {{",
    );
    assert_refused(
        external(eso, "ClusterExternalSecret", json!({ "externalSecretSpec": target })),
        "execute as a template",
    );
    assert_refused(
        external(eso, "PushSecret", json!({ "template": { "metadata": metadata } })),
        "execute as a template",
    );
    let set = json!({ "template": { "metadata": { "annotations": { "{{a}}": "x" } } } });
    assert_refused(external("argoproj.io", "ApplicationSet", set), "execute as a template");
    let data = json!({ "target": { "template": { "data": { "a": "{{ .token }}" } } } });
    assert_passes(external(eso, "ExternalSecret", data));
    let mut inert = config_map("{{ .x }}");
    inert["metadata"]["annotations"] = json!({ "a": "{{ .x }}" });
    assert_passes(try_object(inert));
}

#[test]
fn limits_hold_for_files_and_requests() {
    let mut settings = Settings::default();
    settings.limits.file_bytes = 10;
    settings.limits.request_bytes = 25;
    settings.limits.request_files = 2;
    let files = |sizes: &[usize]| {
        let files = sizes.iter().enumerate();
        let files =
            files.map(|(i, n)| (format!("{i}.tf").parse().expect("a path"), Content::Text("x".repeat(*n)))).collect();
        check(&key(), Output { files, ..Output::default() }, &settings).map_err(|e| e.to_string())
    };
    assert_passes(files(&[10, 10]));
    assert_refused(files(&[11]), "0.tf: has 11 bytes, 10 are allowed");
    assert_refused(files(&[1, 1, 1]), "renders 3 files, 2 are allowed");
    assert_refused(files(&[9, 9, 9]), "renders 27 bytes, 25 are allowed");
}

#[test]
fn violations_are_told_together_by_file() {
    let files = output([
        ("a.yaml", Content::Object(json!({ "apiVersion": "v1", "kind": "Secret", "metadata": { "name": "x" } }))),
        (".kept/b.tf", Content::Text(tokens().remove(0))),
    ]);
    let found = check(&key(), files, &Settings::default()).expect_err("refused");
    assert_eq!(found.reason, "PolicyViolation");
    let fields: Vec<&str> = found.mistakes.iter().map(|m| m.field.as_str()).collect();
    assert_eq!(fields, [".kept/b.tf", ".kept/b.tf", "a.yaml", "a.yaml"], "{found}");
}
