//! The operator on a real API server with a real Gitea. Each test has both for itself, because
//! destinations are cluster-scoped and take every request.

mod failures;
mod life;
mod moves;
mod support;
