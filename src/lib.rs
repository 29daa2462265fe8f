//! kept turns requests into commits. See the table of rooms in `CONTRIBUTING.md`.

pub mod api;
pub mod cli;
pub mod config;
pub mod controller;
pub mod error;
pub mod manifest;
pub mod placement;
pub mod policy;
pub mod promises;
pub mod store;
pub mod street;
pub mod telemetry;
pub mod values;
