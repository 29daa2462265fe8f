//! Whether this process may write at all. Of several replicas one works at a time, and only for as long as it is
//! certain of that: then its fence is open.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use super::Error;

/// Open until a time, which is asked for right before each write: a process that was paused finds it closed when it
/// wakes, however late it hears of anything else. The default is always open: nobody else is there.
#[derive(Clone, Debug, Default)]
pub struct Fence(Option<Arc<Mutex<Instant>>>);

impl Fence {
    /// One that is closed until it is opened.
    pub fn closed() -> Self {
        Self(Some(Arc::new(Mutex::new(Instant::now()))))
    }

    /// Opens it until then.
    pub fn open(&self, until: Instant) {
        if let Some(mut end) = self.end() {
            *end = until;
        }
    }

    /// Keeps it open until then. False if it has closed meanwhile: it stays so.
    pub fn extend(&self, until: Instant) -> bool {
        let Some(mut end) = self.end() else { return true };
        let is_open = Instant::now() < *end;
        if is_open {
            *end = until;
        }
        is_open
    }

    /// Closes it.
    pub fn close(&self) {
        if let Some(mut end) = self.end() {
            *end = Instant::now();
        }
    }

    /// Whether something may be written now.
    pub fn is_open(&self) -> bool {
        self.end().is_none_or(|end| Instant::now() < *end)
    }

    /// An error unless something may be pushed now.
    pub(super) fn pass(&self) -> Result<(), Error> {
        if self.is_open() {
            return Ok(());
        }
        Err(Error::Contended("nothing is pushed any more: another replica of kept may be at work by now".to_owned()))
    }

    fn end(&self) -> Option<MutexGuard<'_, Instant>> {
        self.0.as_ref().map(|end| end.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
