//! What the API server refuses however often it is asked: an event tells of it, for no status can.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use kube::api::{ApiResource, DynamicObject};
use kube::runtime::controller::Action;
use kube::runtime::events::EventType;
use kube::{Resource, ResourceExt};

use super::story::Story;

/// What was refused.
pub(super) struct Refusals {
    story: Story,
    /// What was told of which object, by UID.
    told: Mutex<HashMap<String, String>>,
}

impl Refusals {
    pub(super) fn new(story: Story) -> Arc<Self> {
        Arc::new(Self { story, told: Mutex::default() })
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
            self.story.tell(object.object_ref(&resource), EventType::Warning, "NotWritten", text);
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
