//! What a person sees: the subcommands.

pub mod preflight;
