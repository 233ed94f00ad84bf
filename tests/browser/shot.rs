//! The picture that README shows, made anew where `PRESEND_PICTURE` is set.

use std::path::Path;

use crate::chromium::View;
use crate::pages::until_shown;
use crate::served::{Served, sample};
use crate::with_browser;

/// Where README finds it.
const PICTURE: &str = "tests/browser/page.png";

/// Largest picture, in bytes. Our choice: it is fetched with every look at README.
const MOST: u64 = 150_000;

#[test]
fn readme_shows_a_picture_of_the_page() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(PICTURE);
    if std::env::var_os("PRESEND_PICTURE").is_some() {
        with_browser(|chromium| {
            let served = Served::simulated(100_000);
            let id = served.send("leads.csv", &std::fs::read(sample("leads.csv")).unwrap());
            served.verify(&id);
            chromium.visit(
                &served.url(&format!("list?id={id}&lang=en")),
                View::new(1100, "light"),
            );
            until_shown(chromium, "rows-body", "@");
            std::fs::write(&path, chromium.picture()).unwrap();
        });
    }
    let size = std::fs::metadata(&path).unwrap().len();
    assert!(size <= MOST, "{size} bytes");
    let readme = Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
    assert!(std::fs::read_to_string(readme).unwrap().contains(PICTURE));
}
