//! The findings for people: on the screen, as a page.

pub mod html;
pub mod report;
pub mod screen;
