//! Opens the repositories of a landscape, with the credentials that there are for each.

use std::collections::BTreeMap;
use std::path::Path;

use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use url::Url;

use super::ahead::Ahead;
use super::credentials::{Environment, Helper, git_proxy};
use super::input::Object;
use super::landscape::local_path;
use super::progress::Progress;
use crate::api::git_state_store::may_carry_credentials;
use crate::placement::{Branch, Landscape, SecretName, StateStore};
use crate::store::{Access, Credentials, Engine, Error, SigningKey, Survey};
use crate::values::RelPath;

/// What is going to be done with a repository.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    /// Commit to it; made if `--store` names one that is not there.
    Write,
    /// Remove from it.
    Remove,
    /// Only look.
    Look,
}

/// A repository in use.
pub(super) struct Opened {
    pub(super) engine: Engine,
    /// What lies there, by store root.
    pub(super) surveys: BTreeMap<RelPath, Survey>,
    /// Stands in for a repository that is not there yet; kept for as long as it is looked at.
    _scratch: Option<tempfile::TempDir>,
}

/// Where the Secrets that stores name are found.
#[derive(Clone, Copy)]
pub(super) enum Secrets<'a> {
    /// In the input.
    Given(&'a [Object]),
    /// In the cluster, from which all that are named were fetched.
    Fetched(&'a Fetched),
}

/// What became of each Secret that a store of a cluster names.
pub(super) type Fetched = BTreeMap<(String, String), Result<BTreeMap<String, ByteString>, Error>>;

/// Opens a branch and reads its records.
pub(super) struct Opener<'a> {
    pub(super) landscape: &'a Landscape,
    pub(super) secrets: Secrets<'a>,
    pub(super) purpose: Purpose,
    /// The store comes from `--store`, not from the input.
    pub(super) from_flag: bool,
    /// What the environment gives for `--store`, and for that alone: a store in the input could be any
    /// server, and Git's helpers know which one a password is for.
    pub(super) environment: Environment,
    /// What was read already.
    pub(super) ahead: Ahead,
}

impl Opener<'_> {
    /// Opens `branch`.
    pub(super) fn open(&mut self, branch: &Branch) -> Result<Opened, Error> {
        let store = self.landscape.store_for(branch).ok_or_else(|| Error::NotFound("no store names it".into()))?;
        let mut access = store.access(self.known_credentials(store)?, self.signing(store)?);
        if access.url.starts_with("http") {
            access.proxy = git_proxy(&access.url);
        }
        let scratch = self.make_or_pretend(&mut access)?;
        let mut engine = self.connect(&access)?;
        let roots = self.landscape.stores.values().filter(|s| s.branch == *branch).map(|s| s.path.clone());
        let mut surveys = BTreeMap::new();
        for root in roots {
            let found = self.ahead.survey(&mut engine, &root)?;
            surveys.insert(root, found);
        }
        Ok(Opened { engine, surveys, _scratch: scratch })
    }

    fn known_credentials(&self, store: &StateStore) -> Result<Credentials, Error> {
        match &store.auth.secret {
            Some(secret) => {
                let read = secret_data(self.secrets, secret, "spec.secretRef")?;
                Credentials::from_secret(store.auth.method, read, &secret.to_string())
            }
            None if !self.from_flag || local_path(&store.url).is_some() => Ok(Credentials::None),
            None if !self.environment.credentials.is_none() && !may_carry_credentials(&store.url) => {
                Err(Error::Unauthorized(format!(
                    "credentials are not sent over plain http to {}: use https, or describe the store in a GitStateStore with allowInsecureHTTP",
                    store.branch.remote
                )))
            }
            None => Ok(self.environment.credentials.clone()),
        }
    }

    fn signing(&self, store: &StateStore) -> Result<Option<SigningKey>, Error> {
        let Some(secret) = &store.signing else { return Ok(self.environment.signing.clone()) };
        let read = secret_data(self.secrets, secret, "spec.signing.secretRef")?;
        SigningKey::from_secret(read, &secret.to_string()).map(Some)
    }

    /// A local repository that `--store` names is made on the first apply. Whoever only looks sees an
    /// empty one, and none is left behind.
    fn make_or_pretend(&self, access: &mut Access) -> Result<Option<tempfile::TempDir>, Error> {
        let missing = self.from_flag && local_path(&access.url).is_some_and(is_absent);
        if !missing {
            return Ok(None);
        }
        access.create = self.purpose != Purpose::Remove;
        if self.purpose != Purpose::Look {
            return Ok(None);
        }
        let scratch = tempfile::tempdir().map_err(|e| Error::Git(format!("no temporary directory: {e}")))?;
        access.url = scratch.path().join("state.git").to_string_lossy().into_owned();
        Ok(Some(scratch))
    }

    /// Connects as git does: without credentials if the server asks for none, or else with what the
    /// helpers know.
    fn connect(&mut self, access: &Access) -> Result<Engine, Error> {
        let progress = Progress::start(format!("reading {}", access.url));
        let mut engine = self.ahead.open(access)?;
        let first = self.reach(&mut engine);
        drop(progress);
        match first {
            Ok(()) => return Ok(engine),
            Err(Error::Unauthorized(_)) if access.credentials.is_none() && local_path(&access.url).is_none() => {}
            Err(Error::Unauthorized(why)) if self.from_flag => return Err(with_origin(why, &access.credentials)),
            Err(error) => return Err(error),
        }
        let refused = |why: &str| {
            let advice = if self.from_flag {
                "set KEPT_GIT_USERNAME and KEPT_GIT_PASSWORD (or the same with _FILE)"
            } else {
                "name a Secret in spec.secretRef"
            };
            Error::Unauthorized(format!("{} {why}: {advice}, or store them with git's credential helper", access.url))
        };
        let url = Url::parse(&access.url).map_err(|e| Error::NotFound(format!("{}: {e}", access.url)))?;
        if !may_carry_credentials(&access.url) {
            return Err(refused("asks for credentials, which are not sent over plain http"));
        }
        let helper = Helper::fill(&url).ok_or_else(|| refused("asks for credentials, and git knows none"))?;
        let (username, password) = helper.basic();
        engine.set_access(Access { credentials: Credentials::basic(username, password), ..access.clone() });
        let progress = Progress::start(format!("reading {}", access.url));
        let second = self.reach(&mut engine);
        drop(progress);
        match second {
            Ok(()) => {
                helper.approve();
                Ok(engine)
            }
            Err(Error::Unauthorized(_)) => {
                helper.reject();
                Err(refused("refuses the credentials that git has for it"))
            }
            Err(error) => Err(error),
        }
    }

    fn reach(&self, engine: &mut Engine) -> Result<(), Error> {
        if self.purpose != Purpose::Look {
            engine.probe()?;
        }
        engine.refresh().map(drop)
    }
}

/// A refusal of what the environment gave, with where that was found.
fn with_origin(why: String, credentials: &Credentials) -> Error {
    Error::Unauthorized(match credentials {
        Credentials::Basic { .. } => format!("{why} (both come from KEPT_GIT_USERNAME and KEPT_GIT_PASSWORD)"),
        Credentials::Ssh(_) => format!(
            "{why} (keys are those of the ssh-agent and in ~/.ssh, or that in KEPT_GIT_SSH_KEY_FILE; knownHosts is \
             ~/.ssh/known_hosts, or KEPT_GIT_KNOWN_HOSTS_FILE)"
        ),
        _ => why,
    })
}

/// Whether nothing is there, or an empty directory.
pub(super) fn is_absent(path: &Path) -> bool {
    match std::fs::read_dir(path) {
        Ok(mut entries) => entries.next().is_none(),
        Err(_) => std::fs::symlink_metadata(path).is_err_and(|e| e.kind() == std::io::ErrorKind::NotFound),
    }
}

/// What a Secret holds, by key.
fn secret_data(
    secrets: Secrets<'_>,
    named: &SecretName,
    named_by: &str,
) -> Result<impl Fn(&str) -> Option<Vec<u8>>, Error> {
    let secret = match secrets {
        Secrets::Given(objects) => given_secret(objects, named, named_by)?,
        Secrets::Fetched(fetched) => {
            let missing = || Err(Error::Unauthorized(format!("the Secret {named} was not there yet")));
            let found = fetched.get(&(named.namespace.clone(), named.name.clone()));
            Secret { data: Some(found.cloned().unwrap_or_else(missing)?), ..Secret::default() }
        }
    };
    Ok(move |key: &str| {
        let text = || Some(secret.string_data.as_ref()?.get(key)?.clone().into_bytes());
        let data = || Some(secret.data.as_ref()?.get(key)?.0.clone());
        text().or_else(data)
    })
}

fn given_secret(secrets: &[Object], named: &SecretName, named_by: &str) -> Result<Secret, Error> {
    let mut found = secrets.iter().filter(|s| s.subject.namespace == named.namespace && s.subject.name == named.name);
    let (Some(object), None) = (found.next(), found.next()) else {
        return Err(Error::Unauthorized(format!(
            "the Secret {named} that {named_by} names must be in the input, once: give it with -f"
        )));
    };
    // What the Secret holds must not get into the message.
    serde_json::from_value(object.value.clone()).map_err(|_| {
        Error::Unauthorized(format!(
            "the Secret {named} at {} is malformed: data holds base64, stringData holds text",
            object.origin.place()
        ))
    })
}
