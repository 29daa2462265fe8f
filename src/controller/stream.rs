//! The one way in which the operator watches. What is there already comes as a stream where the API server has that
//! (`WatchList`), one object at a time, and elsewhere in pages. What fits into a page is asked for as one in any case: a
//! server takes about a second to say that a stream has told all there is now.
//!
//! A server's version does not tell whether it has it, as it is a feature that can be off. But a server without it
//! refuses the first request, and is asked for pages from then on, for all kinds. Where a stream does not go on, or ends
//! before all is told, something between the server and kept does not know it, and pages are asked for as well.

use std::fmt::Debug;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures::{Stream, StreamExt, stream};
use kube::Resource;
use kube::api::{Api, ListParams};
use kube::runtime::watcher::{self, Config, Error, Event};
use serde::de::DeserializeOwned;
use tokio::time::timeout;

/// How long a stream of what is there may say nothing. Statuses wait longer for what they speak of.
const PATIENCE: Duration = Duration::from_secs(10);
/// Objects in a page: they are in memory as text and as objects at the same time.
const PAGE: u32 = 100;

/// What a watch says.
type Seen<K> = Result<Event<K>, Error>;

/// How all watches of an operator ask for what is there.
#[derive(Clone, Debug)]
pub(super) struct Lists {
    paged: Arc<AtomicBool>,
    patience: Duration,
}

impl Default for Lists {
    fn default() -> Self {
        Self { paged: Arc::default(), patience: PATIENCE }
    }
}

/// One watch.
struct Watch<K> {
    api: Api<K>,
    lists: Lists,
    events: Pin<Box<dyn Stream<Item = Seen<K>> + Send>>,
    streamed: bool,
    /// Whether it has yet to say all that is there.
    begins: bool,
    /// Whether it has begun to.
    begun: bool,
}

impl Lists {
    /// Watches. What goes wrong before all that is there has been said is [`Error::InitialListFailed`], however it was
    /// asked for.
    pub(super) fn watch<K>(&self, api: Api<K>) -> impl Stream<Item = Seen<K>> + Send + use<K>
    where
        K: Resource + Clone + DeserializeOwned + Debug + Send + 'static,
    {
        let lists = self.clone();
        let begun = async move {
            let streamed = !lists.paged.load(Ordering::Relaxed) && is_large(&api).await;
            if streamed {
                tracing::debug!(of = api.resource_url(), "its objects are streamed");
            }
            stream::unfold(Watch::new(api, lists, streamed), |mut watch| async { Some((watch.next().await, watch)) })
        };
        stream::once(begun).flatten()
    }
}

impl<K: Resource + Clone + DeserializeOwned + Debug + Send + 'static> Watch<K> {
    fn new(api: Api<K>, lists: Lists, streamed: bool) -> Self {
        let config = if streamed { Config::default().streaming_lists() } else { Config::default().page_size(PAGE) };
        let events = Box::pin(watcher::watcher(api.clone(), config));
        Self { api, lists, events, streamed, begins: true, begun: false }
    }

    async fn next(&mut self) -> Seen<K> {
        loop {
            let seen = self.event().await;
            let why = match &seen {
                Some(Err(error)) if self.streamed && self.begins && is_refusal(error) => error.to_string(),
                None if self.streamed && self.begins => format!("nothing has come for {:?}", self.lists.patience),
                Some(Ok(Event::Init)) if self.streamed && self.begins && self.begun => {
                    "a stream has ended before all was told".to_owned()
                }
                _ => return self.told(seen.unwrap_or(Err(Error::NoResourceVersion))),
            };
            if !self.lists.paged.swap(true, Ordering::Relaxed) {
                tracing::info!(why, "this API server does not stream lists; they are asked for in pages");
            }
            *self = Self::new(self.api.clone(), self.lists.clone(), false);
        }
    }

    /// What comes next; nothing if that takes too long.
    async fn event(&mut self) -> Option<Seen<K>> {
        if self.streamed && self.begins {
            return timeout(self.lists.patience, self.events.next()).await.ok().flatten();
        }
        self.events.next().await
    }

    /// Takes note of where it is.
    fn told(&mut self, seen: Seen<K>) -> Seen<K> {
        self.begun = matches!(seen, Ok(Event::Init)) || self.begun && matches!(seen, Ok(Event::InitApply(_)));
        match seen {
            Ok(Event::Init) => self.begins = true,
            Ok(Event::InitDone) => self.begins = false,
            // What was there is asked for anew.
            Err(Error::WatchError(status)) if status.code == 410 => {
                self.begins = true;
                return Err(Error::WatchError(status));
            }
            Err(Error::NoResourceVersion) => self.begins = true,
            Err(Error::WatchStartFailed(error) | Error::WatchFailed(error)) if self.begins => {
                return Err(Error::InitialListFailed(error));
            }
            Err(Error::WatchError(status)) if self.begins => {
                return Err(Error::InitialListFailed(kube::Error::Api(status)));
            }
            _ => {}
        }
        seen
    }
}

/// Whether there is more than fits into a page. If that cannot be said, the watch finds out why.
async fn is_large<K: Resource + Clone + DeserializeOwned + Debug>(api: &Api<K>) -> bool {
    let page = api.list_metadata(&ListParams::default().limit(PAGE)).await;
    page.is_ok_and(|page| page.metadata.continue_.is_some_and(|rest| !rest.is_empty()))
}

/// Whether a server says that it does not stream what is there: it does not know how to ask for that, has it off, or
/// has a store that is too old for it, which it finds out only then. Too much to do, or a version that is too old to
/// go on from, says nothing of the kind.
fn is_refusal(error: &Error) -> bool {
    match error {
        Error::WatchStartFailed(kube::Error::Api(status)) => matches!(status.code, 400 | 422),
        // Other failures pass, such as while a store has no leader.
        Error::WatchError(status) => matches!(status.code, 400 | 422) || status.message.contains("storage feature"),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;

    use kube::api::DynamicObject;
    use kube::{Client, Config};
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;

    use super::*;
    use crate::cluster;

    const LIST: &str = r#"{"kind":"TeamList","apiVersion":"v1","metadata":{"resourceVersion":"7"},"items":[{"metadata":{"name":"one"}}]}"#;
    const MORE: &str = r#"{"kind":"PartialObjectMetadataList","apiVersion":"meta.k8s.io/v1","metadata":{"resourceVersion":"7","continue":"more"},"items":[]}"#;
    const OLD_ETCD: &str = r#"{"type":"ERROR","object":{"kind":"Status","apiVersion":"v1","status":"Failure","message":"the required storage feature RequestWatchProgress is disabled","code":500}}"#;
    /// All that comes of a stream that is cut off.
    const HALF: &str = r#"{"type":"ADDED","object":{"metadata":{"name":"half","resourceVersion":"6"}}}"#;
    const BUSY: &str = r#"{"type":"ERROR","object":{"kind":"Status","apiVersion":"v1","status":"Failure","message":"too many requests","code":429}}"#;

    /// An API server with one team, whose stream of what is there says just this, and does not end.
    async fn server(stream: &'static str) -> Api<DynamicObject> {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        tokio::spawn(async move {
            while let Ok((mut client, _)) = listener.accept().await {
                tokio::spawn(async move {
                    let mut asked = vec![0; 4096];
                    let length = client.read(&mut asked).await.unwrap_or_default();
                    let asked = String::from_utf8_lossy(&asked[..length]).into_owned();
                    let list = if asked.contains("PartialObjectMetadata") { MORE } else { LIST };
                    let body = match (asked.contains("watch=true"), asked.contains("sendInitialEvents")) {
                        (true, true) if stream.is_empty() => String::new(),
                        (true, true) if stream == HALF => format!("{:x}\r\n{stream}\n\r\n0\r\n\r\n", stream.len() + 1),
                        (true, true) => format!("{:x}\r\n{stream}\n\r\n", stream.len() + 1),
                        (true, false) => String::new(),
                        (false, _) => format!("{:x}\r\n{list}\r\n0\r\n\r\n", list.len()),
                    };
                    let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n";
                    let _ = client.write_all((head.to_owned() + &body).as_bytes()).await;
                    if asked.contains("watch=true") {
                        // Until the client goes.
                        let _ = client.read(&mut [0; 1]).await;
                    }
                });
            }
        });
        let client = Client::try_from(Config::new(url.parse().expect("a URL"))).expect("a client");
        Api::all_with(client, &cluster::resource("Team", "teams"))
    }

    /// What a watch says first.
    async fn first(stream: &'static str, count: usize) -> Vec<String> {
        let lists = Lists { patience: Duration::from_millis(100), ..Lists::default() };
        let mut events = pin!(lists.watch(server(stream).await));
        let mut said = Vec::new();
        for _ in 0..count {
            said.push(match events.next().await.expect("it goes on") {
                Ok(event) => event.to_string(),
                Err(error) => error.to_string(),
            });
        }
        said
    }

    #[tokio::test]
    async fn a_stream_that_is_cut_off_is_not_begun_for_ever() {
        let said = first(HALF, 5).await;
        assert_eq!(said, ["Init", "InitApply(half)", "Init", "InitApply(one)", "InitDone"]);
    }

    #[tokio::test]
    async fn what_a_server_does_not_stream_is_asked_for_in_pages() {
        for (case, stream) in [("it says nothing", ""), ("its store is too old", OLD_ETCD)] {
            let said = first(stream, 4).await;
            assert_eq!(said, ["Init", "Init", "InitApply(one)", "InitDone"], "{case}");
        }
    }

    #[tokio::test]
    async fn a_server_that_has_too_much_to_do_is_not_asked_for_more() {
        let said = first(BUSY, 2).await;
        assert!(said[1].contains("initial object list") && said[1].contains("too many requests"), "{said:?}");
    }
}
