//! What Kratix wrote among other people's files goes with the commit that writes it anew: for an object that moves
//! from one file to another nothing changes in the cluster, and one that is in two files is applied twice.

use std::collections::BTreeSet;

use super::git::tree::Found;
use super::index::join;
use super::kratix::documents::{self, Document};
use super::kratix::flat::{Files, Listed, is_yaml};
use super::kratix::owner_of_rest;
use super::places::Had;
use super::records::{Fragment, Record, RecordedPlace, file_name};
use super::stage::{Effect, Stage};
use super::{Change, Error, Place};
use crate::values::{RelPath, Set};

impl Stage<'_> {
    /// What the state files above a file list.
    pub(crate) fn listed(&mut self, root: &RelPath, file: &RelPath) -> Result<&mut Listed, Error> {
        let key = place_of_lists(root, file);
        if !self.kratix.contains_key(&key) {
            let listed = Listed::above(self.objects, &mut self.work, root, file)?;
            self.kratix.insert(key.clone(), listed);
        }
        Ok(self.kratix.entry(key).or_default())
    }

    /// The files among these, and what is in them.
    fn listed_files(&mut self, root: &RelPath, file: &RelPath) -> Result<&Files, Error> {
        self.listed(root, file)?;
        self.kratix.entry(place_of_lists(root, file)).or_default().files(self.objects, &mut self.work)
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
        let Some(file) = files.keys().find(|file| !had.file(file) || !change.supersedes.is_empty()) else {
            return Ok(());
        };
        let goes = |documents: &Option<Vec<Document>>| {
            documents.as_ref().is_some_and(|all| !all.is_empty() && all.iter().all(|found| goes_with(change, found)))
        };
        let theirs = self.listed_files(root, file)?.iter().filter(|(_, documents)| goes(documents));
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

    /// Whether a listed file is Kratix's alone: it may be written over. What people have added to it is not.
    pub(super) fn is_listed(
        &mut self,
        change: &Change,
        root: &RelPath,
        file: &RelPath,
        bytes: &[u8],
    ) -> Result<bool, Error> {
        let path = join(root, file.as_str());
        if !is_yaml(path.as_bytes()) {
            return Ok(self.listed(root, file)?.paths.contains(&path));
        }
        let Some(Some(there)) = self.listed_files(root, file)?.get(&path) else { return Ok(false) };
        let new = documents::readable(bytes);
        Ok(there.iter().all(|found| new.iter().any(|new| new.identity == found.identity) || goes_with(change, found)))
    }

    /// Takes over an aggregated file that Kratix wrote: what is in it is recorded in Kratix's name, and goes piece
    /// by piece to the requests that write it anew. Answers whether it is Kratix's, and nobody else's.
    pub(super) fn adopt_rest(&mut self, root: &RelPath, file: &RelPath, path: &str) -> Result<bool, Error> {
        let Found::Leaf(leaf) = self.work.find(self.objects, path)? else { return Ok(false) };
        let Some(documents) = documents::all(&self.objects.read(leaf.id)?.bytes) else { return Ok(false) };
        let by_pipelines = !documents.is_empty() && documents.iter().all(Document::is_of_a_pipeline);
        if !by_pipelines && !self.listed(root, file)?.paths.contains(path) {
            return Ok(false);
        }
        self.note_rest(root, file, documents.into_iter().map(|document| document.text).collect());
        Ok(true)
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
        let written: Vec<Document> = texts.iter().flat_map(|text| documents::readable(text.as_bytes())).collect();
        let stays = |text: &&String| {
            let found = documents::readable(text.as_bytes());
            !found
                .iter()
                .all(|found| written.iter().any(|own| own.identity == found.identity) || goes_with(change, found))
        };
        let before = rest.places.iter().filter_map(|place| place.fragment.as_ref()).flat_map(|part| &part.documents);
        let kept: Vec<String> = before.clone().filter(stays).cloned().collect();
        if kept.len() < before.count() {
            effect.touched = true;
            self.note_rest(root, file, kept);
        }
        Ok(())
    }

    /// Writes down what is left of an aggregated file: once for all changes of a batch.
    pub(super) fn write_rest(&mut self, root: &RelPath, file: &RelPath) -> Result<(), Error> {
        let owner = owner_of_rest(file);
        let record = self.index(root).get(&owner).cloned();
        let bytes = record.map(|record| record.to_bytes()).transpose()?;
        self.write_file(&join(root, &file_name(&owner)), bytes.as_deref()).map(drop)
    }

    fn note_rest(&mut self, root: &RelPath, file: &RelPath, documents: Vec<String>) {
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
            seal: None,
        });
        self.note(root, &owner, record);
    }
}

/// Whether an object that Kratix wrote is one that a change writes anew, or is the work of requests that it
/// supersedes, or one of these. Work is told by labels without a namespace: it counts where the change itself
/// writes, and nowhere else.
fn goes_with(change: &Change, found: &Document) -> bool {
    let mut objects = change.roots.values().flatten().flat_map(|place| place.objects.iter());
    if objects.clone().any(|object| *object == found.identity) {
        return true;
    }
    // What has no namespace could be anybody's.
    let there = Some(found.namespace()).filter(|namespace| !namespace.is_empty());
    let is_where_it_writes = objects.any(|object| {
        let mut parts = object.split('/').skip(1);
        let (kind, namespace, name) = (parts.next(), parts.next(), parts.next());
        there.is_some() && (namespace == there || kind == Some("Namespace") && name == there)
    });
    change.supersedes.iter().any(|request| found.is(request) || is_where_it_writes && found.is_work_of(request))
}

/// The state files that can list a file are those of the directories above it.
fn place_of_lists(root: &RelPath, file: &RelPath) -> (RelPath, String) {
    let parent = file.as_str().rsplit_once('/').map_or("", |(parent, _)| parent);
    (root.clone(), parent.to_owned())
}

/// A path below the repository's root, below a store's.
fn below<'p>(root: &RelPath, path: &'p str) -> Option<&'p str> {
    if root.is_root() { Some(path) } else { path.strip_prefix(root.as_str())?.strip_prefix('/') }
}
