//! What has to hold for the Helm values once everybody's are merged: rules that the chart's own schema
//! does not know, and without which the vcluster would not start.

use serde_json::{Map, Value, json};

use super::chart::ChartVersion;
use crate::api::vcluster_orchestrator::VCluster;
use crate::error::Mistake;
use crate::promises::vcluster::RELEASE_MAX;

/// Replicas of the control plane, as a JSON pointer.
const REPLICAS: &str = "/controlPlane/statefulSet/highAvailability/replicas";
/// The repository of its image.
const IMAGE: &str = "/controlPlane/statefulSet/image/repository";
/// Where the chart keeps the choice of a backing store.
const BACKING_STORE: &str = "/controlPlane/backingStore";
/// An etcd that the chart deploys.
const DEPLOYED_ETCD: &str = "/controlPlane/backingStore/etcd/deploy/enabled";
/// `SQLite` in the control plane's own pod: for one replica only.
const EMBEDDED_DATABASE: &str = "/controlPlane/backingStore/database/embedded/enabled";
/// Settings for the experienced, one of which is the `PodDisruptionBudget`.
const ADVANCED: &str = "/controlPlane/advanced";
const BUDGET: &str = "podDisruptionBudget";
/// The backing stores, of which the chart takes one.
const STORES: [&str; 5] = [
    "/controlPlane/backingStore/etcd/embedded/enabled",
    "/controlPlane/backingStore/etcd/external/enabled",
    DEPLOYED_ETCD,
    EMBEDDED_DATABASE,
    "/controlPlane/backingStore/database/external/enabled",
];
/// Features that the open-source image refuses, or never starts with (`product:"pro"` in vcluster's
/// `config/config.go`, and `Config.IsProFeatureEnabled`).
const PRO: [&str; 5] = [
    "/controlPlane/backingStore/etcd/embedded/enabled",
    "/controlPlane/backingStore/database/external/enabled",
    "/controlPlane/hostPathMapper/enabled",
    "/controlPlane/hostPathMapper/central",
    "/controlPlane/coredns/embedded",
];
/// Maps of values that the chart cannot be without.
const NEEDED: [&str; 9] = [
    "/controlPlane",
    "/controlPlane/advanced",
    "/controlPlane/backingStore",
    "/controlPlane/distro",
    "/controlPlane/proxy",
    "/controlPlane/service",
    "/controlPlane/statefulSet",
    "/controlPlane/statefulSet/highAvailability",
    "/controlPlane/statefulSet/persistence",
];
/// The name of the open-source image, in whatever registry.
const OSS_IMAGE: &str = "vcluster-oss";
/// How many replicas the etcd has that is deployed where nobody chose a backing store.
const ETCD_REPLICAS: u64 = 3;

/// The longest value of a label.
const LABEL_MAX: usize = 63;
/// `-` and a hash of up to ten digits: what a `StatefulSet` adds to its name for the label
/// `controller-revision-hash` of its pods, which cannot be created where that becomes too long.
const REVISION: usize = 11;

/// Merged values, and what is to be said of them.
pub(super) struct Settling<'a> {
    /// What the user gave, for the names of fields.
    pub(super) given: &'a VCluster,
    /// The merged values.
    pub(super) values: &'a mut Value,
    /// What is wrong with them.
    pub(super) found: &'a mut Vec<Mistake>,
    /// What has no effect.
    pub(super) notes: &'a mut Vec<String>,
}

impl Settling<'_> {
    /// Fills in what more than one replica needs, leaves out what the chart does not know, and refuses
    /// what cannot run.
    pub(super) fn settle(&mut self, chart: ChartVersion) {
        self.whole();
        let replicas = self.replicas();
        self.backing_store(replicas);
        self.pro_features();
        self.disruption_budget(replicas, chart);
    }

    /// Maps that the chart's templates read fields of, whatever else is said: without them nothing is rendered.
    fn whole(&mut self) {
        let missing = NEEDED.into_iter().filter(|map| self.values.pointer(map).is_some_and(Value::is_null));
        self.found.extend(missing.map(|map| {
            Mistake::new(
                field(self.given, map),
                "is null, and the chart cannot be without it: name the fields to be rid of",
            )
        }));
    }

    /// How many replicas there will be. The chart has one unless told otherwise.
    fn replicas(&mut self) -> u64 {
        let given = self.values.pointer(REPLICAS).unwrap_or(&Value::Null);
        if given.is_null() {
            return 1;
        }
        given.as_u64().unwrap_or_else(|| {
            self.found.push(Mistake::new(field(self.given, REPLICAS), format!("{given} is not a whole number")));
            1
        })
    }

    fn backing_store(&mut self, replicas: u64) {
        let chosen: Vec<&str> = STORES.into_iter().filter(|store| is_on(self.values, store)).collect();
        match chosen.as_slice() {
            [] if replicas > 1 => self.deploy_etcd(replicas),
            [EMBEDDED_DATABASE] if replicas > 1 => {
                let message = format!(
                    "carries one replica, and there are {replicas}: choose another backing store, or none to have an \
                     etcd of {ETCD_REPLICAS} replicas deployed"
                );
                self.found.push(Mistake::new(field(self.given, EMBEDDED_DATABASE), message));
            }
            [_, second, ..] => {
                let names: Vec<String> = chosen.iter().map(|store| dotted(store)).collect();
                let message = format!("is one backing store too many: the chart takes one of {}", names.join(", "));
                self.found.push(Mistake::new(field(self.given, second), message));
            }
            _ => {}
        }
    }

    /// An etcd, with what the user said of it otherwise.
    fn deploy_etcd(&mut self, replicas: u64) {
        if self.values.pointer(DEPLOYED_ETCD).is_some_and(|switch| !switch.is_null()) {
            let message = format!(
                "{} has no effect: {replicas} replicas need a backing store, and no other is chosen",
                field(self.given, DEPLOYED_ETCD)
            );
            self.notes.push(message);
        }
        let replicas = json!({ "statefulSet": { "highAvailability": { "replicas": ETCD_REPLICAS } } });
        let deploy = |fields: Value| json!({ "controlPlane": { "backingStore": { "etcd": { "deploy": fields } } } });
        overlay(self.values, deploy(json!({ "enabled": true })));
        underlay(self.values, deploy(replicas));
    }

    fn pro_features(&mut self) {
        let image = self.values.pointer(IMAGE).and_then(Value::as_str).unwrap_or_default();
        if image.rsplit('/').next() != Some(OSS_IMAGE) {
            return;
        }
        let used = PRO.into_iter().filter(|feature| is_on(self.values, feature));
        self.found.extend(used.map(|feature| {
            let message = format!(
                "needs vCluster Pro, and the image {image} is without it: leave it out, or choose another image with \
                 {} in spec.vcluster.helmOverrides",
                dotted(IMAGE)
            );
            Mistake::new(field(self.given, feature), message)
        }));
    }

    /// One pod of several may go at a time. With a single replica it would keep nodes from being drained.
    fn disruption_budget(&mut self, replicas: u64, chart: ChartVersion) {
        if !chart.knows_disruption_budget() {
            let advanced = self.values.pointer_mut(ADVANCED).and_then(Value::as_object_mut);
            if advanced.is_some_and(|advanced| advanced.remove(BUDGET).is_some()) {
                let field = field(self.given, &format!("{ADVANCED}/{BUDGET}"));
                self.notes.push(format!("{field} has no effect: chart 0.31.0 is the first one that knows it"));
            }
        } else if replicas <= 1 {
            let budget = format!("{ADVANCED}/{BUDGET}");
            if is_on(self.values, &format!("{budget}/enabled")) {
                let advanced = self.values.pointer_mut(ADVANCED).and_then(Value::as_object_mut);
                advanced.map(|advanced| advanced.remove(BUDGET));
                let field = field(self.given, &budget);
                self.notes
                    .push(format!("{field} has no effect: with one replica it would keep nodes from being drained"));
            }
        } else {
            let budget = |fields: Value| json!({ "controlPlane": { "advanced": { BUDGET: fields } } });
            underlay(self.values, budget(json!({ "enabled": true })));
            // Of the two limits the chart takes this one first, whatever the other says.
            if self.values.pointer(&format!("{ADVANCED}/{BUDGET}/maxUnavailable")).is_none_or(Value::is_null) {
                underlay(self.values, budget(json!({ "minAvailable": 1 })));
            }
        }
    }

    /// A name too long for what is made of it. Call it once the values are settled.
    pub(super) fn name_fits(&mut self, name: &str) {
        let etcd = "-etcd";
        let (max, why) = if is_on(self.values, DEPLOYED_ETCD) {
            (LABEL_MAX - REVISION - etcd.len(), "the pods of its etcd carry it in a label")
        } else if is_on(self.values, "/controlPlane/statefulSet/persistence/volumeClaim/enabled") {
            (LABEL_MAX - REVISION, "its pods carry it in a label")
        } else {
            (RELEASE_MAX, "it names a Helm release")
        };
        if name.len() > max {
            let message = format!("has {} characters, {max} are allowed here: {why}", name.len());
            self.found.push(Mistake::new("spec.name", message));
        }
    }
}

/// Whether something is on, as Helm's templates judge it.
fn is_on(values: &Value, pointer: &str) -> bool {
    match values.pointer(pointer) {
        None | Some(Value::Null) => false,
        Some(Value::Bool(on)) => *on,
        Some(Value::Number(number)) => number.as_f64() != Some(0.0),
        Some(Value::String(text)) => !text.is_empty(),
        Some(Value::Array(items)) => !items.is_empty(),
        Some(Value::Object(fields)) => !fields.is_empty(),
    }
}

/// The field of the request that a value comes from.
fn field(given: &VCluster, pointer: &str) -> String {
    if given.helm_overrides.as_ref().is_some_and(|own| has(own, pointer)) {
        return format!("spec.vcluster.helmOverrides.{}", dotted(pointer));
    }
    match (&given.backing_store, pointer.strip_prefix(BACKING_STORE)) {
        (Some(own), Some(rest)) if has(own, rest) => format!("spec.vcluster.backingStore.{}", dotted(rest)),
        _ if pointer == REPLICAS => "spec.vcluster.replicas".into(),
        _ => "spec.vcluster".into(),
    }
}

/// Puts values over others, whatever those are.
fn overlay(slot: &mut Value, over: Value) {
    match (slot, over) {
        (Value::Object(base), Value::Object(over)) => {
            over.into_iter().for_each(|(key, value)| overlay(base.entry(key).or_insert(Value::Null), value));
        }
        (slot, over) => *slot = over,
    }
}

/// Puts values where there are none, not even a `null`.
fn underlay(slot: &mut Value, under: Value) {
    let (Value::Object(base), Value::Object(under)) = (slot, under) else { return };
    for (key, value) in under {
        match base.get_mut(&key) {
            Some(slot) => underlay(slot, value),
            None => {
                base.insert(key, value);
            }
        }
    }
}

fn has(own: &Map<String, Value>, pointer: &str) -> bool {
    let mut keys = pointer.split('/').skip(1);
    let Some(first) = keys.next().and_then(|key| own.get(key)) else { return false };
    keys.try_fold(first, |value, key| value.get(key)).is_some()
}

/// A JSON pointer as people write paths of values.
fn dotted(pointer: &str) -> String {
    pointer.trim_start_matches('/').replace('/', ".")
}
