//! Teams at an API server: created, counted, waited for and removed by one client.

use std::path::Path;
use std::time::{Duration, Instant};

use futures::{StreamExt, TryStreamExt, stream};
use kept::cluster::requests_of;
use kept::promises;
use kube::api::{
    Api, ApiResource, DeleteParams, DynamicObject, GroupVersionKind, ListParams, Patch, PatchParams, PostParams,
};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config, ResourceExt};
use serde_json::{Value, json};

use super::teams;

/// How many calls are under way at a time.
pub(super) const IN_FLIGHT: usize = 32;
pub(super) const FINALIZER: &str = "bench.kept.integratn.tech/held";
/// How often it is looked whether a team is Ready.
const LOOK: Duration = Duration::from_millis(20);
/// How long anything may take.
pub(super) const PATIENCE: Duration = Duration::from_mins(20);

pub struct Cluster {
    pub(super) client: Client,
    teams: ApiResource,
}

impl Cluster {
    pub async fn of(kubeconfig: &Path) -> Self {
        let kubeconfig = Kubeconfig::read_from(kubeconfig).expect("a kubeconfig");
        let config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await.expect("usable");
        let client = Client::try_from(config).expect("a client");
        let teams = ApiResource::from_gvk_with_plural(
            &GroupVersionKind::gvk("platform.kratix.io", "v1alpha1", "Team"),
            "teams",
        );
        Self { client, teams }
    }

    fn everywhere(&self) -> Api<DynamicObject> {
        Api::all_with(self.client.clone(), &self.teams)
    }

    fn of_team(&self, at: usize) -> Api<DynamicObject> {
        Api::namespaced_with(self.client.clone(), &teams::namespace(at), &self.teams)
    }

    /// Does something for each team.
    async fn each<F: Future<Output = Result<(), kube::Error>>>(
        &self,
        range: std::ops::Range<usize>,
        work: impl Fn(Api<DynamicObject>, usize) -> F,
    ) {
        let calls = stream::iter(range).map(|at| work(self.of_team(at), at));
        calls.buffer_unordered(IN_FLIGHT).try_collect::<()>().await.expect("the API server does it");
    }

    pub async fn create(&self, range: std::ops::Range<usize>) {
        let object = |at| serde_saphyr::from_str::<DynamicObject>(&teams::manifest(at, 1)).expect("readable YAML");
        self.each(range, |api, at| async move { api.create(&PostParams::default(), &object(at)).await.map(drop) })
            .await;
    }

    /// The writes that every operator with finalizers and a status has to make.
    pub async fn hold_and_tell(&self, range: std::ops::Range<usize>) {
        let held = json!({"metadata": {"finalizers": [FINALIZER]}});
        self.patch(range.clone(), &held).await;
        self.each(range, |api, at| async move {
            let status = json!({"status": status()});
            api.patch_status(&teams::name(at), &PatchParams::default(), &Patch::Merge(status)).await.map(drop)
        })
        .await;
    }

    async fn patch(&self, range: std::ops::Range<usize>, patch: &Value) {
        self.each(range, |api, at| async move {
            api.patch_metadata(&teams::name(at), &PatchParams::default(), &Patch::Merge(patch)).await.map(drop)
        })
        .await;
    }

    /// Removes what no operator looks after.
    pub async fn release(&self, range: std::ops::Range<usize>) {
        self.patch(range.clone(), &json!({"metadata": {"finalizers": null}})).await;
        self.delete(range).await;
    }

    /// Asks for the removal of teams.
    pub async fn delete(&self, range: std::ops::Range<usize>) {
        let params = DeleteParams::default();
        self.each(range, |api, at| {
            let params = params.clone();
            async move { api.delete(&teams::name(at), &params).await.map(drop) }
        })
        .await;
    }

    /// Creates a team, or edits it if it is there.
    pub async fn put(&self, at: usize, edition: usize) {
        self.apply(&teams::manifest(at, edition)).await.expect("it is served");
    }

    /// The same of many.
    pub async fn put_all(&self, range: std::ops::Range<usize>, edition: usize) {
        stream::iter(range).for_each_concurrent(IN_FLIGHT, |at| self.put(at, edition)).await;
    }

    /// Asks for the removal of a team, if it is there.
    pub async fn drop(&self, at: usize) {
        self.remove(&teams::manifest(at, 1)).await.expect("it is served");
    }

    /// Whether every team is Ready as it is now, and none is on its way out.
    pub async fn is_settled(&self) -> bool {
        let list = self.everywhere().list(&ListParams::default()).await.expect("a list");
        list.items.iter().all(is_settled)
    }

    /// Creates a request of any kind, or edits it if it is there.
    pub async fn apply(&self, manifest: &str) -> Result<(), kube::Error> {
        let (api, object) = self.object(manifest);
        let params = PatchParams::apply("bench").force();
        api.patch(&object.name_any(), &params, &Patch::Apply(&object)).await.map(drop)
    }

    /// Asks for the removal of a request of any kind, if it is there.
    pub async fn remove(&self, manifest: &str) -> Result<(), kube::Error> {
        let (api, object) = self.object(manifest);
        match api.delete(&object.name_any(), &DeleteParams::default()).await {
            Err(kube::Error::Api(status)) if status.code == 404 => Ok(()),
            other => other.map(drop),
        }
    }

    pub(super) fn object(&self, manifest: &str) -> (Api<DynamicObject>, DynamicObject) {
        let object: DynamicObject = serde_saphyr::from_str(manifest).expect("readable YAML");
        let types = object.types.as_ref().expect("a kind");
        let group = types.api_version.split('/').next().expect("a group");
        let resource = requests_of(promises::by_kind(group, &types.kind).expect("it is served"));
        let namespace = object.namespace().expect("a namespace");
        (Api::namespaced_with(self.client.clone(), &namespace, &resource), object)
    }

    /// All requests of all kinds, and how many of them are not settled.
    pub async fn requests(&self) -> Result<(usize, usize), kube::Error> {
        let (mut all, mut late) = (0, 0);
        for promise in promises::all() {
            let api: Api<DynamicObject> = Api::all_with(self.client.clone(), &requests_of(*promise));
            let list = api.list(&ListParams::default()).await?.items;
            all += list.len();
            late += list.iter().filter(|object| !is_settled(object)).count();
        }
        Ok((all, late))
    }

    /// Waits until `count` teams are there, and all are Ready. What is asked meanwhile is little work for
    /// the API server: a list from its memory now and then, and between two lists one team of those that
    /// were not Ready.
    pub async fn until_ready(&self, count: usize) {
        let start = Instant::now();
        loop {
            let teams = self.list().await;
            match teams.iter().rfind(|team| !is_settled(team)) {
                None if teams.len() >= count => return,
                None => tokio::time::sleep(LOOK).await,
                Some(late) => {
                    let (name, namespace) = (late.name_any(), late.namespace().unwrap_or_default());
                    let api: Api<DynamicObject> = Api::namespaced_with(self.client.clone(), &namespace, &self.teams);
                    while !is_settled(&api.get(&name).await.expect("it is there")) {
                        assert!(start.elapsed() < PATIENCE, "not Ready in time: {name}");
                        tokio::time::sleep(LOOK).await;
                    }
                }
            }
        }
    }

    /// Waits until there are no teams.
    pub async fn until_gone(&self) {
        let start = Instant::now();
        while !self.list().await.is_empty() {
            assert!(start.elapsed() < PATIENCE, "the teams do not go");
            tokio::time::sleep(LOOK * 10).await;
        }
    }

    async fn list(&self) -> Vec<DynamicObject> {
        self.everywhere().list(&ListParams::default().match_any()).await.expect("a list").items
    }
}

/// How many writes to existing teams and to their status the API server's metrics tell of.
pub fn writes(metrics: &str) -> usize {
    let lines = metrics.lines().filter(|line| {
        let verbs = ["APPLY", "PATCH", "PUT", "UPDATE"];
        line.starts_with("apiserver_request_total{")
            && line.contains("resource=\"teams\"")
            && verbs.iter().any(|verb| line.contains(&format!("verb=\"{verb}\"")))
    });
    lines.map(|line| line.rsplit(' ').next().and_then(|count| count.parse::<usize>().ok()).expect("a count")).sum()
}

/// Whether it is Ready as it is now, and not on its way out.
pub(super) fn is_settled(team: &DynamicObject) -> bool {
    team.metadata.deletion_timestamp.is_none() && is_ready(team)
}

fn is_ready(object: &DynamicObject) -> bool {
    let conditions = object.data["status"]["conditions"].as_array().into_iter().flatten();
    conditions.into_iter().any(|condition| {
        condition["type"] == "Ready"
            && condition["status"] == "True"
            && condition["observedGeneration"].as_i64() == object.metadata.generation
    })
}

/// As much as kept says of a team.
pub(super) fn status() -> Value {
    let condition = |type_: &str| {
        json!({
            "type": type_,
            "status": "True",
            "reason": "Committed",
            "message": "committed as 0123456789ab to host",
            "observedGeneration": 1,
            "lastTransitionTime": "2026-01-01T00:00:00Z",
        })
    };
    let types = ["Committed", "ConfigureWorkflowCompleted", "Ready", "Reconciled", "WorksSucceeded"];
    let conditions = types.map(condition);
    json!({
        "observedGeneration": 1,
        "conditions": conditions,
        "commit": "0123456789ab",
        "places": [{
            "destination": "host",
            "repository": "http://127.0.0.1:3000/keeper/state",
            "branch": "main",
            "path": "resources/area-0/team/payments-00000",
            "commit": "0123456789abcdef0123456789abcdef01234567",
            "pushedAt": "2026-01-01T00:00:00Z",
        }],
    })
}
