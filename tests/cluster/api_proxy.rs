//! An API server that fails on demand: a proxy before the real one, over plain HTTP. Calls go on with the client's
//! own token, and watches stream; some are spoilt.

use std::collections::HashMap;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response};
use hyper_util::rt::TokioIo;
use kube::client::Body;
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};
use serde_json::json;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio::sync::watch;

use crate::chance::Chance;
use crate::proxy::Fault;

/// What is asked of the API server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Call {
    /// A watch begins.
    Watch,
    /// A list or a single object.
    Read,
    /// A status is written.
    Status,
    /// An event is written.
    Event,
    /// Any other write: of finalizers, and of labels.
    Write,
}

/// All of them.
pub const CALLS: &[Call] = &[Call::Watch, Call::Read, Call::Status, Call::Event, Call::Write];

/// Which calls are spoilt.
#[derive(Default)]
struct Plan {
    /// So many more of these calls.
    next: Option<(&'static [Call], Fault, usize)>,
    /// So many of a hundred of these calls, by chance.
    random: Option<(&'static [Call], usize, &'static [Fault], Chance)>,
}

struct State {
    client: Client,
    plan: Mutex<Plan>,
    /// How often there was which call, with which fault; none: no fault.
    calls: Mutex<HashMap<(Call, Option<String>), usize>>,
    /// How many seconds' patience a 429 asks for.
    patience: AtomicU32,
    /// Whoever hears of a change ends its connection.
    cuts: watch::Sender<()>,
}

/// See the module.
pub struct ApiProxy {
    /// Its address, for kubeconfigs.
    pub url: String,
    state: Arc<State>,
    runtime: Option<Runtime>,
}

type Answer = Response<UnsyncBoxBody<Bytes, Box<dyn std::error::Error + Send + Sync>>>;

impl ApiProxy {
    /// Stands before the API server that a kubeconfig names. Whose calls they are is none of its business.
    pub fn before(kubeconfig: &Path) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let (state, address) = runtime.block_on(async {
            let kubeconfig = Kubeconfig::read_from(kubeconfig).expect("a kubeconfig");
            let mut config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await.unwrap();
            config.auth_info = kube::config::AuthInfo::default();
            (config.default_retry, config.read_timeout) = (false, None);
            let client = Client::try_from(config).expect("a client");
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let address = listener.local_addr().unwrap();
            let (plan, calls, cuts) = (Mutex::default(), Mutex::default(), watch::Sender::new(()));
            let state = Arc::new(State { client, plan, calls, patience: AtomicU32::new(1), cuts });
            tokio::spawn(listen(listener, state.clone()));
            (state, address)
        });
        Self { url: url(address), state, runtime: Some(runtime) }
    }

    /// Spoils the next calls of some kinds.
    pub fn spoil(&self, calls: &'static [Call], fault: Fault, times: usize) {
        self.state.plan.lock().unwrap().next = Some((calls, fault, times));
    }

    /// Spoils so many of a hundred calls of some kinds, in one of these ways.
    pub fn spoil_some(&self, calls: &'static [Call], percent: usize, faults: &'static [Fault], chance: Chance) {
        self.state.plan.lock().unwrap().random = Some((calls, percent, faults, chance));
    }

    /// Has a 429 ask for so many seconds' patience, instead of one.
    pub fn ask_for(&self, seconds: u32) {
        self.state.patience.store(seconds, Ordering::Relaxed);
    }

    /// Nothing is spoilt any more.
    pub fn heal(&self) {
        *self.state.plan.lock().unwrap() = Plan::default();
    }

    /// Cuts all connections, and with them all watches.
    pub fn cut(&self) {
        self.state.cuts.send_replace(());
    }

    /// How many calls of some kinds there were, and how many of them were spoilt.
    pub fn calls(&self, of: &[Call]) -> (usize, usize) {
        let calls = self.state.calls.lock().unwrap();
        let of = || calls.iter().filter(|((call, _), _)| of.contains(call));
        (of().map(|(_, n)| n).sum(), of().filter(|((_, fault), _)| fault.is_some()).map(|(_, n)| n).sum())
    }
}

impl Drop for ApiProxy {
    fn drop(&mut self) {
        // Its watches never end by themselves.
        self.runtime.take().expect("it runs until now").shutdown_background();
    }
}

fn url(address: SocketAddr) -> String {
    format!("http://{address}")
}

async fn listen(listener: TcpListener, state: Arc<State>) {
    while let Ok((stream, _)) = listener.accept().await {
        let _ = stream.set_nodelay(true);
        let (state, mut cuts) = (state.clone(), state.cuts.subscribe());
        let service = service_fn(move |request| serve(state.clone(), request));
        let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
        tokio::spawn(async move {
            tokio::select! {
                _ = connection => {}
                _ = cuts.changed() => {}
            }
        });
    }
}

/// Serves one call; what has no answer is cut.
async fn serve(state: Arc<State>, request: Request<Incoming>) -> Result<Answer, std::io::Error> {
    let call = call(&request);
    let fault = state.plan.lock().unwrap().fault(call);
    *state.calls.lock().unwrap().entry((call, fault.map(|fault| format!("{fault:?}")))).or_default() += 1;
    let cut = || Err(std::io::ErrorKind::ConnectionAborted.into());
    match fault {
        None => pass_on(&state, request).await,
        Some(Fault::CutAfter) => {
            whole(pass_on(&state, request).await?).await?;
            cut()
        }
        Some(Fault::Status(410)) if call == Call::Watch => Ok(too_old()),
        Some(Fault::Status(code)) => Ok(refusal(&state, code)),
        Some(Fault::StatusAfter(code)) => {
            whole(pass_on(&state, request).await?).await?;
            Ok(refusal(&state, code))
        }
        Some(Fault::Slow) => {
            tokio::time::sleep(Duration::from_millis(300)).await;
            pass_on(&state, request).await
        }
        Some(_) => cut(),
    }
}

impl Plan {
    fn fault(&mut self, call: Call) -> Option<Fault> {
        if let Some((calls, fault, times)) = &mut self.next
            && calls.contains(&call)
            && *times > 0
        {
            *times -= 1;
            return Some(*fault);
        }
        let (calls, percent, faults, chance) = self.random.as_mut()?;
        let fault = (calls.contains(&call) && chance.percent(*percent)).then(|| chance.pick(faults))?;
        match fault {
            // A watch has no end to wait for.
            Fault::CutAfter | Fault::StatusAfter(_) if call == Call::Watch => Some(Fault::CutBefore),
            // Only writes come too late.
            Fault::Status(409) if matches!(call, Call::Watch | Call::Read) => Some(Fault::CutBefore),
            other => Some(other),
        }
    }
}

fn call(request: &Request<Incoming>) -> Call {
    let (path, query) = (request.uri().path(), request.uri().query().unwrap_or_default());
    match *request.method() {
        Method::GET if query.contains("watch=true") || query.contains("watch=1") => Call::Watch,
        Method::GET => Call::Read,
        _ if path.ends_with("/status") => Call::Status,
        _ if path.starts_with("/apis/events.k8s.io/") => Call::Event,
        _ => Call::Write,
    }
}

async fn pass_on(state: &State, request: Request<Incoming>) -> Result<Answer, std::io::Error> {
    let (mut head, body) = request.into_parts();
    head.headers.remove(hyper::header::HOST);
    head.headers.remove(hyper::header::CONNECTION);
    let body = body.collect().await.map_err(std::io::Error::other)?.to_bytes();
    let answer = state.client.send(Request::from_parts(head, Body::from(body))).await.map_err(std::io::Error::other)?;
    let (mut head, body) = answer.into_parts();
    // It is another connection's.
    head.headers.remove(hyper::header::TRANSFER_ENCODING);
    Ok(Response::from_parts(head, body.map_err(Into::into).boxed_unsync()))
}

/// Waits until the API server has done it.
async fn whole(answer: Answer) -> Result<(), std::io::Error> {
    answer.into_body().collect().await.map(drop).map_err(std::io::Error::other)
}

/// What an API server answers to a watch that cannot go on where it was.
fn too_old() -> Answer {
    let status = json!({
        "kind": "Status", "apiVersion": "v1", "status": "Failure", "code": 410, "reason": "Expired",
        "message": "too old resource version", "details": {},
    });
    let event = json!({"type": "ERROR", "object": status}).to_string() + "\n";
    let body = Full::from(event).map_err(|never: Infallible| match never {}).boxed_unsync();
    Response::builder().header("Content-Type", "application/json").body(body).unwrap()
}

/// What an API server answers that does not do it.
fn refusal(state: &State, code: u16) -> Answer {
    let status = json!({
        "kind": "Status", "apiVersion": "v1", "status": "Failure", "code": code, "reason": "Spoilt",
        "message": "not now", "details": {},
    });
    let body = Full::from(status.to_string()).map_err(|never: Infallible| match never {}).boxed_unsync();
    let mut answer = Response::builder().status(code).header("Content-Type", "application/json");
    if code == 429 {
        answer = answer.header("Retry-After", state.patience.load(Ordering::Relaxed));
    }
    answer.body(body).unwrap()
}
