//! Any bytes as a list: text of any dialect and encoding, packed, a workbook, JSON, address cards.

use std::io::Cursor;

use presend::input::address::{Contents, contents};
use presend::input::list::{IntakeError, List, Options, Piece, Source};

/// Reads the list twice, once by its rows and once by its pieces.
pub fn run(data: &[u8]) {
    let options = Options::default();
    // A source is looked at as a whole before it is read: what is no text is made a table, so its rows may be others.
    let _ = rows(data, &options);
    let Ok(mut list) = List::read("list", Cursor::new(data.to_vec()), &options) else {
        return;
    };
    let mut seen = 0;
    while let Ok(Some(piece)) = list.next_piece() {
        seen += u64::from(matches!(piece, Piece::Row(_)));
    }
    let tally = list.tally();
    assert_eq!(tally.rows, seen);
    assert!(tally.faulty <= tally.rows);
}

/// How many addresses each row has.
fn rows(data: &[u8], options: &Options) -> Result<Vec<usize>, IntakeError> {
    let source = Source::spool("list".to_owned(), Cursor::new(data.to_vec()))?;
    let mut list = source.list(options)?;
    let mut all = Vec::new();
    while let Some(row) = list.next_row()? {
        assert_eq!(row.number, all.len() as u64 + 1);
        if let Some(place) = &row.place {
            assert!(place.end <= row.raw.len());
        }
        let found = match row.address {
            Ok(text) => match contents(&text) {
                Contents::One(_) => 1,
                Contents::Several(found) => found.len(),
                Contents::Nothing | Contents::Text(_) | Contents::Unsure(_) => 0,
            },
            Err(_) => 0,
        };
        all.push(found);
    }
    Ok(all)
}
