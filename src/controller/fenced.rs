//! The client of whatever the operator does: it writes only while its fence is open.

use hyper::{Method, Request};
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
    let check = move |request: Request<Body>| {
        let reads = matches!(*request.method(), Method::GET | Method::HEAD);
        if reads || fence.is_open() { Ok(request) } else { Err(Closed) }
    };
    Ok(ClientBuilder::try_from(config)?.with_layer(&FilterLayer::new(check)).build())
}
