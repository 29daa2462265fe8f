//! A repository on this machine is read while the input is.

use super::args::StoreArgs;
use super::landscape::{local_path, only_store};
use super::open::is_absent;
use crate::store::{Access, Credentials, Engine};

/// An engine that has read what is there already, if there is one.
#[derive(Default)]
pub(super) struct Ahead(Option<Engine>);

impl Ahead {
    /// Reads the repository that `--store` names, if that is on this machine. Whatever goes wrong is left
    /// to the one who opens it in earnest.
    pub(super) fn of(args: &StoreArgs) -> Self {
        Self(Self::read(args))
    }

    fn read(args: &StoreArgs) -> Option<Engine> {
        let given = args.store.as_deref().filter(|given| local_path(given).is_some_and(|path| !is_absent(path)))?;
        let landscape = only_store(given, args).ok()?;
        let store = landscape.stores.into_values().next()?;
        let mut engine = Engine::open(store.access(Credentials::None, None)).ok()?;
        engine.survey(&store.path).ok()?;
        Some(engine)
    }

    /// The engine for this access.
    pub(super) fn open(&mut self, access: &Access) -> Result<Engine, crate::store::Error> {
        let is_there = || local_path(&access.url).is_some_and(|path| !is_absent(path));
        let same = |engine: &Engine| engine.access() == access;
        match self.0.take_if(|engine| same(engine) && is_there()) {
            Some(engine) => Ok(engine),
            None => Engine::open(access.clone()),
        }
    }
}
