//! The team as a Backstage Group.

use serde_json::{Map, Value, json};

use super::plan::{Plan, Text};

/// A `Group` of the catalog model `backstage.io/v1alpha1`. The annotation `contact.email` and
/// `spec.displayName` are no part of that model: they are where readers of the promise that kept
/// replaces look. `spec.profile` is where Backstage itself does.
pub(super) fn group(plan: &Plan) -> Value {
    let mut metadata = json!({ "name": plan.id.as_str(), "description": plan.description.as_str() });
    let mut profile = Map::from_iter([("displayName".to_owned(), text(&plan.name))]);
    if let Some(email) = &plan.email {
        metadata["annotations"] = json!({ "contact.email": email.as_str() });
        profile.insert("email".into(), text(email));
    }
    if let Some(picture) = &plan.picture {
        profile.insert("picture".into(), text(picture));
    }
    let mut spec = json!({
        "type": "team",
        "displayName": plan.name.as_str(),
        "profile": profile,
        "children": [],
    });
    if let Some(parent) = &plan.parent {
        spec["parent"] = text(parent);
    }
    if let Some(members) = &plan.members {
        spec["members"] = members.iter().map(text).collect();
    }
    json!({ "apiVersion": "backstage.io/v1alpha1", "kind": "Group", "metadata": metadata, "spec": spec })
}

fn text(text: &Text) -> Value {
    text.as_str().into()
}
