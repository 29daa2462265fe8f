//! Git's protocol over HTTP.

use std::io::{self, Read};

use super::client::Client;
use super::protocol::Advertisement;
use super::remote::{Carrier, Failure};
use crate::store::{Access, Error};

/// A repository's address, and who calls.
pub(crate) struct Http {
    url: String,
    client: Client,
}

impl Carrier for Http {
    fn new(access: &Access) -> Result<Self, Error> {
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
        Ok(Self { url: url.as_str().trim_end_matches('/').to_owned(), client: Client::new(access, &url)? })
    }

    fn greet(&mut self, service: &str) -> Result<Advertisement, Error> {
        let url = format!("{}/info/refs?service={service}", self.url);
        let answer = self.client.get(&url)?;
        let kind = format!("application/x-{service}-advertisement");
        if answer.headers().get("content-type").is_none_or(|given| *given != *kind) {
            return Err(Error::NotFound(format!(
                "{} answers, but not as a Git repository; check the url",
                self.clean(&self.url)
            )));
        }
        let mut body = Body(answer.into_body().into_reader());
        Advertisement::read(&mut body, Some(service)).map_err(|fault| fault.error(|text| self.clean(text)))
    }

    fn ask(&mut self, service: &str, request: &[u8]) -> Result<Box<dyn Read>, Failure> {
        let answer = self.client.post(&self.url, service, request)?;
        Ok(Box::new(Body(answer.into_body().into_reader())))
    }

    fn leave(&mut self) {}

    fn is_stateless(&self) -> bool {
        true
    }

    fn clean(&self, text: &str) -> String {
        self.client.clean(text)
    }
}

/// An answer's body, whose time limit is told as that of any reader.
struct Body(ureq::BodyReader<'static>);

impl Read for Body {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        self.0.read(out).map_err(|error| match error.get_ref().and_then(|inner| inner.downcast_ref()) {
            Some(ureq::Error::Timeout(_)) => io::ErrorKind::TimedOut.into(),
            _ => error,
        })
    }
}
