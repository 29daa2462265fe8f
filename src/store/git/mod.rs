//! Git, as far as the writer needs it: trees and packs of our own making, and ways to a remote.

mod cache;
mod clean;
mod client;
mod entry;
mod github;
mod http;
mod keys;
mod known_hosts;
pub(crate) mod local;
mod login;
pub(crate) mod objects;
mod pack;
pub(crate) mod parse;
mod protocol;
pub(crate) mod proxy;
mod remote;
pub(crate) mod sign;
mod ssh;
pub(crate) mod tree;

use std::path::PathBuf;
use std::sync::Once;

use git2::Oid;

use self::objects::{Objects, Sink};
use self::remote::Remote;
use super::{Access, Error, Fence};

/// How a push ended.
#[derive(Debug)]
pub(crate) enum Pushed {
    /// The remote confirmed it.
    Done,
    /// The branch was not where we thought: nothing happened. The remote's words.
    Moved(String),
    /// The connection ended before the answer came: it may have happened or not.
    Unknown {
        /// What was seen of it.
        error: Error,
        /// Whether the server took too long, rather than went away.
        stalled: bool,
    },
}

/// A way to one branch of one repository.
pub(crate) trait Transport: Send {
    /// Where objects of the remote can be read once fetched.
    fn objects(&self) -> &dyn Objects;
    /// The commit at the remote's branch now.
    fn head(&mut self) -> Result<Option<Oid>, Error>;
    /// Whether `head` is so cheap that each commit begins with it.
    fn is_near(&self) -> bool;
    /// Makes `commit` and its whole tree readable; `have` is readable already.
    fn fetch(&mut self, commit: Oid, have: Option<Oid>) -> Result<(), Error>;
    /// Moves the branch from `old` to `new`, or does nothing. Once done, `new` is readable. Nothing is sent unless
    /// `fence` is open at that moment.
    fn push(&mut self, old: Option<Oid>, new: Oid, objects: &Sink, fence: &Fence) -> Result<Pushed, Error>;
    /// Takes new credentials for the same URL and branch.
    fn set_access(&mut self, access: &Access) -> Result<(), Error>;
    /// Checks that the branch can be written, without writing.
    fn probe(&mut self) -> Result<Option<Oid>, Error>;
}

/// Finds the transport for a URL.
pub(crate) fn open(access: &Access) -> Result<Box<dyn Transport>, Error> {
    // Trees are read once, into values of our own: libgit2 need not remember up to 256 MiB of them as well.
    static FORGETFUL: Once = Once::new();
    FORGETFUL.call_once(|| git2::opts::enable_caching(false));
    if !git2::Reference::is_valid_name(&format!("refs/heads/{}", access.branch)) {
        return Err(Error::NotFound(format!("{:?} cannot be the name of a branch", access.branch)));
    }
    // What cannot be signed is not to be found out by the first commit.
    access.signing.as_ref().map_or(Ok(()), sign::check)?;
    let url = access.url.as_str();
    let scheme = url.split_once("://").map(|(scheme, _)| scheme.to_ascii_lowercase());
    match scheme.as_deref() {
        None if is_scp_like(url) => Ok(Box::new(Remote::<ssh::Ssh>::open(access)?)),
        None => Ok(Box::new(local::Local::open(PathBuf::from(url), &access.branch, access.create)?)),
        Some("file") => {
            let path = url::Url::parse(url).ok().and_then(|url| url.to_file_path().ok());
            let path = path.ok_or_else(|| Error::NotFound(format!("{url} is not a file:// URL of this machine")))?;
            Ok(Box::new(local::Local::open(path, &access.branch, access.create)?))
        }
        Some("http" | "https") => Ok(Box::new(Remote::<http::Http>::open(access)?)),
        Some("ssh") => Ok(Box::new(Remote::<ssh::Ssh>::open(access)?)),
        Some(other) => Err(Error::NotFound(format!(
            "repositories are reached by a path, file://, http://, https:// or ssh://, not by {other}://"
        ))),
    }
}

/// `user@host:path`. What has a slash before its colon is a path, as Git has it.
fn is_scp_like(url: &str) -> bool {
    url.split_once(':').is_some_and(|(host, _)| host.contains('@') && !host.contains('/'))
}

/// A failure of libgit2 that has no better name.
pub(crate) fn failed(doing: &str, error: &git2::Error) -> Error {
    let what = format!("cannot {doing}: {}", error.message());
    // libgit2 has no code of its own for a permission that is missing.
    if error.message().contains("ermission denied") || error.message().contains("Read-only file system") {
        return Error::Unauthorized(format!("{what}; check the permissions of the user that kept runs as"));
    }
    Error::Git(what)
}
