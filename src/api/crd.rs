use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    CustomResourceDefinition, JSONSchemaProps, JSONSchemaPropsOrArray, JSONSchemaPropsOrBool,
};
use kube::CustomResourceExt;

use super::read::Kind;
use super::{
    ArgoCDApplication, ArgoCDProject, Destination, GitStateStore, Team, VClusterArgoCDClusterRegistration,
    VClusterCore, VClusterCoredns, VClusterKubeconfigExternalSecret, VClusterKubeconfigSync, VClusterOrchestrator,
};

/// The definitions of all kinds that kept serves: requests first, then stores and destinations.
pub fn crds() -> Vec<CustomResourceDefinition> {
    let all = [
        Team::definition(),
        VClusterOrchestrator::definition(),
        VClusterCore::definition(),
        VClusterCoredns::definition(),
        VClusterKubeconfigSync::definition(),
        VClusterKubeconfigExternalSecret::definition(),
        VClusterArgoCDClusterRegistration::definition(),
        ArgoCDProject::definition(),
        ArgoCDApplication::definition(),
        GitStateStore::definition(),
        Destination::definition(),
    ];
    all.into_iter().cloned().collect()
}

/// The file that a definition is kept in, as Kubernetes' own tools name it:
/// `platform.kratix.io_teams.yaml`.
pub fn crd_file_name(crd: &CustomResourceDefinition) -> String {
    format!("{}_{}.yaml", crd.spec.group, crd.spec.names.plural)
}

/// The definition of `K` as the API server gets it: generated, then finished.
pub(super) fn definition<K: CustomResourceExt>() -> CustomResourceDefinition {
    let mut crd = K::crd();
    for version in &mut crd.spec.versions {
        if let Some(root) = version.schema.as_mut().and_then(|s| s.open_api_v3_schema.as_mut()) {
            finish(root);
        }
    }
    crd
}

/// An absent field is absent and not null, as in Kubernetes' own kinds; the values of a map may be
/// null where the Rust type says so, for there the key is what matters. Descriptions lose the line
/// breaks of the source they come from, for `kubectl explain` breaks lines itself.
fn finish(schema: &mut JSONSchemaProps) {
    schema.description = schema.description.take().map(|text| text.split_whitespace().collect::<Vec<_>>().join(" "));
    for property in schema.properties.iter_mut().flat_map(|p| p.values_mut()) {
        property.nullable = None;
        finish(property);
    }
    match schema.items.as_mut() {
        Some(JSONSchemaPropsOrArray::Schema(items)) => finish(items),
        Some(JSONSchemaPropsOrArray::Schemas(items)) => items.iter_mut().for_each(finish),
        None => {}
    }
    if let Some(JSONSchemaPropsOrBool::Schema(values)) = schema.additional_properties.as_mut() {
        finish(values);
    }
}
