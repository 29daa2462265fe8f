//! The two kinds of Argo CD's that read repositories, and how each is told to do so at once.

use kube::api::ApiResource;
use kube::core::{GroupVersionKind, NotUsed, Object};
use serde::Deserialize;
use serde_json::Value;

use super::address::Address;
use super::push::Read;

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
pub(super) type Reader = Object<Spec, NotUsed>;

/// What a spec says of repositories. The fields of both kinds have different names.
#[derive(Clone, Debug, Default, Deserialize)]
pub(super) struct Spec {
    source: Option<Source>,
    sources: Option<Vec<Source>>,
    /// They nest, and what is below the first ones has no schema.
    #[serde(default)]
    generators: Value,
    template: Option<Template>,
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
