//! The kinds: one file each, all alike. Fields, validation and CEL rules; no logic beyond saying
//! what is wrong with an object, in the same words inside and outside a cluster.
//!
//! [`crds`] lists every kind that kept serves. [`check`] validates an object against the schema of
//! its kind as an API server would, [`read`] makes a typed one of it.

// The schema derive makes inner copies of each struct, which one lint takes for unreachable; the
// other takes printer columns of one type for a slip.
#[allow(unreachable_pub, clippy::duplicated_attributes)]
pub mod destination;
#[allow(unreachable_pub, clippy::duplicated_attributes)]
pub mod git_state_store;
pub mod schema;
#[allow(unreachable_pub, clippy::duplicated_attributes)]
pub mod status;
#[allow(unreachable_pub, clippy::duplicated_attributes)]
pub mod team;

mod crd;
mod metadata;
mod read;

pub use crd::{crd_file_name, crds};
pub use destination::{Destination, DestinationSpec};
pub use git_state_store::{GitStateStore, GitStateStoreSpec};
pub use metadata::metadata_mistakes;
pub use read::{Kind, read};
pub use schema::check;
pub use status::{DestinationStatus, Place, RequestStatus, StoreStatus};
pub use team::{Team, TeamSpec};

/// The API group of every kind here: Kratix's, so that manifests written for it keep working.
pub const GROUP: &str = "platform.kratix.io";
/// The version of every kind here.
pub const VERSION: &str = "v1alpha1";
