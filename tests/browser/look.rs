//! What is wrong with a page as it is shown.

use crate::chromium::Chromium;

/// Everything wrong with the page that is open: what does not fit, what cannot be read, what leads nowhere.
pub(crate) fn faults(chromium: &Chromium) -> Vec<String> {
    let found = chromium.run(include_str!("look.js"));
    serde_json::from_value(found).unwrap()
}
