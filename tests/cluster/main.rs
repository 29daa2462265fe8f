//! The operator on a real API server with a real Gitea. Each test has both for itself, because
//! destinations are cluster-scoped and take every request.

#![allow(unreachable_pub, clippy::unwrap_used, reason = "a test program has no callers")]
#![allow(clippy::print_stdout, reason = "figures are for people")]

#[path = "../store/support.rs"]
#[allow(dead_code, unused_imports, reason = "shared with the tests of the store")]
mod store_support;

#[path = "../faults/chance.rs"]
#[allow(dead_code, reason = "shared with the tests of faults")]
mod chance;
#[path = "../faults/proxy.rs"]
#[allow(dead_code, reason = "shared with the tests of faults")]
mod proxy;
#[path = "../faults/wishes.rs"]
#[allow(dead_code, reason = "shared with the tests of faults")]
mod wishes;
#[path = "../faults/witness.rs"]
#[allow(dead_code, reason = "shared with the tests of faults")]
mod witness;

#[path = "../migration/v1.rs"]
#[allow(dead_code, reason = "shared with the tests of the command line")]
mod v1;

mod accepted;
#[allow(dead_code, reason = "shared with a benchmark")]
mod api_proxy;
mod argocd;
mod controls;
mod crashes;
mod drift;
mod failures;
mod git;
mod health;
mod kubeconfig;
mod life;
mod lists;
mod looking;
mod manifests;
mod migrating;
mod moves;
mod platform;
mod poison;
mod races;
mod readme;
mod replicas;
mod restarts;
mod robust;
mod seen;
mod support;
mod traces;
mod vault;
mod vclusters;
mod wires;
mod words;
mod writers;
