//! What can be written for the commands that only look: at a cluster, or at a repository.
#![allow(clippy::doc_markdown, reason = "the comments are help, see the module above")]

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::{FindingFormat, StoreArgs};

/// Which cluster.
#[derive(Args, Debug)]
#[command(next_help_heading = "Cluster")]
pub(in crate::cli) struct ClusterArgs {
    /// The kubeconfig file, rather than those of KUBECONFIG, ~/.kube/config or the service account.
    #[arg(long, value_name = "FILE")]
    pub(in crate::cli) kubeconfig: Option<PathBuf>,

    /// The context of the kubeconfig.
    #[arg(long, value_name = "NAME")]
    pub(in crate::cli) context: Option<String>,
}

/// The form of the state of things.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(in crate::cli) enum StatusFormat {
    /// Aligned columns, cut to the width of the terminal.
    Table,
    /// The same, not cut.
    Wide,
    /// One JSON array; with --watch an object a line.
    Json,
}

/// Verify that the repository holds what the requests ask for, and nothing else of theirs.
///
/// Findings are what the next apply with --prune would change: files that are missing, changed, not recorded
/// by anybody or not asked for any more; requests that are refused; and orphans, which are recorded and whose
/// requests are not there. What Kratix left is only mentioned. Nothing is written, ever.
///
/// Without -f a cluster is verified: its requests, stores and destinations, as its operator sees them. It
/// takes the rights of the operator: to list those, and to get the Secrets that the stores name. What is
/// still on its way is looked at twice, some seconds apart, and is no finding once it has arrived.
#[derive(Args, Debug)]
#[command(after_help = "\
Exit status: 0 all is as asked for, 1 findings, 2 wrong usage, or something could not be read.

Examples:
  # Is the repository what these requests say?
  kept verify -f teams/ --store ./state.git

  # The same of a cluster and all its stores, with the operator's settings
  kept verify --config settings.yaml

  # For cron: silent while all is well
  kept verify --context prod >report || mail -s 'drift' ops@example.com <report

  # For scripts
  kept verify -f teams/ --store ./state.git -o json | jq -r '.[] | \"\\(.reason) \\(.path)\"'")]
pub(in crate::cli) struct VerifyArgs {
    /// A file, a directory (read recursively: .yaml, .yml, .json) or `-` for standard input. May be
    /// repeated. Without it, a cluster is verified.
    #[arg(short = 'f', long = "filename", value_name = "FILE|DIR|-", action = clap::ArgAction::Append, help_heading = "Input")]
    pub(in crate::cli) filename: Vec<PathBuf>,

    /// The namespace of requests in files that name none.
    #[arg(short = 'n', long, value_name = "NAME", default_value = "default", help_heading = "Input")]
    pub(in crate::cli) namespace: String,

    /// Pass over objects of kinds that kept does not know, rather than refuse them.
    #[arg(long, help_heading = "Input")]
    pub(in crate::cli) ignore_foreign: bool,

    /// The settings, the same file that the operator reads.
    #[arg(long, value_name = "FILE", help_heading = "Input")]
    pub(in crate::cli) config: Option<PathBuf>,

    #[command(flatten)]
    pub(in crate::cli) store: StoreArgs,

    #[command(flatten)]
    pub(in crate::cli) cluster: ClusterArgs,

    /// The form of the findings.
    #[arg(short = 'o', long, value_name = "FORMAT", value_enum, default_value = "text", help_heading = "Options")]
    pub(in crate::cli) output: FindingFormat,
}

/// Show all requests of a cluster, or all that is recorded in a state repository.
///
/// What is wrong comes first. Of a cluster: what the operator says in the status of each request. Of a
/// repository: whose files there are, how many, and the last commit that names the request; of a remote one
/// only the head is at hand, and is shown in its place.
#[derive(Args, Debug)]
#[command(after_help = "\
Exit status: 0 if it could be read, whatever it says; 2 if not. `kept verify` is for alarms.

Examples:
  # All requests of the cluster that kubectl uses
  kept status

  # Those of one namespace, and every change as it comes
  kept status -n shop --watch

  # What a state repository holds, without any cluster
  kept status --store https://git.example.com/platform/state.git --path clusters/prod

  # For scripts: what is not ready
  kept status -o json | jq -r '.[] | select(.ready != \"True\") | \"\\(.namespace)/\\(.name) \\(.reason)\"'")]
pub(in crate::cli) struct StatusArgs {
    /// Only requests of this namespace.
    #[arg(short = 'n', long, value_name = "NAME", help_heading = "Options")]
    pub(in crate::cli) namespace: Option<String>,

    /// Requests of all namespaces: the default.
    #[arg(short = 'A', long, conflicts_with = "namespace", help_heading = "Options")]
    pub(in crate::cli) all_namespaces: bool,

    /// Go on, and print what changes as it comes. For clusters: a repository is looked at once.
    #[arg(short = 'w', long, help_heading = "Options")]
    pub(in crate::cli) watch: bool,

    /// The form of the output.
    #[arg(short = 'o', long, value_name = "FORMAT", value_enum, default_value = "table", help_heading = "Options")]
    pub(in crate::cli) output: StatusFormat,

    /// A state repository to look at, rather than a cluster: a path or a URL. `kept apply --help` says where
    /// credentials come from.
    #[arg(long, value_name = "PATH|URL", help_heading = "Store")]
    pub(in crate::cli) store: Option<String>,

    /// The branch of --store.
    #[arg(long, value_name = "NAME", default_value = "main", requires = "store", help_heading = "Store")]
    pub(in crate::cli) branch: String,

    /// The directory of --store below which everything lies.
    #[arg(long, value_name = "DIR", default_value = ".", requires = "store", help_heading = "Store")]
    pub(in crate::cli) path: String,

    #[command(flatten)]
    pub(in crate::cli) cluster: ClusterArgs,
}
