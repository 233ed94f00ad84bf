//! Runs of the real program.

mod list;
mod verify;
