//! The operator on a real API server with a real Gitea. Each test has both for itself, because
//! destinations are cluster-scoped and take every request.

#![allow(unreachable_pub, clippy::unwrap_used, reason = "a test program has no callers")]

mod accepted;
mod failures;
mod git;
mod kubeconfig;
mod life;
mod manifests;
mod moves;
mod platform;
mod races;
mod readme;
mod restarts;
mod support;
mod vclusters;
mod wires;
