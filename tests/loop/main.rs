//! The whole way of a request, on real parts: users' Git, Argo CD, kept, the state repository, Argo CD again,
//! the External Secrets Operator and back to Argo CD. `make loop` lets a person watch it.

#![allow(unreachable_pub, clippy::unwrap_used, reason = "a test program has no callers")]
#![allow(clippy::print_stdout, reason = "the story is for people")]

#[path = "../cluster/git.rs"]
#[allow(dead_code, reason = "shared with the tests of the cluster")]
mod git;
#[path = "../cluster/manifests.rs"]
#[allow(dead_code, reason = "shared with the tests of the cluster")]
mod manifests;
#[path = "../cluster/support.rs"]
#[allow(dead_code, reason = "shared with the tests of the cluster")]
mod support;
#[path = "../cluster/vault.rs"]
#[allow(dead_code, reason = "shared with the tests of the cluster")]
mod vault;

mod alternative;
mod argocd;
mod health;
mod life;
mod story;
mod vclusters;
