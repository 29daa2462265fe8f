//! A store's housekeeping, beside the owners' changes.

use std::sync::Arc;

use git2::ObjectType;

use super::git::tree::{self, Found};
use super::index::join;
use super::records::{Record, RecordedPlace};
use super::stage::{Effect, Stage};
use super::{Chore, Error};
use crate::values::{Map, RelPath};

impl Stage<'_> {
    /// Does a chore wholly or not at all.
    pub(crate) fn do_chore(&mut self, chore: &Chore) -> Result<Effect, Error> {
        match chore {
            Chore::Ensure { files } => self.ensure(files),
            Chore::Retire { root, destination, writer, keep_files, canaries } => {
                self.load(root)?;
                let mut effect = Effect { removed: true, ..Effect::default() };
                self.retire(root, destination, writer, *keep_files, &mut effect)?;
                for (path, bytes) in canaries {
                    let untouched = tree::Leaf::file(tree::hash(ObjectType::Blob, bytes)?);
                    if self.work.find(self.objects, path.as_str())? == Found::Leaf(untouched) {
                        effect.files += usize::from(self.write_file(path.as_str(), None)?);
                        effect.touched = true;
                    }
                }
                Ok(effect)
            }
        }
    }

    fn ensure(&mut self, files: &Map<RelPath, Vec<u8>>) -> Result<Effect, Error> {
        let mut effect = Effect::default();
        let mut absent = Vec::new();
        for (path, bytes) in files {
            match self.work.find(self.objects, path.as_str())? {
                Found::Absent => absent.push((path, bytes)),
                Found::Leaf(_) | Found::Dir => {}
                Found::Blocked(at, what) => {
                    return Err(Error::Blocked(format!(
                        "{at} is {what} in the repository, but a directory is needed there for {path}; remove it there"
                    )));
                }
            }
        }
        for (path, bytes) in absent {
            effect.files += usize::from(self.write_file(path.as_str(), Some(bytes))?);
            effect.touched = true;
        }
        Ok(effect)
    }

    fn retire(
        &mut self,
        root: &RelPath,
        destination: &str,
        writer: &str,
        keep_files: bool,
        effect: &mut Effect,
    ) -> Result<(), Error> {
        let concerned = |record: &&Arc<Record>| {
            record.owner.writer == writer && record.places.iter().any(|place| place.destination == destination)
        };
        let records: Vec<Arc<Record>> = self.index(root).all().filter(concerned).cloned().collect();
        for record in records {
            let (gone, stay): (Vec<RecordedPlace>, Vec<RecordedPlace>) =
                record.places.iter().cloned().partition(|place| place.destination == destination);
            if !keep_files {
                for place in &gone {
                    self.remove_place(root, place, effect)?;
                }
            }
            let rest = (!stay.is_empty()).then(|| Record { places: stay, ..Record::clone(&record) });
            self.record(root, &record.owner, rest)?;
            effect.touched = true;
        }
        Ok(())
    }

    fn remove_place(&mut self, root: &RelPath, place: &RecordedPlace, effect: &mut Effect) -> Result<(), Error> {
        if let Some(dir) = &place.dir {
            self.remove_dir(root, dir, place.tree.as_deref(), effect)?;
        }
        for file in &place.files {
            effect.files += usize::from(self.write_file(&join(root, file.as_str()), None)?);
        }
        if let Some(part) = &place.fragment {
            effect.aggregated.insert((root.clone(), part.file.clone()));
        }
        Ok(())
    }
}
