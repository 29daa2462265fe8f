//! Objects made small enough to have ten thousand of them at hand, and several references to each.

use std::borrow::Cow;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use kube::Resource;
use kube::api::{ApiResource, DynamicObject, ObjectMeta, TypeMeta};
use kube::core::DynamicResourceScope;
use kube::runtime::watcher::Event;
use serde::Deserialize;

/// Where `kubectl apply` keeps a second copy of the whole object.
const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// A kind of objects. Every reference to an object has it, so that it is shared.
#[derive(Clone, Debug)]
pub(super) struct Kind(Arc<ApiResource>);

impl Kind {
    pub(super) fn new(resource: ApiResource) -> Self {
        Self(Arc::new(resource))
    }
}

impl PartialEq for Kind {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0) || self.0 == other.0
    }
}

impl Eq for Kind {}

impl Hash for Kind {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        self.0.plural.hash(hasher);
    }
}

/// An object as text, which takes a fifth of the memory that a tree of values does, without what other tools noted of
/// it.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Folded {
    metadata: ObjectMeta,
    text: Box<str>,
}

impl Folded {
    pub(super) fn new(object: DynamicObject) -> Self {
        let DynamicObject { mut metadata, data, .. } = object;
        metadata.managed_fields = None;
        if let Some(annotations) = &mut metadata.annotations {
            annotations.remove(LAST_APPLIED);
        }
        Self { metadata, text: data.to_string().into() }
    }

    /// The object as it was, of this kind.
    pub(super) fn unfold(&self, resource: &ApiResource) -> DynamicObject {
        let ApiResource { api_version, kind, .. } = resource.clone();
        DynamicObject {
            types: Some(TypeMeta { api_version, kind }),
            metadata: self.metadata.clone(),
            data: serde_json::from_str(&self.text).unwrap_or_default(),
        }
    }
}

/// The same of what a watch says.
pub(super) fn fold(event: Event<DynamicObject>) -> Event<Folded> {
    match event {
        Event::Apply(object) => Event::Apply(Folded::new(object)),
        Event::Delete(object) => Event::Delete(Folded::new(object)),
        Event::Init => Event::Init,
        Event::InitApply(object) => Event::InitApply(Folded::new(object)),
        Event::InitDone => Event::InitDone,
    }
}

impl Resource for Folded {
    type DynamicType = Kind;
    type Scope = DynamicResourceScope;

    fn kind(kind: &Kind) -> Cow<'_, str> {
        kind.0.kind.as_str().into()
    }

    fn group(kind: &Kind) -> Cow<'_, str> {
        kind.0.group.as_str().into()
    }

    fn version(kind: &Kind) -> Cow<'_, str> {
        kind.0.version.as_str().into()
    }

    fn plural(kind: &Kind) -> Cow<'_, str> {
        kind.0.plural.as_str().into()
    }

    fn meta(&self) -> &ObjectMeta {
        &self.metadata
    }

    fn meta_mut(&mut self) -> &mut ObjectMeta {
        &mut self.metadata
    }
}

#[cfg(test)]
mod tests {
    use kube::ResourceExt;
    use serde_json::json;

    use super::*;
    use crate::cluster;

    #[test]
    fn an_object_comes_back_without_what_others_noted() {
        let whole = json!({
            "apiVersion": "platform.kratix.io/v1alpha1",
            "kind": "Team",
            "metadata": {"name": "one", "namespace": "a", "annotations": {"mine": "yes"}, "finalizers": ["x"]},
            "spec": {"id": "one", "members": ["a", "b"]},
            "status": {"commit": "c"},
        });
        let mut noted = whole.clone();
        noted["metadata"]["managedFields"] = json!([{"manager": "kubectl", "operation": "Apply"}]);
        noted["metadata"]["annotations"][LAST_APPLIED] = json!("{}");
        let object: DynamicObject = serde_json::from_value(noted).expect("an object");
        let folded = Folded::new(object);
        assert_eq!(folded.name_any(), "one");
        let back = folded.unfold(&cluster::resource("Team", "teams"));
        assert_eq!(serde_json::to_value(back).expect("plain"), whole);
    }
}
