//! What all requests together render to, with the rules by which a repository would refuse some.

use std::collections::{BTreeMap, BTreeSet};

use crate::cli::problem::Subject;
use crate::placement::Landscape;
use crate::store::{Footprint, Place};
use crate::street::Desired;

/// The rendered files of all requests.
pub(super) struct Rendering<'a> {
    landscape: &'a Landscape,
    files: BTreeMap<String, Vec<u8>>,
    /// Parts of aggregated files, by who they are of.
    fragments: BTreeMap<String, BTreeMap<Subject, Vec<String>>>,
    /// Directories that a request has to itself.
    directories: BTreeSet<String>,
    holders: BTreeMap<String, Subject>,
}

impl<'a> Rendering<'a> {
    pub(super) fn new(landscape: &'a Landscape) -> Self {
        Self {
            landscape,
            files: BTreeMap::new(),
            fragments: BTreeMap::new(),
            directories: BTreeSet::new(),
            holders: BTreeMap::new(),
        }
    }

    /// Adds a request's files, or says who has what it wants.
    pub(super) fn add(&mut self, subject: &Subject, desired: &Desired) -> Result<(), String> {
        let mut wanted: Vec<String> = Vec::new();
        let places: Vec<&Place> = desired.changes.values().flat_map(|c| c.roots.values()).flatten().collect();
        let claims = desired.changes.values().flat_map(|c| &c.claims).map(ToString::to_string);
        wanted.extend(claims.collect::<BTreeSet<_>>());
        for place in &places {
            let prefix = self.prefix(place);
            wanted.extend(place.objects.iter().map(|o| format!("the object {o} at destination {}", place.destination)));
            if let Footprint::Shared { files } = &place.footprint {
                wanted.extend(files.keys().map(|path| format!("the file {prefix}{path}")));
            }
        }
        if let Some((what, holder)) = wanted.iter().find_map(|w| Some((w, self.holders.get(w)?))) {
            return Err(format!("{what} is wanted by {holder} as well: change one of them"));
        }
        self.holders.extend(wanted.into_iter().map(|what| (what, subject.clone())));
        for place in places {
            self.lay(subject, place);
        }
        Ok(())
    }

    fn lay(&mut self, subject: &Subject, place: &Place) {
        let prefix = self.prefix(place);
        match &place.footprint {
            Footprint::Exclusive { dir, files, .. } => {
                self.directories.insert(format!("{prefix}{dir}"));
                self.files.extend(files.iter().map(|(p, bytes)| (format!("{prefix}{}", dir.join(p)), bytes.clone())));
            }
            Footprint::Shared { files } => {
                self.files.extend(files.iter().map(|(p, bytes)| (format!("{prefix}{p}"), bytes.clone())));
            }
            Footprint::Fragment { file, documents } => {
                let parts = self.fragments.entry(format!("{prefix}{file}")).or_default();
                parts.entry(subject.clone()).or_default().extend(documents.iter().cloned());
            }
        }
    }

    /// With several stores each has a directory of its own.
    fn prefix(&self, place: &Place) -> String {
        let store = self.landscape.destinations.get(&place.destination).map(|d| d.store.as_str());
        match store {
            Some(store) if self.landscape.stores.len() > 1 => format!("{store}/"),
            _ => String::new(),
        }
    }

    /// Directories whose whole content is known.
    pub(super) fn directories(&self) -> &BTreeSet<String> {
        &self.directories
    }

    /// All files, by path below the root.
    pub(super) fn files(&self) -> BTreeMap<String, Vec<u8>> {
        let mut all = self.files.clone();
        for (path, parts) in &self.fragments {
            let documents: Vec<&str> = parts.values().flatten().map(String::as_str).collect();
            all.insert(path.clone(), documents.join("---\n").into_bytes());
        }
        all
    }
}
