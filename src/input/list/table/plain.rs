//! Workbooks of today in the form that every reader takes: their formats allow for more than `calamine` reads, and some
//! writers (`SheetJS`) make use of it.

use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, Read, Seek, SeekFrom, Write};

use quick_xml::events::Event;
use zip::read::ZipFile;
use zip::write::SimpleFileOptions;
use zip::{ZipArchive, ZipWriter};

use super::Trouble;

/// Where the sheets of Excel's binary format are.
const SHEETS: &str = "xl/worksheets/";

/// Where the sheets of `OpenDocument` are.
const CONTENT: &str = "content.xml";

/// A copy of an `OpenDocument` workbook in which no blanks stand between its cells; `None` where it has none there.
///
/// # Errors
///
/// When the workbook cannot be read, or the copy cannot be written.
pub(super) fn content(reader: &mut (impl Read + Seek)) -> Result<Option<File>, Trouble> {
    rewritten(reader, |name| name == CONTENT, without_blanks)
}

/// A copy of a workbook in Excel's binary format in which every cell names its column; `None` where they all do.
///
/// # Errors
///
/// As [`content`].
pub(super) fn cells(reader: &mut (impl Read + Seek)) -> Result<Option<File>, Trouble> {
    rewritten(reader, |name| name.starts_with(SHEETS), in_full)
}

/// A copy in which `form` was applied to the parts that are `meant`; `None` where it changes nothing. `form` writes the
/// plain form of a part, and says whether that is another one.
///
/// Most workbooks are plain, so they are looked through before anything is copied.
fn rewritten(
    reader: &mut (impl Read + Seek),
    meant: impl Fn(&str) -> bool,
    form: impl Fn(&mut dyn Read, &mut dyn Write) -> Result<bool, Trouble>,
) -> Result<Option<File>, Trouble> {
    reader.seek(SeekFrom::Start(0))?;
    let mut archive = ZipArchive::new(&mut *reader).map_err(Trouble::damaged)?;
    let mut is_another = false;
    for number in 0..archive.len() {
        // What is encrypted or cannot be read is told when the workbook is read.
        let Ok(mut part) = archive.by_index(number) else {
            continue;
        };
        if meant(&name_of(&part)) {
            is_another |= form(&mut part, &mut io::sink()).unwrap_or(false);
        }
    }
    let copy = if is_another {
        Some(copied(&mut archive, meant, form)?)
    } else {
        None
    };
    reader.seek(SeekFrom::Start(0))?;
    Ok(copy)
}

/// The archive with `form` applied to the parts that are `meant`.
fn copied(
    archive: &mut ZipArchive<impl Read + Seek>,
    meant: impl Fn(&str) -> bool,
    form: impl Fn(&mut dyn Read, &mut dyn Write) -> Result<bool, Trouble>,
) -> Result<File, Trouble> {
    let file = BufWriter::new(tempfile::tempfile().map_err(Trouble::Spool)?);
    let mut copy = ZipWriter::new(file);
    for number in 0..archive.len() {
        let part = archive.by_index_raw(number).map_err(Trouble::damaged)?;
        let name = name_of(&part);
        if !meant(&name) {
            copy.raw_copy_file(part).map_err(Trouble::damaged)?;
            continue;
        }
        drop(part);
        let mut part = archive.by_index(number).map_err(Trouble::damaged)?;
        // It is read once, and soon.
        let options = SimpleFileOptions::default()
            .compression_method(zip::CompressionMethod::Stored)
            .large_file(true);
        copy.start_file(name, options).map_err(Trouble::damaged)?;
        form(&mut part, &mut copy)?;
    }
    let file = copy.finish().map_err(Trouble::damaged)?;
    let mut file = file
        .into_inner()
        .map_err(|error| Trouble::Spool(error.into_error()))?;
    file.seek(SeekFrom::Start(0)).map_err(Trouble::Spool)?;
    Ok(file)
}

fn name_of(part: &ZipFile<'_, impl Read>) -> String {
    String::from_utf8_lossy(part.name_raw()).into_owned()
}

/// Writes `part` without the blanks that stand outside of texts.
fn without_blanks(part: &mut dyn Read, to: &mut dyn Write) -> Result<bool, Trouble> {
    let mut reader = quick_xml::Reader::from_reader(BufReader::new(part));
    reader.config_mut().check_end_names = false;
    let mut writer = quick_xml::Writer::new(to);
    let (mut buffer, mut texts, mut changes) = (Vec::new(), 0_u32, false);
    loop {
        buffer.clear();
        let event = reader
            .read_event_into(&mut buffer)
            .map_err(Trouble::damaged)?;
        let is_text = |name: &str| name == "text:p" || name == "text:h";
        match &event {
            Event::Start(tag) if is_text(tag.name().as_ref()) => texts += 1,
            Event::End(tag) if is_text(tag.name().as_ref()) => texts = texts.saturating_sub(1),
            Event::Text(text) if texts == 0 && text.trim().is_empty() => {
                changes = true;
                continue;
            }
            Event::Comment(_) => continue,
            Event::Eof => return Ok(changes),
            _ => {}
        }
        writer.write_event(event).map_err(Trouble::Spool)?;
    }
}

/// The kinds of records that matter here ([MS-XLSB] 2.3.2).
mod kind {
    use std::ops::RangeInclusive;

    /// A row begins.
    pub(super) const ROW: u32 = 0;
    /// Cells that name their column.
    pub(super) const CELLS: RangeInclusive<u32> = 1..=11;
    /// Cells that stand behind the one before, in the same order as the first of [`CELLS`].
    pub(super) const SHORT: RangeInclusive<u32> = 12..=18;
}

/// Writes the records of `part` with every cell in the form that names its column.
fn in_full(part: &mut dyn Read, to: &mut dyn Write) -> Result<bool, Trouble> {
    let mut part = BufReader::new(part);
    let (mut data, mut column, mut changes) = (Vec::new(), 0_u32, false);
    while let Some(kind) = number(&mut part)? {
        let bytes = number(&mut part)?.ok_or_else(cut_off)?;
        data.clear();
        let read = (&mut part).take(bytes.into()).read_to_end(&mut data)?;
        if read < bytes as usize {
            return Err(cut_off());
        }
        let mut written = kind;
        if kind == kind::ROW {
            column = 0;
        } else if kind::CELLS.contains(&kind) {
            let named = data.first_chunk().ok_or_else(cut_off)?;
            column = u32::from_le_bytes(*named).saturating_add(1);
        } else if kind::SHORT.contains(&kind) {
            data.splice(..0, column.to_le_bytes());
            written = kind - kind::SHORT.start() + kind::CELLS.start();
            column = column.saturating_add(1);
            changes = true;
        }
        let length = u32::try_from(data.len()).map_err(Trouble::damaged)?;
        let head = [digits(written), digits(length)].concat();
        to.write_all(&head).map_err(Trouble::Spool)?;
        to.write_all(&data).map_err(Trouble::Spool)?;
    }
    Ok(changes)
}

fn cut_off() -> Trouble {
    Trouble::damaged("a record is cut off")
}

/// A number in seven bits a byte, the lowest first; `None` at the end of what is read ([MS-XLSB] 2.1.4).
fn number(from: &mut impl BufRead) -> Result<Option<u32>, Trouble> {
    let mut number = 0;
    for (at, byte) in from.bytes().take(4).enumerate() {
        let byte = byte?;
        number |= u32::from(byte & 0x7f) << (7 * at);
        if byte & 0x80 == 0 {
            return Ok(Some(number));
        }
        if at == 3 {
            return Ok(Some(number));
        }
    }
    match number {
        0 => Ok(None),
        _ => Err(cut_off()),
    }
}

/// A number as [`number`] reads it.
fn digits(mut number: u32) -> Vec<u8> {
    let mut bytes = Vec::new();
    loop {
        let low = (number & 0x7f).to_le_bytes()[0];
        number >>= 7;
        if number == 0 {
            bytes.push(low);
            return bytes;
        }
        bytes.push(low | 0x80);
    }
}
