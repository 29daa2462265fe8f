//! `GitStateStore`: a branch of a Git repository that rendered files are committed to.

use std::sync::LazyLock;

use k8s_openapi::ByteString;
use kube::core::Rule;
use kube::{CustomResource, KubeSchema};
use regex::Regex;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::status::StoreStatus;

/// Characters of a path; [`PATH_REFUSED`] says the rest.
pub(super) const PATH_PATTERN: &str = r"^[-A-Za-z0-9_.+@=,~ ()/]*$";
/// Matches a path with a component that cannot be one in a state repository.
pub(super) const PATH_REFUSED: &str = r"(?i)(^|/)(\.\.|\.git|\.gitmodules|\.gitattributes|git~[^/]*|\.kept|\.kratix|[^/]+\.|[^/]* | [^/]*|[^/]{256,})(/|$)";
/// Matches a URL with something before the host that is more than a user name for SSH.
pub(super) const URL_CREDENTIALS: &str = r"^(https?|file)://[^/?#]*@|^ssh://[^/@]*:[^/]*@";
/// Matches a URL that is complete.
pub(super) const URL_COMPLETE: &str = r"^(https?://([^/?#@:\[\]]+|\[[0-9A-Fa-f:.]+\])(:[0-9]+)?/[^?#]+|ssh://([^/?#@]+@)?[^/?#@]+/[^?#]+|file://\.?/.*|[A-Za-z0-9._-]+@[A-Za-z0-9.-]+:.+)$";
/// Matches plain `http` to this machine or inside the cluster.
const URL_INTERNAL: &str = r"(?i)^http://(([a-z0-9-]+\.)*localhost|127(\.[0-9]{1,3}){3}|\[::1\]|[a-z0-9.-]+\.svc(\.cluster\.local)?)(:[0-9]+)?(/|$)";
/// Matches a name that cannot be a branch, among those of the allowed characters.
pub(super) const BRANCH_REFUSED: &str = r"\.\.|//|/\.|\.lock(/|$)|\./|^refs/|^HEAD$";

/// Where rendered files are committed to. Fields and defaults are Kratix's; `signing`,
/// `caBundle`, `insecureSkipTLSVerify` and `allowInsecureHTTP` are kept's own.
#[derive(CustomResource, KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[kube(
    group = "platform.kratix.io",
    version = "v1alpha1",
    kind = "GitStateStore",
    plural = "gitstatestores",
    singular = "gitstatestore",
    shortname = "gss",
    category = "kept",
    status = "StoreStatus",
    derive = "PartialEq",
    doc = "A branch of a Git repository that rendered files are committed to.",
    printcolumn(name = "URL", type_ = "string", json_path = ".spec.url"),
    printcolumn(name = "Branch", type_ = "string", json_path = ".spec.branch"),
    printcolumn(name = "Ready", type_ = "string", json_path = ".status.conditions[?(@.type==\"Ready\")].status"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"),
    printcolumn(name = "Path", type_ = "string", json_path = ".spec.path", priority = 1),
    printcolumn(
        name = "Reason",
        type_ = "string",
        json_path = ".status.conditions[?(@.type==\"Ready\")].reason",
        priority = 1
    )
)]
#[x_kube(
    validation = Rule::new("self.authMethod == 'basicAuth' || has(self.secretRef)")
        .message(messages::NEEDS_SECRET)
        .field_path(".authMethod"),
    validation = Rule::new("self.authMethod != 'ssh' || !self.url.matches('^(https?|file)://')")
        .message(messages::NEEDS_SSH_URL)
        .field_path(".authMethod"),
    validation = Rule::new("self.authMethod == 'ssh' || self.url.matches('^(https?|file)://')")
        .message(messages::NEEDS_SSH)
        .field_path(".authMethod"),
    validation = Rule::new(format!(
        "self.allowInsecureHTTP || !has(self.secretRef) || !self.url.startsWith('http://') || self.url.matches(r'{URL_INTERNAL}')"
    ))
    .message(messages::INSECURE)
    .field_path(".url"),
)]
#[serde(rename_all = "camelCase")]
pub struct GitStateStoreSpec {
    /// The repository: `https://host/owner/repository.git`, `http://…` (with credentials only to
    /// loopback and cluster-internal names), `ssh://git@host/owner/repository.git`,
    /// `git@host:owner/repository.git`, or `file:///absolute/path`. Never with credentials in it.
    #[schemars(
        length(min = 1, max = 1024),
        regex(pattern = r"^((https?|ssh|file)://|[A-Za-z0-9._-]+@[A-Za-z0-9.-]+:)[!-~]+$")
    )]
    #[x_kube(
        validation = Rule::new(format!("!self.matches(r'{URL_CREDENTIALS}')"))
            .message(messages::CREDENTIALS),
        validation = Rule::new(format!("self.matches(r'{URL_CREDENTIALS}') || self.matches(r'{URL_COMPLETE}')"))
            .message(messages::INCOMPLETE),
    )]
    pub url: String,
    /// The branch. It need not exist yet. Letters, digits and `._/@+=#-`, without `refs/heads/`.
    /// Default `main`.
    #[serde(default = "main_branch")]
    #[schemars(length(min = 1, max = 244), regex(pattern = r"^[A-Za-z0-9_]([A-Za-z0-9._/@+=#-]*[A-Za-z0-9_@+=#-])?$"))]
    #[x_kube(
        validation = Rule::new(format!("!self.matches(r'{BRANCH_REFUSED}')"))
            .message(messages::BRANCH),
    )]
    pub branch: String,
    /// Directory in the repository that everything is written below. Default: the root. No `..`, no
    /// name that Git or kept uses itself (`.git…`, `.kept`, `.kratix`); ASCII letters, digits, spaces
    /// and `-_.+@=,~()` between slashes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 512), regex(pattern = PATH_PATTERN))]
    #[x_kube(validation = path_rule())]
    pub path: Option<String>,
    /// How to authenticate. `basicAuth` (default): the Secret's keys `username` and `password`, or
    /// `bearerToken`, or nothing without a secretRef. `ssh`: `sshPrivateKey` (without a passphrase) and
    /// `knownHosts` (lines as in `~/.ssh/known_hosts`; `ssh-keyscan` prints them). `githubApp`: `appID`,
    /// `installationID` and `privateKey`.
    #[serde(default)]
    pub auth_method: AuthMethod,
    /// The Secret with the credentials.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret_ref: Option<SecretRef>,
    /// Who commits.
    #[serde(default)]
    pub git_author: GitAuthor,
    /// What commits are signed with. Default: they are not signed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signing: Option<Signing>,
    /// Certificates of the authorities that may have signed the server's, as PEM, base64-encoded as
    /// in a webhook's `caBundle`. Default: those that the operating system trusts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "base64")]
    pub ca_bundle: Option<ByteString>,
    /// Do not verify the server's certificate. Default false. Whoever sits in between can then read
    /// the credentials and change what is committed.
    #[serde(default, rename = "insecureSkipTLSVerify")]
    pub insecure_skip_tls_verify: bool,
    /// Send credentials over plain `http` to any host. Default false.
    #[serde(default, rename = "allowInsecureHTTP")]
    pub allow_insecure_http: bool,
}

/// How to authenticate to a Git server.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub enum AuthMethod {
    /// User name and password, or a token, over `https`.
    #[default]
    BasicAuth,
    /// A private key.
    Ssh,
    /// A GitHub App's installation token.
    GithubApp,
}

/// Names a Secret.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct SecretRef {
    /// The Secret's name.
    #[schemars(length(min = 1, max = 253), regex(pattern = r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$"))]
    pub name: String,
    /// The Secret's namespace. Default `default`.
    #[serde(default = "default_namespace")]
    #[schemars(length(min = 1, max = 63), regex(pattern = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"))]
    pub namespace: String,
}

/// The key of signed commits.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct Signing {
    /// The Secret whose key `sshPrivateKey` signs: an SSH key without a passphrase. Git verifies with
    /// `gpg.format=ssh` and its public half in `gpg.ssh.allowedSignersFile`.
    pub secret_ref: SecretRef,
}

/// The author and committer of commits.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct GitAuthor {
    /// Name: one line without `<` and `>`. Default `kratix`.
    #[serde(default = "kratix")]
    #[schemars(length(min = 1, max = 200), regex(pattern = r"^[^\p{Cc}<>]*[^\p{Cc}<>\s.,:;'\x22][^\p{Cc}<>]*$"))]
    pub name: String,
    /// E-mail address: one line without `<` and `>`. Default: empty.
    #[serde(default)]
    #[schemars(length(max = 254), regex(pattern = r"^[^\p{Cc}<>\s]*$"))]
    pub email: String,
}

impl Default for GitAuthor {
    fn default() -> Self {
        Self { name: kratix(), email: String::new() }
    }
}

fn base64(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    schemars::json_schema!({ "type": "string", "format": "byte", "maxLength": 500_000 })
}

fn main_branch() -> String {
    "main".into()
}

fn kratix() -> String {
    "kratix".into()
}

fn default_namespace() -> String {
    "default".into()
}

/// The CEL rule of every field that is a path in a repository.
pub(super) fn path_rule() -> Rule {
    Rule::new(format!("!self.matches(r'{PATH_REFUSED}')")).message(messages::PATH)
}

/// Whether credentials may go over plain `http` to this URL: only inside this machine or the
/// cluster. True for every URL that is not plain `http`.
pub fn may_carry_credentials(url: &str) -> bool {
    static INTERNAL: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(URL_INTERNAL).ok());
    !url.get(..7).is_some_and(|scheme| scheme.eq_ignore_ascii_case("http://"))
        || INTERNAL.as_ref().is_some_and(|internal| internal.is_match(url))
}

/// What the CEL rules say, here and in the cluster.
pub(super) mod messages {
    pub(in crate::api) const NEEDS_SECRET: &str = "authMethod ssh and githubApp need a secretRef";
    pub(in crate::api) const NEEDS_SSH_URL: &str =
        "authMethod ssh needs a URL such as ssh://git@host/owner/repository.git or git@host:owner/repository.git";
    pub(in crate::api) const NEEDS_SSH: &str = "a URL for SSH needs authMethod ssh";
    pub(in crate::api) const INSECURE: &str = "credentials are not sent over plain http, except to loopback and to *.svc names: use https, or set allowInsecureHTTP";
    pub(in crate::api) const CREDENTIALS: &str =
        "credentials do not belong in a URL: put them into a Secret and name it in secretRef";
    pub(in crate::api) const INCOMPLETE: &str =
        "is not complete: it needs a host and the repository's path, and no ? or #";
    pub(in crate::api) const BRANCH: &str =
        "is not the name of a branch: leave out refs/heads/, and no .., //, /. or .lock";
    pub(in crate::api) const PATH: &str = "has a component that cannot be one in a state repository: \
        .., .git and its kin, .kept, .kratix, or one that begins with a space or ends with a space or a dot";
}
