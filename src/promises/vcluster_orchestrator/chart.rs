//! What which version of the vcluster chart knows.

/// A version of the chart, as far as its values depend on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct ChartVersion(u64, u64, u64);

/// The oldest one that is rendered for.
const OLDEST: ChartVersion = ChartVersion(0, 30, 0);
/// The first one whose values have a `podDisruptionBudget`.
const WITH_DISRUPTION_BUDGET: ChartVersion = ChartVersion(0, 31, 0);

impl ChartVersion {
    /// The version that a revision names: `0.36.1`, `v0.36.1`. A range, `*` or a pre-release may turn out
    /// to be any version, so it counts as the oldest: what that one knows, all know.
    pub(super) fn of(revision: &str) -> Self {
        let plain = revision.strip_prefix('v').unwrap_or(revision);
        let mut parts = plain.split('.').map(|part| {
            let digits = !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
            part.parse().ok().filter(|_| digits)
        });
        match (parts.next(), parts.next(), parts.next(), parts.next()) {
            (Some(Some(major)), Some(Some(minor)), Some(Some(patch)), None) => Self(major, minor, patch),
            _ => OLDEST,
        }
    }

    /// Whether `controlPlane.advanced.podDisruptionBudget` is among its values: chart 0.30 refuses it.
    pub(super) fn knows_disruption_budget(self) -> bool {
        self >= WITH_DISRUPTION_BUDGET
    }
}
