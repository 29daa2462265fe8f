//! Manifests of any kind, before they are in Git.

use kept::policy::Rule;
use serde_json::{Value, json};

use crate::support::{Desk, documents, of_repository, team, team_with};

/// Made here, so that no scanner of this repository takes it for real.
fn token() -> String {
    format!("ghp_{}", "a1B2c3D4e5F6".repeat(3))
}

const SECRET: &str = "apiVersion: v1\nkind: Secret\nmetadata:\n  name: db\n  namespace: shop\nstringData:\n  a: b\n";

/// What a run found: `line rule` of each finding, in order.
#[track_caller]
fn found(desk: &Desk, args: &str) -> Vec<String> {
    let run = desk.kept(&format!("check {args} -o json"));
    let all = run.json();
    assert_eq!(run.code, i32::from(!all.is_empty()), "{}{}", run.out, run.err);
    let text = |finding: &Value| format!("{} {}", finding["line"], finding["rule"].as_str().unwrap_or_default());
    all.iter().map(text).collect()
}

#[test]
fn nothing_is_found_in_what_a_platform_team_keeps_in_git() {
    let desk = Desk::new();
    let sops = "apiVersion: v1\nkind: Secret\nmetadata:\n  name: db\nstringData:\n  password: ENC[AES256_GCM,data:x,iv:x,tag:x,type:str]\n  empty: \"\"\nsops:\n  age:\n  - recipient: age1x\n    enc: |\n      -----BEGIN AGE ENCRYPTED FILE-----\n      x\n      -----END AGE ENCRYPTED FILE-----\n  mac: ENC[AES256_GCM,data:x,iv:x,tag:x,type:str]\n";
    let sealed = "apiVersion: bitnami.com/v1alpha1\nkind: SealedSecret\nmetadata:\n  name: db\nspec:\n  encryptedData:\n    password: AgBy3i4OJSWK+PiTySYZZA9rO43cGDEq\n  template:\n    metadata:\n      name: db\n    type: Opaque\n";
    let external = "apiVersion: external-secrets.io/v1\nkind: ExternalSecret\nmetadata:\n  name: db\nspec:\n  target:\n    template:\n      data:\n        config: 'token: {{ .token }}'\n";
    desk.write("in/a.yaml", documents(&[sops.into(), sealed.into(), external.into()]));
    desk.write("in/values.yaml", "image:\n  tag: \"1.0\"\npasswordSecretRef:\n  kind: Secret\n  name: db\n");
    desk.write(
        "in/kustomization.yaml",
        "resources: [a.yaml]\nsecretGenerator:\n- name: db\n  envs: [not-in-git.env]\n",
    );
    desk.write("in/chart/templates/a.yaml", "{{- if .Values.a }}\nkind: ConfigMap\n{{- end }}\n");
    desk.write("in/request.yaml", team("alpha")).write("in/readme.md", "kind: Secret\nmetadata: {}\n");
    desk.write("in/logo.png", format!("PNG\0{}", token())).write("in/.git/config.yaml", SECRET);
    let run = desk.kept("check -f in");
    run.exits(0).says(&["note: in/chart/templates/a.yaml:1:3: not YAML, looked at as a template's text"]);
    assert_eq!(run.err.lines().count(), 1, "{}", run.err);
    assert_eq!(run.out, "5 files with 4 objects: nothing found\n");
    // Named, other files are looked at for credentials, and pictures for nothing.
    desk.kept("check in/readme.md in/logo.png").exits(0).is_quiet();
}

#[test]
fn secrets_are_found_wherever_they_are() {
    let desk = Desk::new();
    desk.write("plain.yaml", documents(&[team("alpha"), SECRET.into()]));
    assert_eq!(found(&desk, "-f plain.yaml"), ["9 Secret"]);
    let list = json!({"apiVersion": "v1", "kind": "List", "items": [
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "x"}},
        {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "db"}, "data": {}},
    ]});
    desk.write("list.json", format!("{list:#}\n"));
    let run = desk.kept("check list.json");
    run.exits(1).is_quiet();
    assert!(
        run.out.starts_with("list.json:11:5: error: Secret db: is a Secret: keep it in the secret store"),
        "{}",
        run.out
    );
    desk.write("typed.json", r#"{"apiVersion": "v1", "kind": "SecretList", "items": [{"data": {"a": "Yg=="}}]}"#);
    assert_eq!(found(&desk, "typed.json"), ["1 Secret"]);
    desk.write("kustomization.yaml", "secretGenerator:\n- name: db\n  literals:\n  - password=x\n");
    assert_eq!(found(&desk, "-f kustomization.yaml"), ["3 Secret"]);
    let indented: String = SECRET.lines().map(|line| format!("    {line}\n")).collect();
    desk.write("values.yaml", format!("a: 1\nextra:\n  manifest: |\n{indented}"));
    let run = desk.kept("check values.yaml");
    assert!(
        run.exits(1).out.starts_with("values.yaml:3:3: error: extra.manifest (document 1): holds a Secret"),
        "{}",
        run.out
    );
    desk.write("template.yaml", format!("{{{{- if .Values.a }}}}\n{SECRET}{{{{- end }}}}\n"));
    assert_eq!(found(&desk, "template.yaml"), ["3 Secret"]);
    // What SOPS was told to leave out, or what was added after it.
    let half = SECRET.replace("  a: b\n", "  a: ENC[x]\n  b: plain\nsops:\n  mac: ENC[x]\n");
    desk.write("half.yaml", half);
    let run = desk.kept("check half.yaml");
    assert!(
        run.exits(1).out.starts_with("half.yaml:8:6: error: Secret shop/db: stringData.b: is not encrypted"),
        "{}",
        run.out
    );
    let piped = desk.kept_with_stdin("check -f -", SECRET);
    assert!(piped.exits(1).out.contains("<stdin>:1:1: error: Secret shop/db"), "{}", piped.out);
}

#[test]
fn credentials_are_found_in_every_text_and_never_repeated() {
    let desk = Desk::new();
    let token = token();
    let text = format!(
        "# {token}\napiVersion: v1\nkind: ConfigMap\nmetadata: {{name: x, annotations: {{a: {token}}}}}\ndata:\n  values: |\n    a: b\n    token: {token}\n  {token}: x\n"
    );
    desk.write("a.yaml", &text).write("run.sh", format!("set -eu\nexport TOKEN={token}\n"));
    desk.write("broken.yaml", format!("a: [\n---\nb: {token}\n"));
    desk.write(
        "label.yaml",
        format!("apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {token}, labels: {{a: ' {token}'}}}}\n"),
    );
    // A block of one line is on the line below its key.
    desk.write("block.yaml", format!("a: |\n  {token}\nb: {token}\n"));
    assert_eq!(found(&desk, "block.yaml"), ["2 Credential", "3 Credential"]);
    let run = desk.kept("check a.yaml run.sh broken.yaml label.yaml");
    run.exits(1);
    let places: Vec<&str> = run.out.lines().filter_map(|line| Some(line.split_once(": error")?.0)).collect();
    assert_eq!(
        places,
        [
            "a.yaml:1:1",
            "a.yaml:4:38",
            "a.yaml:8:1",
            "a.yaml:9:1",
            "broken.yaml:1:4",
            "broken.yaml:3:1",
            "label.yaml:3:18",
            "label.yaml:3:72",
            "label.yaml:3:72",
            "run.sh:2:1"
        ],
        "{}",
        run.out
    );
    assert!(run.out.contains("ConfigMap x: data.values: holds a GitHub token"), "{}", run.out);
    assert!(run.out.contains("run.sh:2:1: error: holds a GitHub token"), "{}", run.out);
    assert!(!format!("{}{}", run.out, run.err).contains(&token), "{}", run.out);

    // As PowerShell writes what is redirected.
    let wide = format!("# wide\ntoken = {token}\n").encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<_>>();
    desk.write("wide.tf", [&[0xff, 0xfe], &wide[..]].concat());
    assert_eq!(found(&desk, "wide.tf"), ["2 Credential"]);
    // Nor in what is said of requests.
    let team = "apiVersion: platform.kratix.io/v1alpha1\nkind: Team\n";
    let strategies = format!("kind: Destination\nmetadata: {{name: a}}\nspec: {{filepath: {{mode: {token}}}}}\n");
    for odd in [
        format!("{team}metadata: {{name: a}}\nspec: {{id: a, name: A, {token}: x}}\n"),
        format!("{team}metadata: {{name: {token}}}\nspec: {{id: {token}, name: A}}\n"),
        format!("apiVersion: platform.kratix.io/v1alpha1\n{strategies}"),
        format!("apiVersion: {token}\nkind: Team\nmetadata: {{name: a, name: b}}\n"),
        format!("a: !{token} b\n{token}: 1\n{token}: 2\n"),
    ] {
        desk.write("odd.yaml", &odd);
        for output in ["text", "json"] {
            let run = desk.kept(&format!("check odd.yaml -o {output}"));
            run.exits(1);
            assert!(!run.out.contains(&token) && !run.err.contains(&token), "{odd}\n{}\n{}", run.out, run.err);
        }
    }
}

#[test]
fn requests_are_held_to_all_their_rules() {
    let desk = Desk::new();
    let misspelt = team("gamma").replace("Team\n", "Taem\n");
    desk.write("in/a.yaml", documents(&[team_with("alpha", "no", ""), team("beta"), misspelt]));
    desk.write("in/b.yaml", documents(&[team("beta"), team_with("delta", "id", ""), team_with("omega", "id", "")]));
    let rows = desk.kept("check -f in -o json").json();
    let told: Vec<String> =
        rows.iter().map(|r| format!("{}:{} {} {}", r["file"], r["line"], r["rule"], r["name"])).collect();
    assert_eq!(
        told.iter().map(|row| row.replace('"', "")).collect::<Vec<_>>(),
        [
            "in/a.yaml:6 InvalidRequest alpha",
            "in/a.yaml:9 GivenTwice beta",
            "in/a.yaml:18 UnknownKind gamma",
            "in/b.yaml:1 GivenTwice beta",
            "in/b.yaml:17 Conflict omega",
        ]
    );
    // What kept renders is held to the whole policy; what a request says itself is said once.
    let vcluster = "apiVersion: platform.integratn.tech/v1alpha1\nkind: VClusterCore\nmetadata: {name: v, namespace: platform-requests}\nspec: {name: v, targetNamespace: kube-system}\n";
    desk.write("v.yaml", vcluster);
    let run = desk.kept("check v.yaml");
    assert!(run.exits(1).out.contains("kube-system"), "{}", run.out);
    desk.write("labelled.yaml", team("zeta").replace("  name: zeta\n", "  name: zeta\n  labels: {a: yes}\n"));
    assert_eq!(found(&desk, "labelled.yaml"), ["5 InvalidRequest"]);
    let with_token = vcluster.replace("kube-system}", &format!("v, valuesYaml: 'a: {}'}}", token()));
    desk.write("v.yaml", with_token);
    assert_eq!(found(&desk, "v.yaml"), ["4 Credential"]);
}

#[test]
fn stores_and_destinations_are_understood_each_by_itself() {
    let desk = Desk::new();
    let destination = "apiVersion: platform.kratix.io/v1alpha1\nkind: Destination\nmetadata: {name: host}\nspec: {path: ../x, stateStoreRef: {kind: GitStateStore, name: elsewhere}}\n";
    desk.write("d.yaml", destination).write("a.yaml", team("alpha"));
    assert_eq!(found(&desk, "d.yaml a.yaml"), ["4 InvalidRequest"]);
    desk.write("d.yaml", destination.replace("../x", "x"));
    assert_eq!(found(&desk, "d.yaml a.yaml"), [""; 0]);
    let kratix = "apiVersion: platform.kratix.io/v1alpha1\nkind: Promise\nmetadata: {name: team}\n";
    desk.write("kratix.yaml", kratix);
    assert_eq!(found(&desk, "kratix.yaml"), [""; 0]);
}

#[test]
fn what_is_wrong_with_any_manifest_is_told() {
    let desk = Desk::new();
    let labels = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: x\n  labels:\n    ok: \"{{ x }}\"\n    a: yes\n    b: x y\n";
    desk.write("in/labels.yaml", labels)
        .write("in/Labels.yaml", "a: 1\n")
        .write("in/broken.yaml", "a:\n  - b\n c: d\n");
    assert_eq!(found(&desk, "-f in"), ["3 Unreadable", "null Path", "7 Label", "8 Label"]);
    let large = format!("apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: x}}\ndata: {{a: {}}}\n", "x".repeat(300));
    desk.write("large.yaml", documents(&[large.clone(), large])).write("s.yaml", "limits:\n  fileBytes: 250\n");
    assert_eq!(found(&desk, "large.yaml --config s.yaml"), ["1 Limit", "6 Limit"]);
    assert_eq!(found(&desk, "large.yaml"), [""; 0]);
    // What is no object is no matter of Kubernetes'.
    desk.write("values.yaml", format!("metadata: {{labels: {{a: true}}}}\nb: {}\n", "x".repeat(300)));
    assert_eq!(found(&desk, "values.yaml --config s.yaml"), [""; 0]);
}

#[test]
fn one_bad_file_hides_no_other() {
    let desk = Desk::new();
    desk.write("a.yaml", SECRET).write("huge.yaml", vec![b'#'; (16 << 20) + 1]);
    let run = desk.kept("check gone.yaml huge.yaml a.yaml");
    run.exits(2);
    for words in
        ["gone.yaml: error: cannot be read", "huge.yaml: error: cannot be read: it is larger", "Secret shop/db"]
    {
        assert!(run.out.contains(words), "{words}: {}", run.out);
    }
    desk.kept("check").exits(2).says(&["FILE|DIR"]);
    desk.write("empty/readme.txt", "").kept("check -f empty").exits(2).says(&["no files were found"]);
}

#[test]
fn json_has_every_field_every_time() {
    let desk = Desk::new();
    desk.write("a.yaml", SECRET).write("b.sh", token());
    let rows = desk.kept("check a.yaml b.sh -o json").exits(1).json();
    assert_eq!(rows[0]["rule"], "Secret");
    assert_eq!(
        (&rows[0]["kind"], &rows[0]["namespace"], &rows[0]["name"]),
        (&json!("Secret"), &json!("shop"), &json!("db"))
    );
    assert_eq!((&rows[0]["file"], &rows[0]["line"], &rows[0]["column"]), (&json!("a.yaml"), &json!(1), &json!(1)));
    assert!(rows[0]["message"].as_str().is_some_and(|message| message.contains("ExternalSecret")));
    let fields = |row: &Value| row.as_object().map(|fields| fields.keys().cloned().collect::<Vec<_>>());
    assert_eq!(fields(&rows[0]), fields(&rows[1]));
    assert_eq!(rows[1]["kind"], Value::Null);
}

#[test]
fn every_rule_is_in_the_help() {
    let help = Desk::new().kept("check --help").out;
    for (rule, refuses) in Rule::ALL {
        assert!(help.contains(&format!("  {} ", rule.name())) && help.contains(refuses), "{}", rule.name());
    }
}

#[test]
fn what_kept_has_itself_passes() {
    let desk = Desk::new();
    for folder in ["deploy", "promises", "crds", "examples/vclusters", "examples/two-repositories", "examples/operator"]
    {
        let run = desk.kept(&format!("check -f {}", of_repository(folder).display()));
        run.exits(0);
        assert!(run.out.contains("nothing found"), "{}", run.out);
    }
    let pre_commit = std::fs::read_to_string(of_repository(".pre-commit-hooks.yaml")).expect("hooks");
    let hooks: Value = serde_saphyr::from_str(&pre_commit).expect("YAML");
    let entry = hooks[0]["entry"].as_str().and_then(|entry| entry.strip_prefix("kept ")).expect("an entry");
    desk.write("a.yaml", SECRET);
    desk.kept(&format!("{entry} a.yaml")).exits(1);
}
