//! The promise `vcluster-orchestrator`: what a request becomes, through the doors that the operator and
//! the command line use.

mod bugs;
mod defaults;
mod names;
mod support;
mod values;
mod vip;
