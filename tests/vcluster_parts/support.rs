//! Requests, and what becomes of them.

use std::collections::BTreeMap;

use kept::config::Settings;
use kept::error::Mistake;
use kept::known::{Known, Peer};
use kept::manifest::{Claim, Content, Output};
use kept::policy;
use kept::promises::{Promise, Refusal, Request, by_kind};
use kept::values::RequestKey;
use serde_json::{Value, json};

/// The namespace whose requests may name what they like.
pub(crate) const FREE: &str = "platform-requests";

/// The promise of a kind.
pub(crate) fn promise(kind: &str) -> &'static dyn Promise {
    by_kind("platform.integratn.tech", kind).unwrap_or_else(|| panic!("no promise has the kind {kind}"))
}

/// A request as its file would be.
pub(crate) fn object(kind: &str, namespace: &str, spec: Value) -> Value {
    json!({
        "apiVersion": "platform.integratn.tech/v1alpha1",
        "kind": kind,
        "metadata": { "name": "x", "namespace": namespace },
        "spec": spec,
    })
}

/// A request that fits its schema.
pub(crate) fn request(kind: &str, namespace: &str, spec: Value) -> Request {
    let object = object(kind, namespace, spec);
    promise(kind).request(&object, None).unwrap_or_else(|e| panic!("{object}: {e}"))
}

/// What the promise answers.
pub(crate) fn output(kind: &str, namespace: &str, spec: Value, known: &Known) -> Result<Output, Refusal> {
    promise(kind).render(&request(kind, namespace, spec), &Settings::default(), known)
}

/// The objects by file, as they are committed.
pub(crate) fn objects(request: &Request, known: &Known) -> BTreeMap<String, Value> {
    let settings = Settings::default();
    let promise = promise(&request.kind);
    let output = promise.render(request, &settings, known).unwrap_or_else(|e| panic!("{:?}: {e}", request.spec));
    assert!(output.files.values().all(|content| matches!(content, Content::Object(_))));
    let checked = policy::check(&request.key, output, &settings).unwrap_or_else(|e| panic!("{:?}: {e}", request.spec));
    let read = |bytes: &[u8]| serde_saphyr::from_str(std::str::from_utf8(bytes).expect("UTF-8")).expect("YAML");
    checked.files().iter().map(|(path, file)| (path.to_string(), read(&file.bytes))).collect()
}

/// The objects of a request in the request namespace, by file.
pub(crate) fn rendered(kind: &str, spec: Value) -> BTreeMap<String, Value> {
    objects(&request(kind, FREE, spec), &Known::default())
}

/// The only object of such a request.
pub(crate) fn only(kind: &str, spec: Value) -> Value {
    let mut files = rendered(kind, spec);
    assert_eq!(files.len(), 1, "{:?}", files.keys());
    files.pop_first().expect("a file").1
}

/// What a request is refused for.
pub(crate) fn mistakes(kind: &str, namespace: &str, spec: Value, known: &Known) -> Vec<Mistake> {
    match output(kind, namespace, spec.clone(), known) {
        Err(Refusal::Invalid(invalid)) => invalid.mistakes,
        other => panic!("{kind} {spec} in {namespace} should be refused: {other:?}"),
    }
}

/// Asserts that a request in the request namespace is refused for one thing, in these words among others.
pub(crate) fn refused(kind: &str, spec: Value, field: &str, words: &str) {
    assert_mistake(&mistakes(kind, FREE, spec, &Known::default()), field, words);
}

/// Asserts that this is the one mistake.
pub(crate) fn assert_mistake(found: &[Mistake], field: &str, words: &str) {
    assert!(matches!(found, [one] if one.field == field && one.message.contains(words)), "{field}: {words}: {found:?}");
}

/// The name of a request.
pub(crate) fn key(promise: &str, namespace: &str, name: &str) -> RequestKey {
    RequestKey { namespace: namespace.into(), promise: promise.into(), name: name.into() }
}

/// What is known when there are requests that offer something.
pub(crate) fn offered(requests: &[(RequestKey, &[Claim])]) -> Known {
    let mut known = Known::default();
    for (request, offers) in requests {
        let offers = offers.iter().cloned().collect();
        known.peers_mut().arrive(request, Peer { offers, ..Peer::default() });
    }
    known
}

/// The claim on a vcluster's name.
pub(crate) fn vcluster(name: &str) -> Claim {
    Claim::new("vcluster", name)
}
