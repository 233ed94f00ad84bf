//! What the program promises, filed by part.

mod preflight;
mod spf;
mod zone;
