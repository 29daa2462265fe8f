//! The promises about vclusters and about Argo CD, one by one: what they render, what they refuse and what
//! they leave to others. The mistakes of what they replace have their numbers from the list of those, so
//! that none comes back.

#[path = "vcluster_parts/credentials.rs"]
mod credentials;
mod odd;
#[path = "vcluster_parts/odd_requests.rs"]
mod odd_requests;
#[path = "vcluster_parts/rendered.rs"]
mod rendered;
#[path = "vcluster_parts/superseded.rs"]
mod superseded;
#[path = "vcluster_parts/support.rs"]
mod support;
#[path = "vcluster_parts/tenancy.rs"]
mod tenancy;
