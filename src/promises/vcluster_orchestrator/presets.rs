//! How large a vcluster is: what the request says, and what its preset says where it says nothing.

use crate::api::vcluster_orchestrator::{Amounts, Persistence, Preset, Resources, VCluster};
use crate::error::Mistake;

/// Sizes, with nothing left open.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Size {
    /// Replicas of the control plane.
    pub(super) replicas: u32,
    /// What a replica reserves.
    pub(super) requests: Amount,
    /// What a replica uses at most.
    pub(super) limits: Amount,
    /// A replica's volume.
    pub(super) volume: Volume,
    /// Replicas of the DNS server.
    pub(super) coredns_replicas: u32,
}

/// Compute resources.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Amount {
    pub(super) cpu: String,
    pub(super) memory: String,
}

/// A volume.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Volume {
    pub(super) enabled: bool,
    pub(super) size: String,
    pub(super) storage_class: Option<String>,
}

/// A line of the table of presets.
struct Line {
    replicas: u32,
    requests: (&'static str, &'static str),
    limits: (&'static str, &'static str),
    volume: (bool, &'static str),
    coredns_replicas: u32,
}

const DEV: Line = Line {
    replicas: 1,
    requests: ("200m", "512Mi"),
    limits: ("1000m", "1Gi"),
    volume: (false, "5Gi"),
    coredns_replicas: 1,
};

const PROD: Line =
    Line { replicas: 3, requests: ("500m", "1Gi"), limits: ("2", "2Gi"), volume: (true, "10Gi"), coredns_replicas: 2 };

impl Size {
    /// What is given, and the preset's where nothing is: field by field.
    pub(super) fn resolve(vcluster: &VCluster, found: &mut Vec<Mistake>) -> Self {
        let line = match vcluster.preset.unwrap_or_default() {
            Preset::Dev => DEV,
            Preset::Prod => PROD,
        };
        let Resources { requests, limits } = vcluster.resources.clone().unwrap_or_default();
        let requests = Amount::resolve(requests.unwrap_or_default(), line.requests);
        let limits = Amount::resolve(limits.unwrap_or_default(), line.limits);
        requests.fit(&limits, found);
        Self {
            replicas: vcluster.replicas.unwrap_or(line.replicas),
            requests,
            limits,
            volume: Volume::resolve(vcluster.persistence.as_ref(), line.volume),
            coredns_replicas: vcluster.coredns.as_ref().and_then(|c| c.replicas).unwrap_or(line.coredns_replicas),
        }
    }
}

impl Amount {
    fn resolve(given: Amounts, (cpu, memory): (&str, &str)) -> Self {
        Self { cpu: given.cpu.unwrap_or_else(|| cpu.into()), memory: given.memory.unwrap_or_else(|| memory.into()) }
    }

    /// No pod starts that reserves more than it may use.
    fn fit(&self, limits: &Self, found: &mut Vec<Mistake>) {
        let pairs = [("cpu", &self.cpu, &limits.cpu), ("memory", &self.memory, &limits.memory)];
        for (what, request, limit) in pairs {
            let (Some(reserved), Some(most)) = (number(request), number(limit)) else { continue };
            // The same amount in two notations may differ in the last bit.
            if reserved > most * (1.0 + 1e-9) {
                let message = format!(
                    "{request} is more than the limit, which is {limit}; what is not given is the preset's: give both \
                     spec.vcluster.resources.requests.{what} and spec.vcluster.resources.limits.{what}"
                );
                found.push(Mistake::new(format!("spec.vcluster.resources.requests.{what}"), message));
            }
        }
    }
}

impl Volume {
    /// Whoever says anything of a volume wants one. `{}` says nothing.
    fn resolve(given: Option<&Persistence>, (enabled, size): (bool, &str)) -> Self {
        let Persistence { enabled: switch, size: wanted, storage_class } = given.cloned().unwrap_or_default();
        let says_something = wanted.is_some() || storage_class.is_some();
        Self {
            enabled: switch.unwrap_or(enabled || says_something),
            size: wanted.unwrap_or_else(|| size.into()),
            storage_class,
        }
    }
}

/// An amount in Kubernetes' notation as a number.
fn number(quantity: &str) -> Option<f64> {
    const SUFFIXES: [(&str, f64); 15] = [
        ("Ki", 1024.0),
        ("Mi", 1_048_576.0),
        ("Gi", 1_073_741_824.0),
        ("Ti", 1_099_511_627_776.0),
        ("Pi", 1_125_899_906_842_624.0),
        ("Ei", 1_152_921_504_606_846_976.0),
        ("n", 1e-9),
        ("u", 1e-6),
        ("m", 1e-3),
        ("k", 1e3),
        ("M", 1e6),
        ("G", 1e9),
        ("T", 1e12),
        ("P", 1e15),
        // `1E3` is an exponent, `1E` is a suffix.
        ("E", 1e18),
    ];
    let found = SUFFIXES.iter().find_map(|(suffix, factor)| Some((quantity.strip_suffix(suffix)?, factor)));
    let (digits, factor) = found.unwrap_or((quantity, &1.0));
    digits.parse::<f64>().ok().map(|number| number * factor)
}
