//! Any bytes as `report.json`.

use presend::verify::report::{
    Detail, Edition, Numbers, Report, Terminal, html, markdown, metrics, terminal,
};

/// Reads the report, writes it again, and renders it in every way.
pub fn run(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    if let Some(numbers) = Numbers::from_json(&text) {
        let again = Numbers::from_json(&numbers.to_json()).expect("numbers are read as written");
        assert_eq!(again, numbers);
    }
    let Ok(report) = Report::from_json(&text, "report.json") else {
        return;
    };
    Report::from_json(&report.to_json(), "report.json").expect("a report is read as written");
    for width in [20, 80] {
        let on = Terminal {
            width,
            when: &|moment| moment.to_string(),
        };
        super::may_be_shown(&terminal(&report, "out", on, Detail::OneScreen));
        super::may_be_shown(&terminal(&report, "out", on, Detail::All));
    }
    for edition in [Edition::Full, Edition::Client] {
        let page = html(&report, edition);
        assert!(!page.contains("<script>alert"));
    }
    let _ = (markdown(&report), metrics(&report));
}
