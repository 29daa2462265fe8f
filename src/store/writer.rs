//! One thread and one mailbox per engine. What arrives while a push is under way goes into the next
//! one; an owner's newer entry replaces its older one.

use std::collections::{BTreeSet, HashMap};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use futures::future::BoxFuture;
use tokio::sync::{mpsc, oneshot};

use super::{Access, Change, Chore, Engine, Error, Fence, Heads, Outcome, Published, Receipt, Survey};
use crate::values::{Branch, Owner, RelPath, Span};

/// How long a stopping operator waits for the push under way.
const STOP: Duration = Duration::from_secs(10);
/// The longest that changes are gathered.
const LONGEST: Duration = Duration::from_secs(5);

/// A change on its way, with the number by which its sender knows it again.
#[derive(Clone, Debug)]
pub struct Ticket {
    /// The sender's number.
    pub id: u64,
    /// What is wanted.
    pub change: Change,
}

/// A writer's answer to a [`Ticket`].
#[derive(Debug)]
pub struct Event {
    /// The branch written to.
    pub branch: Branch,
    /// The ticket's number.
    pub id: u64,
    /// The change that was asked for.
    pub change: Change,
    /// What became of it.
    pub outcome: Outcome,
    /// When that was: the commit as a whole, and what it took.
    pub spans: Arc<[Span]>,
}

/// A handle on a writer; cloning it gives another handle on the same one.
#[derive(Clone)]
pub struct Writer {
    shared: Arc<Shared>,
}

/// A push that the remote has answered.
#[derive(Clone, Copy, Debug)]
pub struct Push {
    /// How many requests' files it changed; none if it failed.
    pub requests: Option<usize>,
    /// From the start of the commit on.
    pub took: Duration,
}

type Observer = Box<dyn Fn(Push) + Send + Sync>;

#[derive(Default)]
struct Shared {
    mailbox: Mutex<Mailbox>,
    changed: Condvar,
    observer: OnceLock<Observer>,
    fence: OnceLock<Fence>,
}

type Answer<T> = oneshot::Sender<Result<T, Error>>;

#[derive(Default)]
struct Mailbox {
    tickets: HashMap<Owner, Ticket>,
    chores: Vec<(Chore, Answer<Receipt>)>,
    readings: Vec<(RelPath, Answer<Survey>)>,
    looks: Vec<Answer<BTreeSet<Owner>>>,
    access: Option<Access>,
    /// How many changes have come so far.
    arrived: u64,
    stopping: bool,
    stopped: bool,
}

impl Mailbox {
    fn is_empty(&self) -> bool {
        self.tickets.is_empty()
            && self.chores.is_empty()
            && self.readings.is_empty()
            && self.looks.is_empty()
            && self.access.is_none()
    }
}

impl Shared {
    fn mailbox(&self) -> MutexGuard<'_, Mailbox> {
        self.mailbox.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Writer {
    /// Starts the writer of a branch; answers to tickets go to `events`. The repository is opened with
    /// the first work, so that what is wrong with `access` is the answer to that.
    pub fn spawn(
        branch: Branch,
        access: Access,
        heads: Heads,
        events: mpsc::UnboundedSender<Event>,
    ) -> Result<Self, Error> {
        let shared = Arc::new(Shared::default());
        let thread =
            Thread { shared: shared.clone(), branch, access, heads, engine: None, events, took: Duration::ZERO };
        thread::Builder::new()
            .name("writer".into())
            .spawn(move || thread.run())
            .map_err(|e| Error::Git(format!("no thread for the writer: {e}")))?;
        Ok(Self { shared })
    }

    /// Has every push of requests told to `observer`, before their events; only the first one is listened to.
    pub fn observe(&self, observer: impl Fn(Push) + Send + Sync + 'static) {
        let _ = self.shared.observer.set(Box::new(observer));
    }

    /// Has it push only while this is open; only the first one counts, if it comes before any work.
    pub fn fence(&self, fence: Fence) {
        let _ = self.shared.fence.set(fence);
    }

    /// Puts a change into the mailbox, in place of what waits there for the same owner.
    pub fn submit(&self, ticket: Ticket) {
        self.post(|mailbox| {
            mailbox.arrived += 1;
            mailbox.tickets.insert(ticket.change.owner.clone(), ticket);
        });
    }

    /// Has a chore done, with the next commit.
    pub fn chore(&self, chore: Chore) -> BoxFuture<'static, Result<Receipt, Error>> {
        self.ask(|mailbox, answer| mailbox.chores.push((chore, answer)))
    }

    /// Reads what lies under a store root, from the remote as it is now.
    pub fn survey(&self, root: RelPath) -> BoxFuture<'static, Result<Survey, Error>> {
        self.ask(|mailbox, answer| mailbox.readings.push((root, answer)))
    }

    /// Looks at the remote, and answers whose files or records others have changed since this was asked last.
    pub fn look(&self) -> BoxFuture<'static, Result<BTreeSet<Owner>, Error>> {
        self.ask(|mailbox, answer| mailbox.looks.push(answer))
    }

    /// New credentials, for everything from the next operation on.
    pub fn set_access(&self, access: Access) {
        self.post(|mailbox| mailbox.access = Some(access));
    }

    /// Lets the push under way finish, 10 seconds at most, and stops. What waits is dropped: it will
    /// be asked for again. False if the push is still under way.
    pub fn shutdown(&self) -> bool {
        let deadline = Instant::now() + STOP;
        let mut mailbox = self.shared.mailbox();
        mailbox.stopping = true;
        self.shared.changed.notify_all();
        while !mailbox.stopped {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            mailbox = self.shared.changed.wait_timeout(mailbox, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        true
    }

    fn post(&self, put: impl FnOnce(&mut Mailbox)) {
        put(&mut self.shared.mailbox());
        self.shared.changed.notify_all();
    }

    fn ask<T: Send + 'static>(
        &self,
        put: impl FnOnce(&mut Mailbox, Answer<T>),
    ) -> BoxFuture<'static, Result<T, Error>> {
        let (sender, receiver) = oneshot::channel();
        self.post(|mailbox| put(mailbox, sender));
        Box::pin(async move { receiver.await.unwrap_or_else(|_| Err(Error::Git("the writer is stopping".into()))) })
    }
}

/// What arrives in one go shares a commit: a moment is waited while more is arriving. A push costs a server
/// far more than a commit of many; the longer the last one took, the more is gathered for the next.
struct Patience {
    /// Nothing has arrived for so long: it is not in one go any more.
    lull: Duration,
    /// However much more is arriving.
    longest: Duration,
}

impl Patience {
    /// Nothing has been waiting: whoever comes alone is served at once.
    fn idle() -> Self {
        Self { lull: Duration::from_millis(1), longest: Duration::from_millis(50) }
    }

    /// Something has arrived during a push that took so long.
    fn after(push: Duration) -> Self {
        let lull = (push / 4).clamp(Duration::from_millis(1), Duration::from_millis(500));
        Self { lull, longest: (3 * push).min(LONGEST) }
    }
}

/// The push of these, if there was one.
fn pushed(outcomes: &[Outcome], took: Duration) -> Option<Push> {
    let changed = outcomes.iter().flatten().filter(|receipt| receipt.files_changed > 0).count();
    // What is in conflict is found before anything is pushed.
    let failed = |outcome: &Outcome| matches!(outcome, Err(e) if !matches!(e, Error::Conflict(_) | Error::Blocked(_)));
    let requests = (changed > 0).then_some(changed);
    (changed > 0 || outcomes.iter().any(failed)).then_some(Push { requests, took })
}

struct Thread {
    shared: Arc<Shared>,
    branch: Branch,
    access: Access,
    heads: Heads,
    engine: Option<Engine>,
    events: mpsc::UnboundedSender<Event>,
    /// How long the last commit was under way.
    took: Duration,
}

impl Thread {
    fn run(mut self) {
        while let Some(work) = self.next() {
            self.serve(work);
        }
        self.shared.mailbox().stopped = true;
        self.shared.changed.notify_all();
    }

    /// Everything that has arrived, once something has.
    fn next(&self) -> Option<Mailbox> {
        let mut mailbox = self.shared.mailbox();
        let mut patience = Patience::after(self.took);
        while mailbox.is_empty() && !mailbox.stopping {
            patience = Patience::idle();
            mailbox = self.shared.changed.wait(mailbox).unwrap_or_else(PoisonError::into_inner);
        }
        let begun = Instant::now();
        while !mailbox.stopping && !mailbox.tickets.is_empty() && begun.elapsed() < patience.longest {
            let arrived = mailbox.arrived;
            let (next, wait) =
                self.shared.changed.wait_timeout(mailbox, patience.lull).unwrap_or_else(PoisonError::into_inner);
            mailbox = next;
            if wait.timed_out() && mailbox.arrived == arrived {
                break;
            }
        }
        if mailbox.stopping {
            return None;
        }
        Some(std::mem::take(&mut *mailbox))
    }

    fn serve(&mut self, work: Mailbox) {
        if let Some(access) = work.access {
            self.access = access.clone();
            if let Some(engine) = &mut self.engine {
                engine.set_access(access);
            }
        }
        for (root, answer) in work.readings {
            let _ = answer.send(self.attempt(|engine| engine.refresh().and_then(|_| engine.survey(&root))));
        }
        for answer in work.looks {
            let _ = answer.send(self.attempt(|engine| engine.refresh().map(|_| engine.take_disturbed())));
        }
        let (tickets, changes): (Vec<u64>, Vec<Change>) =
            work.tickets.into_values().map(|ticket| (ticket.id, ticket.change)).unzip();
        let (chores, answers): (Vec<Chore>, Vec<_>) = work.chores.into_iter().unzip();
        if changes.is_empty() && chores.is_empty() {
            return;
        }
        let (begun, since) = (Instant::now(), SystemTime::now());
        let mut steps = Vec::new();
        let done = self.attempt(|engine| {
            engine.take_spans();
            let done = engine.publish(&changes, &chores);
            steps = engine.take_spans();
            done
        });
        self.took = begun.elapsed();
        let spans: Arc<[Span]> = [Span::since("commit", since)].into_iter().chain(steps).collect();
        for (at, answer) in answers.into_iter().enumerate() {
            let _ = answer.send(done.as_ref().map_err(Clone::clone).and_then(|done| done.chores[at].clone()));
        }
        let outcomes = match done {
            Ok(Published { outcomes, .. }) => {
                let changed = outcomes.iter().flatten().filter(|receipt| receipt.files_changed > 0);
                if let Some(commit) = changed.clone().next().map(|receipt| &receipt.commit) {
                    tracing::info!(branch = %self.branch, commit, requests = changed.count(), "pushed");
                }
                outcomes
            }
            Err(error) => changes.iter().map(|_| Err(error.clone())).collect(),
        };
        if let (Some(observer), Some(push)) = (self.shared.observer.get(), pushed(&outcomes, self.took)) {
            observer(push);
        }
        for ((id, change), outcome) in tickets.into_iter().zip(changes).zip(outcomes) {
            // Nobody listens any more only when the operator stops.
            let (branch, spans) = (self.branch.clone(), spans.clone());
            let _ = self.events.send(Event { branch, id, change, outcome, spans });
        }
    }

    fn open(&self) -> Result<Engine, Error> {
        let fence = self.shared.fence.get().cloned().unwrap_or_default();
        Ok(Engine::open(self.access.clone())?.sharing(self.heads.clone()).fenced(fence))
    }

    /// Runs one operation. After a panic or a failure of Git the engine begins anew.
    fn attempt<T>(&mut self, work: impl FnOnce(&mut Engine) -> Result<T, Error>) -> Result<T, Error> {
        let mut engine = match self.engine.take() {
            Some(engine) => engine,
            None => self.open()?,
        };
        let result = catch_unwind(AssertUnwindSafe(|| work(&mut engine)));
        let result =
            result.unwrap_or_else(|_| Err(Error::Git("a defect in kept stopped this operation; see the log".into())));
        if matches!(&result, Err(Error::Git(_))) {
            engine.forget();
        }
        self.engine = Some(engine);
        result
    }
}
