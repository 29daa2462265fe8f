//! Whether a vcluster needs directories of its nodes.

use serde_json::Value;

use crate::manifest::read::documents;

/// The field of the Helm values that needs a directory of the node, by its path: a `hostPath` volume,
/// wherever it stands, also in manifests that the values hold as YAML text; or a `hostPathMapper` that is
/// switched on. `None`: nothing does, and the namespace can enforce more than `privileged`.
pub(in crate::promises) fn needs_host_path(values: &Value) -> Option<String> {
    find(values, String::new())
}

fn find(value: &Value, at: String) -> Option<String> {
    match value {
        Value::Object(fields) => fields.iter().find_map(|(key, value)| {
            let here = if at.is_empty() { key.clone() } else { format!("{at}.{key}") };
            let needed = match key.as_str() {
                "hostPath" => value["path"].is_string(),
                "hostPathMapper" => value["enabled"] == true,
                _ => false,
            };
            if needed { Some(here) } else { find(value, here) }
        }),
        Value::Array(items) => items.iter().enumerate().find_map(|(i, item)| find(item, format!("{at}[{i}]"))),
        // Read only where it can matter: most texts in values are no YAML.
        Value::String(text) if text.contains("hostPath") => documents(text.as_bytes())
            .into_iter()
            .flatten()
            .filter(|document| !document.value.is_string())
            .find_map(|document| find(&document.value, at.clone())),
        _ => None,
    }
}
