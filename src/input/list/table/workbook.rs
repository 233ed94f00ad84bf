//! Spreadsheets as lists: the cells of one sheet, as a person sees them.

use std::fmt::Display;
use std::io::{self, BufReader, Read, Seek};

use calamine::{
    Cell, Data, DataRef, ExcelDateTime, Ods, OdsError, Reader, Sheet, SheetType, SheetVisible, Xls,
    XlsError, Xlsb, XlsbError, Xlsx, XlsxError,
};

use super::cells::Cells;
use super::{Excess, Trouble, biff, plain};
use crate::input::list::kind::{self, Archive, Binary};
use crate::model::limits;

/// What kind of workbook a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    /// Excel since 2007.
    Xlsx,
    /// The same in binary.
    Xlsb,
    /// Excel up to 2003.
    Xls,
    /// An `OpenDocument` spreadsheet.
    Ods,
}

/// What workbook the file in `reader` is, of which the first bytes are those of an `archive`.
///
/// # Errors
///
/// What it is instead.
pub(super) fn format_of(reader: impl Read + Seek, archive: Archive) -> Result<Format, Binary> {
    match archive {
        Archive::Compound => Ok(Format::Xls),
        Archive::Zip => {
            let names: Vec<String> = zip::ZipArchive::new(reader)
                .map(|parts| {
                    let names = parts.file_names().flatten();
                    names.map(|name| name.to_string()).collect()
                })
                .unwrap_or_default();
            let has = |part: &str| names.iter().any(|name| name.eq_ignore_ascii_case(part));
            if has("xl/workbook.xml") {
                Ok(Format::Xlsx)
            } else if has("xl/workbook.bin") {
                Ok(Format::Xlsb)
            } else if has("content.xml") {
                Ok(Format::Ods)
            } else {
                Err(kind::zip_of(&names))
            }
        }
    }
}

/// Which sheet is read, out of which.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::input::list) struct Chosen {
    /// The one that is read.
    pub sheet: String,
    /// The others that a person sees.
    pub others: Vec<String>,
    /// The others that are hidden.
    pub hidden: Vec<String>,
}

/// Writes the cells of a sheet into `cells`: the one called `wanted`, else the first that a person sees.
///
/// # Errors
///
/// [`Trouble`] when there is no such sheet, or the workbook cannot be read.
pub(super) fn convert(
    mut reader: impl Read + Seek,
    format: Format,
    wanted: Option<&str>,
    cells: &mut Cells,
) -> Result<Chosen, Trouble> {
    match format {
        Format::Xlsx => {
            let mut book = Xlsx::new(reader).map_err(|error| match error {
                XlsxError::Password => Trouble::Password,
                other => Trouble::damaged(other),
            })?;
            let chosen = choose(book.sheets_metadata(), wanted)?;
            let mut sheet = book
                .worksheet_cells_reader(&chosen.sheet)
                .map_err(Trouble::damaged)?;
            one_by_one(|| sheet.next_cell(), cells)?;
            Ok(chosen)
        }
        Format::Xlsb => match plain::cells(&mut reader)? {
            Some(plain) => binary(BufReader::new(plain), wanted, cells),
            None => binary(reader, wanted, cells),
        },
        Format::Xls => {
            let book =
                Xls::new(BufReader::new(biff::sound(reader)?)).map_err(|error| match error {
                    XlsError::Password => Trouble::Password,
                    other => Trouble::damaged(other),
                })?;
            whole(book, wanted, cells)
        }
        Format::Ods => match plain::content(&mut reader)? {
            Some(plain) => open_document(BufReader::new(plain), wanted, cells),
            None => open_document(reader, wanted, cells),
        },
    }
}

/// The cells of a sheet of Excel's binary format.
fn binary(
    reader: impl Read + Seek,
    wanted: Option<&str>,
    cells: &mut Cells,
) -> Result<Chosen, Trouble> {
    let mut book = Xlsb::new(reader).map_err(|error| match error {
        XlsbError::Password => Trouble::Password,
        other => Trouble::damaged(other),
    })?;
    let chosen = choose(book.sheets_metadata(), wanted)?;
    let mut sheet = book
        .worksheet_cells_reader(&chosen.sheet)
        .map_err(Trouble::damaged)?;
    one_by_one(|| sheet.next_cell(), cells)?;
    Ok(chosen)
}

/// The cells of a sheet of `OpenDocument`.
fn open_document(
    reader: impl Read + Seek,
    wanted: Option<&str>,
    cells: &mut Cells,
) -> Result<Chosen, Trouble> {
    let book = Ods::new(reader).map_err(|error| match error {
        OdsError::Password => Trouble::Password,
        other => Trouble::damaged(other),
    })?;
    whole(book, wanted, cells)
}

/// The cells that `next` gives, of a format that is read cell by cell.
fn one_by_one<'s, E: Display>(
    mut next: impl FnMut() -> Result<Option<Cell<DataRef<'s>>>, E>,
    cells: &mut Cells,
) -> Result<(), Trouble> {
    let mut place = Place::default();
    while let Some(cell) = next().map_err(Trouble::damaged)? {
        place.go_to(cell.get_position(), cells)?;
        cells.cell(&text_of(cell.get_value()));
    }
    Ok(cells.end_row()?)
}

/// The cells of a sheet of a format that is not read cell by cell.
fn whole<RS: Read + Seek, B: Reader<RS>>(
    mut book: B,
    wanted: Option<&str>,
    cells: &mut Cells,
) -> Result<Chosen, Trouble>
where
    B::Error: Display,
{
    let chosen = choose(book.sheets_metadata(), wanted)?;
    let range = book
        .worksheet_range(&chosen.sheet)
        .map_err(Trouble::damaged)?;
    let mut place = Place::default();
    let (top, left) = range.start().unwrap_or_default();
    for (row, line) in (top..).zip(range.rows()) {
        for (column, value) in (left..).zip(line) {
            if *value != Data::Empty {
                place.go_to((row, column), cells)?;
                cells.cell(&text_of(&borrowed(value)));
            }
        }
    }
    cells.end_row()?;
    Ok(chosen)
}

/// The sheet that is called `wanted`, else the first that a person sees.
fn choose(sheets: &[Sheet], wanted: Option<&str>) -> Result<Chosen, Trouble> {
    let tables = || {
        sheets
            .iter()
            .filter(|sheet| sheet.typ == SheetType::WorkSheet)
    };
    let seen = || tables().filter(|sheet| sheet.visible == SheetVisible::Visible);
    let names = || tables().map(|sheet| sheet.name.clone()).collect::<Vec<_>>();
    let found = match wanted {
        Some(wanted) => tables()
            .find(|sheet| sheet.name == wanted)
            .or_else(|| tables().find(|sheet| sheet.name.to_lowercase() == wanted.to_lowercase())),
        None => seen().next().or_else(|| tables().next()),
    };
    let Some(sheet) = found else {
        return Err(Trouble::NoSuchSheet {
            wanted: wanted.unwrap_or_default().to_owned(),
            sheets: names(),
        });
    };
    let (seen, hidden): (Vec<&Sheet>, Vec<&Sheet>) = tables()
        .filter(|other| other.name != sheet.name)
        .partition(|other| other.visible == SheetVisible::Visible);
    let names = |sheets: Vec<&Sheet>| sheets.iter().map(|sheet| sheet.name.clone()).collect();
    Ok(Chosen {
        sheet: sheet.name.clone(),
        others: names(seen),
        hidden: names(hidden),
    })
}

/// How far a sheet is written.
#[derive(Default)]
struct Place {
    row: u32,
}

impl Place {
    /// Ends rows and leaves cells empty until the cell at `row` and `column`, counted from 0, is next.
    fn go_to(&mut self, (row, column): (u32, u32), cells: &mut Cells) -> io::Result<()> {
        if row > limits::SHEET_ROWS {
            return Err(Excess::error(
                "a cell stands below any spreadsheet's last row",
            ));
        }
        while self.row < row {
            cells.end_row()?;
            self.row += 1;
        }
        if column >= limits::SHEET_COLUMNS {
            return Err(Excess::error(
                "a cell stands beyond any spreadsheet's last column",
            ));
        }
        while cells.width() < column as usize {
            cells.cell("");
        }
        Ok(())
    }
}

/// A value of a format that is read whole, as those that are read cell by cell have it.
fn borrowed(value: &Data) -> DataRef<'_> {
    match value {
        Data::Int(number) => DataRef::Int(*number),
        Data::Float(number) => DataRef::Float(*number),
        Data::String(text) => DataRef::SharedString(text),
        Data::Bool(is) => DataRef::Bool(*is),
        Data::DateTime(moment) => DataRef::DateTime(*moment),
        Data::DateTimeIso(text) => DataRef::DateTimeIso(text.clone()),
        Data::DurationIso(text) => DataRef::DurationIso(text.clone()),
        Data::Error(error) => DataRef::Error(error.clone()),
        Data::Empty => DataRef::Empty,
    }
}

/// What a person sees in a cell, dates in ISO 8601.
fn text_of(value: &DataRef<'_>) -> String {
    match value {
        DataRef::Int(number) => number.to_string(),
        DataRef::Float(number) => number_of(*number),
        DataRef::String(text) => text.clone(),
        DataRef::SharedString(text) => (*text).to_owned(),
        DataRef::Bool(true) => "TRUE".to_owned(),
        DataRef::Bool(false) => "FALSE".to_owned(),
        DataRef::DateTime(moment) => moment_of(moment),
        DataRef::DateTimeIso(text) | DataRef::DurationIso(text) => text.clone(),
        DataRef::Error(error) => error.to_string(),
        DataRef::Empty => String::new(),
    }
}

/// A number in digits, never with an exponent, in the 15 places that a spreadsheet keeps: 12345678901, 0.3.
fn number_of(number: f64) -> String {
    format!("{number:.14e}")
        .parse::<f64>()
        .unwrap_or(number)
        .to_string()
}

fn moment_of(moment: &ExcelDateTime) -> String {
    let (year, month, day, hour, minute, second, _) = moment.to_ymd_hms_milli();
    if moment.is_duration() {
        #[expect(
            clippy::cast_possible_truncation,
            reason = "a saturating cast of a length of time"
        )]
        let seconds = (moment.as_f64() * 86_400.0).round() as i64;
        return format!(
            "{}:{:02}:{:02}",
            seconds / 3600,
            (seconds / 60 % 60).abs(),
            (seconds % 60).abs()
        );
    }
    let time = format!("{hour:02}:{minute:02}:{second:02}");
    if moment.as_f64() < 1.0 {
        return time;
    }
    let date = format!("{year:04}-{month:02}-{day:02}");
    match time.as_str() {
        "00:00:00" => date,
        _ => format!("{date}T{time}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_stay_as_people_see_them() {
        for (number, text) in [
            (12_345_678_901.0, "12345678901"),
            (491_701_234_567.0, "491701234567"),
            (0.1 + 0.2, "0.3"),
            (-1.5, "-1.5"),
            (1e15, "1000000000000000"),
            (0.0, "0"),
        ] {
            assert_eq!(number_of(number), text);
        }
    }

    #[test]
    fn dates_and_times_are_written_in_iso_8601() {
        use calamine::ExcelDateTimeType::{DateTime, TimeDelta};
        for (serial, kind, text) in [
            (45_943.0, DateTime, "2025-10-13"),
            (45_943.5, DateTime, "2025-10-13T12:00:00"),
            (0.25, DateTime, "06:00:00"),
            (1.5, TimeDelta, "36:00:00"),
        ] {
            assert_eq!(moment_of(&ExcelDateTime::new(serial, kind, false)), text);
        }
    }
}
