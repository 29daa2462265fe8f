//! The client of whatever the operator does: it writes only while its fence is open, and reads nothing that is old.

use hyper::http::uri::PathAndQuery;
use hyper::{Method, Request, Uri};
use kube::client::{Body, ClientBuilder};
use kube::{Client, Config};
use tower::filter::FilterLayer;

use crate::store::Fence;

/// Why a call was not made.
#[derive(Debug, thiserror::Error)]
#[error("nothing is written any more: another replica of kept may be at work by now")]
struct Closed;

/// Refuses every call that changes something while the fence is closed.
pub(super) fn client(config: Config, fence: &Fence) -> Result<Client, kube::Error> {
    let fence = fence.clone();
    let check = move |mut request: Request<Body>| {
        let reads = matches!(*request.method(), Method::GET | Method::HEAD);
        if let Some(uri) = of_now(request.uri()) {
            *request.uri_mut() = uri;
        }
        if reads || fence.is_open() { Ok(request) } else { Err(Closed) }
    };
    Ok(ClientBuilder::try_from(config)?.with_layer(&FilterLayer::new(check)).build())
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
    use kube::api::WatchParams;

    use super::*;

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
