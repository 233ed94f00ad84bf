//! What the program promises, filed by part.

#![expect(
    clippy::format_collect,
    clippy::format_push_string,
    reason = "zones of a dozen lines, written where they are used"
)]

mod bounce;
mod bounces;
mod explain;
mod facade;
mod happening;
mod order;
mod platforms;
mod preflight;
mod remedies;
mod replies;
mod rules;
mod samples;
mod sim;
mod spf;
mod weighing;
mod zone;
