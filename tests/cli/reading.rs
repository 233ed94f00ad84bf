//! Lists as people have them: what goes in without an option, and what the screen says of it.

use crate::list::{Run, repository};

/// Verifies a list of the fixtures, asking nobody.
fn offline(name: &str, arguments: &[&str]) -> Run {
    let list = std::fs::read(repository(&format!("tests/fixtures/lists/{name}"))).unwrap();
    let arguments = [&["--offline"], arguments].concat();
    Run::verify_named(name, &list, &arguments)
}

/// The rows of all lists that came out, without our columns' order mattering: the given column of each, sorted.
fn cells(run: &Run, column: &str) -> Vec<String> {
    let mut cells = Vec::new();
    for list in ["verified.csv", "review.csv", "rejected.csv"] {
        let text = run.list(list);
        let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
        let delimiter = if text.lines().next().unwrap().contains(';') {
            b';'
        } else {
            b','
        };
        let mut reader = csv::ReaderBuilder::new()
            .flexible(true)
            .delimiter(delimiter)
            .from_reader(text.as_bytes());
        let header = reader.headers().unwrap().clone();
        let place = header
            .iter()
            .position(|name| name == column)
            .unwrap_or_else(|| panic!("no {column} in {header:?} of {list}"));
        cells.extend(
            reader
                .records()
                .map(|record| record.unwrap()[place].to_owned()),
        );
    }
    cells.sort();
    cells
}

/// A list that is read whole without an option: these addresses in that column, each not asked for, nothing rejected
/// but rows without an address.
#[track_caller]
fn goes_through(name: &str, column: &str, addresses: &[&str]) -> Run {
    let run = offline(name, &[]);
    assert_eq!(run.code(), 0, "{}", run.errors());
    assert_eq!(cells(&run, column), addresses, "{}", run.errors());
    let filled = addresses.iter().filter(|address| !address.is_empty());
    let review = run.list("review.csv");
    for address in filled {
        assert!(review.contains(address), "{address}\n{review}");
    }
    run
}

#[test]
fn the_notes_above_a_list_of_contacts_are_no_rows() {
    let run = goes_through(
        "linkedin.csv",
        "Email Address",
        &["", "anna@nordlicht.test", "carl@werft.test"],
    );
    assert!(
        run.errors()
            .contains("3 lines above the header left out: \"Notes:\""),
        "{}",
        run.errors()
    );
    for list in ["verified.csv", "review.csv", "rejected.csv"] {
        assert!(run.list(list).starts_with("First Name,Last Name,"));
    }
}

#[test]
fn the_title_of_a_report_is_no_row() {
    let run = goes_through(
        "report-title.csv",
        "Email",
        &["anna@nordlicht.test", "bert@werft.test"],
    );
    assert!(
        run.errors().contains("3 lines above the header left out"),
        "{}",
        run.errors()
    );
}

#[test]
fn an_address_books_first_address_is_the_contacts_own() {
    let run = goes_through(
        "google-contacts.csv",
        "E-mail 1 - Value",
        &["anna@nordlicht.test", "bert@werft.test"],
    );
    assert!(
        run.errors().contains("16 \"E-mail 2 - Value\""),
        "{}",
        run.errors()
    );
    goes_through(
        "outlook.csv",
        "E-mail Address",
        &["anna@nordlicht.test", "bert@werft.test"],
    );
}

#[test]
fn the_owner_of_a_contact_is_not_the_contact() {
    goes_through(
        "hubspot.csv",
        "Email",
        &["anna@nordlicht.test", "bert@werft.test", "carl@werft.test"],
    );
    goes_through(
        "apollo.csv",
        "Email",
        &["anna@nordlicht.test", "bert@werft.test"],
    );
    goes_through(
        "mailchimp.csv",
        "Email Address",
        &["anna@nordlicht.test", "bert@werft.test"],
    );
}

#[test]
fn what_a_report_says_below_its_rows_is_no_row() {
    let run = goes_through(
        "salesforce.csv",
        "Email",
        &["anna@nordlicht.test", "bert@werft.test"],
    );
    assert!(
        run.errors()
            .contains("5 lines below the rows left out: \"\\\"Leads of this quarter\\\"\""),
        "{}",
        run.errors()
    );
    assert_eq!(run.report()["list"]["rows"].as_u64(), Some(2));
}

#[test]
fn a_line_that_names_the_delimiter_is_no_row_quoted_or_not() {
    for first in ["sep=;", "\"sep=;\""] {
        let list = format!("\u{feff}{first}\r\nName;Mail\r\nAnna;anna@nordlicht.test\r\n");
        let run = Run::verify(list.as_bytes(), &["--offline"]);
        assert_eq!(cells(&run, "Mail"), ["anna@nordlicht.test"]);
        assert!(
            run.list("verified.csv").starts_with("\u{feff}Name;Mail;"),
            "{}",
            run.list("verified.csv")
        );
    }
}

#[test]
fn comments_above_the_header_are_no_rows() {
    let list = b"# from the shop, in May\n# by Olga\nname,email\nAnna,anna@nordlicht.test\n";
    let run = Run::verify(list, &["--offline"]);
    assert_eq!(cells(&run, "email"), ["anna@nordlicht.test"]);
    assert!(
        run.errors().contains("2 lines above the header"),
        "{}",
        run.errors()
    );
}

#[test]
fn a_delimiter_that_is_not_ours_is_named_and_taken_when_told() {
    let run = offline("caret.csv", &[]);
    assert_eq!(run.code(), 3, "{}", run.errors());
    assert!(
        run.errors().contains("`^`") && run.errors().contains("--delimiter '^'"),
        "{}",
        run.errors()
    );
    let told = offline("caret.csv", &["--delimiter", "^"]);
    assert_eq!(told.code(), 0, "{}", told.errors());
    let review = told.list("review.csv");
    assert!(
        review.starts_with("Name^Email^presend_") && review.contains("Anna^anna@nordlicht.test^"),
        "{review}"
    );
}

#[test]
fn a_ragged_list_of_three_rows_keeps_its_comma() {
    let run = offline("ragged.csv", &[]);
    assert_eq!(run.code(), 0, "{}", run.errors());
    let review = run.list("review.csv");
    for row in ["Anna,anna@", "Möller, Jörg,joerg@", "Bert,bert@"] {
        assert!(review.contains(row), "{review}");
    }
}

#[test]
fn a_line_of_addresses_is_a_list_of_them() {
    for arguments in [&[][..], &["--column", "1"]] {
        let run = offline("one-line.txt", arguments);
        assert_eq!(run.code(), 0, "{}", run.errors());
        assert_eq!(
            cells(&run, "column_1"),
            ["anna@nordlicht.test", "bert@werft.test", "carl@werft.test"]
        );
        assert!(
            run.errors().contains("a row of its own"),
            "{}",
            run.errors()
        );
    }
}

#[test]
fn lists_in_code_pages_come_out_in_utf8_as_they_read() {
    for (name, column, row) in [
        ("windows-1251.csv", "Почта", "Анна;anna@nordlicht.test"),
        (
            "windows-1250.csv",
            "E-mail",
            "Dvořáková Žofie;zofie@nordlicht.test",
        ),
    ] {
        let run = offline(name, &[]);
        assert_eq!(run.code(), 0, "{}", run.errors());
        assert!(
            run.list("review.csv").contains(row),
            "{}",
            run.list("review.csv")
        );
        assert!(
            run.list("review.csv")
                .lines()
                .next()
                .unwrap()
                .contains(column)
        );
        let page = name.trim_end_matches(".csv");
        assert!(run.errors().contains(page), "{}", run.errors());
    }
    let run = offline("windows-1251.csv", &["--encoding", "koi8-r"]);
    assert!(
        run.list("review.csv").contains("юММЮ;"),
        "{}",
        run.list("review.csv")
    );
}

#[test]
fn a_page_that_is_named_like_a_spreadsheet_is_told_what_it_is() {
    let run = offline("table.xls", &[]);
    assert_eq!(run.code(), 3, "{}", run.errors());
    assert!(
        run.errors().contains("HTML") && run.errors().contains("save it as"),
        "{}",
        run.errors()
    );
}

#[test]
fn bytes_that_are_named_like_a_spreadsheet_are_told_to_be_none() {
    let noise: Vec<u8> = (0..3000_u32)
        .map(|n| (n * n * 31 + n / 7).to_le_bytes()[1])
        .collect();
    let archive = [b"PK\x03\x04", &noise[..]].concat();
    for (name, bytes) in [
        ("people.xlsx", &noise),
        ("people.XLS", &noise),
        ("people.ods", &archive),
    ] {
        let run = Run::verify_named(name, bytes, &["--offline"]);
        assert_eq!(run.code(), 3, "{}", run.errors());
        for words in ["named like one, but there is none in it", "save it as XLSX"] {
            assert!(run.errors().contains(words), "{}", run.errors());
        }
    }
    let run = Run::verify_named("people.bin", &noise, &["--offline"]);
    assert!(
        run.errors().contains("is a binary file"),
        "{}",
        run.errors()
    );
}

#[test]
fn a_workbook_of_excel_97_goes_in() {
    let bytes = std::fs::read(repository("tests/fixtures/lists/excel-97.xls")).unwrap();
    let run = Run::verify_named("people.xls", &bytes, &["--offline"]);
    assert_eq!(run.code(), 0, "{}", run.errors());
    let said = run.errors();
    assert!(
        said.contains("sheet \"People\" is read; not read: \"Others\", hidden: \"Old\""),
        "{said}"
    );
    let review = run.list("review.csv");
    for row in [
        "Lena Köhler,lena@tolk.test,2024-03-01,+49 170 1234567,12.5,lena@tolk.test,",
        "\"Omar \"\"the bold\"\", Jr.\",omar@tolk.test,2023-12-31,0170,0.3,omar@tolk.test,",
        "Пиа,pia@tolk.test,2022-01-02,,491701234567,pia@tolk.test,",
    ] {
        assert!(review.contains(row), "{row}: {review}");
    }
    let run = Run::verify_named("people.xls", &bytes, &["--offline", "--sheet", "Old"]);
    assert!(run.list("review.csv").contains("gone@tolk.test"));
}

/// Saved by `LibreOffice`: formulas with their results, a link, dates, a first sheet without addresses.
#[test]
fn a_workbook_of_libreoffice_goes_in() {
    let bytes = std::fs::read(repository("tests/fixtures/lists/libreoffice.xls")).unwrap();
    let run = Run::verify_named("guests.xls", &bytes, &["--offline"]);
    assert_eq!(run.code(), 2, "{}", run.errors());
    let said = run.errors();
    for words in [
        "guests.xls, sheet \"Notes\": no column looks like email addresses",
        "read another sheet with `--sheet`: \"Gäste\"",
    ] {
        assert!(said.contains(words), "{words}: {said}");
    }
    let run = Run::verify_named("guests.xls", &bytes, &["--offline", "--sheet", "Gäste"]);
    assert_eq!(run.code(), 0, "{}", run.errors());
    let review = run.list("review.csv");
    for row in [
        "Lena Köhler,lena@tolk.test,2024-03-01,12.5,Dear Lena Köhler,lena@tolk.test,",
        "\"Omar, Jr.\",omar@tolk.test,2023-12-31,0.1,\"Dear Omar, Jr.\",omar@tolk.test,",
        "Пиа,pia@tolk.test,2022-01-02,,Dear Пиа,pia@tolk.test,",
    ] {
        assert!(review.contains(row), "{row}: {review}");
    }
}

/// Written by `SheetJS`, which pages and programs export with: its workbooks are right, and unlike those of spreadsheet
/// programs.
#[test]
fn workbooks_of_sheetjs_go_in() {
    let rows_of = |name: &str| {
        let bytes = std::fs::read(repository(&format!("tests/fixtures/lists/{name}"))).unwrap();
        let run = Run::verify_named(name, &bytes, &["--offline"]);
        assert_eq!(run.code(), 0, "{name}: {}", run.errors());
        run.list("review.csv")
    };
    for (name, [march, december]) in [
        ("sheetjs.xls", ["2024-03-01", "2023-12-31"]),
        ("sheetjs.xlsb", ["2024-03-01", "2023-12-31"]),
        // Here it writes days as numbers.
        ("sheetjs.ods", ["45352", "45291"]),
    ] {
        let review = rows_of(name);
        for row in [
            &format!("Lena Köhler,lena@tolk.test,{march},12.5,Köhler & Söhne,lena@tolk.test,"),
            &format!(
                "\"Omar \"\"the bold\"\", Jr.\",omar@tolk.test,{december},0.3,,omar@tolk.test,"
            ),
            "Zoë,zoe@tolk.test,,,  two  blanks ,zoe@tolk.test,",
        ] {
            assert!(review.contains(row), "{name}: {row}: {review}");
        }
    }
    // What it writes for Excel 5 has `_` for letters beyond ASCII.
    let review = rows_of("sheetjs-95.xls");
    for row in [
        "Lena K_hler,lena@tolk.test,2024-03-01,12.5,K_hler & S_hne,lena@tolk.test,",
        "\"Omar \"\"the bold\"\", Jr.\",omar@tolk.test,2023-12-31,0.3,,omar@tolk.test,",
        "Zo_,zoe@tolk.test,,,  two  blanks ,zoe@tolk.test,",
    ] {
        assert!(review.contains(row), "{row}: {review}");
    }
}

#[test]
fn a_spreadsheet_goes_in() {
    let mut book = rust_xlsxwriter::Workbook::new();
    let sheet = book.add_worksheet();
    for (row, cells) in (0..).zip([["Email", "Name"], ["anna@nordlicht.test", "Ann, Jr."]]) {
        for (column, cell) in (0..).zip(cells) {
            sheet.write_string(row, column, cell).unwrap();
        }
    }
    let bytes = book.save_to_buffer().unwrap();
    let run = Run::verify_named("people.xlsx", &bytes, &["--offline"]);
    assert_eq!(run.code(), 0, "{}", run.errors());
    assert_eq!(cells(&run, "Name"), ["Ann, Jr."]);
    let run = Run::verify_named("people.xlsx", &bytes, &["--offline", "--sheet", "Other"]);
    assert_eq!(run.code(), 2, "{}", run.errors());
}

#[test]
fn the_lists_come_out_as_a_spreadsheet_too() {
    use calamine::Reader as _;
    let list = b"name;email\n=1+1;anna@nordlicht.test\nBo;broken@\n";
    let run = Run::verify(list, &["--offline", "--format", "xlsx"]);
    assert_eq!(run.code(), 0, "{}", run.errors());
    let mut book: calamine::Xlsx<_> = calamine::open_workbook(run.path("lists.xlsx")).unwrap();
    assert_eq!(
        book.sheet_names(),
        ["summary", "verified", "review", "rejected"]
    );
    let review = book.worksheet_range("review").unwrap();
    let cell = |row, column| review.get_value((row, column)).map(ToString::to_string);
    assert_eq!(cell(0, 1).as_deref(), Some("email"));
    assert_eq!(cell(1, 0).as_deref(), Some("=1+1"));
    assert!(book.worksheet_formula("review").unwrap().is_empty());
    for arguments in [
        &["--offline", "--format", "jsonl"][..],
        &["--offline", "--format", "xlsx", "--all", "all.csv"],
    ] {
        assert_eq!(Run::verify(list, arguments).code(), 2);
    }
}
