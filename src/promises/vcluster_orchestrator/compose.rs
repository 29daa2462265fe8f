//! The output: what each part renders, in a directory of its promise's name.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::identity::{Identity, part};
use super::network;
use super::plan::Plan;
use crate::config::VclusterSettings;
use crate::manifest::{Claim, Content, Output, Part, VirtualCluster};
use crate::promises::{
    argocd_application, argocd_project, vcluster, vcluster_argocd_cluster_registration as registration, vcluster_core,
    vcluster_coredns, vcluster_kubeconfig_external_secret as kubeconfig, vcluster_kubeconfig_sync as kubeconfig_sync,
};
use crate::values::{Labels, RelPath, Set};

/// Has Argo CD ask the API server what applying would change. Its own guess misses what the API server adds to what
/// is applied on the server's side, and calls the Application `OutOfSync` for good.
const COMPARE_OPTIONS: (&str, &str) = ("argocd.argoproj.io/compare-options", "ServerSideDiff=true");
/// The finalizer by which Argo CD removes what an Application has deployed.
const RESOURCES_FINALIZER: &str = "resources-finalizer.argocd.argoproj.io";

/// Renders all parts.
pub(super) fn compose(mut plan: Plan, settings: &VclusterSettings) -> Output {
    let item = settings.secrets.item_of(&plan.identity.name);
    let core = core(&mut plan);
    let core_files = vcluster_core::files(&core);
    let rendered = [
        (part::CORE, core_files),
        (part::COREDNS, coredns_files(&plan)),
        (part::KUBECONFIG_SYNC, kubeconfig_sync::files(&kubeconfig_sync(&plan, &item, settings))),
        (part::KUBECONFIG, kubeconfig::files(&kubeconfig(&plan, &item, settings))),
        (part::REGISTRATION, registration::files(&registration(&plan, &item, settings))),
        (part::PROJECT, argocd_project::files(&project(&plan, settings))),
        (part::APPLICATION, argocd_application::files(&application(&plan, core.values, settings))),
    ];
    let mut output = Output {
        claims: claims(&plan),
        facts: facts(&plan, settings),
        vcluster: Some(VirtualCluster {
            namespace: plan.identity.namespace.clone(),
            server: plan.exposed.server.clone(),
            cluster: kubeconfig_sync::argocd_name(&plan.identity.name),
        }),
        notes: plan.notes,
        supersedes: plan.supersedes,
        ..Output::default()
    };
    for (promise, files) in rendered {
        let directory = RelPath::lenient(promise).unwrap_or_default();
        output.files.extend(files.into_iter().map(|(path, content)| (directory.join(&path), content)));
        let name = plan.identity.part_name(promise).to_owned();
        output.parts.insert(promise.to_owned(), Part { promise, name });
    }
    output
}

/// What the vcluster needs for itself alone.
fn claims(plan: &Plan) -> Set<Claim> {
    let server = vcluster::server(&plan.exposed.server);
    let own = plan.identity.claims().into_iter().chain(plan.vip.map(network::claim)).chain([server]);
    own.chain(plan.remembered.iter().cloned()).collect()
}

/// Takes the values, which are large, out of the plan.
fn core(plan: &mut Plan) -> vcluster_core::Plan {
    let Identity { home, name, namespace, .. } = &plan.identity;
    vcluster_core::Plan {
        name: name.clone(),
        namespace: namespace.clone(),
        values: std::mem::take(&mut plan.values),
        pod_security: plan.pod_security,
        pod_security_reason: plan.pod_security_reason.take(),
        keep_namespace: namespace == home,
    }
}

fn coredns_files(plan: &Plan) -> BTreeMap<RelPath, Content> {
    let Identity { name, namespace, .. } = &plan.identity;
    let config_map = |config_map: String, pruned: bool| vcluster_coredns::Plan {
        name: name.clone(),
        namespace: namespace.clone(),
        config_map,
        pruned,
        cluster_domain: plan.cluster_domain.clone(),
    };
    let mut files = vcluster_coredns::files(&config_map(format!("vc-{name}-coredns"), true));
    if plan.keeps_v1_coredns {
        // v1's name is the one that the vcluster's own syncer writes to: what runs reads it.
        files.extend(vcluster_coredns::files(&config_map(vcluster_coredns::name_of_v1(name), false)));
    }
    files
}

fn kubeconfig_sync(plan: &Plan, item: &str, settings: &VclusterSettings) -> kubeconfig_sync::Plan {
    kubeconfig_sync::Plan {
        name: plan.identity.name.clone(),
        namespace: plan.identity.namespace.clone(),
        item: item.to_owned(),
        server: plan.exposed.server.clone(),
        store: settings.secrets.clone(),
        reconcile_at: plan.reconcile_at.clone(),
    }
}

fn kubeconfig(plan: &Plan, item: &str, settings: &VclusterSettings) -> kubeconfig::Plan {
    kubeconfig::Plan {
        name: plan.identity.name.clone(),
        namespace: plan.identity.namespace.clone(),
        item: item.to_owned(),
        store: settings.secrets.clone(),
        reconcile_at: plan.reconcile_at.clone(),
    }
}

fn registration(plan: &Plan, item: &str, settings: &VclusterSettings) -> registration::Plan {
    let registered = &plan.registered;
    let cluster = registration::Cluster {
        name: &plan.identity.name,
        environment: &registered.environment,
        base_domain: &plan.base_domain,
        workload_repo: &registered.workload_repo,
    };
    registration::Plan {
        name: plan.identity.name.clone(),
        namespace: settings.argocd_namespace.clone(),
        item: item.to_owned(),
        labels: cluster.labels(registered.labels.clone()),
        annotations: cluster.annotations(settings, registered.annotations.clone()),
        store: settings.secrets.clone(),
        reconcile_at: plan.reconcile_at.clone(),
    }
}

fn project(plan: &Plan, settings: &VclusterSettings) -> argocd_project::Plan {
    let all = json!([{ "group": "*", "kind": "*" }]);
    let Identity { name, namespace, project, .. } = &plan.identity;
    argocd_project::Plan {
        name: project.clone(),
        namespace: settings.argocd_namespace.clone(),
        labels: Labels::from([
            ("argocd.argoproj.io/project-group".to_owned(), "appteam".to_owned()),
            ("kratix.io/resource-request".to_owned(), name.clone()),
        ]),
        annotations: Labels::new(),
        spec: json!({
            "description": format!("VCluster project for {name}"),
            "sourceRepos": [plan.chart.repository],
            "destinations": [{ "server": plan.chart.server, "namespace": namespace }],
            "clusterResourceWhitelist": all,
            "namespaceResourceWhitelist": all,
        }),
    }
}

fn application(plan: &Plan, values: Value, settings: &VclusterSettings) -> argocd_application::Plan {
    let Identity { name, namespace, project, application, .. } = &plan.identity;
    let chart = &plan.chart;
    let mut spec = json!({
        "project": project,
        "source": {
            "repoURL": chart.repository,
            "chart": chart.name,
            "targetRevision": chart.revision,
            "helm": { "releaseName": name },
        },
        "destination": { "server": chart.server, "namespace": namespace },
        "syncPolicy": chart.sync_policy,
    });
    spec["source"]["helm"]["valuesObject"] = values;
    argocd_application::Plan {
        name: application.clone(),
        namespace: settings.argocd_namespace.clone(),
        labels: Labels::new(),
        annotations: Labels::from([COMPARE_OPTIONS].map(|(key, value)| (key.to_owned(), value.to_owned()))),
        finalizers: vec![RESOURCES_FINALIZER.to_owned()],
        spec,
    }
}

/// What the status says of a vcluster, beside how it fares.
fn facts(plan: &Plan, settings: &VclusterSettings) -> BTreeMap<String, Value> {
    let Identity { name, namespace, .. } = &plan.identity;
    let facts = [
        ("vclusterName", json!(name)),
        ("targetNamespace", json!(namespace)),
        ("hostname", json!(plan.exposed.hostname)),
        ("environment", json!(plan.registered.environment)),
        (
            "endpoints",
            json!({
                "api": plan.exposed.server,
                "argocd": format!("{}/applications/{}", settings.argocd_url.trim_end_matches('/'), plan.identity.application),
            }),
        ),
        (
            "credentials",
            json!({
                "kubeconfigSecret": kubeconfig::secret(name),
                "onePasswordItem": settings.secrets.item_of(name),
                "onePasswordVault": settings.secrets.vault,
            }),
        ),
    ];
    let vip = plan.vip.map(|vip| ("vip", json!(vip.to_string())));
    facts.into_iter().chain(vip).map(|(fact, value)| (fact.to_owned(), value)).collect()
}
