//! The findings as text: on the screen, as a page.

pub mod html;
pub mod report;
pub mod screen;
