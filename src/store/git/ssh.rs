//! Git's protocol over SSH.

use std::collections::VecDeque;
use std::io::{self, ErrorKind, Read};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use russh::client::{Handle, Msg};
use russh::{ChannelMsg, ChannelReadHalf, ChannelWriteHalf};
use tokio::runtime::Runtime;
use tokio::time::{Instant, timeout_at};

use super::clean::Secrets;
use super::login::{Address, HostKeys, log_in};
use super::protocol::{Advertisement, Fault};
use super::remote::{Carrier, Failure};
use crate::store::{Access, Credentials, Error, SshLogin};

/// A connection that idled for longer is not used again: who knows what became of it.
const IDLE: Duration = Duration::from_secs(10);
/// How long the rest of a server's words is waited for once it has ended.
const LAST_WORDS: Duration = Duration::from_secs(2);
/// How much of a server's words is kept for an error.
const MAX_WORDS: usize = 2_000;

/// A repository's address, and a connection to its server while there is one.
pub(crate) struct Ssh {
    address: Address,
    login: SshLogin,
    timeout: Duration,
    secrets: Secrets,
    session: Option<Session>,
    /// What was greeted and not asked yet.
    talk: Option<Talk>,
}

struct Session {
    handle: Handle<HostKeys>,
    used: Instant,
    /// Something went wrong with it: the next one may do better.
    spent: Arc<AtomicBool>,
}

impl Session {
    fn is_fresh(&self) -> bool {
        !self.handle.is_closed() && !self.spent.load(Ordering::Relaxed) && self.used.elapsed() < IDLE
    }
}

/// Serves all connections: they live on while nobody waits for them.
fn runtime() -> Result<&'static Runtime, Error> {
    static RUNTIME: OnceLock<Result<Runtime, String>> = OnceLock::new();
    let make = || tokio::runtime::Builder::new_multi_thread().worker_threads(1).thread_name("ssh").enable_all().build();
    let runtime = RUNTIME.get_or_init(|| make().map_err(|error| error.to_string()));
    runtime.as_ref().map_err(|error| Error::Git(format!("no thread for SSH: {error}")))
}

impl Carrier for Ssh {
    fn new(access: &Access) -> Result<Self, Error> {
        let address = Address::parse(&access.url).ok_or_else(|| {
            Error::NotFound("a url for SSH reads ssh://git@host:port/owner/repository.git or git@host:path".to_owned())
        })?;
        let login = match &access.credentials {
            Credentials::Ssh(login) => login.clone(),
            Credentials::None => SshLogin::default(),
            _ => {
                let text = "a password or a token does not log in over SSH: use authMethod ssh, or an https url";
                return Err(Error::Unauthorized(text.to_owned()));
            }
        };
        let mut secrets = Secrets::default();
        login.private_keys.iter().for_each(|key| secrets.add(key.trim()));
        Ok(Self { address, login, timeout: access.timeout, secrets, session: None, talk: None })
    }

    fn greet(&mut self, service: &str) -> Result<Advertisement, Error> {
        self.talk = None;
        let deadline = Instant::now() + self.timeout;
        let mut talk = match self.call(service, deadline) {
            // The server may have hung up on a connection that idled; it has not on a new one.
            Err(_) if self.session.take().is_some() => self.call(service, deadline)?,
            called => called?,
        };
        match Advertisement::read(&mut talk, None) {
            Ok(said) => {
                self.talk = Some(talk);
                Ok(said)
            }
            Err(fault) => Err(self.explained(&fault, talk.last_words())),
        }
    }

    fn ask(&mut self, service: &str, request: &[u8]) -> Result<Box<dyn Read>, Failure> {
        let Some(mut talk) = self.talk.take() else {
            let error = Error::Git(format!("{service} was not greeted"));
            return Err(Failure { error, sent: false, stalled: false });
        };
        talk.deadline = Instant::now() + self.timeout;
        if let Err(error) = talk.write(request) {
            let fault = Fault::Broken(error);
            let stalled = fault.is_timeout();
            return Err(Failure { error: fault.error(|text| self.clean(text)), sent: true, stalled });
        }
        Ok(Box::new(talk))
    }

    fn leave(&mut self) {
        if let Some(mut talk) = self.talk.take() {
            talk.deadline = Instant::now() + self.timeout;
            // Nothing is wanted; what comes of saying so does not matter.
            let _ = talk.write(b"0000");
        }
    }

    fn is_stateless(&self) -> bool {
        false
    }

    fn clean(&self, text: &str) -> String {
        self.secrets.clean(text)
    }
}

impl Ssh {
    /// Has the server start a service, over the connection there is or a new one.
    fn call(&mut self, service: &str, deadline: Instant) -> Result<Talk, Error> {
        let place = format!("{}:{}", self.address.host, self.address.port);
        let late = |_| Error::Unreachable(format!("cannot reach {place}: timed out"));
        let runtime = runtime()?;
        runtime.block_on(async {
            self.session = self.session.take().filter(Session::is_fresh);
            let session = if let Some(session) = &mut self.session {
                session
            } else {
                let handle =
                    timeout_at(deadline, log_in(&self.address, &self.login, self.timeout)).await.map_err(late)??;
                let spent = Arc::new(AtomicBool::new(false));
                self.session.insert(Session { handle, used: Instant::now(), spent })
            };
            session.used = Instant::now();
            let command = format!("{service} {}", quoted(&self.address.path));
            let open = async {
                let channel = session.handle.channel_open_session().await?;
                channel.exec(true, command).await?;
                Ok(channel)
            };
            let opened: Result<_, russh::Error> = timeout_at(deadline, open).await.map_err(late)?;
            let channel = opened.map_err(|e| Error::Unreachable(format!("{place} starts no {service}: {e}")))?;
            let (read, write) = channel.split();
            Ok(Talk { read, write, runtime, deadline, spent: session.spent.clone(), heard: Heard::default() })
        })
    }

    /// Why a service has nothing to say: its words tell more than the protocol.
    fn explained(&self, fault: &Fault, words: (String, Option<u32>)) -> Error {
        let (words, status) = words;
        let words = self.clean(words.trim());
        let path = &self.address.path;
        let says = |needles: &[&str]| needles.iter().any(|needle| words.to_ascii_lowercase().contains(needle));
        if !matches!(fault, Fault::Broken(error) if error.kind() == ErrorKind::UnexpectedEof) {
            return fault.error(|text| self.clean(text));
        }
        if words.is_empty() {
            let status = status.map(|status| format!(" (exit status {status})")).unwrap_or_default();
            return Error::Unreachable(format!("{} ends at once, without a word{status}", self.address.host));
        }
        let said = format!("{} refuses {path}: {words}", self.address.host);
        if says(&["denied", "not allowed", "unauthorized", "read only", "read-only", "not authorized", "forbidden"]) {
            return Error::Unauthorized(said);
        }
        if says(&["not found", "cannot find", "could not be found", "not exist", "not appear to be a git repository"]) {
            return Error::NotFound(said);
        }
        Error::Rejected(said)
    }
}

/// A conversation with a service.
struct Talk {
    read: ChannelReadHalf,
    write: ChannelWriteHalf<Msg>,
    runtime: &'static Runtime,
    deadline: Instant,
    spent: Arc<AtomicBool>,
    heard: Heard,
}

/// What has arrived of it.
#[derive(Default)]
struct Heard {
    data: VecDeque<u8>,
    words: Vec<u8>,
    status: Option<u32>,
    /// No data comes any more; and nothing at all.
    ended: bool,
    closed: bool,
}

impl Heard {
    fn take(&mut self, message: Option<ChannelMsg>) {
        match message {
            Some(ChannelMsg::Data { data }) => self.data.extend(data.iter()),
            Some(ChannelMsg::ExtendedData { data, .. }) => {
                let room = MAX_WORDS.saturating_sub(self.words.len());
                self.words.extend_from_slice(&data[..data.len().min(room)]);
            }
            Some(ChannelMsg::ExitStatus { exit_status }) => self.status = Some(exit_status),
            Some(ChannelMsg::Eof) => self.ended = true,
            Some(ChannelMsg::Close | ChannelMsg::Failure) | None => (self.ended, self.closed) = (true, true),
            Some(_) => {}
        }
    }
}

impl Talk {
    /// Says the last that is to be said. What the server says meanwhile is taken in: neither waits for the other.
    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        let Self { read, write, heard, .. } = self;
        let said = async {
            let send = async {
                write.data(bytes).await?;
                write.eof().await
            };
            tokio::pin!(send);
            loop {
                tokio::select! {
                    biased;
                    sent = &mut send => return sent,
                    message = read.wait(), if !heard.closed => heard.take(message),
                }
            }
        };
        let sent = wait(self.runtime, self.deadline, said);
        let sent = sent.and_then(|sent| sent.map_err(|error| io::Error::new(ErrorKind::BrokenPipe, error)));
        self.watch(sent)
    }

    /// What the server said beside the protocol, and how it ended.
    fn last_words(mut self) -> (String, Option<u32>) {
        let deadline = self.deadline.min(Instant::now() + LAST_WORDS);
        let Self { read, heard, runtime, .. } = &mut self;
        let end = async {
            while !heard.closed {
                heard.take(read.wait().await);
            }
        };
        let _ = wait(runtime, deadline, end);
        (String::from_utf8_lossy(&self.heard.words).into_owned(), self.heard.status)
    }

    /// A connection on which something failed is not used again.
    fn watch<T>(&self, result: io::Result<T>) -> io::Result<T> {
        if result.is_err() {
            self.spent.store(true, Ordering::Relaxed);
        }
        result
    }
}

impl Read for Talk {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        loop {
            if out.is_empty() || !self.heard.data.is_empty() {
                return self.heard.data.read(out);
            }
            if self.heard.ended {
                return Ok(0);
            }
            let message = wait(self.runtime, self.deadline, self.read.wait());
            let message = self.watch(message)?;
            self.heard.take(message);
        }
    }
}

/// Waits for something until the deadline.
fn wait<T>(runtime: &Runtime, deadline: Instant, what: impl Future<Output = T>) -> io::Result<T> {
    runtime.block_on(async { timeout_at(deadline, what).await.map_err(|_| ErrorKind::TimedOut.into()) })
}

/// A path, as one word for a shell.
fn quoted(path: &str) -> String {
    format!("'{}'", path.replace('\'', r"'\''").replace('!', r"'\!'"))
}
