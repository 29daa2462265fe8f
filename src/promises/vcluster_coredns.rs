//! The promise `vcluster-coredns`: the configuration of a vcluster's DNS server.

use std::collections::BTreeMap;

use serde_json::json;

use super::vcluster::{file, metadata};
use crate::manifest::Content;
use crate::values::{Labels, RelPath};

/// A DNS configuration with every default resolved.
pub(super) struct Plan {
    /// The vcluster's name.
    pub(super) name: String,
    /// The namespace that it runs in.
    pub(super) namespace: String,
    /// The name of the ConfigMap.
    pub(super) config_map: String,
    /// The domain of the vcluster's services.
    pub(super) cluster_domain: String,
}

/// The ConfigMap.
pub(super) fn files(plan: &Plan) -> BTreeMap<RelPath, Content> {
    let config_map = json!({
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": metadata(&plan.name, &plan.config_map, &plan.namespace, &Labels::new()),
        "data": { "Corefile": corefile(&plan.cluster_domain) },
    });
    [file(config_map)].into()
}

/// The Corefile that v1 gave every vcluster.
pub(super) fn corefile(cluster_domain: &str) -> String {
    format!(
        "\
.:1053 {{
  errors
  health
  ready
  kubernetes {cluster_domain} in-addr.arpa ip6.arpa {{
    pods insecure
    fallthrough in-addr.arpa ip6.arpa
    ttl 30
  }}
  prometheus 0.0.0.0:9153
  forward . /etc/resolv.conf
  cache 30
  loop
  reload
  loadbalance
}}
"
    )
}
