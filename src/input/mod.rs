//! What an operator brings: lists, addresses, the flags that their text earns, suppression files.

pub mod address;
pub mod flags;
pub mod list;
pub mod suppression;
