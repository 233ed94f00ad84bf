//! `presend` says which addresses on a mailing list will bounce, and why, before anything is sent.
//!
//! The modules stand in the order in which a row of a list meets them; each imports only from those above it.

pub mod reason;

pub mod limits;

pub mod moment;

pub mod provider;

pub mod route;

pub mod smtp;

pub mod diagnosis;

pub mod verdict;

pub mod world;

pub mod preflight;

pub mod cli;
