//! A repository behind Git's smart HTTP protocol. libgit2's own client is not used: it cannot push
//! against a commit of the caller's choice, and its timeouts are those of the whole process.

use git2::{Oid, Repository};

use super::cache::Cache;
use super::client::{Client, Failure, is_timeout};
use super::objects::Sink;
use super::protocol::{self, Advertisement, Fault, Report};
use super::{Beside, Pushed, Transport};
use crate::store::{Access, Error};

const FETCH: &str = "git-upload-pack";
const PUSH: &str = "git-receive-pack";

/// A repository at a server.
pub(crate) struct Http {
    url: String,
    reference: String,
    client: Client,
    cache: Cache,
    access: Access,
    /// What the server said when it was asked last, of fetching and of pushing.
    reader: Option<Advertisement>,
    writer: Option<Advertisement>,
}

impl Http {
    /// Prepares a client and an empty cache; makes no connection yet.
    pub(crate) fn open(access: &Access) -> Result<Self, Error> {
        let url =
            url::Url::parse(&access.url).map_err(|e| Error::NotFound(format!("the store's url is not one: {e}")))?;
        if !url.username().is_empty() || url.password().is_some() {
            return Err(Error::Unauthorized(
                "a url must not hold credentials; give them by a Secret, the environment or git's credential helper"
                    .to_owned(),
            ));
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(Error::NotFound("a repository's url has no query and no fragment".to_owned()));
        }
        Ok(Self {
            url: url.as_str().trim_end_matches('/').to_owned(),
            reference: format!("refs/heads/{}", access.branch),
            client: Client::new(access)?,
            cache: Cache::new(access)?,
            access: access.clone(),
            reader: None,
            writer: None,
        })
    }

    fn advertisement(&self, service: &str) -> Result<Advertisement, Error> {
        let url = format!("{}/info/refs?service={service}", self.url);
        let mut answer = self.client.get(&url)?;
        let kind = format!("application/x-{service}-advertisement");
        if answer.headers().get("content-type").is_none_or(|given| *given != *kind) {
            return Err(Error::NotFound(format!(
                "{} answers, but not as a Git repository; check the url",
                self.client.clean(&self.url)
            )));
        }
        Advertisement::read(&mut answer.body_mut().as_reader(), service).map_err(|fault| self.client.fault(&fault))
    }
}

impl Transport for Http {
    fn repo(&self) -> &Repository {
        self.cache.repo()
    }

    fn head(&mut self) -> Result<Option<Oid>, Error> {
        let server = self.advertisement(FETCH)?;
        let head = server.get(&self.reference);
        self.reader = Some(server);
        Ok(head)
    }

    fn is_near(&self) -> bool {
        false
    }

    fn fetch(&mut self, commit: Oid, have: Option<Oid>) -> Result<(), Error> {
        let server = match self.reader.take() {
            Some(server) => server,
            None => self.advertisement(FETCH)?,
        };
        let body = protocol::fetch_request(&server, commit, have);
        let answer = self.client.post(&self.url, FETCH, &body);
        let mut answer = answer.map_err(|failure| failure.error)?;
        let reader = answer.body_mut().as_reader();
        let pack = protocol::fetch_answer(reader, &server).map_err(|fault| match fault {
            // It moved again, backwards, since it was looked at.
            Fault::Refused(words) if words.contains("not our ref") => Error::Contended(self.client.clean(&words)),
            fault => self.client.fault(&fault),
        })?;
        self.cache.add(pack, commit).map_err(|error| self.client.cleaned(error))?;
        self.cache.tidy(&self.access, commit)
    }

    fn push(&mut self, old: Option<Oid>, new: Oid, objects: &Sink) -> Result<Pushed, Error> {
        let server = if let Some(server) = self.writer.take() {
            server
        } else {
            let server = self.advertisement(PUSH)?;
            if server.get(&self.reference) != old {
                self.writer = Some(server);
                return Ok(Pushed::Moved("the branch moved".to_owned()));
            }
            server
        };
        let body = protocol::push_request(&server, &self.reference, old, new, objects.pack()?.bytes());
        let mut answer = match self.client.post(&self.url, PUSH, &body) {
            Ok(answer) => answer,
            Err(Failure { error, sent: false, .. }) => return Err(error),
            Err(Failure { error, stalled, .. }) => return Ok(Pushed::Unknown { error, stalled }),
        };
        let report = protocol::push_answer(answer.body_mut().as_reader(), &server);
        self.writer = Some(server);
        match report {
            Ok(Report::Done) => {
                self.cache.keep(objects)?;
                self.cache.tidy(&self.access, new)?;
                Ok(Pushed::Done)
            }
            Ok(Report::Refused { reason, words }) if protocol::is_race(&reason) => {
                Ok(Pushed::Moved(self.client.clean(format!("{reason} {words}").trim())))
            }
            Ok(Report::Refused { reason, words }) => {
                let words = if words.trim().is_empty() { String::new() } else { format!(": {}", words.trim()) };
                Err(Error::Rejected(self.client.clean(&format!("the server refused the push ({reason}){words}"))))
            }
            Err(Fault::Refused(words)) => {
                Err(Error::Rejected(self.client.clean(&format!("the server refused the push: {words}"))))
            }
            Err(fault) => {
                let stalled = matches!(&fault, Fault::Broken(error) if is_timeout(error));
                Ok(Pushed::Unknown { error: self.client.fault(&fault), stalled })
            }
        }
    }

    fn beside(&self, objects: &Sink) -> Result<Beside<'_>, Error> {
        objects.copy_to(self.cache.repo())?;
        Ok(Beside::Lent(self.cache.repo()))
    }

    fn set_access(&mut self, access: &Access) -> Result<(), Error> {
        self.client = Client::new(access)?;
        self.access = access.clone();
        self.writer = None;
        Ok(())
    }

    fn probe(&mut self) -> Result<Option<Oid>, Error> {
        let server = self.advertisement(PUSH)?;
        let head = server.get(&self.reference);
        self.writer = Some(server);
        Ok(head)
    }
}
