//! `{{` where Argo CD or the External Secrets Operator would execute it.
//!
//! Both take labels and annotations of what they generate as templates too, and that is where the
//! words of a request end up. So `{{` is refused there, in keys and values. A template's `data` is
//! written by the promise itself, whose business templates are. Everywhere else `{{` is text.

use serde_json::Value;

use crate::manifest::object::group_kind;

/// Where kinds keep the metadata of what they generate, as JSON pointers.
const TEMPLATED: &[(&str, &str, &[&str])] = &[
    ("argoproj.io", "ApplicationSet", &["/spec/template/metadata"]),
    ("external-secrets.io", "ClusterExternalSecret", &["/spec/externalSecretSpec/target/template/metadata"]),
    ("external-secrets.io", "ClusterPushSecret", &["/spec/pushSecretSpec/template/metadata"]),
    ("external-secrets.io", "ExternalSecret", &["/spec/target/template/metadata"]),
    ("external-secrets.io", "PushSecret", &["/spec/template/metadata"]),
];

pub(super) fn inspect(object: &Value, refuse: &mut dyn FnMut(String)) {
    let (group, kind) = group_kind(object);
    let places = TEMPLATED.iter().filter(|(g, k, _)| (*g, *k) == (group, kind)).flat_map(|(_, _, places)| *places);
    for place in places {
        for field in ["labels", "annotations"] {
            let Some(Value::Object(entries)) = object.pointer(&format!("{place}/{field}")) else { continue };
            for (key, _) in
                entries.iter().filter(|(k, v)| k.contains("{{") || v.as_str().is_some_and(|v| v.contains("{{")))
            {
                let path = place[1..].replace('/', ".");
                refuse(format!("{path}.{field}[{key:?}] holds {{{{, which {kind} would execute as a template"));
            }
        }
    }
}
