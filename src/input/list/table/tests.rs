//! Workbooks that spread to more than any list has: told, never held.

use std::io::{Cursor, Read, Write};

use zip::write::SimpleFileOptions;
use zip::{ZipArchive, ZipWriter};

use crate::input::list::{IntakeError, Options, Source};

/// An `OpenDocument` workbook of one sheet with these rows.
pub(in crate::input::list) fn opendocument(rows: &str) -> Vec<u8> {
    let content = format!(
        "<?xml version=\"1.0\"?><office:document-content xmlns:office=\"urn:oasis:names:tc:opendocument:xmlns:office:1.0\" \
         xmlns:table=\"urn:oasis:names:tc:opendocument:xmlns:table:1.0\" \
         xmlns:text=\"urn:oasis:names:tc:opendocument:xmlns:text:1.0\"><office:body><office:spreadsheet>\
         <table:table table:name=\"People\">{rows}</table:table></office:spreadsheet></office:body></office:document-content>"
    );
    opendocument_of("", content.as_bytes())
}

/// An `OpenDocument` workbook with these entries in its manifest, and this content.
fn opendocument_of(entries: &str, content: &[u8]) -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    let manifest = format!(
        "<?xml version=\"1.0\"?><manifest:manifest xmlns:manifest=\"urn:oasis:names:tc:opendocument:xmlns:manifest:1.0\">\
         {entries}</manifest:manifest>"
    );
    for (name, bytes) in [
        (
            "mimetype",
            b"application/vnd.oasis.opendocument.spreadsheet".as_slice(),
        ),
        ("META-INF/manifest.xml", manifest.as_bytes()),
        ("content.xml", content),
    ] {
        zip.start_file(name, SimpleFileOptions::default()).unwrap();
        zip.write_all(bytes).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

/// A workbook of Excel's with an address, in which this part says something else.
fn excel_with(part: &str, content: &[u8]) -> Vec<u8> {
    let mut book = rust_xlsxwriter::Workbook::new();
    let sheet = book.add_worksheet();
    sheet.write_string(0, 0, "email").unwrap();
    sheet.write_string(1, 0, "a@b.example").unwrap();
    let bytes = book.save_to_buffer().unwrap();
    let mut from = ZipArchive::new(Cursor::new(bytes)).unwrap();
    let mut to = ZipWriter::new(Cursor::new(Vec::new()));
    for number in 0..from.len() {
        let mut file = from.by_index(number).unwrap();
        let name = file.name().unwrap().into_owned();
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).unwrap();
        if name == part {
            bytes = content.to_vec();
        }
        to.start_file(name, SimpleFileOptions::default()).unwrap();
        to.write_all(&bytes).unwrap();
    }
    to.finish().unwrap().into_inner()
}

fn opened(bytes: &[u8]) -> Result<Source, IntakeError> {
    let source = Source::spool("people".to_owned(), bytes)?;
    source.list(&Options::default()).map(|_| source)
}

fn error_of(bytes: &[u8]) -> IntakeError {
    opened(bytes).unwrap_err()
}

const SHEET: &str = "xl/worksheets/sheet1.xml";

/// A sheet of Excel's with these rows.
fn sheet(rows: &str) -> Vec<u8> {
    format!(
        "<?xml version=\"1.0\"?><worksheet xmlns=\"http://schemas.openxmlformats.org/spreadsheetml/2006/main\">\
         <sheetData>{rows}</sheetData></worksheet>"
    )
    .into_bytes()
}

#[test]
fn cells_and_blanks_that_are_repeated_without_end_are_told() {
    let cells = "<table:table-row table:number-rows-repeated=\"1000\"><table:table-cell office:value-type=\"string\" \
                 table:number-columns-repeated=\"16384\"><text:p>a@b.example</text:p></table:table-cell></table:table-row>";
    let error = error_of(&opendocument(cells));
    insta::assert_snapshot!(error, @"people: was not read, since it may be made to fill this machine's memory: its sheets spread to 16 400 384 cells or more; if it is a list, save its sheet as CSV (UTF-8) and give that file");
    let corners = "<table:table-row><table:table-cell office:value-type=\"string\"><text:p>email</text:p></table:table-cell></table:table-row>\
                   <table:table-row table:number-rows-repeated=\"1000000\"><table:table-cell/></table:table-row>\
                   <table:table-row><table:table-cell table:number-columns-repeated=\"80\"/>\
                   <table:table-cell office:value-type=\"string\"><text:p>a@b.example</text:p></table:table-cell></table:table-row>";
    let error = error_of(&opendocument(corners));
    assert!(matches!(error, IntakeError::TooLarge { .. }), "{error}");
    let blanks = "<table:table-row><table:table-cell office:value-type=\"string\"><text:p>a<text:s text:c=\"600000000\"/></text:p>\
                  </table:table-cell></table:table-row>";
    let error = error_of(&opendocument(blanks));
    assert!(matches!(error, IntakeError::TooLarge { .. }), "{error}");
}

#[test]
fn empty_cells_and_rows_that_fill_a_sheet_cost_nothing() {
    let rest = "<table:table-cell table:number-columns-repeated=\"16383\"/></table:table-row>";
    let rows = format!(
        "<table:table-row><table:table-cell office:value-type=\"string\"><text:p>email</text:p></table:table-cell>{rest}\
         <table:table-row><table:table-cell office:value-type=\"string\"><text:p>a@b.example</text:p></table:table-cell>{rest}\
         <table:table-row table:number-rows-repeated=\"1048574\"><table:table-cell/>{rest}"
    );
    let source = opened(&opendocument(&rows)).unwrap();
    let mut list = source.list(&Options::default()).unwrap();
    assert_eq!(list.next_row().unwrap().unwrap().raw, b"a@b.example");
    assert_eq!(list.next_row().unwrap(), None);
}

#[test]
fn a_sheet_that_unpacks_without_end_is_told() {
    let blank = vec![b' '; 80 << 20];
    let bomb = excel_with(SHEET, &blank);
    assert!(bomb.len() < 200 << 10, "{}", bomb.len());
    let error = error_of(&bomb);
    assert!(matches!(error, IntakeError::TooLarge { .. }), "{error}");
    // An archive that tells a lie about it is no better off.
    let (long, short) = ((80_u32 << 20).to_le_bytes(), 1000_u32.to_le_bytes());
    let mut lie = bomb.clone();
    let places: Vec<usize> = (0..lie.len() - 4)
        .filter(|&at| lie[at..at + 4] == long)
        .collect();
    assert!(!places.is_empty());
    for at in places {
        lie[at..at + 4].copy_from_slice(&short);
    }
    let error = error_of(&lie);
    assert!(
        error.to_string().contains("larger than its declared"),
        "{error}"
    );
}

#[test]
fn a_table_of_texts_that_promises_too_many_is_told() {
    let texts = "<?xml version=\"1.0\"?><sst xmlns=\"http://schemas.openxmlformats.org/spreadsheetml/2006/main\" \
                 count=\"2\" uniqueCount=\"900000000000000000\"><si><t>email</t></si><si><t>a@b.example</t></si></sst>";
    let error = error_of(&excel_with("xl/sharedStrings.xml", texts.as_bytes()));
    assert!(matches!(error, IntakeError::TooLarge { .. }), "{error}");
}

#[test]
fn a_cell_beyond_the_last_of_any_spreadsheet_is_told() {
    for (row, cell) in [("2000000", "A2000000"), ("2", "XFE2")] {
        let rows = format!(
            "<row r=\"1\"><c r=\"A1\" t=\"inlineStr\"><is><t>email</t></is></c></row>\
             <row r=\"{row}\"><c r=\"{cell}\" t=\"inlineStr\"><is><t>a@b.example</t></is></c></row>"
        );
        let error = error_of(&excel_with(SHEET, &sheet(&rows)));
        assert!(
            matches!(error, IntakeError::TooLarge { .. }),
            "{cell}: {error}"
        );
    }
}

#[test]
fn an_encrypted_workbook_is_told_to_be_one() {
    let entry = "<manifest:file-entry manifest:full-path=\"content.xml\"><manifest:encryption-data/></manifest:file-entry>";
    let error = error_of(&opendocument_of(entry, b"\x93<\x00/\xfe>&;<!\x17"));
    assert!(error.to_string().contains("password"), "{error}");
}

#[test]
fn blanks_between_cells_are_none_and_those_within_stay() {
    let rows = "\n <table:table-row>\n  <table:table-cell office:value-type=\"string\">\n <text:p>email</text:p>\n</table:table-cell>\n \
                </table:table-row>\n<!-- people -->\n<table:table-row>\n<table:table-cell office:value-type=\"string\">\
                <text:p> a@b.example </text:p></table:table-cell>\n</table:table-row>\n";
    let source = opened(&opendocument(rows)).unwrap();
    let mut list = source.list(&Options::default()).unwrap();
    assert_eq!(list.next_row().unwrap().unwrap().raw, b" a@b.example ");
    assert_eq!(list.next_row().unwrap(), None);
}
