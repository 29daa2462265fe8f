//! What the API server refuses however often it is asked: an event tells of it, for no status can.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use kube::api::{ApiResource, DynamicObject};
use kube::runtime::controller::Action;
use kube::runtime::events::EventType;
use kube::runtime::watcher;
use kube::{Resource, ResourceExt};

use super::story::Story;
use super::{Present, Seen};

/// What was refused.
pub(super) struct Refusals {
    story: Story,
    /// The kind of an object and what was told of it, by its UID.
    told: Mutex<HashMap<String, (String, String)>>,
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
        if let Some(said) = said.filter(|said| self.is_news(&resource, &object, said)) {
            let text = format!(
                "the API server does not take what is to be written into the object, so nothing is done for it: {said}. \
                 Make it smaller, or put right what is said to be wrong"
            );
            self.story.tell(object.object_ref(&resource), EventType::Warning, "NotWritten", text);
        } else if done.is_ok() {
            self.forget(&*object);
        }
        done
    }

    /// Forgets objects that are gone: what a watch of their kind says, and what is there according to it.
    pub(super) fn heed(&self, kind: &str, seen: &Seen, present: &Present) {
        match seen {
            Ok(watcher::Event::Delete(object)) => self.forget(object),
            Ok(watcher::Event::InitDone) if !self.told().is_empty() => {
                let present: HashSet<String> = present.state().iter().filter_map(|object| object.uid()).collect();
                self.told().retain(|uid, (of, _)| of != kind || present.contains(uid));
            }
            _ => {}
        }
    }

    fn is_news(&self, resource: &ApiResource, object: &DynamicObject, said: &str) -> bool {
        let news = (resource.kind.clone(), said.to_owned());
        let before = self.told().insert(object.uid().unwrap_or_default(), news);
        before.is_none_or(|(_, before)| before != said)
    }

    fn forget(&self, object: &impl ResourceExt) {
        self.told().remove(&object.uid().unwrap_or_default());
    }

    fn told(&self) -> MutexGuard<'_, HashMap<String, (String, String)>> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
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

#[cfg(test)]
mod tests {
    use kube::runtime::reflector::store::Writer;
    use kube::{Client, Config};

    use super::super::folded::{Kind, fold};
    use super::*;
    use crate::cluster::resource;

    #[tokio::test]
    async fn objects_that_are_gone_are_forgotten() {
        let client =
            Client::try_from(Config::new("http://127.0.0.1:1".parse().expect("an address"))).expect("a client");
        let refusals = Refusals::new(Story::start(client));
        let teams = resource("Team", "teams");
        let stores = resource("GitStateStore", "gitstatestores");
        let object = |name: &str| {
            let mut object = DynamicObject::new(name, &teams);
            object.metadata.uid = Some(name.to_owned());
            object
        };
        let mut writer = Writer::new(Kind::new(teams.clone()));
        let reader = writer.as_reader();
        let mut hear = |event: watcher::Event<DynamicObject>| {
            let event = fold(event);
            writer.apply_watcher_event(&event);
            refusals.heed("Team", &Ok(event), &reader);
        };
        for name in ["a", "b", "c"] {
            assert!(refusals.is_news(&teams, &object(name), "too large"));
            assert!(!refusals.is_news(&teams, &object(name), "too large"), "it was told");
        }
        assert!(refusals.is_news(&stores, &object("store"), "too large"));
        let told = || {
            let mut told: Vec<String> = refusals.told().keys().cloned().collect();
            told.sort();
            told
        };
        hear(watcher::Event::Delete(object("a")));
        assert_eq!(told(), ["b", "c", "store"]);
        // One goes without a word, and a watch says nothing of another kind's objects.
        hear(watcher::Event::Init);
        hear(watcher::Event::InitApply(object("c")));
        hear(watcher::Event::InitDone);
        assert_eq!(told(), ["c", "store"]);
        refusals.forget(&object("c"));
        assert!(refusals.is_news(&teams, &object("c"), "too large"), "it was written meanwhile");
    }
}
