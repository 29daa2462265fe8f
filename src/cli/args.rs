//! What can be written on the command line. Only shapes are checked here; [`super::session`] makes
//! sense of it. The comments are what users read as help, so they are plain text and not Markdown.
#![allow(clippy::doc_markdown, reason = "see above")]

mod looking;

use std::path::PathBuf;

use clap::builder::styling::{AnsiColor, Styles};
use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;

pub(super) use self::looking::{ClusterArgs, StatusArgs, StatusFormat, VerifyArgs};
use crate::policy::Rule;

const STYLES: Styles = Styles::styled()
    .header(AnsiColor::Green.on_default().bold())
    .usage(AnsiColor::Green.on_default().bold())
    .literal(AnsiColor::Cyan.on_default().bold())
    .placeholder(AnsiColor::Cyan.on_default());

/// Renders platform requests to manifests and commits them to Git state repositories.
///
/// A request is a custom resource such as a Team. kept reads requests from files, checks them,
/// renders what they ask for, and commits it to the repository that your GitOps tool reads.
/// `kept crd` lists the kinds it knows.
#[derive(Debug, Parser)]
#[command(name = "kept", version, styles = STYLES, max_term_width = 100, arg_required_else_help = true)]
#[command(after_help = "\
Exit status:
  0  all is well
  1  some requests failed; the others are done (diff: there are differences; check, verify: findings)
  2  wrong usage, or nothing could be done (diff: 2 or more is any error)")]
pub(super) struct Cli {
    #[command(subcommand)]
    pub(super) command: Command,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    Render(RenderArgs),
    Apply(ApplyArgs),
    Diff(DiffArgs),
    Verify(VerifyArgs),
    Status(StatusArgs),
    Check(CheckArgs),
    Delete(DeleteArgs),
    Crd(CrdArgs),
    Completions(CompletionsArgs),
    Run(super::run::Run),
}

/// Where requests come from, and how they are read.
#[derive(Args, Debug)]
#[command(next_help_heading = "Input")]
pub(super) struct InputArgs {
    /// A file, a directory (read recursively: .yaml, .yml, .json) or `-` for standard input. May be
    /// repeated. Hidden files and kustomization.yaml are passed over.
    #[arg(short = 'f', long = "filename", value_name = "FILE|DIR|-", required = true, action = clap::ArgAction::Append)]
    pub(super) filename: Vec<PathBuf>,

    /// The namespace of requests that name none.
    #[arg(short = 'n', long, value_name = "NAME", default_value = "default")]
    pub(super) namespace: String,

    /// Pass over objects of kinds that kept does not know, rather than refuse them.
    #[arg(long)]
    pub(super) ignore_foreign: bool,

    /// The settings, the same file that the operator reads.
    #[arg(long, value_name = "FILE")]
    pub(super) config: Option<PathBuf>,
}

/// Where output goes to: the store.
#[derive(Args, Debug)]
#[command(next_help_heading = "Store")]
pub(super) struct StoreArgs {
    /// The state repository: a path or a URL. Where nothing is at a path, apply makes a bare
    /// repository, diff compares with an empty one, and delete fails.
    /// Not needed if the input has GitStateStores and Destinations, by which requests are then
    /// routed as in a cluster. Hooks of a local repository are not run.
    ///
    /// Credentials for http(s) are never part of the URL: KEPT_GIT_USERNAME and KEPT_GIT_PASSWORD
    /// (or the same with _FILE, naming files), or else Git's own credential helpers. Proxies are
    /// those of the environment or of git's configuration.
    ///
    /// Over SSH: the keys of the ssh-agent and in ~/.ssh, or that in KEPT_GIT_SSH_KEY_FILE; only
    /// servers in ~/.ssh/known_hosts, or in KEPT_GIT_KNOWN_HOSTS_FILE. ~/.ssh/config is not read.
    ///
    /// KEPT_GIT_SIGNING_KEY_FILE names an SSH key that commits are signed with.
    #[arg(long, value_name = "PATH|URL")]
    pub(super) store: Option<String>,

    /// The branch of --store.
    #[arg(long, value_name = "NAME", default_value = "main", requires = "store")]
    pub(super) branch: String,

    /// Everything lies below this directory of --store.
    #[arg(long, value_name = "DIR", default_value = ".", requires = "store")]
    pub(super) path: String,

    /// In whose name files are recorded; only that writer's files are ever changed or pruned. By default cli;
    /// where a cluster is verified, as its operator: the writer of --config, or the UID of kube-system.
    #[arg(long, value_name = "NAME")]
    pub(super) writer: Option<String>,

    /// Take over what this writer recorded, for instance an operator's cluster UID. May be repeated.
    #[arg(long, value_name = "WRITER")]
    pub(super) adopt: Vec<String>,
}

impl StoreArgs {
    /// In whose name.
    pub(super) fn writer(&self) -> &str {
        self.writer.as_deref().unwrap_or("cli")
    }
}

/// The form of results.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum ResultFormat {
    /// Aligned columns for people.
    Table,
    /// One JSON array.
    Json,
}

/// The form of findings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum FindingFormat {
    /// A line for each, as compilers print them.
    Text,
    /// One JSON array.
    Json,
}

/// The form of rendered files.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum FileFormat {
    /// A stream of YAML documents; text that is not YAML appears as comments.
    Yaml,
    /// One JSON array of `{path, content}`.
    Json,
}

/// Render requests; no Git, no cluster.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  # Show what the requests in a directory render to
  kept render -f teams/

  # Write it as it would lie in the state repository
  kept render -f teams/ --out rendered/

  # One file of it, by name
  kept render -f teams/ -o json | jq -r '.[] | select(.path | endswith(\".tf\")) | .content'

  # What a cluster has
  kubectl get teams -A -o yaml | kept render -f -")]
pub(super) struct RenderArgs {
    #[command(flatten)]
    pub(super) input: InputArgs,

    /// Write files below this directory, as they would lie below the store's root (with several
    /// stores in the input: below a directory for each).
    #[arg(long, value_name = "DIR", conflicts_with = "output", help_heading = "Options")]
    pub(super) out: Option<PathBuf>,

    /// The form of what is printed.
    #[arg(short = 'o', long, value_name = "FORMAT", value_enum, default_value = "yaml", help_heading = "Options")]
    pub(super) output: FileFormat,
}

/// Render requests and commit the output.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  # Commit what the requests in a directory render to; made if missing
  kept apply -f teams/ --store ./state.git

  # To a server; credentials from Git's helpers or the environment
  kept apply -f teams/ --store https://git.example.com/platform/state.git --path clusters/prod
  kept apply -f teams/ --store git@git.example.com:platform/state.git

  # The directory is the whole truth: show what would go, then let it go
  kept apply -f teams/ --store ./state.git --prune --dry-run
  kept apply -f teams/ --store ./state.git --prune

  # Routed as in a cluster, to the stores that the files themselves describe
  kept apply -f stores.yaml -f teams/ --config settings.yaml")]
#[allow(clippy::struct_excessive_bools, reason = "each is a flag of its own")]
pub(super) struct ApplyArgs {
    #[command(flatten)]
    pub(super) input: InputArgs,

    #[command(flatten)]
    pub(super) store: StoreArgs,

    /// What is given is the whole truth of this writer: remove what it recorded for requests that are
    /// not in the input.
    #[arg(long, help_heading = "Options")]
    pub(super) prune: bool,

    /// Let --prune remove everything when the input has no requests at all.
    #[arg(long, requires = "prune", help_heading = "Options")]
    pub(super) allow_empty: bool,

    /// Show what would be done; write nothing.
    #[arg(long, help_heading = "Options")]
    pub(super) dry_run: bool,

    /// The form of the results.
    #[arg(short = 'o', long, value_name = "FORMAT", value_enum, default_value = "table", help_heading = "Options")]
    pub(super) output: ResultFormat,
}

/// Show what apply would change, as a unified diff.
#[derive(Args, Debug)]
#[command(after_help = "\
Exit status: 0 nothing would change, 1 something would, 2 or more an error.

Examples:
  # What would an apply change?
  kept diff -f teams/ --store ./state.git

  # In a pipeline: fail if the repository is not what the requests say
  kept diff -f teams/ --store \"$STATE_URL\" --branch main

  # An edit that is not saved yet
  sed 's/old@/new@/' teams/payments.yaml | kept diff -f - --store ./state.git")]
pub(super) struct DiffArgs {
    #[command(flatten)]
    pub(super) input: InputArgs,

    #[command(flatten)]
    pub(super) store: StoreArgs,
}

/// Check manifests of any kind for secrets, and requests for mistakes, before they are in Git.
///
/// Any manifests: kept's requests, plain Kubernetes objects, lists, Helm values, kustomizations. Files that
/// are named and are neither YAML nor JSON are read for credentials alone. Requests are checked as
/// `kept render` does; where they go to is for `kept diff` to say. No Git, no cluster.
#[derive(Args, Debug)]
#[command(after_help = check_help())]
pub(super) struct CheckArgs {
    /// Files and directories, as -f takes them: for pre-commit and xargs.
    #[arg(value_name = "FILE|DIR", required_unless_present = "filename")]
    pub(super) files: Vec<PathBuf>,

    /// A file, a directory (read recursively: .yaml, .yml, .json) or `-` for standard input. May be
    /// repeated. Hidden files in directories are passed over.
    #[arg(short = 'f', long = "filename", value_name = "FILE|DIR|-", action = clap::ArgAction::Append, help_heading = "Input")]
    pub(super) filename: Vec<PathBuf>,

    /// The namespace of requests that name none.
    #[arg(short = 'n', long, value_name = "NAME", default_value = "default", help_heading = "Input")]
    pub(super) namespace: String,

    /// The settings, the same file that the operator reads.
    #[arg(long, value_name = "FILE", help_heading = "Input")]
    pub(super) config: Option<PathBuf>,

    /// The form of the findings.
    #[arg(short = 'o', long, value_name = "FORMAT", value_enum, default_value = "text", help_heading = "Options")]
    pub(super) output: FindingFormat,
}

/// Remove what requests own.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  # Remove the files of one request
  kept delete -f teams/payments.yaml --store ./state.git

  # Of every request in a directory, from the stores that the files describe
  kept delete -f stores.yaml -f teams/

  # Of requests that an operator wrote
  kept delete -f teams/ --store ./state.git --adopt 6f1f8c1e-0c0b-4a57-9d0d-3a3b7e3f7d10")]
pub(super) struct DeleteArgs {
    #[command(flatten)]
    pub(super) input: InputArgs,

    #[command(flatten)]
    pub(super) store: StoreArgs,

    /// The form of the results.
    #[arg(short = 'o', long, value_name = "FORMAT", value_enum, default_value = "table", help_heading = "Options")]
    pub(super) output: ResultFormat,
}

/// Print the CustomResourceDefinitions of the kinds that kept knows.
///
/// They are what a cluster needs before `kept run`, and what kubectl explain reads. No cluster is asked:
/// pipe them into kubectl, which replaces the definitions that are there, Kratix's among them. The
/// Helm chart brings them by itself.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  # Install them
  kept crd | kubectl apply -f -

  # Write one file for each
  kept crd --out crds/

  # Which kinds are there?
  kept crd | grep '^    kind: '")]
pub(super) struct CrdArgs {
    /// Write one file for each kind into this directory instead.
    #[arg(long, value_name = "DIR", help_heading = "Options")]
    pub(super) out: Option<PathBuf>,
}

/// Print a script that completes commands and flags in a shell.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  # bash, for this session
  source <(kept completions bash)

  # zsh, for good
  kept completions zsh > \"${fpath[1]}/_kept\"

  # fish, for good
  kept completions fish > ~/.config/fish/completions/kept.fish")]
pub(super) struct CompletionsArgs {
    /// The shell.
    #[arg(value_enum)]
    pub(super) shell: Shell,
}

fn check_help() -> String {
    let rules = Rule::ALL.map(|(rule, refuses)| format!("  {:12} {refuses}\n", rule.name())).concat();
    format!("Rules:\n{rules}{CHECK_HELP}")
}

const CHECK_HELP: &str =
    "  Unreadable   what is not YAML; with {{ in it, it is a template: looked at as text, with a note
  UnknownKind, InvalidRequest, GivenTwice, Conflict, PolicyViolation
               what `kept render` has against requests, stores and destinations

Requests are taken together, as one apply would: check environments that repeat them one by one.
ExternalSecrets, SealedSecrets and Secrets that SOPS has encrypted pass. No comment silences a rule:
leave out what may be there, as the second example does.

Exit status: 0 nothing found, 1 findings, 2 wrong usage, or a file could not be read.

Examples:
  # Everything below a directory (.yaml, .yml, .json)
  kept check -f platform/

  # Whatever Git has, but for charts
  git ls-files -z ':!charts' | xargs -0 kept check

  # What would be applied
  kustomize build overlays/prod | kept check -f -

  # For scripts
  kept check -f platform/ -o json | jq -r '.[] | \"\\(.file):\\(.line) \\(.rule)\"'";

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn definitions_are_consistent() {
        Cli::command().debug_assert();
    }
}
