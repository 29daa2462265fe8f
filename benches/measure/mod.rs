//! What the benchmarks share.

pub mod cluster;
pub mod everything;
pub mod figures;
pub mod fleet;
pub mod git;
pub mod operator;
pub mod platform;
pub mod process;
pub mod requests;
pub mod teams;
