//! Events about what an object's status does not say, or cannot: each is told once.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use kube::api::{ApiResource, DynamicObject};
use kube::runtime::controller::Action;
use kube::runtime::events::{Event, EventType, Recorder};
use kube::{Resource, ResourceExt};

use super::status::Verdict;

/// As much as the API server takes in an event, in bytes.
const LONGEST_NOTE: usize = 1024;

/// An object that cannot be read. `before` says whether its status said so already: it would be told again with each
/// look, and by each new operator.
pub(super) async fn unreadable(
    recorder: &Recorder,
    resource: &ApiResource,
    object: &DynamicObject,
    verdict: &Verdict,
    before: bool,
) {
    if !before {
        publish(recorder, resource, object, verdict.reason, "Read", &verdict.message).await;
    }
}

/// What the API server will not take however often it is asked, and of which no status can speak therefore.
pub(super) struct Refusals {
    recorder: Recorder,
    /// What was told of which object, by UID.
    told: Mutex<HashMap<String, String>>,
}

impl Refusals {
    pub(super) fn new(recorder: Recorder) -> Arc<Self> {
        Arc::new(Self { recorder, told: Mutex::default() })
    }

    /// Tells of it if what is done about an object ends so.
    pub(super) async fn mind(
        self: Arc<Self>,
        resource: ApiResource,
        object: Arc<DynamicObject>,
        work: impl Future<Output = Result<Action, kube::Error>>,
    ) -> Result<Action, kube::Error> {
        let done = work.await;
        let said = done.as_ref().err().and_then(final_word);
        if let Some(said) = said.filter(|said| self.is_news(&object, Some(said))) {
            let text = format!(
                "the API server does not take what is to be written into the object, so nothing is done for it: {said}. \
                 Make it smaller, or put right what is said to be wrong"
            );
            publish(&self.recorder, &resource, &object, "NotWritten", "Write", &text).await;
        } else if done.is_ok() {
            self.is_news(&object, None);
        }
        done
    }

    fn is_news(&self, object: &DynamicObject, said: Option<&str>) -> bool {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        let uid = object.uid().unwrap_or_default();
        match said {
            Some(said) => told.insert(uid, said.to_owned()).is_none_or(|before| before != said),
            None => told.remove(&uid).is_some(),
        }
    }
}

/// Whether the API server would say the same again: the object is invalid, or too large for etcd.
pub(super) fn is_final(error: &kube::Error) -> bool {
    final_word(error).is_some()
}

fn final_word(error: &kube::Error) -> Option<&str> {
    let kube::Error::Api(status) = error else { return None };
    let said = status.message.as_str();
    (matches!(status.code, 400 | 413 | 422) || said.contains("too large")).then_some(said)
}

async fn publish(
    recorder: &Recorder,
    resource: &ApiResource,
    object: &DynamicObject,
    reason: &str,
    action: &str,
    text: &str,
) {
    let event = Event {
        type_: EventType::Warning,
        reason: reason.to_owned(),
        note: Some(shortened(text)),
        action: action.to_owned(),
        secondary: None,
    };
    if let Err(error) = recorder.publish(&event, &object.object_ref(resource)).await {
        tracing::debug!(%error, "event not written");
    }
}

fn shortened(text: &str) -> String {
    if text.len() <= LONGEST_NOTE {
        return text.to_owned();
    }
    let ellipsis = "…";
    format!("{}{ellipsis}", &text[..text.floor_char_boundary(LONGEST_NOTE - ellipsis.len())])
}

#[cfg(test)]
mod tests {
    use super::{LONGEST_NOTE, shortened};

    #[test]
    fn an_event_takes_the_beginning_of_a_long_text() {
        let long = "ü".repeat(LONGEST_NOTE);
        let short = shortened(&long);
        assert!(short.len() <= LONGEST_NOTE && short.len() > LONGEST_NOTE - 4 && short.ends_with("ü…"), "{short}");
        assert_eq!(shortened(&long[..LONGEST_NOTE]), long[..LONGEST_NOTE]);
    }
}
