//! Bounces: reading a message as what it is, weighing what it says, what it means to a person, what it teaches.

pub mod dsn;
pub mod event;
pub mod explain;
pub mod import;
pub mod weigh;
