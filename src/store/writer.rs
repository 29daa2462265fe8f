//! One thread and one mailbox per engine. What arrives while a push is under way goes into the next
//! one; an owner's newer entry replaces its older one.
//!
//! Nothing here waits: every call only leaves something in the mailbox, and the answers come as
//! [`Event`]s. An error is answered at once, also one that may pass: when to try again is the caller's
//! affair, who alone knows whether it still wants the same.

use std::any::Any;
use std::collections::{BTreeMap, BTreeSet};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::{Duration, Instant};

use tokio::sync::mpsc::UnboundedSender;

use super::{Access, Change, Chore, Engine, Error, Head, Outcome, Record};
use crate::values::{Owner, RelPath};

/// How long [`Writer::shutdown`] waits for a push under way.
const SHUTDOWN: Duration = Duration::from_secs(10);

/// The caller's mark on what it hands in; comes back with the answer.
pub type Ticket = u64;

/// An answer of a writer. Every ticket is answered exactly once, unless a newer change of the same owner
/// replaced it while it waited ([`Event::Replaced`]).
#[derive(Clone, Debug)]
pub enum Event {
    /// The answer to [`Writer::submit`].
    Change {
        /// Whose change.
        owner: Owner,
        /// Its ticket.
        ticket: Ticket,
        /// What the remote holds now, or why it does not.
        outcome: Outcome,
    },
    /// A change was replaced by a newer one of the same owner before its turn came.
    Replaced {
        /// Whose change.
        owner: Owner,
        /// The ticket of the older change.
        ticket: Ticket,
    },
    /// The answer to [`Writer::chore`].
    Chore {
        /// Its ticket.
        ticket: Ticket,
        /// What the remote holds now, or why it does not.
        outcome: Outcome,
    },
    /// The answer to [`Writer::probe`].
    Probe {
        /// Its ticket.
        ticket: Ticket,
        /// The branch as it stands, or why it cannot be written.
        result: Result<Head, Error>,
    },
    /// The answer to [`Writer::refresh`]; the records of the roots asked for are published before.
    Refresh {
        /// Its ticket.
        ticket: Ticket,
        /// The branch as it stands, or why it or the records cannot be read.
        result: Result<Head, Error>,
    },
}

/// The records of one store root, as last confirmed by the remote.
pub type Records = Arc<Vec<Arc<Record>>>;

/// The handle on one remote and branch. Dropping it lets the thread finish what it is doing, and no more.
pub struct Writer {
    shared: Arc<Shared>,
}

struct Shared {
    mailbox: Mutex<Mailbox>,
    /// Told when something arrives, and when the thread ends.
    bell: Condvar,
    records: RwLock<BTreeMap<RelPath, Records>>,
    events: UnboundedSender<Event>,
}

/// What waits for the next turn.
#[derive(Default)]
struct Mailbox {
    access: Option<Access>,
    changes: BTreeMap<Owner, (Ticket, Change)>,
    chores: Vec<(Ticket, Chore)>,
    probes: Vec<Ticket>,
    refreshes: Vec<(Ticket, Vec<RelPath>)>,
    stop: bool,
    stopped: bool,
}

impl Mailbox {
    fn is_empty(&self) -> bool {
        self.access.is_none()
            && self.changes.is_empty()
            && self.chores.is_empty()
            && self.probes.is_empty()
            && self.refreshes.is_empty()
    }
}

impl Writer {
    /// Starts the thread. The repository is opened when the first work arrives, so that what is wrong with
    /// `access` is the answer to that work.
    pub fn spawn(access: Access, events: UnboundedSender<Event>) -> Result<Self, Error> {
        let shared =
            Arc::new(Shared { mailbox: Mutex::default(), bell: Condvar::new(), records: RwLock::default(), events });
        let mut worker = Worker { shared: shared.clone(), access, engine: None, roots: BTreeSet::new() };
        std::thread::Builder::new()
            .name("kept-writer".to_owned())
            .spawn(move || worker.run())
            .map_err(|e| Error::Git(format!("cannot start a writer's thread: {e}")))?;
        Ok(Self { shared })
    }

    /// Hands in what an owner wants. An older change of the same owner that still waits is replaced.
    pub fn submit(&self, ticket: Ticket, change: Change) {
        let owner = change.owner.clone();
        let older = self.put(|mailbox| mailbox.changes.insert(owner.clone(), (ticket, change)));
        if let Some((ticket, _)) = older {
            self.shared.tell(Event::Replaced { owner, ticket });
        }
    }

    /// Hands in housekeeping. It goes into the same commit as the changes that wait.
    pub fn chore(&self, ticket: Ticket, chore: Chore) {
        self.put(|mailbox| mailbox.chores.push((ticket, chore)));
    }

    /// Asks whether the branch can be written.
    pub fn probe(&self, ticket: Ticket) {
        self.put(|mailbox| mailbox.probes.push(ticket));
    }

    /// Looks at the remote, and publishes the records of these roots; they are published from then on
    /// whenever they may have changed. The roots of changes and chores are so as well.
    pub fn refresh(&self, ticket: Ticket, roots: impl IntoIterator<Item = RelPath>) {
        let roots = roots.into_iter().collect();
        self.put(|mailbox| mailbox.refreshes.push((ticket, roots)));
    }

    /// New credentials, for whatever is done after what is under way.
    pub fn set_access(&self, access: Access) {
        self.put(|mailbox| mailbox.access = Some(access));
    }

    /// The records of a root (of all writers), as last confirmed by the remote; absent before they were read once.
    pub fn records(&self, root: &RelPath) -> Option<Records> {
        let records = self.shared.records.read().unwrap_or_else(PoisonError::into_inner);
        records.get(root).cloned()
    }

    /// Ends the thread after what it is doing, waiting ten seconds at most; answers whether it ended.
    /// What still waits is dropped: whoever wants it says so again after the next start.
    pub fn shutdown(self) -> bool {
        let deadline = Instant::now() + SHUTDOWN;
        let mut mailbox = self.shared.lock();
        mailbox.stop = true;
        self.shared.bell.notify_all();
        while !mailbox.stopped {
            let Some(rest) = deadline.checked_duration_since(Instant::now()) else { return false };
            let woken = self.shared.bell.wait_timeout(mailbox, rest);
            mailbox = woken.unwrap_or_else(PoisonError::into_inner).0;
        }
        true
    }

    fn put<T>(&self, put: impl FnOnce(&mut Mailbox) -> T) -> T {
        let result = put(&mut self.shared.lock());
        self.shared.bell.notify_all();
        result
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.put(|mailbox| mailbox.stop = true);
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Mailbox> {
        self.mailbox.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Nobody listens any more only while the process ends.
    fn tell(&self, event: Event) {
        let _ = self.events.send(event);
    }

    /// Waits for work; none when it is time to end.
    fn next(&self) -> Option<Mailbox> {
        let mut mailbox = self.lock();
        while mailbox.is_empty() && !mailbox.stop {
            mailbox = self.bell.wait(mailbox).unwrap_or_else(PoisonError::into_inner);
        }
        (!mailbox.stop).then(|| std::mem::take(&mut *mailbox))
    }
}

/// The thread's side.
struct Worker {
    shared: Arc<Shared>,
    access: Access,
    engine: Option<Engine>,
    /// Roots whose records are published.
    roots: BTreeSet<RelPath>,
}

impl Worker {
    fn run(&mut self) {
        while let Some(work) = self.shared.next() {
            if let Some(access) = work.access {
                self.access = access.clone();
                if let Some(engine) = &mut self.engine {
                    engine.set_access(access);
                }
            }
            self.refresh(work.refreshes);
            self.commit(work.changes, work.chores);
            if !work.probes.is_empty() {
                let result = self.guarded(Engine::probe);
                for ticket in work.probes {
                    self.shared.tell(Event::Probe { ticket, result: result.clone() });
                }
            }
        }
        self.shared.lock().stopped = true;
        self.shared.bell.notify_all();
    }

    fn refresh(&mut self, refreshes: Vec<(Ticket, Vec<RelPath>)>) {
        if refreshes.is_empty() {
            return;
        }
        let head = self.guarded(Engine::refresh);
        for (ticket, roots) in refreshes {
            self.roots.extend(roots.iter().cloned());
            let mut result = head.clone();
            for root in roots {
                if result.is_ok()
                    && let Err(error) = self.publish_records(&root)
                {
                    result = Err(error);
                }
            }
            self.shared.tell(Event::Refresh { ticket, result });
        }
    }

    fn commit(&mut self, changes: BTreeMap<Owner, (Ticket, Change)>, chores: Vec<(Ticket, Chore)>) {
        if changes.is_empty() && chores.is_empty() {
            return;
        }
        let (tickets, changes): (Vec<Ticket>, Vec<Change>) = changes.into_values().unzip();
        let (chore_tickets, chores): (Vec<Ticket>, Vec<Chore>) = chores.into_iter().unzip();
        let published = self.guarded(|engine| engine.publish(&changes, &chores));
        let (outcomes, chore_outcomes) = match published {
            Ok(published) => (published.outcomes, published.chores),
            Err(error) => (vec![Err(error.clone()); changes.len()], vec![Err(error); chores.len()]),
        };
        self.roots.extend(changes.iter().flat_map(|change| change.roots.keys().cloned()));
        if outcomes.iter().chain(&chore_outcomes).any(Result::is_ok) {
            // Published before the answers: who has the answer finds the records.
            for root in self.roots.clone() {
                if let Err(error) = self.publish_records(&root) {
                    tracing::warn!(%error, %root, "the records cannot be read");
                }
            }
        }
        for ((change, ticket), outcome) in changes.into_iter().zip(tickets).zip(outcomes) {
            self.shared.tell(Event::Change { owner: change.owner, ticket, outcome });
        }
        for (ticket, outcome) in chore_tickets.into_iter().zip(chore_outcomes) {
            self.shared.tell(Event::Chore { ticket, outcome });
        }
    }

    fn publish_records(&mut self, root: &RelPath) -> Result<(), Error> {
        let records = Arc::new(self.guarded(|engine| engine.records(root))?);
        self.shared.records.write().unwrap_or_else(PoisonError::into_inner).insert(root.clone(), records);
        Ok(())
    }

    /// Uses the engine, which is opened if need be. A panic in it is an error like others: it concerns
    /// this work, and the next begins with a new engine.
    fn guarded<T>(&mut self, work: impl FnOnce(&mut Engine) -> Result<T, Error>) -> Result<T, Error> {
        let engine = match &mut self.engine {
            Some(engine) => engine,
            None => self.engine.insert(Engine::open(self.access.clone())?),
        };
        catch_unwind(AssertUnwindSafe(|| work(engine))).unwrap_or_else(|panic| {
            self.engine = None;
            let words = words(panic.as_ref());
            tracing::error!(panic = words, "a writer failed inside");
            Err(Error::Git(format!("an error inside kept, which should be reported: {words}")))
        })
    }
}

fn words(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("no words")
}
