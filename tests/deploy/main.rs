//! The Helm chart with the real Helm, on a real API server, and the operator as it installs it.

#![allow(unreachable_pub, clippy::unwrap_used, reason = "a test program has no callers")]

#[path = "../cluster/git.rs"]
#[allow(dead_code, reason = "shared with the tests of the operator")]
mod git;
#[path = "../cluster/manifests.rs"]
#[allow(dead_code, reason = "shared with the tests of the operator")]
mod manifests;
#[path = "../cluster/support.rs"]
#[allow(dead_code, reason = "shared with the tests of the operator")]
mod support;

mod argocd;
mod helm;
mod installing;
mod leaving;
mod rendering;
mod rights;
