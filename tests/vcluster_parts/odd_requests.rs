//! Whatever people write into a request of the platform's group: it arrives as text, or is refused. It
//! becomes no second document, no Secret, no template and nothing in another namespace, and the same the
//! second time.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::sync::LazyLock;

use kept::config::Settings;
use kept::known::Known;
use kept::policy::{Checked, check};
use kept::promises::{self, Promise};
use proptest::prelude::*;
use serde_json::Value;

use crate::odd::odd_text;

/// Texts that mean something here.
const HOSTILE: &[&str] = &[
    "{{ .config }}",
    "{{`",
    "a\n---\napiVersion: v1\nkind: Secret\nmetadata: {name: s, namespace: argocd}\nstringData: {a: b}",
    "a: 1\nkind: Secret\nstringData: {a: b}",
    "kube-system",
    "argocd",
    "platform-requests",
    "../../x",
    "a/b",
    "*",
    "https://kubernetes.default.svc",
    "https://a.example.org/{{.token}}",
    "\"}}{{",
    "-----BEGIN RSA PRIVATE KEY-----",
];

fn hostile_text() -> impl Strategy<Value = String> {
    prop_oneof![prop::sample::select(HOSTILE).prop_map(String::from), odd_text()]
}

/// Every request that stands in a promise's folder.
fn examples() -> &'static [(&'static dyn Promise, Value)] {
    static EXAMPLES: LazyLock<Vec<(&dyn Promise, Value)>> = LazyLock::new(read_examples);
    &EXAMPLES
}

fn read_examples() -> Vec<(&'static dyn Promise, Value)> {
    let mut found = Vec::new();
    for promise in promises::all().iter().filter(|p| p.crd().spec.group == "platform.integratn.tech") {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("promises").join(promise.name()).join("request.yaml");
        let text = fs::read_to_string(&file).unwrap_or_else(|e| panic!("{}: {e}", file.display()));
        let objects: Vec<Value> = serde_saphyr::from_multiple(&text).expect("readable YAML");
        found.extend(objects.into_iter().map(|object| (*promise, object)));
    }
    found
}

/// Every text below a value, by JSON pointer.
fn texts(value: &Value, at: &str, found: &mut Vec<String>) {
    match value {
        Value::String(_) => found.push(at.to_owned()),
        Value::Array(items) => items.iter().enumerate().for_each(|(i, item)| texts(item, &format!("{at}/{i}"), found)),
        Value::Object(fields) => fields.iter().for_each(|(key, value)| {
            let key = key.replace('~', "~0").replace('/', "~1");
            texts(value, &format!("{at}/{key}"), found);
        }),
        _ => {}
    }
}

/// The mapping that holds a field, and the field's key there.
fn slot<'a>(value: &'a mut Value, pointer: &str) -> Option<(&'a mut serde_json::Map<String, Value>, String)> {
    let (parent, key) = pointer.rsplit_once('/')?;
    let key = key.replace("~1", "/").replace("~0", "~");
    Some((value.pointer_mut(parent)?.as_object_mut()?, key))
}

fn render(promise: &dyn Promise, object: &Value) -> Option<Checked> {
    let settings = Settings::default();
    let request = promise.request(object, None).ok()?;
    let output = promise.render(&request, &settings, &Known::default()).ok()?;
    check(&request.key, output, &settings).ok()
}

/// Texts of an object that hold `{{`, with where they stand.
fn live(value: &Value) -> BTreeSet<(String, String)> {
    let mut found = Vec::new();
    texts(value, "", &mut found);
    let with = found.into_iter().filter_map(|at| Some((at.clone(), value.pointer(&at)?.as_str()?.to_owned())));
    with.filter(|(_, text)| text.contains("{{")).collect()
}

/// Answers whether it rendered.
fn assert_harmless(promise: &dyn Promise, object: &Value) -> Result<bool, TestCaseError> {
    let Some(checked) = render(promise, object) else { return Ok(false) };
    let again = render(promise, object);
    prop_assert_eq!(Some(&checked), again.as_ref(), "the second rendering differs");
    let own = object["metadata"]["namespace"].as_str().unwrap_or_default();
    for (path, file) in checked.files() {
        let text = String::from_utf8(file.bytes.clone()).expect("UTF-8");
        let read: Vec<Value> =
            serde_saphyr::from_multiple(&text).map_err(|e| TestCaseError::fail(format!("{path}: {e}\n{text}")))?;
        let [rendered] = &read[..] else { return Err(TestCaseError::fail(format!("{path}: {text}"))) };
        let kind = rendered["kind"].as_str().unwrap_or_default();
        let kinds = ["AppProject", "Application", "ConfigMap", "ExternalSecret", "Namespace", "PushSecret"];
        prop_assert!(kinds.contains(&kind), "{}", text);
        let metadata = &rendered["metadata"];
        let field = if kind == "Namespace" { "name" } else { "namespace" };
        let namespace = metadata[field].as_str().unwrap_or_default();
        let of_argocd = ["AppProject", "Application"].contains(&kind) || path.as_str().contains("argocd-cluster");
        let protected = Settings::default().promises.vcluster.is_protected(namespace);
        prop_assert!(!protected || of_argocd && namespace == "argocd", "{}: {}", path, namespace);
        prop_assert!(own == "platform-requests" || [own, "argocd"].contains(&namespace), "{}: {}", path, namespace);
        // The operator of the credentials executes what the promise wrote, and nothing else.
        if let "PushSecret" | "ExternalSecret" = kind {
            let spec = live(&rendered["spec"]);
            let own = ["/template/data/kubeconfig", "/template/data/argocd-config"];
            prop_assert!(spec.iter().all(|(at, _)| own.contains(&at.as_str())), "{:?}", spec);
            prop_assert!(
                spec.iter().all(|(_, text)| text == "{{ .config }}" || text.starts_with("{{- $ca := index . "))
            );
        }
    }
    Ok(true)
}

#[test]
fn the_examples_render() {
    let examples = examples();
    assert!(examples.len() >= 14);
    for (promise, object) in examples {
        assert!(assert_harmless(*promise, object).unwrap_or_else(|e| panic!("{object}: {e}")), "{object}");
    }
}

#[test]
fn hostile_texts_in_every_field() {
    let mut survived = 0;
    for (promise, object) in examples() {
        let mut fields = Vec::new();
        texts(&object["spec"], "/spec", &mut fields);
        for field in fields {
            for text in HOSTILE {
                let mut changed = object.clone();
                *changed.pointer_mut(&field).expect("a field") = (*text).into();
                let harmless = assert_harmless(*promise, &changed);
                survived += usize::from(harmless.unwrap_or_else(|e| panic!("{field} = {text:?}: {e}")));
                // As a key in its place.
                let mut changed = object.clone();
                if let Some((map, key)) = slot(&mut changed, &field)
                    && let Some(value) = map.remove(&key)
                {
                    map.insert((*text).to_owned(), value);
                    assert_harmless(*promise, &changed).unwrap_or_else(|e| panic!("{field} as {text:?}: {e}"));
                }
            }
        }
    }
    assert!(survived > 100, "{survived} of them rendered: most texts have a place where they are fine");
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(1500) })]

    #[test]
    fn any_text_in_any_fields(
        which in any::<prop::sample::Index>(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), hostile_text(), any::<bool>()), 1..4),
        elsewhere in any::<bool>(),
    ) {
        let (promise, object) = &examples()[which.index(examples().len())];
        let mut object = object.clone();
        if elsewhere {
            object["metadata"]["namespace"] = "team-a".into();
        }
        for (index, text, as_key) in changes {
            let mut fields = Vec::new();
            texts(&object["spec"], "/spec", &mut fields);
            let Some(field) = (!fields.is_empty()).then(|| &fields[index.index(fields.len())]) else { continue };
            if !as_key {
                *object.pointer_mut(field).expect("a field") = text.into();
            } else if let Some((map, key)) = slot(&mut object, field)
                && let Some(value) = map.remove(&key)
            {
                map.insert(text, value);
            }
        }
        assert_harmless(*promise, &object)?;
    }
}
