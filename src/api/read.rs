use std::sync::LazyLock;

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::CustomResourceExt;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::crd::definition;
use super::{
    ArgoCDApplication, ArgoCDProject, Destination, DestinationSpec, GitStateStore, GitStateStoreSpec, Team,
    VClusterArgoCDClusterRegistration, VClusterCore, VClusterCoredns, VClusterKubeconfigExternalSecret,
    VClusterKubeconfigSync, VClusterOrchestrator, check, git_state_store,
};
use crate::error::{Invalid, Mistake};
use crate::values::RelPath;

/// A kind that kept serves.
pub trait Kind: CustomResourceExt + DeserializeOwned {
    /// Its definition, generated from its Rust type.
    fn definition() -> &'static CustomResourceDefinition;

    /// What its CEL rules have against the object, in their words: for objects from files, which no
    /// API server has seen. The schema holds already. Rules about changes are not among them.
    fn mistakes(&self) -> Vec<Mistake> {
        Vec::new()
    }
}

/// Makes a typed object of a parsed one, checked against its schema and its rules; the schema's
/// defaults are filled in, as an API server would.
pub fn read<K: Kind>(object: &Value) -> Result<K, Invalid> {
    let found = check(K::definition(), object);
    if !found.is_empty() {
        return Err(Invalid::request(found));
    }
    let typed = serde_json::from_value::<K>(object.clone()).or_else(|_| {
        // A status that some other program wrote is no reason to refuse the object.
        let mut bare = object.clone();
        if let Some(fields) = bare.as_object_mut() {
            fields.remove("status");
        }
        serde_json::from_value::<K>(bare)
    });
    let typed = typed.map_err(|e| Invalid::request(vec![Mistake::new("", e.to_string())]))?;
    let broken = typed.mistakes();
    if broken.is_empty() { Ok(typed) } else { Err(Invalid::request(broken)) }
}

/// Kinds by their definitions and, where the spec has rules, its `mistakes`.
macro_rules! kinds {
    ($($kind:ident $($mistakes:ident)?),+ $(,)?) => {$(
        impl Kind for $kind {
            fn definition() -> &'static CustomResourceDefinition {
                static DEFINITION: LazyLock<CustomResourceDefinition> = LazyLock::new(definition::<$kind>);
                &DEFINITION
            }
            $(
                fn mistakes(&self) -> Vec<Mistake> {
                    self.spec.$mistakes()
                }
            )?
        }
    )+};
}

kinds!(
    Team mistakes,
    VClusterOrchestrator mistakes,
    VClusterCore,
    VClusterCoredns,
    VClusterKubeconfigSync,
    VClusterKubeconfigExternalSecret,
    VClusterArgoCDClusterRegistration,
    ArgoCDProject mistakes,
    ArgoCDApplication mistakes,
);

impl super::TeamSpec {
    /// What the CEL rules have against it.
    pub fn mistakes(&self) -> Vec<Mistake> {
        if self.parent.as_deref() == Some(self.id.as_str()) {
            return vec![Mistake::new("spec.parent", "a team cannot be its own parent")];
        }
        Vec::new()
    }
}

impl Kind for Destination {
    fn definition() -> &'static CustomResourceDefinition {
        static DEFINITION: LazyLock<CustomResourceDefinition> = LazyLock::new(definition::<Destination>);
        &DEFINITION
    }

    fn mistakes(&self) -> Vec<Mistake> {
        let DestinationSpec { path, filepath, .. } = &self.spec;
        let mut found = Vec::new();
        path_mistake("spec.path", path, &mut found);
        if filepath.filename.is_some() && filepath.mode != super::destination::FilepathMode::AggregatedYaml {
            found.push(Mistake::new("spec.filepath.filename", "only mode aggregatedYAML takes a filename"));
        }
        found
    }
}

impl Kind for GitStateStore {
    fn definition() -> &'static CustomResourceDefinition {
        static DEFINITION: LazyLock<CustomResourceDefinition> = LazyLock::new(definition::<GitStateStore>);
        &DEFINITION
    }

    fn mistakes(&self) -> Vec<Mistake> {
        use git_state_store::{AuthMethod, BRANCH_REFUSED, URL_COMPLETE, URL_CREDENTIALS, messages};
        let GitStateStoreSpec { url, branch, path, auth_method, secret_ref, .. } = &self.spec;
        let mut found = Vec::new();
        let mut refuse = |field: &str, message: &str| found.push(Mistake::new(field, message));
        if matches(URL_CREDENTIALS, url) {
            refuse("spec.url", messages::CREDENTIALS);
        } else if !matches(URL_COMPLETE, url) {
            refuse("spec.url", messages::INCOMPLETE);
        }
        if matches(BRANCH_REFUSED, branch) {
            refuse("spec.branch", messages::BRANCH);
        }
        let over_ssh = !["http://", "https://", "file://"].iter().any(|scheme| url.starts_with(scheme));
        if *auth_method != AuthMethod::BasicAuth && secret_ref.is_none() {
            refuse("spec.authMethod", messages::NEEDS_SECRET);
        }
        if *auth_method == AuthMethod::Ssh && !over_ssh {
            refuse("spec.authMethod", messages::NEEDS_SSH_URL);
        }
        if *auth_method != AuthMethod::Ssh && over_ssh {
            refuse("spec.authMethod", messages::NEEDS_SSH);
        }
        if !self.spec.allow_insecure_http && secret_ref.is_some() && !git_state_store::may_carry_credentials(url) {
            refuse("spec.url", messages::INSECURE);
        }
        path_mistake("spec.path", path.as_deref().unwrap_or_default(), &mut found);
        found
    }
}

fn path_mistake(field: &str, path: &str, found: &mut Vec<Mistake>) {
    if RelPath::lenient(path).is_err() || matches(git_state_store::PATH_REFUSED, path) {
        found.push(Mistake::new(field, git_state_store::messages::PATH));
    }
}

fn matches(pattern: &str, text: &str) -> bool {
    super::schema::pattern(pattern).is_some_and(|p| p.is_match(text))
}
