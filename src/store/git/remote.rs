//! A repository behind Git's own protocol, whatever carries that. libgit2's own client is not used: it cannot
//! push against a commit of the caller's choice, and its timeouts are those of the whole process.

use std::io::Read;

use git2::Oid;

use super::cache::Cache;
use super::clean::cleaned;
use super::objects::{Objects, Sink};
use super::protocol::{self, Advertisement, Fault, Report};
use super::{Pushed, Transport};
use crate::store::{Access, Error, Fence};

const FETCH: &str = "git-upload-pack";
const PUSH: &str = "git-receive-pack";

/// Carries the protocol to a server and back; keeps to the time limit of its `Access`.
pub(crate) trait Carrier: Send + Sized {
    /// Prepares everything; makes no connection yet.
    fn new(access: &Access) -> Result<Self, Error>;

    /// Calls a service and hears what it says of its references.
    fn greet(&mut self, service: &str) -> Result<Advertisement, Error>;

    /// Asks the service just greeted for something; the answer.
    fn ask(&mut self, service: &str, request: &[u8]) -> Result<Box<dyn Read>, Failure>;

    /// Leaves a service that was greeted and is not going to be asked.
    fn leave(&mut self);

    /// Whether nothing connects an `ask` with its `greet`: one greeting then does for many requests.
    fn is_stateless(&self) -> bool;

    /// A text of somebody else's, fit to be shown.
    fn clean(&self, text: &str) -> String;
}

/// Why a request has no answer.
pub(crate) struct Failure {
    pub(crate) error: Error,
    /// Whether the server may have got it.
    pub(crate) sent: bool,
    /// Whether it took too long.
    pub(crate) stalled: bool,
}

/// A repository at a server.
pub(crate) struct Remote<C> {
    reference: String,
    carrier: C,
    cache: Cache,
    access: Access,
    /// What the server said when it was asked last, of fetching and of pushing, where that can be used again.
    reader: Option<Advertisement>,
    writer: Option<Advertisement>,
}

impl<C: Carrier> Remote<C> {
    /// Prepares a carrier and an empty cache; makes no connection yet.
    pub(crate) fn open(access: &Access) -> Result<Self, Error> {
        Ok(Self {
            reference: format!("refs/heads/{}", access.branch),
            carrier: C::new(access)?,
            cache: Cache::new(access),
            access: access.clone(),
            reader: None,
            writer: None,
        })
    }

    /// Keeps what a service said, if that is of use later; else leaves it.
    fn keep(&mut self, server: Advertisement) -> Option<Advertisement> {
        if self.carrier.is_stateless() {
            return Some(server);
        }
        self.carrier.leave();
        None
    }

    /// What is wrong with an answer, as an error of the store.
    fn fault(&self, fault: &Fault) -> Error {
        fault.error(|text| self.carrier.clean(text))
    }
}

impl<C: Carrier> Transport for Remote<C> {
    fn objects(&self) -> &dyn Objects {
        &self.cache
    }

    fn head(&mut self) -> Result<Option<Oid>, Error> {
        let server = self.carrier.greet(FETCH)?;
        let head = server.get(&self.reference);
        self.reader = self.keep(server);
        Ok(head)
    }

    fn is_near(&self) -> bool {
        false
    }

    fn fetch(&mut self, commit: Oid, have: Option<Oid>) -> Result<(), Error> {
        let server = match self.reader.take() {
            Some(server) => server,
            None => self.carrier.greet(FETCH)?,
        };
        let request = protocol::fetch_request(&server, commit, have);
        let answer = self.carrier.ask(FETCH, &request).map_err(|failure| failure.error)?;
        let pack = protocol::fetch_answer(answer, &server).map_err(|fault| match fault {
            // It moved again, backwards, since it was looked at.
            Fault::Refused(words) if words.contains("not our ref") => Error::Contended(self.carrier.clean(&words)),
            fault => self.fault(&fault),
        })?;
        // Before the new one comes: what differs from the old one is still to be seen.
        have.map_or(Ok(()), |have| self.cache.tidy(have))?;
        self.cache.add(pack).map_err(|error| cleaned(error, |text| self.carrier.clean(text)))
    }

    fn push(&mut self, old: Option<Oid>, new: Oid, objects: &Sink, fence: &Fence) -> Result<Pushed, Error> {
        let server = if let Some(server) = self.writer.take() {
            server
        } else {
            let server = self.carrier.greet(PUSH)?;
            if server.get(&self.reference) != old {
                self.writer = self.keep(server);
                return Ok(Pushed::Moved("the branch moved".to_owned()));
            }
            server
        };
        let pack = objects.pack()?;
        let request = protocol::push_request(&server, &self.reference, old, new, pack.bytes());
        // The last moment: greeting the server may have taken long.
        if let Err(error) = fence.pass() {
            self.writer = self.keep(server);
            return Err(error);
        }
        let answer = match self.carrier.ask(PUSH, &request) {
            Ok(answer) => answer,
            Err(Failure { error, sent: false, .. }) => return Err(error),
            Err(Failure { error, stalled, .. }) => return Ok(Pushed::Unknown { error, stalled }),
        };
        let report = protocol::push_answer(answer, &server);
        self.writer = Some(server).filter(|_| self.carrier.is_stateless());
        match report {
            Ok(Report::Done) => {
                // The remote has it, whatever becomes of the cache: without it, the next use begins anew.
                if let Err(error) = self.cache.keep(&pack).and_then(|()| self.cache.tidy(new)) {
                    tracing::warn!(%error, "a cache is given up");
                    self.cache = Cache::new(&self.access);
                }
                Ok(Pushed::Done)
            }
            Ok(Report::Refused { reason, words }) if protocol::is_race(&reason) => {
                Ok(Pushed::Moved(self.carrier.clean(format!("{reason} {words}").trim())))
            }
            Ok(Report::Refused { reason, words }) => {
                let words = if words.trim().is_empty() { String::new() } else { format!(": {}", words.trim()) };
                Err(Error::Rejected(self.carrier.clean(&format!("the server refused the push ({reason}){words}"))))
            }
            Err(Fault::Refused(words)) => {
                Err(Error::Rejected(self.carrier.clean(&format!("the server refused the push: {words}"))))
            }
            Err(fault) => Ok(Pushed::Unknown { error: self.fault(&fault), stalled: fault.is_timeout() }),
        }
    }

    fn set_access(&mut self, access: &Access) -> Result<(), Error> {
        self.carrier = C::new(access)?;
        self.access = access.clone();
        self.writer = None;
        self.reader = None;
        Ok(())
    }

    fn probe(&mut self) -> Result<Option<Oid>, Error> {
        let server = self.carrier.greet(PUSH)?;
        let head = server.get(&self.reference);
        self.writer = self.keep(server);
        Ok(head)
    }
}
