//! Specifications of the library's parts, one module each.

mod bounce;
mod explain;
mod sim;
