//! A Git server: `git http-backend` behind a few lines of HTTP, with faults on demand.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, Condvar, Mutex};

/// What goes wrong, until it is set otherwise.
#[derive(Clone, Debug, Default)]
pub(crate) struct Faults {
    /// The only user and password that are let in.
    pub(crate) only: Option<(String, String)>,
    /// The only token whose bearer is let in.
    pub(crate) bearer: Option<String>,
    /// Every answer is a redirect to this.
    pub(crate) redirect: Option<String>,
    /// Pushes are taken in, but the connection is cut before the answer (so many times).
    pub(crate) cut_after_push: usize,
    /// Connections are cut when a push has arrived, and it is not carried out (so many times).
    pub(crate) cut_before_push: usize,
    /// Every answer has this status.
    pub(crate) status: Option<u16>,
    /// Run before each push is carried out.
    pub(crate) before_push: Option<fn(&Path)>,
}

/// A server that ends with the test.
pub(crate) struct Server {
    pub(crate) url: String,
    state: Arc<State>,
}

struct State {
    root: PathBuf,
    faults: Mutex<Faults>,
    /// Pushes wait while this is true.
    held: Mutex<bool>,
    bell: Condvar,
    requests: Mutex<Vec<String>>,
    also: Mutex<Option<(String, Also)>>,
}

/// Answers requests that are not Git's, by path and headers: a status and a body.
type Also = Box<dyn Fn(&mut Faults, &str, &HashMap<String, String>) -> (&'static str, String) + Send>;

impl Server {
    /// Serves the repositories below `root`.
    pub(crate) fn start(root: &Path) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let state = Arc::new(State {
            root: root.to_owned(),
            faults: Mutex::default(),
            held: Mutex::new(false),
            bell: Condvar::new(),
            requests: Mutex::default(),
            also: Mutex::default(),
        });
        let shared = state.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let state = shared.clone();
                std::thread::spawn(move || serve(&state, &stream));
            }
        });
        Self { url, state }
    }

    pub(crate) fn repo(&self, name: &str) -> String {
        format!("{}/{name}", self.url)
    }

    pub(crate) fn set(&self, set: impl FnOnce(&mut Faults)) {
        set(&mut self.state.faults.lock().unwrap());
    }

    /// Has something else answer what begins with `prefix`.
    pub(crate) fn also(
        &self,
        prefix: &str,
        answer: impl Fn(&mut Faults, &str, &HashMap<String, String>) -> (&'static str, String) + Send + 'static,
    ) {
        *self.state.also.lock().unwrap() = Some((prefix.to_owned(), Box::new(answer)));
    }

    /// Lets pushes wait, or go on.
    pub(crate) fn hold(&self, held: bool) {
        *self.state.held.lock().unwrap() = held;
        self.state.bell.notify_all();
    }

    /// Method and path of all requests so far.
    pub(crate) fn requests(&self) -> Vec<String> {
        self.state.requests.lock().unwrap().clone()
    }

    /// Waits until so many pushes arrived.
    pub(crate) fn wait_for_pushes(&self, count: usize) {
        for _ in 0..3000 {
            let pushes = self.requests().iter().filter(|line| line.ends_with("POST /r/git-receive-pack")).count();
            if pushes >= count {
                return;
            }
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
        panic!("no push arrived: {:?}", self.requests());
    }
}

struct Request {
    method: String,
    path: String,
    query: String,
    headers: HashMap<String, String>,
    body: Vec<u8>,
}

fn read_request(reader: &mut impl BufRead) -> Option<Request> {
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    let mut words = line.split_whitespace();
    let (method, target) = (words.next()?.to_owned(), words.next()?.to_owned());
    let (path, query) = target.split_once('?').unwrap_or((&target, ""));
    let mut headers = HashMap::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        match line.trim_end().split_once(": ") {
            Some((name, value)) => headers.insert(name.to_ascii_lowercase(), value.to_owned()),
            None => break,
        };
    }
    let length = headers.get("content-length").map_or(0, |length| length.parse().unwrap());
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some(Request { method, path: path.to_owned(), query: query.to_owned(), headers, body })
}

fn serve(state: &State, stream: &TcpStream) {
    stream.set_nodelay(true).unwrap();
    let mut reader = BufReader::new(stream);
    while let Some(request) = read_request(&mut reader) {
        state.requests.lock().unwrap().push(format!("{} {}", request.method, request.path));
        let Some(answer) = answer(state, &request) else { return };
        if (&mut &*stream).write_all(&answer).is_err() {
            return;
        }
    }
}

fn answer(state: &State, request: &Request) -> Option<Vec<u8>> {
    if let Some((prefix, also)) = &*state.also.lock().unwrap()
        && request.path.starts_with(prefix)
    {
        let (status, body) = also(&mut state.faults.lock().unwrap(), &request.path, &request.headers);
        return Some(http(status, &[], body.as_bytes()));
    }
    let faults = state.faults.lock().unwrap().clone();
    if let Some(status) = faults.status {
        return Some(http(&format!("{status} Oh"), &[], b"some words of the server\n"));
    }
    if let Some(to) = &faults.redirect {
        return Some(http("302 Found", &[format!("Location: {to}{}?{}", request.path, request.query)], b""));
    }
    let basic = |(user, password): &(String, String)| format!("Basic {}", base64(&format!("{user}:{password}")));
    let bearer = || faults.bearer.as_ref().map(|token| format!("Bearer {token}"));
    if let Some(expected) = faults.only.as_ref().map(basic).or_else(bearer)
        && request.headers.get("authorization") != Some(&expected)
    {
        let said = request.headers.get("authorization").cloned().unwrap_or_default();
        return Some(http("401 Unauthorized", &["WWW-Authenticate: Basic".to_owned()], said.as_bytes()));
    }
    let is_push = request.path.ends_with("/git-receive-pack");
    if !is_push {
        return Some(backend(state, request));
    }
    let mut held = state.held.lock().unwrap();
    while *held {
        held = state.bell.wait(held).unwrap();
    }
    drop(held);
    if faults.cut_before_push > 0 {
        state.faults.lock().unwrap().cut_before_push -= 1;
        return None;
    }
    if let Some(before) = faults.before_push {
        before(&state.root.join(request.path.trim_start_matches('/').trim_end_matches("/git-receive-pack")));
    }
    let answer = backend(state, request);
    if faults.cut_after_push > 0 {
        state.faults.lock().unwrap().cut_after_push -= 1;
        return None;
    }
    Some(answer)
}

fn backend(state: &State, request: &Request) -> Vec<u8> {
    let mut child = Command::new("git")
        .arg("http-backend")
        .env("GIT_PROJECT_ROOT", &state.root)
        .env("GIT_HTTP_EXPORT_ALL", "1")
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("REMOTE_USER", "someone")
        .env("REQUEST_METHOD", &request.method)
        .env("PATH_INFO", &request.path)
        .env("QUERY_STRING", &request.query)
        .env("CONTENT_TYPE", request.headers.get("content-type").map_or("", |kind| kind))
        .env("CONTENT_LENGTH", request.body.len().to_string())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let body = request.body.clone();
    let feeder = std::thread::spawn(move || drop(stdin.write_all(&body)));
    let mut out = Vec::new();
    child.stdout.take().unwrap().read_to_end(&mut out).unwrap();
    feeder.join().unwrap();
    child.wait().unwrap();
    let end = out.windows(4).position(|window| window == b"\r\n\r\n").unwrap_or(out.len());
    let head = String::from_utf8_lossy(&out[..end]).into_owned();
    let (mut status, mut headers) = ("200 OK".to_owned(), Vec::new());
    for line in head.lines() {
        match line.strip_prefix("Status: ") {
            Some(given) => given.clone_into(&mut status),
            None => headers.push(line.to_owned()),
        }
    }
    http(&status, &headers, out.get(end + 4..).unwrap_or_default())
}

fn http(status: &str, headers: &[String], body: &[u8]) -> Vec<u8> {
    let mut answer = format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\n", body.len());
    for header in headers {
        answer.extend([header, "\r\n"]);
    }
    answer += "\r\n";
    [answer.as_bytes(), body].concat()
}

/// By a program of its own, so that the code under test is not its own judge.
fn base64(text: &str) -> String {
    let mut child = Command::new("base64").arg("-w0").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    String::from_utf8(child.wait_with_output().unwrap().stdout).unwrap()
}
