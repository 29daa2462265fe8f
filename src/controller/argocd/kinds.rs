//! The two kinds of Argo CD's that read repositories, and how each is told to do so at once.

use kube::ResourceExt;
use kube::api::ApiResource;
use kube::core::{GroupVersionKind, Object};
use serde::Deserialize;
use serde_json::Value;

use super::address::Address;
use super::push::{self, Read};
use crate::controller::live::{self, Application, Applies, Id, Report, Watched};

/// Their group.
pub(super) const GROUP: &str = "argoproj.io";
/// Their version.
pub(super) const VERSION: &str = "v1alpha1";

/// A kind that reads repositories.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Finds out by it which Applications there are to be.
    ApplicationSet,
    /// Applies it.
    Application,
}

/// An object of either kind, without all that does not matter here.
pub(super) type Reader = Object<Spec, Status>;

/// What a spec says of repositories. The fields of both kinds have different names.
#[derive(Clone, Debug, Default, Deserialize)]
pub(super) struct Spec {
    source: Option<Source>,
    sources: Option<Vec<Source>>,
    /// They nest, and what is below the first ones has no schema.
    #[serde(default)]
    generators: Value,
    template: Option<Template>,
    destination: Option<Destination>,
}

#[derive(Clone, Debug, Deserialize)]
struct Destination {
    #[serde(default)]
    server: String,
    #[serde(default)]
    name: String,
}

/// What Argo CD says of an Application, as far as it matters.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Status {
    #[serde(default)]
    sync: Stated,
    #[serde(default)]
    health: Stated,
    #[serde(default)]
    operation_state: Operation,
    #[serde(default)]
    conditions: Vec<Condition>,
}

#[derive(Clone, Debug, Default, Deserialize)]
struct Stated {
    #[serde(default)]
    status: String,
}

#[derive(Clone, Debug, Default, Deserialize)]
struct Operation {
    #[serde(default)]
    phase: String,
    #[serde(default)]
    message: String,
}

#[derive(Clone, Debug, Deserialize)]
struct Condition {
    #[serde(rename = "type", default)]
    type_: String,
    #[serde(default)]
    message: String,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Source {
    #[serde(rename = "repoURL")]
    repo_url: Option<String>,
    target_revision: Option<String>,
    path: Option<String>,
}

#[derive(Clone, Debug, Default, Deserialize)]
struct Template {
    #[serde(default)]
    spec: Box<Spec>,
}

impl Kind {
    /// Both, the one that makes the other first.
    pub(super) const ALL: [Self; 2] = [Self::ApplicationSet, Self::Application];

    /// Its plural.
    pub(super) fn plural(self) -> &'static str {
        match self {
            Self::ApplicationSet => "applicationsets",
            Self::Application => "applications",
        }
    }

    /// Where its objects are.
    pub(super) fn resource(self) -> ApiResource {
        let gvk = GroupVersionKind::gvk(GROUP, VERSION, &format!("{self:?}"));
        ApiResource::from_gvk_with_plural(&gvk, self.plural())
    }

    /// The annotation that has an object look at its repositories at once, without what it remembers of where
    /// their branches are. Argo CD takes it off when it has.
    pub(super) fn refresh(self) -> (&'static str, &'static str) {
        match self {
            Self::ApplicationSet => ("argocd.argoproj.io/application-set-refresh", "true"),
            Self::Application => ("argocd.argoproj.io/refresh", "normal"),
        }
    }
}

impl Spec {
    /// What is read.
    pub(super) fn reads(&self) -> Vec<Read> {
        let mut reads: Vec<Read> = self.read_by_sources().collect();
        generated(&self.generators, &mut reads);
        let template = self.template.iter().flat_map(|template| template.spec.read_by_sources());
        // What its Applications have of parameters, these say themselves.
        reads.extend(template.filter(|read| read.repository.is_some()));
        reads
    }

    fn read_by_sources(&self) -> impl Iterator<Item = Read> {
        self.source.iter().chain(self.sources.iter().flatten()).map(|source| {
            let text = |text: &Option<String>| text.clone().unwrap_or_default();
            read(&text(&source.repo_url), &text(&source.target_revision), &text(&source.path))
        })
    }
}

/// What Argo CD may say of whether what is there is what is asked for.
const SYNC: [&str; 2] = ["Synced", "OutOfSync"];
/// What it may say of how that fares.
const HEALTH: [&str; 5] = ["Healthy", "Progressing", "Degraded", "Suspended", "Missing"];

impl Watched for Reader {
    fn id(&self, kind: live::Kind) -> Id {
        live::id_of(self, kind)
    }

    fn report(&self, _: live::Kind) -> Option<Report> {
        let status = self.status.clone().unwrap_or_default();
        let known = |words: &[&'static str], text: &str| words.iter().find(|word| **word == text).copied();
        let cluster = self.spec.destination.as_ref().map(|to| if to.server.is_empty() { &to.name } else { &to.server });
        let mut applied = self.spec.read_by_sources().filter_map(|read| {
            let request = push::request_at(&read.path)?;
            Some(Applies { request, source: (read.repository, read.branch) })
        });
        Some(Report::Application(Box::new(Application {
            sync: known(&SYNC, &status.sync.status).unwrap_or("Unknown"),
            health: known(&HEALTH, &status.health.status).unwrap_or("Unknown"),
            trouble: status.trouble().map(|text| text.chars().take(live::LONGEST).collect::<String>().into()),
            cluster: cluster.map_or("", |cluster| cluster.trim_end_matches('/')).into(),
            is_refreshing: self.annotations().contains_key(Kind::Application.refresh().0),
            applies: applied.next(),
        })))
    }
}

impl Status {
    /// Why it cannot go on, in Argo CD's words.
    fn trouble(&self) -> Option<&str> {
        let failed = matches!(self.operation_state.phase.as_str(), "Failed" | "Error") && self.sync.status != "Synced";
        let error = self.conditions.iter().find(|condition| condition.type_.ends_with("Error"));
        error.map(|condition| &*condition.message).or_else(|| failed.then_some(&*self.operation_state.message))
    }
}

/// What Git generators read, those within others too.
fn generated(generators: &Value, reads: &mut Vec<Read>) {
    for generator in generators.as_array().into_iter().flatten() {
        if let Some(git) = generator.get("git") {
            let text = |field: &str| git[field].as_str().unwrap_or_default();
            reads.push(read(text("repoURL"), text("revision"), ""));
        }
        for combined in ["matrix", "merge"] {
            generated(&generator[combined]["generators"], reads);
        }
    }
}

fn read(url: &str, revision: &str, path: &str) -> Read {
    let is_template = |text: &str| text.contains("{{");
    let branch = revision.strip_prefix("refs/heads/").unwrap_or(revision);
    let path = if is_template(path) { "" } else { path };
    let path: Vec<&str> = path.split('/').filter(|part| !part.is_empty() && *part != ".").collect();
    Read {
        repository: (!is_template(url)).then(|| Address::new(url)),
        // Which one is a repository's default branch is not known here.
        branch: (!matches!(branch, "" | "HEAD") && !is_template(branch)).then(|| branch.into()),
        path: path.join("/").into(),
    }
}
