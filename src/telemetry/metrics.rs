//! Metrics, in Prometheus' conventions. Labels are kinds, stores, reasons and results; only virtual clusters, of which
//! there are few, are named.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use prometheus_client::encoding::text;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Registry, Unit};

use crate::values::Branch;

/// The content type of [`Metrics::page`].
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

const PREFIX: &str = "kept";
/// From a reconcile that finds nothing to do to a remote that hangs.
const SECONDS: [f64; 15] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0];
/// Requests in a commit.
const SIZES: [f64; 10] = [1.0, 2.0, 5.0, 10.0, 25.0, 50.0, 100.0, 250.0, 1000.0, 10000.0];

type Labels<const N: usize> = [(&'static str, String); N];
type Counters<const N: usize> = Family<Labels<N>, Counter>;
type Gauges<const N: usize> = Family<Labels<N>, Gauge>;
type Histograms<const N: usize> = Family<Labels<N>, Histogram, fn() -> Histogram>;

/// What is only counted up.
pub struct Metrics {
    registry: Registry,
    reconciles: Counters<2>,
    durations: Histograms<1>,
    errors: Counters<2>,
    batches: Histograms<1>,
    pushes: Histograms<2>,
    lags: Histograms<1>,
    /// The label of what is measured of a branch.
    stores: Mutex<BTreeMap<String, Branch>>,
    /// All reasons of errors, so that a kind can be dropped with each of them.
    reasons: Mutex<BTreeSet<&'static str>>,
    started: SystemTime,
}

/// What is so at the moment.
#[derive(Debug, Default)]
pub struct Snapshot {
    /// Whether this replica is the one that works.
    pub leads: bool,
    /// Each store, whether it can be used, and how many requests wait for its answer.
    pub stores: Vec<(String, bool, usize)>,
    /// How many requests of a kind are in a phase.
    pub requests: Vec<(String, &'static str, usize)>,
    /// How each virtual cluster fares, by the namespace and name of its request.
    pub vclusters: Vec<(String, String, Vcluster)>,
    /// How many requests are gone whose files are not; absent before that is known.
    pub orphans: Option<usize>,
}

/// How a virtual cluster fares. What cannot be seen is absent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Vcluster {
    /// Its phase, as its status says.
    pub phase: &'static str,
    /// Whether all of it is well.
    pub is_ready: Option<bool>,
    /// Its ready pods, of all.
    pub pods: Option<(usize, usize)>,
    /// Whether its Application is synced, and whether it is healthy.
    pub argocd: Option<(bool, bool)>,
    /// The healthy Applications in it, of all.
    pub applications: Option<(usize, usize)>,
}

impl Default for Metrics {
    fn default() -> Self {
        let seconds: fn() -> Histogram = || Histogram::new(SECONDS);
        let sizes: fn() -> Histogram = || Histogram::new(SIZES);
        let metrics = Self {
            registry: Registry::default(),
            reconciles: Family::default(),
            durations: Family::new_with_constructor(seconds),
            errors: Family::default(),
            batches: Family::new_with_constructor(sizes),
            pushes: Family::new_with_constructor(seconds),
            lags: Family::new_with_constructor(seconds),
            stores: Mutex::default(),
            reasons: Mutex::default(),
            started: SystemTime::now(),
        };
        metrics.registered()
    }
}

impl Metrics {
    fn registered(mut self) -> Self {
        let mut all = Registry::with_prefix(PREFIX);
        all.register("reconciles", "Looks at one object, by outcome", self.reconciles.clone());
        all.register_with_unit(
            "reconcile_duration",
            "How long a look at one object took; the push that it asks for is not waited for",
            Unit::Seconds,
            self.durations.clone(),
        );
        all.register(
            "errors",
            "Looks that found something wrong, by the reason that the status says",
            self.errors.clone(),
        );
        all.register("commit_requests", "Requests whose files changed, in one commit", self.batches.clone());
        all.register_with_unit(
            "push_duration",
            "From the start of a commit until the remote has answered its push",
            Unit::Seconds,
            self.pushes.clone(),
        );
        all.register_with_unit(
            "request_confirmation",
            "From when a change of a request was seen until all of its remotes have confirmed it",
            Unit::Seconds,
            self.lags.clone(),
        );
        self.registry = all;
        self
    }

    /// An object was looked at.
    pub fn reconciled(&self, kind: &str, well: bool, took: Duration) {
        self.reconciles.get_or_create(&[("kind", kind.into()), ("result", result(well))]).inc();
        self.durations.get_or_create(&[("kind", kind.into())]).observe(took.as_secs_f64());
    }

    /// Something is wrong with an object. Reasons are words of the program, so that there are few of them.
    pub fn failed(&self, kind: &str, reason: &'static str) {
        lock(&self.reasons).insert(reason);
        self.errors.get_or_create(&[("kind", kind.into()), ("reason", reason.into())]).inc();
    }

    /// A branch's push was answered; with how many requests, if it went well.
    pub fn pushed(&self, branch: &Branch, requests: Option<usize>, took: Duration) {
        let stores = lock(&self.stores);
        let Some((store, _)) = stores.iter().find(|(_, named)| *named == branch) else { return };
        self.pushes
            .get_or_create(&[("store", store.clone()), ("result", result(requests.is_some()))])
            .observe(took.as_secs_f64());
        if let Some(requests) = requests {
            let requests = u32::try_from(requests).unwrap_or(u32::MAX);
            self.batches.get_or_create(&[("store", store.clone())]).observe(requests.into());
        }
    }

    /// All remotes of a request have confirmed a change of it.
    pub fn confirmed(&self, kind: &str, lag: Duration) {
        self.lags.get_or_create(&[("kind", kind.into())]).observe(lag.as_secs_f64());
    }

    /// A store is there. What is measured of its branch is said of it; of several, of the first by name.
    pub fn meet_store(&self, name: &str, branch: &Branch) {
        let before = lock(&self.stores).insert(name.to_owned(), branch.clone());
        if before.is_some_and(|before| before != *branch) {
            self.clear_store(name);
        }
    }

    /// A store is gone, and what was said of it.
    pub fn drop_store(&self, name: &str) {
        lock(&self.stores).remove(name);
        self.clear_store(name);
    }

    fn clear_store(&self, name: &str) {
        self.batches.remove(&[("store", name.into())]);
        for well in [true, false] {
            self.pushes.remove(&[("store", name.into()), ("result", result(well))]);
        }
    }

    /// A kind is not installed any more.
    pub fn drop_kind(&self, kind: &str) {
        for well in [true, false] {
            self.reconciles.remove(&[("kind", kind.into()), ("result", result(well))]);
        }
        self.durations.remove(&[("kind", kind.into())]);
        self.lags.remove(&[("kind", kind.into())]);
        for reason in lock(&self.reasons).iter() {
            self.errors.remove(&[("kind", kind.into()), ("reason", (*reason).into())]);
        }
    }

    /// All of it, in the text format of `OpenMetrics`, which Prometheus reads.
    pub fn page(&self, now: &Snapshot) -> String {
        let mut page = String::new();
        // Writing to a string does not fail.
        let _ = text::encode_registry(&mut page, &self.registry);
        let _ = text::encode_registry(&mut page, &gauges(now));
        let _ = text::encode_registry(&mut page, &vclusters(now));
        let _ = text::encode_registry(&mut page, &self.process());
        let _ = text::encode_eof(&mut page);
        page
    }

    /// Under the names that every language's client library uses.
    fn process(&self) -> Registry {
        let mut all = Registry::with_prefix("process");
        let started: Gauge<i64> = Gauge::default();
        let since = self.started.duration_since(UNIX_EPOCH).unwrap_or_default();
        started.set(since.as_secs().try_into().unwrap_or_default());
        all.register_with_unit("start_time", "When the operator started, since 1970", Unit::Seconds, started);
        if let Some(bytes) = resident() {
            let memory: Gauge<i64> = Gauge::default();
            memory.set(bytes);
            all.register_with_unit("resident_memory", "Memory of the operator", Unit::Bytes, memory);
        }
        all
    }
}

/// Made anew each time: what is gone is not said.
fn gauges(now: &Snapshot) -> Registry {
    let mut all = Registry::with_prefix(PREFIX);
    all.register("build", "The program", Info::new([("version", env!("CARGO_PKG_VERSION"))]));
    let leads: Gauge<i64> = Gauge::default();
    leads.set(now.leads.into());
    all.register("leader", "Whether this replica is the one that works: 1, or 0 while it stands by", leads);
    let count = |n: usize| i64::try_from(n).unwrap_or(i64::MAX);
    let (ready, waiting, requests) = (Gauges::default(), Gauges::default(), Gauges::default());
    for (store, is_ready, queue) in &now.stores {
        ready.get_or_create(&[("store", store.clone())]).set((*is_ready).into());
        waiting.get_or_create(&[("store", store.clone())]).set(count(*queue));
    }
    for (kind, phase, number) in &now.requests {
        requests.get_or_create(&[("kind", kind.clone()), ("phase", (*phase).into())]).set(count(*number));
    }
    all.register("store_ready", "Whether the store can be read and written: 1 or 0", ready);
    all.register("store_queue_requests", "Requests that wait for an answer of the store", waiting);
    all.register("requests", "Requests by kind, and by what their status says", requests);
    if let Some(number) = now.orphans {
        let orphans: Gauge<i64> = Gauge::default();
        orphans.set(count(number));
        all.register("orphans", "Requests that are gone although their files are not", orphans);
    }
    all
}

/// Under the names that dashboards of such platforms have.
fn vclusters(now: &Snapshot) -> Registry {
    type Series = (&'static str, &'static str, fn(&Vcluster) -> Option<usize>);
    const SERIES: [Series; 7] = [
        ("ready", "Whether all of the virtual cluster is healthy: 1 or 0", |v| v.is_ready.map(usize::from)),
        ("pods_ready", "Pods of the virtual cluster that are ready", |v| v.pods.map(|(ready, _)| ready)),
        ("pods_total", "Pods of the virtual cluster that have not ended", |v| v.pods.map(|(_, total)| total)),
        ("argocd_synced", "Whether its Application is synced: 1 or 0", |v| v.argocd.map(|(synced, _)| synced.into())),
        ("argocd_healthy", "Whether its Application is healthy: 1 or 0", |v| v.argocd.map(|(_, well)| well.into())),
        ("subapps_healthy", "Applications in it that are healthy", |v| v.applications.map(|(ready, _)| ready)),
        ("subapps_total", "Applications in it", |v| v.applications.map(|(_, total)| total)),
    ];
    let mut all = Registry::with_prefix("platform_vcluster");
    if now.vclusters.is_empty() {
        return all;
    }
    let labels = |namespace: &String, name: &String| [("name", name.clone()), ("namespace", namespace.clone())];
    let phases: Gauges<3> = Gauges::default();
    for (namespace, name, fares) in &now.vclusters {
        let [name, namespace] = labels(namespace, name);
        phases.get_or_create(&[name, namespace, ("phase", fares.phase.to_owned())]).set(1);
    }
    all.register("phase_info", "The phase of the virtual cluster", phases);
    for (series, help, value) in SERIES {
        let gauges: Gauges<2> = Gauges::default();
        for (namespace, name, fares) in &now.vclusters {
            if let Some(value) = value(fares) {
                gauges.get_or_create(&labels(namespace, name)).set(value.try_into().unwrap_or(i64::MAX));
            }
        }
        all.register(series, help, gauges);
    }
    all
}

fn result(well: bool) -> String {
    if well { "success" } else { "error" }.to_owned()
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The memory that the process has, in bytes.
fn resident() -> Option<i64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.trim().strip_suffix(" kB")?.parse::<i64>().ok().map(|kib| kib * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::values::Remote;

    fn branch(url: &str) -> Branch {
        Branch { remote: Remote::new(url), name: "main".into() }
    }

    #[test]
    fn what_is_gone_leaves_the_page() {
        let metrics = Metrics::default();
        metrics.meet_store("old", &branch("https://git.example/old"));
        metrics.meet_store("new", &branch("https://git.example/new"));
        for store in ["old", "new"] {
            let at = branch(&format!("https://git.example/{store}"));
            metrics.pushed(&at, Some(3), Duration::from_millis(5));
            metrics.pushed(&at, None, Duration::from_millis(5));
        }
        for kind in ["Team", "VClusterCore"] {
            metrics.reconciled(kind, true, Duration::from_millis(1));
            metrics.failed(kind, "Conflict");
            metrics.confirmed(kind, Duration::from_millis(1));
        }
        let page = metrics.page(&Snapshot::default());
        for label in ["store=\"old\"", "store=\"new\"", "kind=\"Team\"", "kind=\"VClusterCore\""] {
            assert!(page.contains(label), "{label}\n{page}");
        }
        metrics.drop_store("old");
        metrics.drop_kind("Team");
        // A push that was under way.
        metrics.pushed(&branch("https://git.example/old"), Some(1), Duration::from_millis(5));
        let page = metrics.page(&Snapshot::default());
        assert!(!page.contains("\"old\"") && !page.contains("\"Team\""), "{page}");
        assert!(page.contains("kept_commit_requests_count{store=\"new\"} 1"), "{page}");
        assert!(page.contains("kept_errors_total{kind=\"VClusterCore\",reason=\"Conflict\"} 1"), "{page}");
    }

    #[test]
    fn a_branch_of_two_stores_is_counted_once() {
        let metrics = Metrics::default();
        metrics.meet_store("a", &branch("https://git.example/r"));
        metrics.meet_store("b", &branch("https://git.example/r.git"));
        metrics.pushed(&branch("https://git.example/r"), Some(1), Duration::from_millis(5));
        let page = metrics.page(&Snapshot::default());
        assert!(page.contains("store=\"a\"") && !page.contains("store=\"b\""), "{page}");
    }
}
