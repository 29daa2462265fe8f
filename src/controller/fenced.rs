//! The client of whatever the operator does: it writes only while its fence is open, and reads nothing that is old.

use hyper::http::uri::PathAndQuery;
use hyper::{Method, Uri};
use kube::{Client, Config};

use crate::cluster;
use crate::store::Fence;

/// Why a call was not made.
#[derive(Debug, thiserror::Error)]
#[error("nothing is written any more: another replica of kept may be at work by now")]
struct Closed;

/// Refuses every call that changes something while the fence is closed, also one that is made once more.
pub(super) fn client(config: Config, fence: &Fence) -> Result<Client, kube::Error> {
    let fence = fence.clone();
    cluster::client(config, move |mut request| {
        let reads = matches!(*request.method(), Method::GET | Method::HEAD);
        if let Some(uri) = of_now(request.uri()) {
            *request.uri_mut() = uri;
        }
        if reads || fence.is_open() { Ok(request) } else { Err(Closed.into()) }
    })
}

/// Asks for what is there now, where a stream of what is there would begin with whatever the API server has at hand:
/// one of several servers may be far behind, and what kept wrote for newer requests would be written over. Kube's
/// watches have no way to ask for that themselves.
fn of_now(uri: &Uri) -> Option<Uri> {
    let path = uri.path_and_query()?.as_str();
    let asked = path.strip_suffix("&resourceVersion=0").filter(|path| path.contains("&sendInitialEvents=true"))?;
    let mut parts = uri.clone().into_parts();
    parts.path_and_query = PathAndQuery::try_from(format!("{asked}&resourceVersion=")).ok();
    Uri::from_parts(parts).ok()
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::net::TcpListener;
    use std::time::{Duration, Instant};

    use kube::api::WatchParams;
    use kube::client::Body;

    use super::*;

    /// An API server that is busy, and during whose answer the lease is lost. How often it was asked.
    fn busy_server(listener: &TcpListener, fence: &Fence) -> usize {
        let mut asked = 0;
        for connection in listener.incoming() {
            let mut connection = connection.expect("a connection");
            let mut head = [0; 4096];
            let read = connection.read(&mut head).expect("a call");
            if head[..read].starts_with(b"GET /end") {
                break;
            }
            asked += 1;
            fence.close();
            let answer = "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
            connection.write_all(answer.as_bytes()).expect("an answer");
        }
        asked
    }

    #[tokio::test]
    async fn a_write_that_is_made_once_more_is_not_made_when_the_fence_has_closed_meanwhile() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a listener");
        let address = listener.local_addr().expect("an address");
        let fence = Fence::closed();
        fence.open(Instant::now() + Duration::from_mins(10));
        let server = std::thread::spawn({
            let fence = fence.clone();
            move || busy_server(&listener, &fence)
        });
        let config = || Config::new(format!("http://{address}").parse().expect("an address"));
        let call = hyper::Request::post("/api/v1/namespaces").body(Body::empty()).expect("a call");
        let refused = client(config(), &fence).expect("a client").send(call).await.expect_err("the fence is closed");
        let words = crate::controller::startup::chain(&refused);
        assert!(words.contains("nothing is written any more"), "{words}");
        std::net::TcpStream::connect(address).expect("it listens").write_all(b"GET /end").expect("it hears");
        assert_eq!(server.join().expect("it ends"), 1);
    }

    #[test]
    fn a_stream_of_what_is_there_is_of_now_and_other_watches_go_on_where_they_were() {
        let ask = |params: &WatchParams, version: &str| {
            let request = kube::core::Request::new("/apis/g/v1/teams").watch(params, version).expect("a request");
            of_now(request.uri()).map(|uri| uri.to_string())
        };
        let asked = ask(&WatchParams::default().initial_events(), "0").expect("it is asked for in another way");
        assert!(asked.contains("sendInitialEvents=true") && asked.ends_with("&resourceVersion="), "{asked}");
        assert_eq!(ask(&WatchParams::default(), "0"), None);
        assert_eq!(ask(&WatchParams::default().initial_events(), "70"), None);
    }
}
