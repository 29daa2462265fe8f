//! The documents of Kratix's files, read as leniently as the pipelines wrote them: with keys that stand twice.

use serde_json::Value;
use serde_saphyr::options::DuplicateKeyPolicy;

use crate::manifest::object;
use crate::values::RequestKey;

/// The labels by which the pipelines said whose work an object is.
const PROMISE: &str = "/metadata/labels/kratix.io~1promise-name";
const RESOURCE: &str = "/metadata/labels/kratix.io~1resource-name";
/// The API group of the requests that the pipelines made for other pipelines.
const REQUESTS: &str = "platform.integratn.tech/";
/// The largest file that is looked into, in bytes: nothing that a pipeline wrote is larger.
const MAX_BYTES: usize = 4 << 20;

/// A Kubernetes object in a file of Kratix's.
#[derive(Clone, Debug)]
pub(crate) struct Document {
    /// As it stands there.
    pub(crate) text: String,
    pub(crate) object: Value,
    /// `group/kind/namespace/name`.
    pub(crate) identity: String,
}

/// The objects in a file; nothing if it holds anything else, for that would be somebody else's.
pub(crate) fn all(bytes: &[u8]) -> Option<Vec<Document>> {
    texts(bytes)?.into_iter().map(document).collect()
}

/// The objects in a file that can be read.
pub(crate) fn readable(bytes: &[u8]) -> Vec<Document> {
    texts(bytes).into_iter().flatten().filter_map(document).collect()
}

/// The documents of a stream, without those that are comments alone.
fn texts(bytes: &[u8]) -> Option<Vec<String>> {
    let text = std::str::from_utf8(bytes).ok().filter(|text| text.len() <= MAX_BYTES)?;
    let mut texts = vec![String::new()];
    for line in text.trim_start_matches('\u{feff}').split_inclusive('\n') {
        let (begins, ends) = (line.strip_prefix("---"), line.strip_prefix("..."));
        let stands_alone = |rest: &&str| rest.is_empty() || rest.starts_with(char::is_whitespace);
        if begins.or(ends).as_ref().is_some_and(stands_alone) {
            texts.push(begins.map(str::trim_start).unwrap_or_default().to_owned());
        } else if let Some(last) = texts.last_mut() {
            last.push_str(line);
        }
    }
    let says_something =
        |text: &String| text.lines().any(|line| !matches!(line.trim_start().chars().next(), None | Some('#')));
    texts.retain(says_something);
    Some(texts)
}

fn document(text: String) -> Option<Document> {
    let options = serde_saphyr::options! {
        duplicate_keys: DuplicateKeyPolicy::LastWins,
        alias_limits: serde_saphyr::alias_limits! { max_total_replayed_events: 10_000 },
    };
    let object: Value = serde_saphyr::from_str_with_options(&text, options).ok()?;
    object["kind"].as_str()?;
    let identity = object::identity(&object)?;
    Some(Document { text, object, identity })
}

impl Document {
    fn word(&self, pointer: &str) -> Option<&str> {
        self.object.pointer(pointer).and_then(Value::as_str)
    }

    /// The namespace that it lies in, or that it is.
    pub(crate) fn namespace(&self) -> &str {
        let own = self.word("/metadata/name").filter(|_| self.word("/kind") == Some("Namespace"));
        own.or_else(|| self.word("/metadata/namespace")).unwrap_or_default()
    }

    /// Whether it is labelled as the work of a request of that name. The labels do not tell its namespace.
    pub(crate) fn is_work_of(&self, request: &RequestKey) -> bool {
        self.word(PROMISE) == Some(&request.promise) && self.word(RESOURCE) == Some(&request.name)
    }

    /// Whether it is this request itself.
    pub(crate) fn is(&self, request: &RequestKey) -> bool {
        self.is_request()
            && self.word("/metadata/namespace") == Some(&request.namespace)
            && self.word("/metadata/name") == Some(&request.name)
            && self.word("/kind").is_some_and(|kind| kind.eq_ignore_ascii_case(&request.promise.replace('-', "")))
    }

    /// Whether Kratix's pipelines have written it: they labelled all but requests for each other.
    pub(crate) fn is_of_a_pipeline(&self) -> bool {
        self.word(PROMISE).is_some() || self.is_request()
    }

    fn is_request(&self) -> bool {
        self.word("/apiVersion").is_some_and(|version| version.starts_with(REQUESTS))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(namespace: &str, name: &str) -> RequestKey {
        RequestKey { namespace: namespace.into(), promise: "vcluster-core".into(), name: name.into() }
    }

    #[test]
    fn objects_are_told_apart_and_known_by_their_requests() {
        let file = "---\n# a comment alone\n--- # and one behind\napiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: a\n  \
                    namespace: apps\n  labels:\n    kratix.io/promise-name: vcluster-core\n    \
                    kratix.io/promise-name: vcluster-core\n    kratix.io/resource-name: dev\n...\n--- {apiVersion: \
                    platform.integratn.tech/v1alpha1, kind: VClusterCore, metadata: {name: dev, namespace: apps}}\r\n";
        let found = all(file.as_bytes()).expect("objects and nothing else");
        let identities: Vec<&str> = found.iter().map(|document| document.identity.as_str()).collect();
        assert_eq!(identities, ["/ConfigMap/apps/a", "platform.integratn.tech/VClusterCore/apps/dev"]);
        let work = |name| found.iter().map(|d| d.is_work_of(&key("apps", name))).collect::<Vec<_>>();
        assert_eq!((work("dev"), work("other")), (vec![true, false], vec![false, false]));
        let is = |namespace, name| found.iter().map(|d| d.is(&key(namespace, name))).collect::<Vec<_>>();
        assert_eq!((is("apps", "dev"), is("elsewhere", "dev")), (vec![false, true], vec![false, false]));
        assert!(found.iter().all(Document::is_of_a_pipeline));
    }

    #[test]
    fn what_holds_anything_else_is_not_all_objects() {
        let object = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, namespace: apps}\n";
        let list = "apiVersion: v1\nkind: ConfigMapList\nitems: []\n";
        for other in [list, "a: [\n", "text\n", "kind: ConfigMap\nmetadata: {generateName: a}\n"] {
            let file = format!("{object}---\n{other}");
            assert!(all(file.as_bytes()).is_none(), "{other}");
            assert_eq!(readable(file.as_bytes()).len(), 1, "{other}");
        }
        assert!(all(b"\xff\xfe").is_none() && all(b"").is_some_and(|found| found.is_empty()));
    }
}
