//! Requests at the end of the street: what the operator submits to a writer.

use std::collections::BTreeMap;
use std::time::Duration;

use kept::config::Settings;
use kept::known::Known;
use kept::placement::{Auth, Destination, Landscape, Layout, StateStore};
use kept::promises::{self, Promise};
use kept::store::{Access, AuthMethod, Change, Credentials};
use kept::street::{View, desire};
use kept::values::{Branch, Labels, RelPath, Remote};
use serde_json::Value;

use super::teams;

/// One store, with one destination at its root, and in whose name it is written.
pub struct Street {
    url: String,
    landscape: Landscape,
    settings: Settings,
    known: Known,
    promise: &'static dyn Promise,
}

impl Street {
    pub fn to(url: &str) -> Self {
        let store = StateStore {
            name: "state".into(),
            branch: branch(url),
            url: url.to_owned(),
            path: RelPath::root(),
            author: ("kept".into(), "kept@example.com".into()),
            auth: Auth { method: AuthMethod::Basic, secret: None },
            signing: None,
            ca_bundle: None,
            insecure_skip_tls_verify: false,
        };
        let destination = Destination {
            name: "host".into(),
            labels: Labels::new(),
            strict: false,
            takes_all: true,
            store: "state".into(),
            path: RelPath::root(),
            layout: Layout::Nested,
            init_workloads: false,
            cleanup: false,
            created: None,
            leaving: false,
        };
        let landscape = Landscape {
            stores: BTreeMap::from([(store.name.clone(), store)]),
            destinations: BTreeMap::from([(destination.name.clone(), destination)]),
        };
        let promise = promises::by_kind("platform.kratix.io", "Team").expect("it is served");
        Self { url: url.to_owned(), landscape, settings: Settings::default(), known: Known::default(), promise }
    }

    /// What a team wants the repository to hold.
    pub fn change(&self, team: usize, edition: usize) -> Change {
        let request = self.request(team, edition);
        let desired = desire(self.promise, &request, self.view()).expect("it renders");
        *desired.changes.into_iter().map(|(_, change)| change).next().expect("it has a place")
    }

    fn view(&self) -> View<'_> {
        View {
            settings: &self.settings,
            landscape: &self.landscape,
            known: &self.known,
            writer: "operator",
            adopt: &[],
            fingerprints: None,
        }
    }

    fn request(&self, team: usize, edition: usize) -> promises::Request {
        let object: Value = serde_saphyr::from_str(&teams::manifest(team, edition)).expect("readable YAML");
        self.promise.request(&object, None).expect("a good request")
    }

    /// How the repository is reached, as the operator does.
    pub fn access(&self, user: &str, password: &str) -> Access {
        Access {
            url: self.url.clone(),
            branch: "main".into(),
            credentials: Credentials::basic(user, password),
            signing: None,
            proxy: None,
            ca_bundle: None,
            insecure_skip_tls_verify: false,
            author: ("kept".into(), "kept@example.com".into()),
            timeout: Duration::from_secs(30),
            create: false,
            cache: None,
        }
    }
}

/// The branch `main` of a repository.
pub fn branch(url: &str) -> Branch {
    Branch { remote: Remote::new(url), name: "main".into() }
}
