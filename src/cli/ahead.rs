//! A repository on this machine is read while the input is.

use super::args::StoreArgs;
use super::landscape::{local_path, only_store};
use super::open::is_absent;
use crate::store::{Access, Credentials, Engine, Error, Survey};
use crate::values::RelPath;

/// An engine that has read what is there already, if there is one, and what it has read.
#[derive(Default)]
pub(super) struct Ahead {
    engine: Option<Engine>,
    survey: Option<(RelPath, Survey)>,
}

impl Ahead {
    /// Reads the repository that `--store` names, if that is on this machine. Whatever goes wrong is left
    /// to the one who opens it in earnest.
    pub(super) fn of(args: &StoreArgs) -> Self {
        Self::read(args).unwrap_or_default()
    }

    fn read(args: &StoreArgs) -> Option<Self> {
        let given = args.store.as_deref().filter(|given| local_path(given).is_some_and(|path| !is_absent(path)))?;
        let landscape = only_store(given, args).ok()?;
        let store = landscape.stores.into_values().next()?;
        let mut engine = Engine::open(store.access(Credentials::None, None)).ok()?;
        let survey = engine.survey(&store.path).ok()?;
        Some(Self { engine: Some(engine), survey: Some((store.path, survey)) })
    }

    /// The engine for this access.
    pub(super) fn open(&mut self, access: &Access) -> Result<Engine, Error> {
        let is_there = || local_path(&access.url).is_some_and(|path| !is_absent(path));
        let same = |engine: &Engine| engine.access() == access;
        if let Some(engine) = self.engine.take_if(|engine| same(engine) && is_there()) {
            return Ok(engine);
        }
        self.survey = None;
        Engine::open(access.clone())
    }

    /// What lies under a store root, by an engine that was opened here.
    pub(super) fn survey(&mut self, engine: &mut Engine, root: &RelPath) -> Result<Survey, Error> {
        match self.survey.take() {
            Some((of, survey)) if of == *root && survey.commit == engine.refresh()?.commit => Ok(survey),
            _ => engine.survey(root),
        }
    }
}
