//! What may be committed at all. [`check`] is the only way to a [`Checked`], and only what is
//! checked can be placed: what no rule has seen cannot reach a repository. [`inspect`] holds the rules
//! that are not about kept's own output against any manifest.

mod labels;
mod limits;
mod namespaces;
mod objects;
mod paths;
mod secrets;
mod templates;
mod tokens;
mod violation;

use std::collections::BTreeMap;

use serde_json::Value;

use crate::config::Settings;
use crate::error::{Invalid, Mistake};
use crate::manifest::write::to_yaml;
use crate::manifest::{Claim, Content, Output, object};
use crate::values::{RelPath, RequestKey, Set};
use secrets::Subject;
pub use violation::{Rule, Violation};

/// An [`Output`] that passed every rule, labelled and serialised.
#[derive(Clone, Debug, PartialEq)]
pub struct Checked {
    files: BTreeMap<RelPath, CheckedFile>,
    claims: Set<Claim>,
    supersedes: Set<RequestKey>,
}

/// One file that passed every rule.
#[derive(Clone, Debug, PartialEq)]
pub struct CheckedFile {
    /// The bytes to commit.
    pub bytes: Vec<u8>,
    /// Whether it is one YAML document and can thus be aggregated with others.
    pub is_document: bool,
    /// `group/kind/namespace/name` of the Kubernetes object in it, unique per destination. The group
    /// of core kinds and the namespace of cluster-scoped ones are empty. Absent for what is no
    /// single object: documents, text, and lists.
    pub object: Option<String>,
}

impl Checked {
    /// The files by path.
    pub fn files(&self) -> &BTreeMap<RelPath, CheckedFile> {
        &self.files
    }

    /// The identities the request claims among its writer's requests.
    pub fn claims(&self) -> &Set<Claim> {
        &self.claims
    }

    /// The requests whose work this is as well.
    pub fn supersedes(&self) -> &Set<RequestKey> {
        &self.supersedes
    }
}

/// Stamps labels, serialises and applies every rule; all violations are reported together, each
/// with the file's path as its field.
pub fn check(request: &RequestKey, output: Output, settings: &Settings) -> Result<Checked, Invalid> {
    let Output { mut files, claims, parts, supersedes, facts: _, notes: _, vcluster: _ } = output;
    for (path, content) in &mut files {
        if let Content::Object(object) = content {
            let part = path.directory().and_then(|directory| parts.get(directory));
            let (promise, name) =
                part.map_or((request.promise.as_str(), &request.name), |part| (part.promise, &part.name));
            labels::stamp(promise, name, object);
        }
    }
    let mut found = paths::violations(files.keys());
    for (path, content) in &files {
        let mut refuse = |message: String| found.push(Mistake::new(path.to_string(), message));
        match content {
            Content::Object(value) | Content::Document(value) => {
                secrets::inspect(Subject::Document(value), false, &mut |violation| refuse(violation.to_string()));
            }
            Content::Text(text) => secrets::inspect(Subject::Text(text), false, &mut |violation| {
                refuse(format!("its text{} {}", violation.place(), violation.message));
            }),
        }
        if let Content::Object(object) = content {
            for (at, object) in object::each(object) {
                let mut refuse = |message: String| refuse(format!("{at}{message}"));
                objects::inspect(object, &mut refuse);
                labels::inspect(object, &mut refuse);
                namespaces::inspect(object, &settings.protected_namespaces, &mut refuse);
                templates::inspect(object, &mut refuse);
            }
        }
    }
    let files: BTreeMap<RelPath, CheckedFile> =
        files.into_iter().map(|(path, content)| (path, serialise(content))).collect();
    found.extend(limits::violations(&files, &settings.limits));
    found.extend(objects::duplicates(&files));
    if found.is_empty() { Ok(Checked { files, claims, supersedes }) } else { Err(Invalid::policy(found)) }
}

fn serialise(content: Content) -> CheckedFile {
    match content {
        Content::Object(object) => {
            CheckedFile { bytes: to_yaml(&object).into_bytes(), is_document: true, object: object::identity(&object) }
        }
        Content::Document(value) => {
            CheckedFile { bytes: to_yaml(&value).into_bytes(), is_document: true, object: None }
        }
        Content::Text(text) => CheckedFile { bytes: text.into_bytes(), is_document: false, object: None },
    }
}

/// What the rules that hold for any manifest have against this one.
pub fn inspect(document: &Value, settings: &Settings) -> Vec<Violation> {
    let mut found = Vec::new();
    secrets::inspect(Subject::Document(document), true, &mut |violation| found.push(violation));
    if ["apiVersion", "kind"].iter().any(|field| !document[field].is_string()) {
        // Helm values and much else are no objects.
        return found;
    }
    labels::values(document, &mut |label, message| {
        // A template's labels are none yet.
        if !document["metadata"]["labels"][label].as_str().is_some_and(|text| text.contains("{{")) {
            let at = format!("metadata.labels[{label:?}]");
            found.push(Violation { rule: Rule::Label, at, line: None, message });
        }
    });
    let (bytes, allowed) = (to_yaml(document).len(), settings.limits.file_bytes);
    if bytes > allowed {
        let message = format!("{}: split it", limits::too_large(bytes, allowed));
        found.push(Violation { rule: Rule::Limit, at: String::new(), line: None, message });
    }
    found
}

/// What they have against a text that may hold manifests: a template, or YAML that cannot be read.
pub fn inspect_text(text: &str) -> Vec<Violation> {
    let mut found = Vec::new();
    secrets::inspect(Subject::Text(text), true, &mut |violation| found.push(violation));
    found
}

/// The lines of any text that hold a credential.
pub fn credentials(text: &str) -> Vec<Violation> {
    let mut found = Vec::new();
    secrets::credentials(text, &mut |violation| found.push(violation));
    found
}

/// Paths that some file system cannot hold side by side, each with why.
pub fn collisions<'a>(paths: impl Iterator<Item = &'a str>) -> Vec<(&'a str, String)> {
    paths::collisions(paths)
}
