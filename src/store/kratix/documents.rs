//! The documents of Kratix's files, read as leniently as the pipelines wrote them: with keys that stand twice.

use serde_json::Value;
use serde_saphyr::options::DuplicateKeyPolicy;

use crate::manifest::object;
use crate::values::RequestKey;

/// The labels by which the pipelines said whose work an object is.
const PROMISE: &str = "/metadata/labels/kratix.io~1promise-name";
const RESOURCE: &str = "/metadata/labels/kratix.io~1resource-name";

/// A Kubernetes object in a file of Kratix's.
#[derive(Clone, Debug)]
pub(crate) struct Document {
    /// As it stands there.
    pub(crate) text: String,
    pub(crate) object: Value,
    /// `group/kind/namespace/name`.
    pub(crate) identity: String,
}

/// The objects in a file. What is none, or cannot be read, is nothing that anybody applies.
pub(crate) fn read(bytes: &[u8]) -> Vec<Document> {
    let Ok(text) = std::str::from_utf8(bytes) else { return Vec::new() };
    let mut texts = vec![String::new()];
    for line in text.split_inclusive('\n') {
        if line.trim_end() == "---" {
            texts.push(String::new());
        } else if let Some(last) = texts.last_mut() {
            last.push_str(line);
        }
    }
    texts.into_iter().filter_map(document).collect()
}

fn document(text: String) -> Option<Document> {
    let options = serde_saphyr::options! { duplicate_keys: DuplicateKeyPolicy::LastWins };
    let object: Value = serde_saphyr::from_str_with_options(&text, options).ok()?;
    object["kind"].as_str()?;
    let identity = object::identity(&object)?;
    Some(Document { text, object, identity })
}

impl Document {
    /// Whether it is labelled as the work of this request, or is the request itself.
    pub(crate) fn belongs_to(&self, request: &RequestKey) -> bool {
        let text = |pointer: &str| self.object.pointer(pointer).and_then(Value::as_str);
        let labelled = text(PROMISE) == Some(&request.promise) && text(RESOURCE) == Some(&request.name);
        let named = text("/metadata/namespace") == Some(&request.namespace)
            && text("/metadata/name") == Some(&request.name)
            && text("/kind").is_some_and(|kind| kind.eq_ignore_ascii_case(&request.promise.replace('-', "")));
        labelled || named
    }

    /// Whether Kratix's pipelines have labelled it.
    pub(crate) fn is_labelled(&self) -> bool {
        self.object.pointer(PROMISE).is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objects_are_told_apart_and_known_by_their_requests() {
        let file = "---\n# a comment alone\n---\napiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: a\n  namespace: apps\n  \
                    labels:\n    kratix.io/promise-name: vcluster-core\n    kratix.io/promise-name: vcluster-core\n    \
                    kratix.io/resource-name: dev\n---\nnot: an object\n---\n\
                    {apiVersion: platform.integratn.tech/v1alpha1, kind: VClusterCore, metadata: {name: dev, namespace: apps}}\n";
        let found = read(file.as_bytes());
        let identities: Vec<&str> = found.iter().map(|document| document.identity.as_str()).collect();
        assert_eq!(identities, ["/ConfigMap/apps/a", "platform.integratn.tech/VClusterCore/apps/dev"]);
        let key = |namespace: &str, name: &str| RequestKey {
            namespace: namespace.into(),
            promise: "vcluster-core".into(),
            name: name.into(),
        };
        let belongs = |namespace, name| found.iter().map(|d| d.belongs_to(&key(namespace, name))).collect::<Vec<_>>();
        assert_eq!(belongs("apps", "dev"), [true, true]);
        assert_eq!(belongs("elsewhere", "dev"), [true, false]);
        assert_eq!(belongs("apps", "other"), [false, false]);
        assert!(found[0].text.starts_with("apiVersion: v1\n") && found[0].is_labelled() && !found[1].is_labelled());
    }
}
