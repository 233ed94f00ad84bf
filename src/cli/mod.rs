//! What a person sees: the subcommands.

pub mod explain;
