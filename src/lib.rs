//! `presend` says which addresses on a mailing list will bounce, and why, before anything is sent.
//!
//! The modules stand in the order in which a row of a list meets them; each imports only from those above it.

pub mod reason;

pub mod limits;

pub mod stage;

pub mod ending;

pub mod columns;

pub mod frequent;

pub mod intake;

pub mod moment;

pub mod address;

pub mod provider;

pub mod reading;

pub mod flags;

pub mod suppression;

pub mod route;

pub mod smtp;

pub mod diagnosis;

pub mod verdict;

pub mod pace;

pub mod probe;

pub mod projection;

pub mod ledger;

pub mod world;

pub mod pipeline;

pub mod outlet;

pub mod report;

pub mod verify;

pub mod estimate;

pub mod simulate;

pub mod bounce;

pub mod weighing;

pub mod event;

pub mod explain;

pub mod bounces;

pub mod preflight;

pub mod settings;

pub mod cli;
