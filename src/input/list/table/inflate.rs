//! How much comes out of a workbook's archive: a few kilobytes may unpack without end.

use std::io::{Read, Seek, SeekFrom};

use quick_xml::Reader;
use quick_xml::events::Event;
use zip::ZipArchive;
use zip::read::ZipFile;

use super::Trouble;
use super::repeats;
use super::workbook::Format;
use crate::model::limits;
use crate::model::text::grouped;

/// Where Excel keeps the texts of all cells, by the end of the part's name.
const SHARED_TEXTS: &str = "sharedstrings.xml";

/// The bytes of the shortest entry of that table, `<si/>`.
const SHORTEST_TEXT: u64 = 5;

/// How many entries of that table may be promised whatever its length: room for them takes a few megabytes.
const PROMISED_UNASKED: u64 = 100_000;

/// Looks at what a workbook will unpack to before any of it is held in memory.
///
/// What the archive says of a part's length can be relied on: reading on behind it gives an error of the archive.
///
/// # Errors
///
/// [`Trouble::TooLarge`] for more than any list has, [`Trouble::Damaged`] when the archive cannot be read.
pub(super) fn check(mut reader: impl Read + Seek, format: Format) -> Result<(), Trouble> {
    if format == Format::Xls {
        // Not packed: what it spreads to shows when it is opened.
        return Ok(());
    }
    let file = reader.seek(SeekFrom::End(0))?;
    let mut archive = ZipArchive::new(reader).map_err(Trouble::damaged)?;
    for number in 0..archive.len() {
        let part = archive.by_index_raw(number).map_err(Trouble::damaged)?;
        let name = String::from_utf8_lossy(part.name_raw());
        // Nothing can be packed into more than the file is.
        check_part(&name, part.compressed_size().min(file), part.size())?;
    }
    match format {
        Format::Ods => find(&mut archive, "content.xml").map_or(Ok(()), repeats::check),
        Format::Xlsx => find(&mut archive, SHARED_TEXTS).map_or(Ok(()), |part| {
            let bytes = part.size();
            check_promise(part, bytes)
        }),
        Format::Xlsb | Format::Xls => Ok(()),
    }
}

/// Whether a part of that name may unpack from `packed` bytes to `bytes`.
fn check_part(name: &str, packed: u64, bytes: u64) -> Result<(), Trouble> {
    let most = if name.to_lowercase().contains("sharedstrings") {
        limits::SHARED_TEXT_BYTES
    } else {
        limits::SHEET_BYTES
    };
    let is_bomb = bytes > limits::INFLATED_BYTES && bytes / limits::INFLATION > packed;
    if bytes <= most && !is_bomb {
        return Ok(());
    }
    let name: String = name.chars().take(NAME_CHARACTERS).collect();
    Err(Trouble::TooLarge(format!(
        "its part {name:?} unpacks from {} to {} bytes",
        grouped(packed),
        grouped(bytes)
    )))
}

/// Most characters of a part's name that an error shows.
const NAME_CHARACTERS: usize = 60;

/// Whether as many texts as the table promises have room in its `bytes`: memory for all of them is asked for at once.
fn check_promise(part: impl Read, bytes: u64) -> Result<(), Trouble> {
    let mut reader = Reader::from_reader(std::io::BufReader::new(part));
    let mut buffer = Vec::new();
    loop {
        buffer.clear();
        let promised = match reader.read_event_into(&mut buffer) {
            Ok(Event::Start(tag) | Event::Empty(tag)) if tag.local_name().as_ref() == "sst" => {
                repeats::number(&tag, "uniqueCount")
            }
            // What cannot be read is reported when the workbook is read.
            Ok(Event::Eof) | Err(_) => None,
            Ok(_) => continue,
        };
        return match promised {
            Some(promised) if promised > PROMISED_UNASKED.max(bytes / SHORTEST_TEXT) => {
                Err(Trouble::TooLarge(format!(
                    "its table of texts promises {} of them",
                    grouped(promised)
                )))
            }
            Some(_) | None => Ok(()),
        };
    }
}

/// The part whose name ends so, in lower case; `None` where there is none that can be read.
fn find<'a, R: Read + Seek>(archive: &'a mut ZipArchive<R>, end: &str) -> Option<ZipFile<'a, R>> {
    let number = (0..archive.len()).find(|&number| {
        let name = archive.name_for_index(number);
        name.is_some_and(|name| name.is_ok_and(|name| name.to_lowercase().ends_with(end)))
    })?;
    archive.by_index(number).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_unpacks_to_what_lists_have_and_no_further() {
        const MB: u64 = 1 << 20;
        for (name, packed, bytes, is_read) in [
            ("xl/worksheets/sheet1.xml", 20 * MB, 900 * MB, true),
            ("xl/worksheets/sheet1.xml", 1, 60 * MB, true),
            ("xl/worksheets/sheet1.xml", MB / 10, 100 * MB, false),
            ("xl/worksheets/sheet1.xml", 900 * MB, 5000 * MB, false),
            ("xl/sharedStrings.xml", 50 * MB, 500 * MB, true),
            ("xl/SharedStrings.xml", 50 * MB, 600 * MB, false),
        ] {
            let checked = check_part(name, packed, bytes);
            assert_eq!(
                checked.is_ok(),
                is_read,
                "{name} {packed} {bytes}: {checked:?}"
            );
        }
    }
}
