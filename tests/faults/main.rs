//! Nothing is ever lost and nothing half-written: crashes, faults of the network, races, hooks, rewritten
//! histories, moves. Real Git repositories and servers throughout; the witness of each test is the
//! repository itself. With `--features real-parts` the same tests run at full size.
//!
//! What is random comes from a seed that is printed; `KEPT_SEED` sets it.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test program, whose figures are for people")]

#[path = "../store/server.rs"]
#[allow(dead_code, reason = "shared with the tests of the store")]
mod server;
#[path = "../store/support.rs"]
#[allow(dead_code, reason = "shared with the tests of the store")]
mod support;

use support as store_support;

mod chance;
mod desk;
mod proxy;
mod wishes;
mod witness;

mod cache;
mod crash;
mod histories;
mod hooks;
mod locks;
mod mailbox;
mod moves;
mod network;
mod races;
mod signals;
