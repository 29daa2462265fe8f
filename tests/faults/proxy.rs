//! A network that fails on demand: it stands before a real server, passes calls on, and spoils some.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::chance::Chance;

/// What is asked of the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Call {
    /// Where the branch is, for fetching.
    Look,
    /// Where the branch is, for pushing.
    PushLook,
    /// A fetch.
    Fetch,
    /// A push.
    Push,
}

/// What becomes of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The connection is cut before the server gets anything.
    CutBefore,
    /// The server gets half of it, and then the connection is cut.
    CutDuring,
    /// The server does what it is asked for, and the connection is cut before its answer.
    CutAfter,
    /// Cut in the middle of the answer.
    Truncated,
    /// The answer ends in its middle, and says that this is all.
    Shortened,
    /// The server never gets it; the answer is this status.
    Status(u16),
    /// The server does it; the answer is this status all the same.
    StatusAfter(u16),
    /// Nothing happens at all, and nobody answers.
    Stall,
    /// The server does it, but nobody answers.
    StallAfter,
    /// The server does it, and its answer stops in its middle.
    StallHalfway,
    /// The answer comes in small pieces.
    Slow,
}

/// All faults that there are.
pub(crate) const FAULTS: [Fault; 12] = [
    Fault::CutBefore,
    Fault::CutDuring,
    Fault::CutAfter,
    Fault::Truncated,
    Fault::Shortened,
    Fault::Status(500),
    Fault::Status(503),
    Fault::StatusAfter(502),
    Fault::Slow,
    Fault::Stall,
    Fault::StallAfter,
    Fault::StallHalfway,
];

/// Those that need no patience.
pub(crate) const SWIFT: &[Fault] = FAULTS.split_at(9).0;

/// Which calls are spoilt.
#[derive(Default)]
struct Plan {
    /// Calls of this kind, so many times.
    next: Option<(Call, Fault, usize)>,
    /// So many calls of a hundred, by chance.
    random: Option<(usize, &'static [Fault], Chance)>,
}

struct State {
    server: SocketAddr,
    plan: Mutex<Plan>,
    /// How often there was which fault; none: no fault.
    calls: Mutex<HashMap<Option<String>, usize>>,
    /// Connections that are open, to be cut when the server goes away.
    open: Mutex<Vec<TcpStream>>,
    closed: AtomicBool,
}

/// See the module.
pub(crate) struct Proxy {
    pub(crate) url: String,
    address: SocketAddr,
    state: Arc<State>,
    listener: Option<JoinHandle<()>>,
}

impl Proxy {
    /// Stands before the server at a URL.
    pub(crate) fn before(url: &str) -> Self {
        let address = url.strip_prefix("http://").unwrap().split('/').next().unwrap();
        let state = Arc::new(State {
            server: address.parse().unwrap(),
            plan: Mutex::default(),
            calls: Mutex::default(),
            open: Mutex::default(),
            closed: AtomicBool::new(false),
        });
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let listener = Some(listen(listener, state.clone()));
        Self { url: format!("http://{address}"), address, state, listener }
    }

    /// Spoils the next calls of a kind.
    pub(crate) fn spoil(&self, call: Call, fault: Fault, times: usize) {
        self.state.plan.lock().unwrap().next = Some((call, fault, times));
    }

    /// Spoils so many of a hundred calls, in one of these ways.
    pub(crate) fn spoil_some(&self, percent: usize, faults: &'static [Fault], chance: Chance) {
        self.state.plan.lock().unwrap().random = Some((percent, faults, chance));
    }

    /// Nothing is spoilt any more.
    pub(crate) fn heal(&self) {
        *self.state.plan.lock().unwrap() = Plan::default();
    }

    /// How many calls there were, and how many of them were spoilt.
    pub(crate) fn calls(&self) -> (usize, usize) {
        let calls = self.state.calls.lock().unwrap();
        (calls.values().sum(), calls.iter().filter(|(fault, _)| fault.is_some()).map(|(_, count)| count).sum())
    }

    /// Waits until so many calls were spoilt.
    pub(crate) fn wait_spoilt(&self, count: usize) {
        for _ in 0..1000 {
            if self.calls().1 >= count {
                return;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        panic!("nothing was spoilt");
    }

    /// Nobody listens any more: connections are refused, and those that were open are cut.
    pub(crate) fn close(&mut self) {
        self.state.closed.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(self.address);
        self.listener.take().unwrap().join().unwrap();
        for stream in self.state.open.lock().unwrap().drain(..) {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }

    /// Somebody listens again.
    pub(crate) fn open(&mut self) {
        self.state.closed.store(false, Ordering::SeqCst);
        self.listener = Some(listen(TcpListener::bind(self.address).unwrap(), self.state.clone()));
    }
}

fn listen(listener: TcpListener, state: Arc<State>) -> JoinHandle<()> {
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            if state.closed.load(Ordering::SeqCst) {
                return;
            }
            state.open.lock().unwrap().push(stream.try_clone().unwrap());
            let state = state.clone();
            std::thread::spawn(move || {
                let _ = serve(&state, &stream);
                let _ = stream.shutdown(Shutdown::Both);
            });
        }
    })
}

/// Serves one connection until it ends.
fn serve(state: &State, client: &TcpStream) -> std::io::Result<()> {
    client.set_nodelay(true)?;
    let mut reader = BufReader::new(client);
    while let Some((head, body)) = read(&mut reader)? {
        let fault = fault(state, &head);
        *state.calls.lock().unwrap().entry(fault.map(|fault| format!("{fault:?}"))).or_default() += 1;
        let pass_on = || pass_on(state.server, &head, &body);
        match fault {
            None => {
                let answer = pass_on()?;
                (&*client).write_all(&answer)?;
                if !text(&answer).to_ascii_lowercase().contains("content-length:") {
                    return Ok(());
                }
            }
            Some(Fault::CutBefore) => return Ok(()),
            Some(Fault::CutDuring) => {
                let mut server = TcpStream::connect(state.server)?;
                let all = [head.as_bytes(), &body].concat();
                server.write_all(&all[..head.len() / 2 + body.len() / 2])?;
                return server.shutdown(Shutdown::Both);
            }
            Some(Fault::CutAfter) => return pass_on().map(drop),
            Some(Fault::Truncated) => {
                let answer = pass_on()?;
                return (&*client).write_all(&answer[..usize::midpoint(end_of_head(&answer), answer.len())]);
            }
            Some(Fault::Shortened) => {
                let answer = pass_on()?;
                let body = &answer[end_of_head(&answer)..];
                let half = &body[..body.len() / 2];
                let kind = text(&answer).lines().find(|line| line.to_ascii_lowercase().starts_with("content-type"));
                let kind = kind.unwrap_or("X-Nothing: x").to_owned();
                let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n{kind}\r\n\r\n", half.len());
                (&*client).write_all(&[head.as_bytes(), half].concat())?;
            }
            Some(Fault::Status(code)) => (&*client).write_all(status(code).as_bytes())?,
            Some(Fault::StatusAfter(code)) => {
                pass_on()?;
                (&*client).write_all(status(code).as_bytes())?;
            }
            Some(Fault::Stall) => return until_gone(&mut reader),
            Some(Fault::StallAfter) => {
                pass_on()?;
                return until_gone(&mut reader);
            }
            Some(Fault::StallHalfway) => {
                let answer = pass_on()?;
                (&*client).write_all(&answer[..usize::midpoint(end_of_head(&answer), answer.len())])?;
                return until_gone(&mut reader);
            }
            Some(Fault::Slow) => {
                let answer = pass_on()?;
                for piece in answer.chunks(answer.len() / 8 + 1) {
                    (&*client).write_all(piece)?;
                    std::thread::sleep(Duration::from_millis(10));
                }
            }
        }
    }
    Ok(())
}

/// What is to become of the call with this head.
fn fault(state: &State, head: &str) -> Option<Fault> {
    let line = head.lines().next().unwrap_or_default();
    let call = match (line.contains("/info/refs"), line.contains("git-upload-pack")) {
        (true, true) => Call::Look,
        (true, false) => Call::PushLook,
        (false, true) => Call::Fetch,
        (false, false) if line.contains("git-receive-pack") => Call::Push,
        (false, false) => return None,
    };
    let mut plan = state.plan.lock().unwrap();
    match &mut plan.next {
        Some((planned, fault, times)) if *planned == call && *times > 0 => {
            *times -= 1;
            return Some(*fault);
        }
        _ => {}
    }
    let (percent, faults, chance) = plan.random.as_mut()?;
    chance.percent(*percent).then(|| chance.pick(faults))
}

/// The head and the body of the next message.
fn read(reader: &mut impl BufRead) -> std::io::Result<Option<(String, Vec<u8>)>> {
    let (mut head, mut length) = (String::new(), 0);
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 {
            return Ok(None);
        }
        if let Some(given) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = given.trim().parse().unwrap();
        }
        head += &line;
        if line == "\r\n" {
            break;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    Ok(Some((head, body)))
}

/// The server's whole answer.
fn pass_on(server: SocketAddr, head: &str, body: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut server = TcpStream::connect(server)?;
    let head = head.replacen("\r\n", "\r\nConnection: close\r\n", 1);
    server.write_all(&[head.as_bytes(), body].concat())?;
    let mut reader = BufReader::new(server);
    let Some((head, mut body)) = read(&mut reader)? else { return Ok(Vec::new()) };
    if !head.to_ascii_lowercase().contains("content-length:") {
        reader.read_to_end(&mut body)?;
    }
    Ok([head.as_bytes(), &body].concat())
}

fn end_of_head(answer: &[u8]) -> usize {
    answer.windows(4).position(|end| end == b"\r\n\r\n").map_or(0, |at| at + 4)
}

fn text(answer: &[u8]) -> &str {
    std::str::from_utf8(&answer[..end_of_head(answer)]).unwrap_or_default()
}

fn status(code: u16) -> String {
    format!("HTTP/1.1 {code} Oh\r\nContent-Length: 5\r\n\r\noops\n")
}

/// Waits until the client gives up.
fn until_gone(reader: &mut impl Read) -> std::io::Result<()> {
    reader.read_to_end(&mut Vec::new()).map(drop)
}
