//! The Helm values: one tree, made once, with the user's own merged over it.

use std::net::Ipv4Addr;

use serde_json::{Map, Value, json};

use super::presets::Size;
use crate::api::vcluster_orchestrator::VCluster;
use crate::error::Mistake;
use crate::values::Labels;

/// What the values are made of.
pub(super) struct Base<'a> {
    /// The vcluster.
    pub(super) name: &'a str,
    /// The namespace that it runs in.
    pub(super) namespace: &'a str,
    /// The label `environment`.
    pub(super) environment: &'a str,
    /// A whole version of Kubernetes: `v1.34.3`.
    pub(super) kubernetes: &'a str,
    /// The repository of the control plane's image.
    pub(super) image: &'a str,
    /// How large it is.
    pub(super) size: &'a Size,
    /// The domain of its services.
    pub(super) cluster_domain: &'a str,
    /// The text of the DNS server's configuration.
    pub(super) corefile: &'a str,
    /// Under which name the API is reached from outside.
    pub(super) hostname: &'a str,
    /// At which address; absent: the load balancer picks one.
    pub(super) vip: Option<Ipv4Addr>,
    /// At which port.
    pub(super) port: u16,
    /// The API's address from outside.
    pub(super) server: &'a str,
    /// Labels of the issuers that it sees.
    pub(super) issuers: &'a Labels,
    /// Labels of the secret stores that it sees.
    pub(super) stores: &'a Labels,
}

/// The port at which a vcluster itself listens.
const LISTENING: u16 = 8443;
/// The port at which clients in the cluster look for an API.
const HTTPS: u16 = 443;
/// The Secret that the stores of secrets inside need from the host.
const STORE_TOKEN: (&str, &str) = ("external-secrets", "eso-onepassword-token");

impl Base<'_> {
    /// The values before anybody's own.
    fn tree(&self) -> Value {
        let token = format!("{}/{}", STORE_TOKEN.0, STORE_TOKEN.1);
        let token_mapping = Map::from_iter([(token.clone(), Value::from(token))]);
        json!({
            "controlPlane": self.control_plane(),
            "deploy": { "metallb": { "enabled": true } },
            "integrations": {
                "externalSecrets": {
                    "enabled": true,
                    "webhook": { "enabled": true },
                    "sync": { "fromHost": { "clusterStores": {
                        "enabled": true,
                        "selector": { "matchLabels": self.stores },
                    } } },
                },
                "metricsServer": { "enabled": true },
                "certManager": {
                    "enabled": true,
                    "sync": { "fromHost": { "clusterIssuers": {
                        "enabled": true,
                        "selector": { "labels": self.issuers },
                    } } },
                },
            },
            "telemetry": { "enabled": false },
            "logging": { "encoding": "json" },
            "networking": { "advanced": { "clusterDomain": self.cluster_domain } },
            "sync": {
                "toHost": {
                    "pods": { "enabled": true },
                    "persistentVolumes": { "enabled": true },
                    "ingresses": { "enabled": true },
                    "networkPolicies": { "enabled": false },
                },
                "fromHost": {
                    "storageClasses": { "enabled": true },
                    "ingressClasses": { "enabled": true },
                    "secrets": { "enabled": true, "mappings": { "byName": token_mapping } },
                },
            },
            "rbac": { "clusterRole": { "enabled": true, "extraRules": [{
                "apiGroups": [""],
                "resources": ["secrets"],
                "verbs": ["get", "list", "watch"],
                "resourceNames": [STORE_TOKEN.1],
            }] } },
            "exportKubeConfig": { "server": self.server },
        })
    }

    fn control_plane(&self) -> Value {
        let Size { replicas, requests, limits, volume, coredns_replicas } = self.size;
        let mut claim = json!({ "enabled": volume.enabled, "size": volume.size });
        if let Some(class) = &volume.storage_class {
            claim["storageClass"] = class.as_str().into();
        }
        let vip = self.vip.map(|vip| vip.to_string());
        let names: Vec<&str> = [Some(self.hostname), vip.as_deref()].into_iter().flatten().collect();
        json!({
            "distro": { "k8s": { "enabled": true, "version": self.kubernetes } },
            "serviceMonitor": {
                "enabled": true,
                "labels": {
                    "vcluster_name": self.name,
                    "vcluster_namespace": self.namespace,
                    "environment": self.environment,
                    "cluster_role": "vcluster",
                },
            },
            "statefulSet": {
                "highAvailability": { "replicas": replicas },
                "scheduling": {
                    "podManagementPolicy": "Parallel",
                    "priorityClassName": "system-cluster-critical",
                },
                "image": { "repository": self.image },
                "persistence": { "volumeClaim": claim },
                "resources": {
                    "requests": { "cpu": requests.cpu, "memory": requests.memory },
                    "limits": { "cpu": limits.cpu, "memory": limits.memory },
                },
            },
            "coredns": {
                "enabled": true,
                "deployment": { "replicas": coredns_replicas },
                "overwriteConfig": self.corefile,
            },
            "proxy": { "extraSANs": names },
            "service": {
                "enabled": true,
                "annotations": { "external-dns.alpha.kubernetes.io/hostname": self.hostname },
                "spec": self.service(vip.as_deref()),
            },
        })
    }

    fn service(&self, vip: Option<&str>) -> Value {
        let port =
            |name: &str, port: u16| json!({ "name": name, "port": port, "targetPort": LISTENING, "protocol": "TCP" });
        let mut ports = vec![port("https", self.port)];
        if self.port != HTTPS {
            ports.push(port("https-internal", HTTPS));
        }
        let mut spec = json!({ "type": "LoadBalancer", "ports": ports });
        if let Some(vip) = vip {
            spec["loadBalancerIP"] = vip.into();
        }
        spec
    }

    /// The whole tree: these values, then `backingStore`, `exportKubeConfig` and `helmOverrides` in
    /// this order. Maps are merged, lists and everything else replaced. A `null` of the user's stays in
    /// the tree, where Helm takes it as it does in a values file: away with the default.
    pub(super) fn with(&self, given: &VCluster, found: &mut Vec<Mistake>) -> Value {
        let mut tree = self.tree();
        if let Some(own) = &given.backing_store {
            tree["controlPlane"]["backingStore"] = own.clone().into();
        }
        if let (Some(own), Value::Object(config)) = (&given.export_kube_config, &mut tree["exportKubeConfig"]) {
            config.extend(own.clone());
        }
        if let (Some(own), Value::Object(tree)) = (&given.helm_overrides, &mut tree) {
            merge(tree, own, &mut "spec.vcluster.helmOverrides".to_owned(), found);
        }
        tree
    }
}

/// Merges one map over another. Anything else that stands where there is a map would throw away all that
/// is in it.
fn merge(base: &mut Map<String, Value>, own: &Map<String, Value>, at: &mut String, found: &mut Vec<Mistake>) {
    for (key, value) in own {
        let here = at.len();
        at.push('.');
        at.push_str(key);
        match (base.get_mut(key), value) {
            (Some(Value::Object(base)), Value::Object(own)) => merge(base, own, at, found),
            (Some(Value::Object(_)), other) if !other.is_null() => found.push(Mistake::new(
                at.as_str(),
                "stands where the chart has a map of values: give it fields, or null to be rid of them all",
            )),
            (Some(slot), _) => *slot = value.clone(),
            (None, _) => {
                base.insert(key.clone(), value.clone());
            }
        }
        at.truncate(here);
    }
}
