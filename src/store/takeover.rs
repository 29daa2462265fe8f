//! What Kratix wrote among other people's files goes with the commit that writes it anew: for an object that moves
//! from one file to another nothing changes in the cluster, and one that is in two files is applied twice.

use std::collections::BTreeSet;

use super::git::tree::Found;
use super::index::join;
use super::kratix::documents::{self, Document};
use super::kratix::flat::Listed;
use super::kratix::owner_of_rest;
use super::places::Had;
use super::records::{Fragment, Record, RecordedPlace};
use super::stage::{Effect, Stage};
use super::{Change, Error, Place};
use crate::values::{RelPath, Set};

impl Stage<'_> {
    /// What the state files above a file list.
    pub(crate) fn listed(&mut self, root: &RelPath, file: &RelPath) -> Result<&mut Listed, Error> {
        let parent = file.as_str().rsplit_once('/').map_or("", |(parent, _)| parent);
        let key = (root.clone(), parent.to_owned());
        if !self.kratix.contains_key(&key) {
            let listed = Listed::above(self.objects, &mut self.work, root, file)?;
            self.kratix.insert(key.clone(), listed);
        }
        Ok(self.kratix.entry(key).or_default())
    }

    /// Removes files of Kratix's that hold nothing but what a change writes into others, or what was written by
    /// requests that it supersedes.
    pub(super) fn clear_flat(
        &mut self,
        change: &Change,
        root: &RelPath,
        place: &Place,
        had: &Had,
        effect: &mut Effect,
    ) -> Result<(), Error> {
        let super::Footprint::Shared { files } = &place.footprint else { return Ok(()) };
        // Once it is recorded, all of that is done.
        let Some(file) = files.keys().next().filter(|file| !had.file(file) || !change.supersedes.is_empty()) else {
            return Ok(());
        };
        self.listed(root, file)?;
        let parent = file.as_str().rsplit_once('/').map_or("", |(parent, _)| parent);
        let Some(listed) = self.kratix.get_mut(&(root.clone(), parent.to_owned())) else { return Ok(()) };
        let goes = |documents: &Vec<Document>| {
            !documents.is_empty()
                && documents.iter().all(|found| place.objects.contains(&found.identity) || is_superseded(change, found))
        };
        let theirs = listed.files(self.objects, &mut self.work)?.iter().filter(|(_, documents)| goes(documents));
        for path in theirs.map(|(path, _)| path.clone()).collect::<BTreeSet<_>>() {
            let Some(below) = below(root, &path) else { continue };
            let is_ours = files.keys().any(|file| file.as_str() == below);
            if !is_ours && self.index(root).holder(below).is_none() && self.write_file(&path, None)? {
                effect.files += 1;
                effect.touched = true;
            }
        }
        Ok(())
    }

    /// Takes over an aggregated file that Kratix wrote: what is in it is recorded in Kratix's name, and goes piece
    /// by piece to the requests that write it anew. Answers whether it is Kratix's.
    pub(super) fn adopt_rest(&mut self, root: &RelPath, file: &RelPath, path: &str) -> Result<bool, Error> {
        let Found::Leaf(leaf) = self.work.find(self.objects, path)? else { return Ok(false) };
        let documents = documents::read(&self.objects.read(leaf.id)?.bytes);
        let labelled = !documents.is_empty() && documents.iter().all(Document::is_labelled);
        if !labelled && !self.listed(root, file)?.paths.contains(path) && !self.is_beside_canary(path)? {
            return Ok(false);
        }
        let texts = documents.into_iter().map(|document| document.text).collect();
        self.record_rest(root, file, texts)?;
        Ok(true)
    }

    /// Whether Kratix has put its canary into the directory of a file.
    fn is_beside_canary(&mut self, path: &str) -> Result<bool, Error> {
        let parent = path.rsplit_once('/').map_or("", |(parent, _)| parent);
        let canary = join(&parent.parse().unwrap_or_default(), "kratix-canary-configmap.yaml");
        Ok(matches!(self.work.find(self.objects, &canary)?, Found::Leaf(_)))
    }

    /// Takes what a change writes, or what was written by requests that it supersedes, out of what Kratix left in
    /// an aggregated file.
    pub(super) fn clear_rest(
        &mut self,
        change: &Change,
        root: &RelPath,
        file: &RelPath,
        texts: &[String],
        effect: &mut Effect,
    ) -> Result<(), Error> {
        let Some(rest) = self.index(root).get(&owner_of_rest(file)).cloned() else { return Ok(()) };
        let written: Vec<Document> = texts.iter().flat_map(|text| documents::read(text.as_bytes())).collect();
        let stays = |text: &&String| {
            let found = documents::read(text.as_bytes());
            !found
                .iter()
                .all(|found| written.iter().any(|own| own.identity == found.identity) || is_superseded(change, found))
        };
        let before = rest.places.iter().filter_map(|place| place.fragment.as_ref()).flat_map(|part| &part.documents);
        let kept: Vec<String> = before.clone().filter(stays).cloned().collect();
        if kept.len() < before.count() {
            effect.touched = true;
            self.record_rest(root, file, kept)?;
        }
        Ok(())
    }

    fn record_rest(&mut self, root: &RelPath, file: &RelPath, documents: Vec<String>) -> Result<(), Error> {
        let owner = owner_of_rest(file);
        let place = || RecordedPlace {
            destination: String::new(),
            directories: Set::new(),
            objects: Set::new(),
            dir: None,
            tree: None,
            files: Set::new(),
            fragment: Some(Fragment { file: file.clone(), documents: documents.clone() }),
        };
        let record = (!documents.is_empty()).then(|| Record {
            owner: owner.clone(),
            uid: String::new(),
            claims: Set::new(),
            places: vec![place()],
        });
        self.record(root, &owner, record)
    }
}

fn is_superseded(change: &Change, found: &Document) -> bool {
    change.supersedes.iter().any(|request| found.belongs_to(request))
}

/// A path below the repository's root, below a store's.
fn below<'p>(root: &RelPath, path: &'p str) -> Option<&'p str> {
    if root.is_root() { Some(path) } else { path.strip_prefix(root.as_str())?.strip_prefix('/') }
}
