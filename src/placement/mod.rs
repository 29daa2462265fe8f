//! Which destinations a request's files go to, and which paths they get there. Pure: the
//! destinations, the stores and what is already recorded come in as data.

mod canary;
mod kinds;
mod layout;

use std::collections::{BTreeMap, BTreeSet};

use sha2::{Digest, Sha256};

use crate::config::DestinationSelector;
use crate::error::{Explain, Retry};
use crate::known::{Known, KnownPlace, Site};
use crate::policy::Checked;
use crate::store::Place;
use crate::values::{Labels, Map, RelPath, RequestKey};

pub use crate::values::{Branch, Remote};
pub use canary::workload_files;
pub use kinds::{Auth, Destination, Layout, SecretName, StateStore, overlapping};

/// Every store and destination there is, as a snapshot.
#[derive(Clone, Debug, Default)]
pub struct Landscape {
    /// The state stores by name.
    pub stores: BTreeMap<String, StateStore>,
    /// The destinations by name.
    pub destinations: BTreeMap<String, Destination>,
}

impl Landscape {
    /// Where the files of a destination lie, if its store is known.
    pub fn site(&self, destination: &Destination) -> Option<Site> {
        self.stores.get(&destination.store).map(StateStore::site)
    }

    /// A store by which a branch can be written: one of the same remote.
    pub fn store_for(&self, branch: &Branch) -> Option<&StateStore> {
        let same = |s: &&StateStore| s.branch.remote == branch.remote;
        let exact = self.stores.values().filter(same).find(|s| s.branch.name == branch.name);
        exact.or_else(|| self.stores.values().find(same))
    }
}

/// What goes where.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Placement {
    /// For each branch and store root the places that this request has there. A root without places
    /// is one to be cleared in the same commit: the request has moved within the branch.
    pub branches: Map<Branch, Map<RelPath, Vec<Place>>>,
    /// Places in other branches that are to be cleared once the new ones are confirmed.
    pub leave: BTreeSet<Site>,
    /// Destinations that are kept although their labels no longer match, in words.
    pub misplaced: Vec<String>,
}

/// Why a request cannot be placed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// No destination carries the labels asked for.
    #[error(
        "no destination matches {wanted}{what}: label one (`kubectl label destination NAME …`) or change the promise's destinationSelectors"
    )]
    NoDestination {
        /// The labels, as text.
        wanted: String,
        /// Which part of the output.
        what: String,
    },
    /// The destination's store does not exist or cannot be used.
    #[error(
        "destination {destination} names the GitStateStore {store:?}, which does not exist: create it, or change the destination's spec.stateStoreRef"
    )]
    NoStore {
        /// The destination.
        destination: String,
        /// The store.
        store: String,
    },
    /// The destination's place is another's as well.
    #[error(
        "destination {destination} has what lies there, but its place now overlaps that of destination {other}: change its spec.path"
    )]
    Overlaps {
        /// The destination.
        destination: String,
        /// The older one.
        other: String,
    },
    /// Raw text cannot be part of an aggregated YAML file.
    #[error(
        "{file} is not YAML and cannot be aggregated at destination {destination}: route its directory to a destination with another filepath.mode"
    )]
    NotAggregatable {
        /// The file.
        file: RelPath,
        /// The destination.
        destination: String,
    },
    /// Path and destination together are no valid path.
    #[error("at destination {destination}: {why}")]
    Path {
        /// The destination.
        destination: String,
        /// Why.
        why: String,
    },
    /// The request may lie at a destination whose records cannot be read.
    #[error(
        "destination {destination} may hold it already, and its store cannot be read: nothing is written elsewhere until it can"
    )]
    Unread {
        /// That destination.
        destination: String,
    },
    /// An identity is held by a request whose files lie in another repository.
    #[error("{claim} is already held by {holder}: choose another, or remove that one")]
    Claimed {
        /// The identity, in words.
        claim: String,
        /// Who has it.
        holder: RequestKey,
    },
}

impl Explain for Error {
    fn reason(&self) -> &'static str {
        match self {
            Self::NoDestination { .. } => "NoDestination",
            Self::NoStore { .. } => "NoStateStore",
            Self::Overlaps { .. } => "PathOverlaps",
            Self::NotAggregatable { .. } => "NotAggregatable",
            Self::Path { .. } => "InvalidPath",
            Self::Unread { .. } => "StoreUnreachable",
            Self::Claimed { .. } => "Conflict",
        }
    }

    fn retry(&self) -> Retry {
        match self {
            Self::Claimed { .. } | Self::Unread { .. } => Retry::Recheck,
            _ => Retry::OnChange,
        }
    }
}

/// Chooses a destination for each directory of the output, and lays the files out there.
pub fn place(
    request: &RequestKey,
    checked: &Checked,
    selectors: &[DestinationSelector],
    landscape: &Landscape,
    known: &Known,
) -> Result<Placement, Error> {
    let recorded = known.places(request);
    let mut placement = Placement::default();
    let mut chosen: BTreeMap<&str, Vec<Group>> = BTreeMap::new();
    for group in groups(checked, selectors) {
        let destination = choose(request, &group, landscape, known, &mut placement.misplaced)?;
        chosen.entry(&destination.name).or_default().push(group);
    }
    for (name, groups) in chosen {
        let destination = &landscape.destinations[name];
        let site = landscape
            .site(destination)
            .ok_or_else(|| Error::NoStore { destination: name.to_owned(), store: destination.store.clone() })?;
        let place = layout::lay_out(request, checked, destination, &groups)?;
        placement.branches.entry(site.branch).or_default().entry(site.root).or_default().push(place);
    }
    check_claims(request, checked, &placement, known)?;
    leave_old(&mut placement, recorded);
    for superseded in checked.supersedes() {
        leave_old(&mut placement, known.places(superseded));
    }
    Ok(placement)
}

/// What to clear so that nothing of the request is left anywhere.
pub fn removal(recorded: &[KnownPlace]) -> Placement {
    let mut placement = Placement::default();
    for place in recorded {
        placement.branches.entry(place.site.branch.clone()).or_default().entry(place.site.root.clone()).or_default();
    }
    placement
}

/// A part of the output that goes to one destination.
pub(crate) struct Group {
    /// `""`: everything that no entry routes by name.
    directory: String,
    match_labels: Labels,
    files: Vec<RelPath>,
}

fn groups(checked: &Checked, selectors: &[DestinationSelector]) -> Vec<Group> {
    let named = |d: &str| selectors.iter().find(|s| s.directory.as_deref() == Some(d));
    let rest = selectors.iter().find(|s| s.directory.is_none());
    let mut groups: BTreeMap<&str, Group> = BTreeMap::new();
    for path in checked.files().keys() {
        let routed = path.directory().and_then(|d| named(d).map(|s| (d, s)));
        let (directory, selector) = routed.map_or(("", rest), |(d, s)| (d, Some(s)));
        let group = groups.entry(directory).or_insert_with(|| Group {
            directory: directory.to_owned(),
            match_labels: selector.map(|s| s.match_labels.clone()).unwrap_or_default(),
            files: Vec::new(),
        });
        group.files.push(path.clone());
    }
    groups.into_values().collect()
}

fn choose<'a>(
    request: &RequestKey,
    group: &Group,
    landscape: &'a Landscape,
    known: &Known,
    misplaced: &mut Vec<String>,
) -> Result<&'a Destination, Error> {
    let kept = known
        .places(request)
        .iter()
        .filter(|p| p.directories.contains(&group.directory))
        .find_map(|p| landscape.destinations.get(&p.destination).filter(|d| !d.leaving));
    if let Some(destination) = kept {
        if let Some(other) = overlapping(destination, landscape) {
            return Err(Error::Overlaps { destination: destination.name.clone(), other });
        }
        if !destination.matches(&group.match_labels) {
            misplaced.push(format!(
                "{}stays at destination {}, which no longer matches {}",
                group.prefix(),
                destination.name,
                words(&group.match_labels)
            ));
        }
        return Ok(destination);
    }
    let candidates = || landscape.destinations.values().filter(|d| !d.leaving && d.matches(&group.match_labels));
    // What Kratix wrote stays where it is: elsewhere it would be there as well.
    let left_over = known.place_left_over(request);
    let is_left_there = |d: &Destination| {
        left_over.is_some_and(|at| landscape.site(d).as_ref() == Some(at.0) && d.path.as_str() == at.1)
    };
    let chosen = candidates()
        .filter(|d| overlapping(d, landscape).is_none())
        .max_by_key(|d| (is_left_there(d), rendezvous(request, &d.name)))
        .ok_or_else(|| Error::NoDestination { wanted: words(&group.match_labels), what: group.suffix() })?;
    let is_unread = |d: &&Destination| landscape.site(d).is_some_and(|site| known.is_unread(&site));
    match candidates().filter(is_unread).find(|d| d.name != chosen.name) {
        Some(other) if !is_unread(&chosen) => Err(Error::Unread { destination: other.name.clone() }),
        _ => Ok(chosen),
    }
}

impl Group {
    fn prefix(&self) -> String {
        if self.directory.is_empty() { String::new() } else { format!("directory {} ", self.directory) }
    }

    fn suffix(&self) -> String {
        if self.directory.is_empty() { String::new() } else { format!(" for the directory {}", self.directory) }
    }
}

fn words(labels: &Labels) -> String {
    if labels.is_empty() {
        return "a request without destinationSelectors".into();
    }
    labels.iter().map(|(k, v)| format!("{k}={v}")).collect::<Vec<_>>().join(",")
}

/// Highest random weight: adding or removing a destination moves only the requests it wins or loses.
fn rendezvous(request: &RequestKey, destination: &str) -> [u8; 32] {
    let RequestKey { namespace, promise, name } = request;
    Sha256::digest(format!("{namespace}\0{promise}\0{name}\0{destination}")).into()
}

/// The writer decides between requests in one branch; across branches only the records tell.
fn check_claims(request: &RequestKey, checked: &Checked, placement: &Placement, known: &Known) -> Result<(), Error> {
    for claim in checked.claims() {
        let theirs = |holder: &&RequestKey| *holder != request && !checked.supersedes().contains(*holder);
        let Some(holder) = known.holder(claim).filter(theirs) else { continue };
        let elsewhere = known
            .places(holder)
            .iter()
            .all(|p| placement.branches.get(&p.site.branch).is_none_or(|roots| !roots.contains_key(&p.site.root)));
        if elsewhere {
            return Err(Error::Claimed { claim: claim.to_string(), holder: holder.clone() });
        }
    }
    Ok(())
}

/// Old sites: in a branch that is written anyway they are cleared in the same commit, others later.
fn leave_old(placement: &mut Placement, recorded: &[KnownPlace]) {
    for old in recorded {
        match placement.branches.get_mut(&old.site.branch) {
            Some(roots) => {
                roots.entry(old.site.root.clone()).or_default();
            }
            None => {
                placement.leave.insert(old.site.clone());
            }
        }
    }
}
