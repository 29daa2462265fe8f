//! Where a request's files lie, as its status says it.

use std::collections::BTreeSet;

use kube::api::DynamicObject;

use super::hub::Hub;
use super::progress::{Progress, Stage};
use crate::api::Place;
use crate::known::{KnownPlace, Site};
use crate::placement::{Branch, Remote};
use crate::store::{self, Footprint, Receipt};
use crate::values::{RelPath, Set};

/// How many bytes of a status may name places: hundreds of them. etcd takes an object of 1.5 MiB, with the request in it.
const MOST_PLACES: usize = 128 * 1024;

/// As many of the places as there is room for: those of now come first. What is left out are places that were left
/// behind, one for each destination that ever went; the records in the repositories have all that is still in use.
pub(super) fn fitting(places: Vec<Place>) -> Vec<Place> {
    let mut room = MOST_PLACES;
    let mut fits = |place: &Place| {
        let size = serde_json::to_vec(place).map_or(0, |text| text.len());
        room = room.saturating_sub(size);
        room > 0
    };
    places.into_iter().take_while(|place| fits(place)).collect()
}

/// The places that an object's own status names.
pub(super) fn places_of(object: &DynamicObject) -> Vec<Place> {
    let places = object.data.pointer("/status/places").cloned();
    places.and_then(|p| serde_json::from_value(p).ok()).unwrap_or_default()
}

/// The places of before, of which those whose destination went are dropped or marked.
pub(super) fn standing(before: Vec<Place>, hub: &Hub) -> Vec<Place> {
    before
        .into_iter()
        .filter_map(|mut place| {
            match hub.was_retired(&place.destination) {
                Some(false) => return None,
                Some(true) => place.abandoned = true,
                None => {}
            }
            Some(place)
        })
        .collect()
}

/// What the remotes hold: the confirmed places, those of before in branches that did not answer well,
/// and those that were left behind.
pub(super) fn places(progress: &Progress, before: &[Place], hub: &Hub) -> Vec<Place> {
    let mut places = Vec::new();
    for (branch, change) in &progress.desired.changes {
        let Some(receipt) = progress.receipt(branch) else { continue };
        for (root, wanted) in &change.roots {
            places.extend(wanted.iter().map(|place| confirmed(branch, root, place, receipt, before, hub)));
        }
    }
    let done = matches!(progress.stage, Stage::Done(_));
    let named: BTreeSet<(String, String, String)> = places.iter().map(identity).collect();
    for place in standing(before.to_vec(), hub) {
        let written =
            progress.receipts.iter().any(|(b, _)| b.name == place.branch && b.remote == Remote::new(&place.repository));
        if !named.contains(&identity(&place)) && (place.abandoned || !done && !written) {
            places.push(place);
        }
    }
    places
}

fn identity(place: &Place) -> (String, String, String) {
    (place.repository.clone(), place.branch.clone(), place.path.clone())
}

fn confirmed(
    branch: &Branch,
    root: &RelPath,
    place: &store::Place,
    receipt: &Receipt,
    before: &[Place],
    hub: &Hub,
) -> Place {
    let path = match &place.footprint {
        Footprint::Exclusive { dir, .. } => root.join(dir),
        Footprint::Fragment { file, .. } => root.join(file),
        Footprint::Shared { .. } => root.join(&hub.path_of(&place.destination)),
    };
    let mut next = Place {
        destination: place.destination.clone(),
        path: path.to_string(),
        repository: branch.remote.to_string(),
        branch: branch.name.clone(),
        store_path: Some(root.to_string()),
        directories: place.directories.iter().cloned().collect(),
        commit: receipt.commit.clone(),
        pushed_at: Some(k8s_openapi::apimachinery::pkg::apis::meta::v1::Time(receipt.at)),
        abandoned: false,
    };
    // The commit that last changed these files is known already: another request's says nothing here.
    let old = before.iter().find(|p| identity(p) == identity(&next) && !p.commit.is_empty() && !p.abandoned);
    if let Some(old) = old.filter(|_| receipt.files_changed == 0) {
        next.commit.clone_from(&old.commit);
        next.pushed_at.clone_from(&old.pushed_at);
    }
    next
}

/// Where the object's own status says that its files lie.
pub(super) fn recorded(object: &DynamicObject) -> Vec<KnownPlace> {
    places_of(object)
        .into_iter()
        .filter(|p| !p.abandoned)
        .filter_map(|place| {
            let branch = Branch { remote: Remote::new(&place.repository), name: place.branch };
            let root = RelPath::lenient(place.store_path.as_deref().unwrap_or_default()).ok()?;
            let mut directories: Set<String> = place.directories.into_iter().collect();
            if directories.is_empty() {
                directories.insert(String::new());
            }
            Some(KnownPlace { destination: place.destination, directories, site: Site { branch, root } })
        })
        .collect()
}
