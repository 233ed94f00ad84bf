//! `presend` says which addresses on a mailing list will bounce, and why, before anything is sent.
//!
//! The modules stand in the order in which a row of a list meets them; each imports only from those above it.

pub mod model;

pub mod input;

pub mod smtp;

pub mod net;

pub mod projection;

pub mod probe;

pub mod ledger;

pub mod preflight;

pub mod bounce;

pub mod verify;

pub mod sim;

pub mod cli;
