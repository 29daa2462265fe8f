//! What the operator answers over HTTP: `/metrics`, `/healthz`, `/readyz`. Nothing can be changed through it.

use std::convert::Infallible;
use std::future::Future;
use std::net::{Ipv4Addr, Ipv6Addr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use http_body_util::Full;
use hyper::body::Bytes;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};

use super::metrics;

/// Connections at the same time: probes and a few scrapers. Others wait.
const CONNECTIONS: usize = 32;
/// How long one connection may take.
const LONGEST: Duration = Duration::from_secs(30);

/// What there is to say.
pub trait Face: Send + Sync + 'static {
    /// The page of metrics.
    fn metrics(&self) -> String;
    /// Whether the process should be left alone, or why not.
    fn health(&self) -> impl Future<Output = Result<(), String>> + Send;
    /// What is missing, a line each; nothing if requests are served.
    fn missing(&self) -> Vec<String>;
    /// What there is to say if nothing is.
    fn ready(&self) -> String;
}

/// Listens at `HOST:PORT`, or at `:PORT` of all addresses of this machine; nowhere if `address` is empty.
pub fn listen(address: &str) -> Result<Option<TcpListener>, String> {
    if address.is_empty() {
        return Ok(None);
    }
    let bound = match address.strip_prefix(':').map(str::parse::<u16>) {
        // Takes IPv4 as well, but is not there where IPv6 is turned off.
        Some(Ok(port)) => TcpListener::bind((Ipv6Addr::UNSPECIFIED, port))
            .or_else(|_| TcpListener::bind((Ipv4Addr::UNSPECIFIED, port))),
        _ => TcpListener::bind(address),
    };
    let set = bound.and_then(|listener| listener.set_nonblocking(true).map(|()| listener));
    set.map(Some).map_err(|error| {
        format!("cannot listen on {address}: {error}. Choose another address with --listen, or '' for none")
    })
}

/// Answers until it is dropped.
pub async fn serve(listener: TcpListener, face: Arc<impl Face>) {
    let listener = match tokio::net::TcpListener::from_std(listener) {
        Ok(listener) => listener,
        Err(error) => return tracing::error!(%error, "no metrics and no probes"),
    };
    if let Ok(address) = listener.local_addr() {
        tracing::info!(%address, "serving /metrics, /healthz and /readyz");
    }
    let seats = Arc::new(Semaphore::new(CONNECTIONS));
    while let Ok(seat) = seats.clone().acquire_owned().await {
        let Ok((stream, _)) = listener.accept().await else {
            // Out of files, say: that passes.
            sleep(Duration::from_millis(100)).await;
            continue;
        };
        let face = face.clone();
        tokio::spawn(async move {
            let service = service_fn(|request| {
                let face = face.clone();
                async move { Ok::<_, Infallible>(answer(&request, &*face).await) }
            });
            let connection = http1::Builder::new().keep_alive(false).serve_connection(TokioIo::new(stream), service);
            // Whoever went away meanwhile is not told.
            let _ = timeout(LONGEST, connection).await;
            drop(seat);
        });
    }
}

async fn answer<B>(request: &Request<B>, face: &impl Face) -> Response<Full<Bytes>> {
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        return plain(StatusCode::METHOD_NOT_ALLOWED, "only GET\n".into());
    }
    match request.uri().path() {
        "/metrics" => page(StatusCode::OK, metrics::CONTENT_TYPE, face.metrics()),
        "/healthz" => match face.health().await {
            Ok(()) => plain(StatusCode::OK, "ok\n".into()),
            Err(trouble) => plain(StatusCode::SERVICE_UNAVAILABLE, trouble + "\n"),
        },
        "/readyz" => match &face.missing()[..] {
            [] => plain(StatusCode::OK, face.ready() + "\n"),
            missing => plain(StatusCode::SERVICE_UNAVAILABLE, missing.join("\n") + "\n"),
        },
        _ => plain(StatusCode::NOT_FOUND, "there is /metrics, /healthz and /readyz\n".into()),
    }
}

fn plain(status: StatusCode, text: String) -> Response<Full<Bytes>> {
    page(status, "text/plain; charset=utf-8", text)
}

fn page(status: StatusCode, kind: &'static str, text: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(text)));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}

#[cfg(test)]
mod tests {
    use super::listen;

    #[test]
    fn an_address_that_is_taken_is_named() {
        let first = listen("127.0.0.1:0").expect("a port").expect("a listener");
        let address = first.local_addr().expect("an address").to_string();
        let error = listen(&address).expect_err("it is taken");
        assert!(error.contains(&address) && error.contains("--listen"), "{error}");
        assert!(listen("").expect("nothing to do").is_none());
        assert!(listen(":0").expect("a port of all addresses").is_some());
        assert!(listen("nonsense").is_err());
    }
}
