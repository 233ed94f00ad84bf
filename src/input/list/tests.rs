//! Promises of the whole of intake, from bytes to rows.

use std::io::{self, Cursor, Read, Write};
use std::path::Path;

use proptest::prelude::*;

use super::*;

/// A reader that gives at most so many bytes at a time.
struct Dribble {
    bytes: Cursor<Vec<u8>>,
    steps: Vec<usize>,
    turn: usize,
}

impl Read for Dribble {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.turn += 1;
        let step = self.steps[self.turn % self.steps.len()].clamp(1, buf.len().max(1));
        let room = step.min(buf.len());
        self.bytes.read(&mut buf[..room])
    }
}

fn list_with(bytes: &[u8], column: &str) -> Result<List, IntakeError> {
    let column = if column.is_empty() {
        ColumnChoice::Detect
    } else {
        column.parse().unwrap()
    };
    List::read(
        "list.csv",
        Cursor::new(bytes.to_vec()),
        &Options {
            column,
            ..Options::default()
        },
    )
}

fn list(bytes: &[u8]) -> List {
    list_with(bytes, "").unwrap_or_else(|error| panic!("{error}: {}", bytes.escape_ascii()))
}

/// What becomes of each row: its address or the name of its fault.
fn outcomes(bytes: &[u8]) -> Vec<String> {
    outcomes_of(&mut list(bytes))
}

fn outcomes_of(list: &mut List) -> Vec<String> {
    let mut all = Vec::new();
    while let Some(row) = list.next_row().unwrap() {
        all.push(match row.address {
            Ok(address) => String::from_utf8_lossy(&address).into_owned(),
            Err(fault) => format!("{fault:?}"),
        });
    }
    all
}

/// Everything that a list hands out, in order, and the error that it ended with.
fn all_bytes(list: &mut List) -> (Vec<u8>, Option<IntakeError>) {
    let mut all = list.preamble().to_vec();
    all.extend_from_slice(list.header().unwrap_or_default());
    all.extend_from_slice(list.header_terminator());
    loop {
        match list.next_piece() {
            Ok(Some(Piece::Blank(bytes) | Piece::Below(bytes))) => all.extend_from_slice(bytes),
            Ok(Some(Piece::Row(row))) => {
                all.extend_from_slice(row.raw);
                all.extend_from_slice(row.terminator);
            }
            Ok(None) => return (all, None),
            Err(error) => return (all, Some(error)),
        }
    }
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn many_rows(count: usize) -> Vec<u8> {
    let mut text = b"name,email,note\n".to_vec();
    for number in 0..count {
        writeln!(
            text,
            "Ann {number},a{number}@b.example,\"says \"\"hi\"\", often\""
        )
        .unwrap();
    }
    text
}

#[test]
fn lists_of_every_dialect_give_the_same_addresses() {
    let plain = "name,email\nAnn,a@b.example\nBo,b@c.example\n";
    let expected = ["a@b.example", "b@c.example"];
    let mut variants = vec![plain.as_bytes().to_vec()];
    for mark in [";", "\t", "|"] {
        variants.push(plain.replace(',', mark).into_bytes());
    }
    variants.push(plain.replace('\n', "\r\n").into_bytes());
    variants.push(plain.replace('\n', "\r").into_bytes());
    variants.push(plain.trim_end().as_bytes().to_vec());
    variants.push(plain.replace('\n', "\n\n").into_bytes());
    variants.push(format!("\n\r\n\n{plain}").into_bytes());
    variants.push(format!("\u{feff}{plain}").into_bytes());
    variants.push(format!("sep=;\r\n{}", plain.replace(',', ";")).into_bytes());
    variants.push(plain.replace("Ann", "\"A,\n\"\"nn\"").into_bytes());
    variants.push(plain.replace("a@b.example", "\"a@b.example\"").into_bytes());
    variants.push(plain.encode_utf16().flat_map(u16::to_le_bytes).collect());
    variants.push(
        format!("\u{feff}{plain}")
            .encode_utf16()
            .flat_map(u16::to_be_bytes)
            .collect(),
    );
    variants.push(
        plain
            .replace("Ann", "J\u{fc}rgen")
            .chars()
            .map(|c| c as u8)
            .collect(),
    );
    variants.push(gzip(plain.as_bytes()));
    variants.push([gzip(&plain.as_bytes()[..20]), gzip(&plain.as_bytes()[20..])].concat());
    variants.push(zstd::encode_all(plain.as_bytes(), 0).unwrap());
    variants.push("a@b.example\nb@c.example".into());
    variants.push("Ann,a@b.example\nBo,b@c.example\n".into());
    variants.push("\u{feff}a@b.example\nb@c.example\n".into());
    for variant in variants {
        assert_eq!(outcomes(&variant), expected, "{}", variant.escape_ascii());
    }
}

#[test]
fn rows_know_where_a_spreadsheet_program_shows_them() {
    for (text, rows) in [
        // The header is row 1; a line break within a cell begins no row, a blank line is one.
        (
            &b"name,email\r\n\"A\r\nnn\",a@b.example\r\n\r\nBo,b@c.example"[..],
            [2, 4],
        ),
        (b"a@b.example\nb@c.example\n", [1, 2]),
        // A line that names the delimiter is not shown; lines above the header are.
        (b"sep=;\nname;email\nA;a@b.example\nB;b@c.example\n", [2, 3]),
        (
            b"Contacts of the fair\n\nname,email\nA,a@b.example\nB,b@c.example\nC,c@d.example\n",
            [4, 5],
        ),
        (b"a@b.example, b@c.example", [1, 2]),
    ] {
        let mut list = list(text);
        for row in rows {
            let found = list.next_row().unwrap().unwrap().sheet_row;
            assert_eq!(found, row, "{}", text.escape_ascii());
        }
    }
}

#[test]
fn rows_know_their_number_line_bytes_and_terminator() {
    let mut list = list(b"\xef\xbb\xbfname,email\r\n\r\n\"A\r\nnn\",a@b.example\r\nBo,b@c.example");
    assert_eq!(list.header(), Some(&b"name,email"[..]));
    assert_eq!(list.preamble(), b"\xef\xbb\xbf");
    assert_eq!(
        (list.terminator(), list.delimiter()),
        (&b"\r\n"[..], Some(b','))
    );
    assert_eq!(list.columns(), ["name", "email"]);
    assert_eq!(list.address_column(), 1);
    let row = list.next_row().unwrap().unwrap();
    assert_eq!((row.number, row.line), (1, 3));
    assert_eq!(
        (row.raw, row.terminator),
        (&b"\"A\r\nnn\",a@b.example"[..], &b"\r\n"[..])
    );
    let row = list.next_row().unwrap().unwrap();
    assert_eq!((row.number, row.line), (2, 5));
    assert_eq!(
        (row.raw, row.terminator),
        (&b"Bo,b@c.example"[..], &b""[..])
    );
    assert_eq!(list.next_row().unwrap(), None);
    let expected = Tally {
        rows: 2,
        blank_lines: 1,
        ragged: 0,
        faulty: 0,
        below: 0,
    };
    assert_eq!(list.tally(), expected);
}

#[test]
fn a_list_without_header_names_its_columns_by_number() {
    let list = list(b"\xef\xbb\xbfAnn,a@b.example\n");
    assert_eq!(list.header(), None);
    assert_eq!(list.preamble(), b"\xef\xbb\xbf");
    assert_eq!(list.columns(), ["column_1", "column_2"]);
}

#[test]
fn a_header_alone_has_no_rows() {
    for text in [
        "name,email",
        "name,email\n",
        "email",
        "\u{feff}E-Mail;Name\r\n",
    ] {
        assert_eq!(outcomes(text.as_bytes()), [""; 0], "{text}");
    }
}

#[test]
fn a_faulty_row_costs_its_address_and_no_other() {
    // Each text stands between two good rows of three columns; one outcome per row that it makes.
    let table: &[(&str, &[&str])] = &[
        ("Ann", &["NoSuchField"]),
        ("Ann,,x", &["EmptyField"]),
        (",,", &["EmptyField"]),
        ("Ann,   ,x", &["EmptyField"]),
        ("Ann,a@\0b.example,x", &["NulByte"]),
        ("\0\0,a@b.example,x", &["a@b.example"]),
        ("Ann,a@b.example", &["a@b.example"]),
        ("Ann,a@b.example,x,y,z", &["a@b.example"]),
        ("Ann, Inc.,a@b.example,x", &["a@b.example"]),
        ("5\" nail,a@b.example,x", &["a@b.example"]),
        ("\"5\" nail\",a@b.example,x", &["a@b.example"]),
        ("\"Ann \"The, Man\" Bo\",a@b.example,x", &["a@b.example"]),
        ("\"Ann \"The, Man\" Bo\",nobody,x", &["StrayQuote"]),
        ("\"Ann,a@b.example,x", &["a@b.example"]),
        ("Ann,\"a@b.example,x", &["a@b.example"]),
        ("Ann,a@b.example,\"x", &["a@b.example"]),
        ("\"Ann,nobody,x", &["UnclosedQuote"]),
        (
            "\"Ann,a@b.example,x\nBo,\"b@c.example\",\"x, y\"",
            &["a@b.example", "b@c.example"],
        ),
        (
            "\"Ann,a@b.example,x\n\"Bo\",b@c.example,\"x\"\n\"Cy\",c@d.example,x",
            &["a@b.example", "b@c.example", "c@d.example"],
        ),
        (
            "Ann,a@b.example,\"x\nBo,b@c.example,x\nCy,c@d.example,x\"",
            &["a@b.example", "b@c.example", "c@d.example"],
        ),
        (
            "Ann,a@b.example,\"x\nBo,b@c.example,x\"",
            &["a@b.example", "b@c.example"],
        ),
        (
            "Ann,a@b.example,\"x\n\nplease, call, back\"",
            &["a@b.example"],
        ),
        ("\"Ann\n& Co\",a@b.example,\"x\ny\"", &["a@b.example"]),
        ("\"Ann\",\"a@b.example\",\"x\"", &["a@b.example"]),
        (
            "\"Ann\",\"\"\"a b\"\"@b.example\",\"x\"",
            &["\"a b\"@b.example"],
        ),
        ("caf\u{fffd},a@b.example,x", &["a@b.example"]),
    ];
    for (text, expected) in table {
        for terminator in ["\n", "\r\n", "\r"] {
            let whole = format!("name,email,note\nZoe,z@b.example,\"x\"\n{text}\nYan,y@b.example,x\nXi,x@b.example,x\n")
                .replace('\n', terminator);
            let mut list = list(whole.as_bytes());
            let mut wanted = vec!["z@b.example"];
            wanted.extend(*expected);
            wanted.extend(["y@b.example", "x@b.example"]);
            assert_eq!(outcomes_of(&mut list), wanted, "{text:?} {terminator:?}");
        }
    }
}

#[test]
fn a_quote_that_is_open_at_the_end_takes_its_line_only() {
    let text = b"name,email\nAnn,a@b.example\n\"Bo,b@c.example\nCy,c@d.example\nDi,d@e.example";
    assert_eq!(
        outcomes(text),
        ["a@b.example", "b@c.example", "c@d.example", "d@e.example"]
    );
    let text = b"name,email\nAnn,a@b.example\nBo,b@c.example\nCy,\"c@d.example";
    assert_eq!(
        outcomes(text),
        ["a@b.example", "b@c.example", "c@d.example"]
    );
}

#[test]
fn a_quote_that_is_open_over_a_long_list_takes_its_line_only() {
    let mut text = b"name,email,note\n\"Ann,a@b.example,x\n".to_vec();
    for number in 0..60_000 {
        writeln!(text, "Ann {number},a{number}@b.example,nothing to say").unwrap();
    }
    let mut list = list(&text);
    let outcomes = outcomes_of(&mut list);
    assert_eq!(outcomes.len(), 60_001);
    assert_eq!(outcomes[0], "a@b.example");
    assert_eq!(list.tally().faulty, 0);
}

#[test]
fn a_record_may_have_as_many_lines_as_the_limit_and_no_more() {
    let note = |breaks: usize| {
        let mut text = b"name,email,note\n".to_vec();
        text.extend(b"Ed,e@f.example,x\n".repeat(2000));
        text.extend(b"Ann,a@b.example,\"");
        text.extend(b"x\n".repeat(breaks));
        text.extend(b"\"\nBo,b@c.example,x\n");
        text
    };
    let rows = |breaks| outcomes_of(&mut list_with(&note(breaks), "email").unwrap()).len();
    assert_eq!(rows(limits::RECORD_LINES - 1), 2002);
    assert_eq!(rows(limits::RECORD_LINES), 2002 + limits::RECORD_LINES);
}

#[test]
fn a_field_of_megabytes_costs_no_row() {
    let big = "x".repeat(3 << 20);
    let text = format!(
        "name,email,note\nAnn,a@b.example,{big}\nBo,{big}@c.example,x\nCy,c@d.example,\"{big}\"\n"
    );
    let mut list = list_with(text.as_bytes(), "email").unwrap();
    assert_eq!(
        outcomes_of(&mut list),
        ["a@b.example", "TooLong", "c@d.example"]
    );
    let mut again = list_with(text.as_bytes(), "email").unwrap();
    assert!(all_bytes(&mut again).0 == text.as_bytes());
}

#[test]
fn a_line_without_end_is_an_error_that_names_it() {
    let mut text = b"name,email\nAnn,a@b.example\nBo,".to_vec();
    text.resize(limits::LINE_BYTES + 100, b'x');
    let mut list = list(&text);
    assert!(list.next_row().unwrap().is_some());
    let error = list.next_row().unwrap_err();
    assert!(
        matches!(error, IntakeError::EndlessLine { line: 3, .. }),
        "{error}"
    );
    assert_eq!(list.next_row().unwrap(), None);
}

#[test]
fn a_binary_tail_becomes_rows_and_no_byte_is_lost() {
    let mut text = b"\xef\xbb\xbf".to_vec();
    text.extend(many_rows(50));
    text.extend((0..=255).cycle().take(3000));
    let mut list = list(&text);
    let (bytes, error) = all_bytes(&mut list);
    assert!(error.is_none());
    assert!(bytes == text);
    assert!(list.tally().rows > 50);
}

#[test]
fn damage_in_a_utf8_list_keeps_its_bytes() {
    let mut text = "name,email,note\nJ\u{fc}rgen,j@b.example,x\n"
        .as_bytes()
        .to_vec();
    text.extend(many_rows(20_000));
    text.extend(b"caf\xe9,z@b.example,x\n");
    let mut list = list(&text);
    assert_eq!(list.encoding(), Encoding::Utf8);
    assert!(all_bytes(&mut list).0 == text);
}

#[test]
fn a_cut_archive_gives_its_rows_and_then_an_error() {
    let text = many_rows(20_000);
    for packed in [gzip(&text), zstd::encode_all(&text[..], 0).unwrap()] {
        let half = packed[..packed.len() / 2].to_vec();
        let mut list = List::read("list.csv.gz", Cursor::new(half), &Options::default()).unwrap();
        let (bytes, error) = all_bytes(&mut list);
        assert!(text.starts_with(&bytes) && bytes.ends_with(b"\n"));
        assert!(list.tally().rows > 1000, "{:?}", list.tally());
        let error = error.expect("a cut archive must not look whole");
        let IntakeError::Damaged { line, .. } = error else {
            panic!("{error}");
        };
        assert_eq!(line, list.tally().rows + 2);
        assert_eq!(list.next_row().unwrap(), None);
    }
}

#[test]
fn what_is_no_list_is_refused_with_what_to_change() {
    let table: &[(&[u8], &str)] = &[
        (b"", "is empty"),
        (b"\n\r\n\n", "is empty"),
        (b"\xef\xbb\xbf", "is empty"),
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "a PNG picture"),
        (b"PK\x03\x04\x14\0\x06\0", "save it as CSV"),
        (b"\x7fELF\x02\x01\x01\0", "a program"),
        (
            b"\0\x01\x02\x03\x04\xff\xfe\x80\x02\x03\x04",
            "a binary file",
        ),
        (b"name,city\nAnn,Ulm\n", "--column NAME"),
        (
            b"Work Email,Home Email\na@b.example,c@d.example\n",
            "say which with `--column 1` or `--column 2`",
        ),
        (b"\x1f\x8b\x08\0", "cannot be read past line 1"),
    ];
    for (bytes, expected) in table {
        let error = list_with(bytes, "")
            .expect_err(&bytes.escape_ascii().to_string())
            .to_string();
        assert!(
            error.starts_with("list.csv: ") && error.contains(expected),
            "{error}"
        );
    }
    let error = list_with(b"name,email\nAnn,a@b.example\n", "phone").unwrap_err();
    insta::assert_snapshot!(error, @r#"list.csv: has no column "phone"; use `--column` with one of: 1 "name", 2 "email""#);
    let error = list_with(&gzip(&gzip(b"email\n")), "").unwrap_err();
    assert!(error.to_string().contains("compressed twice"), "{error}");
}

#[test]
fn a_path_that_is_no_list_is_refused_with_what_to_change() {
    let directory = tempfile::tempdir().unwrap();
    let error = Source::open(directory.path()).unwrap_err();
    assert!(matches!(error, IntakeError::Directory { .. }), "{error}");
    let error = Source::open(&directory.path().join("leads.csv")).unwrap_err();
    assert!(matches!(error, IntakeError::Missing { .. }), "{error}");
    let empty = directory.path().join("empty.csv");
    std::fs::write(&empty, b"").unwrap();
    assert!(matches!(
        Source::open(&empty),
        Err(IntakeError::Empty { .. })
    ));
    let error = Source::open(Path::new("x\0y.csv")).unwrap_err();
    assert!(matches!(error, IntakeError::Unreadable { .. }), "{error}");
}

#[test]
fn a_list_is_read_from_its_start_each_time_even_twice_at_once() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("leads.txt");
    let text = many_rows(5000);
    std::fs::write(&path, zstd::encode_all(&text[..], 0).unwrap()).unwrap();
    let file = Source::open(&path).unwrap();
    // Another file under the same name must not mix into this list.
    std::fs::remove_file(&path).unwrap();
    std::fs::write(&path, b"email\n").unwrap();
    let stream = Source::spool("standard input".to_owned(), &text[..]).unwrap();
    for source in [file, stream] {
        let mut first = source.list(&Options::default()).unwrap();
        let mut second = source.list(&Options::default()).unwrap();
        for _ in 0..100 {
            assert_eq!(first.next_row().unwrap(), second.next_row().unwrap());
        }
        assert_eq!(outcomes_of(&mut first).len(), 4900);
        assert!(all_bytes(&mut source.list(&Options::default()).unwrap()).0 == text);
    }
}

#[cfg(unix)]
#[test]
fn a_pipe_is_kept_for_the_second_reading() {
    let (reader, mut writer) = io::pipe().unwrap();
    let path = format!("/dev/fd/{}", std::os::fd::AsRawFd::as_raw_fd(&reader));
    let feeder = std::thread::spawn(move || writer.write_all(&many_rows(3000)).unwrap());
    let source = Source::open(Path::new(&path)).unwrap();
    feeder.join().unwrap();
    for _ in 0..2 {
        assert_eq!(
            outcomes_of(&mut source.list(&Options::default()).unwrap()).len(),
            3000
        );
    }
}

#[test]
fn the_window_stays_small_however_long_the_list_is() {
    let mut list = list(&many_rows(100_000));
    while list.next_row().unwrap().is_some() {}
    assert!(
        list.window.room() <= limits::SNIFF_BYTES,
        "{}",
        list.window.room()
    );
}

/// Bytes that are likely to be trouble.
fn troublesome() -> impl Strategy<Value = Vec<u8>> {
    let token = prop_oneof![
        4 => Just(&b","[..]),
        4 => Just(&b"\n"[..]),
        2 => Just(&b"\r\n"[..]),
        1 => Just(&b"\r"[..]),
        4 => Just(&b"\""[..]),
        1 => Just(&b"\"\""[..]),
        1 => Just(&b";"[..]),
        2 => Just(&b"a@b.example"[..]),
        2 => Just(&b"x"[..]),
        1 => Just(&b" "[..]),
        1 => Just(&b"\0"[..]),
        1 => Just(&b"\xe9"[..]),
        1 => Just("ü".as_bytes()),
    ];
    prop::collection::vec(token, 0..200).prop_map(|tokens| tokens.concat())
}

/// One reading by a window of `first` bytes that fills in `steps`.
fn read_in_steps(text: &[u8], first: usize, steps: Vec<usize>, layout: Layout) -> Vec<Record> {
    let dribble = Dribble {
        bytes: Cursor::new(text.to_vec()),
        steps,
        turn: 0,
    };
    let mut window = Window::sized(Box::new(dribble), first, limits::LINE_BYTES);
    let mut records = Vec::new();
    loop {
        let cut = record::cut(window.bytes(), window.reach(), &layout)
            .filter(|_| !window.bytes().is_empty());
        if let Some(record) = cut {
            window.advance(record.content + record.terminator);
            records.push(record);
        } else if window.fill() == Filled::Nothing && window.bytes().is_empty() {
            return records;
        }
    }
}

proptest! {
    #[test]
    fn any_bytes_come_out_once(bytes in prop_oneof![troublesome(), prop::collection::vec(any::<u8>(), 0..600)]) {
        // The mark makes it UTF-8, whatever follows.
        let mut text = b"\xef\xbb\xbfname,email\nAnn,a@b.example\nBo,b@c.example\n".to_vec();
        text.extend(b"Cy,c@d.example\n".repeat(50));
        text.extend(&bytes);
        let mut list = list_with(&text, "email").unwrap();
        prop_assert_eq!(list.encoding(), Encoding::Utf8);
        let (all, error) = all_bytes(&mut list);
        prop_assert!(error.is_none());
        prop_assert_eq!(all.escape_ascii().to_string(), text.escape_ascii().to_string());
    }

    #[test]
    fn any_list_at_all_is_read_whole_or_refused(bytes in prop_oneof![troublesome(), prop::collection::vec(any::<u8>(), 0..600)]) {
        for column in ["", "1"] {
            if let Ok(mut list) = list_with(&bytes, column)
                && list.encoding() == Encoding::Utf8
                && !bytes.starts_with(b"\x1f\x8b")
            {
                let (all, error) = all_bytes(&mut list);
                prop_assert!(error.is_none());
                prop_assert_eq!(all.escape_ascii().to_string(), bytes.escape_ascii().to_string());
            }
        }
    }

    #[test]
    fn rows_do_not_depend_on_how_the_bytes_arrive(
        bytes in troublesome(),
        first in 1usize..64,
        steps in prop::collection::vec(1usize..40, 1..8),
        header in 1usize..4,
        usual in 1usize..4,
    ) {
        let layout = Layout { delimiter: Some(b','), column: 1, widths: Some(Widths { header, usual }) };
        let at_once = read_in_steps(&bytes, 1 << 16, vec![1 << 16], layout);
        prop_assert_eq!(read_in_steps(&bytes, first, steps, layout), at_once);
    }

    #[test]
    fn well_formed_lists_read_as_the_csv_crate_reads_them(
        rows in prop::collection::vec(prop::collection::vec("[a,\"\n\r ]{0,6}", 3), 1..20),
        crlf in any::<bool>(),
    ) {
        let mut writer = csv::WriterBuilder::new()
            .terminator(if crlf { csv::Terminator::CRLF } else { csv::Terminator::Any(b'\n') })
            .from_writer(Vec::new());
        for (number, row) in rows.iter().enumerate() {
            writer.write_record([row[0].as_str(), &format!("{number}@b.example"), &row[1], &row[2]]).unwrap();
        }
        let text = writer.into_inner().unwrap();
        let layout = Layout { delimiter: Some(b','), column: 1, widths: Some(Widths { header: 4, usual: 4 }) };
        let mut rest = &text[..];
        let mut ours = Vec::new();
        while let Some(record) = (!rest.is_empty()).then(|| record::cut(rest, window::Reach::Whole, &layout)).flatten() {
            let fields: Vec<Vec<u8>> = record::fields(&rest[..record.content], Some(b',')).into_iter().map(Cow::into_owned).collect();
            ours.push(fields);
            rest = &rest[record.content + record.terminator..];
        }
        let theirs: Vec<Vec<Vec<u8>>> = csv::ReaderBuilder::new()
            .has_headers(false)
            .from_reader(&text[..])
            .byte_records()
            .map(|record| record.unwrap().iter().map(<[u8]>::to_vec).collect())
            .collect();
        prop_assert_eq!(ours, theirs);
    }

    #[test]
    fn one_line_with_any_quotes_reads_as_the_csv_crate_reads_it(line in "[a,\" ]{1,24}") {
        let layout = Layout { delimiter: Some(b','), column: 0, widths: None };
        let text = format!("{line}\n");
        let Some(record) = record::cut(text.as_bytes(), window::Reach::Whole, &layout) else {
            return Err(TestCaseError::fail("no record"));
        };
        if record.quoting != Quoting::Unclosed {
            let ours: Vec<Vec<u8>> = record::fields(&text.as_bytes()[..record.content], Some(b',')).into_iter().map(Cow::into_owned).collect();
            let theirs = csv::ReaderBuilder::new().has_headers(false).from_reader(text.as_bytes()).byte_records().next();
            let theirs: Vec<Vec<u8>> = theirs.unwrap().unwrap().iter().map(<[u8]>::to_vec).collect();
            prop_assert_eq!(ours, theirs);
        }
    }
}

#[test]
fn a_file_that_is_written_to_is_noticed_one_that_is_replaced_is_not_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("list.csv");
    std::fs::write(&path, "email\na@b.test\n").unwrap();
    let source = Source::open(&path).unwrap();
    assert!(source.unchanged().is_ok());
    // Replaced: the run goes on with the file that it opened.
    std::fs::write(folder.path().join("new.csv"), "email\nother@b.test\n").unwrap();
    std::fs::rename(folder.path().join("new.csv"), &path).unwrap();
    assert!(source.unchanged().is_ok());
    let source = Source::open(&path).unwrap();
    let mut file = std::fs::OpenOptions::new()
        .append(true)
        .open(&path)
        .unwrap();
    std::io::Write::write_all(&mut file, b"c@d.test\n").unwrap();
    let error = source.unchanged().unwrap_err().to_string();
    assert!(
        error.contains("was changed") && error.contains("only new rows"),
        "{error}"
    );
}

#[test]
fn further_columns_that_are_named_come_with_each_row() {
    let options = Options {
        column: ColumnChoice::Numbered(2),
        further: vec!["Private".parse().unwrap()],
        ..Options::default()
    };
    let bytes = &b"Name,Work,Private\nA,a@x.test,b@x.test\nB,c@x.test\n"[..];
    let mut list = List::read("list.csv", Cursor::new(bytes.to_vec()), &options).unwrap();
    let row = list.next_row().unwrap().unwrap();
    assert_eq!(row.place, Some(2..10));
    assert_eq!(row.further.len(), 1);
    assert_eq!(row.further[0].text.as_deref(), Ok(&b"b@x.test"[..]));
    assert_eq!(
        (row.further[0].place.clone(), row.width),
        (Some(11..19), Width::Usual)
    );
    let row = list.next_row().unwrap().unwrap();
    assert_eq!(row.further[0].text, Err(RowFault::NoSuchField));
    assert_eq!(row.width, Width::Short);
}

#[test]
fn columns_of_an_earlier_run_hold_no_addresses_of_the_callers() {
    for header in [
        "Login,presend_address,presend_verdict",
        "column_1,presend_address,presend_verdict",
    ] {
        let bytes = format!("{header}\na@x.test,a@x.test,risky\nb@x.test,b@x.test,risky\n");
        let list = List::read(
            "list.csv",
            Cursor::new(bytes.into_bytes()),
            &Options::default(),
        )
        .unwrap();
        assert_eq!(
            (list.address_column(), list.header().is_some()),
            (0, true),
            "{header}"
        );
        assert!(!list.earlier().is_empty());
    }
}

#[test]
fn what_stands_below_the_rows_is_no_row() {
    let rows = "owner,name,email\nOlga,Ann,a@b.example\nOlga,Bo,b@c.example\n";
    for (footer, lines) in [
        ("\n\nLeads of May\nCopyright (c) 2026 us, all of us\n", 2),
        ("Confidential Information - Do Not Distribute\n", 1),
        (",,\n\"Made by Olga, in May\"\nOur Company,,\n\n", 3),
        ("Generated by olga@us.example,,\n", 1),
    ] {
        let text = format!("{rows}{footer}");
        let mut list = list(text.as_bytes());
        let outcomes: Vec<String> = outcomes_of(&mut list)
            .into_iter()
            .filter(|outcome| outcome != "EmptyField")
            .collect();
        assert_eq!(outcomes, ["a@b.example", "b@c.example"], "{footer:?}");
        assert_eq!(list.tally().below, lines, "{footer:?}");
        assert!(all_bytes(&mut self::list(text.as_bytes())).0 == text.as_bytes());
    }
}

#[test]
fn no_row_is_taken_for_a_footer() {
    let rows = "owner,name,email\nOlga,Ann,a@b.example\nOlga,Bo,b@c.example\n";
    for (end, outcome) in [
        ("Olga", "NoSuchField"),
        ("\nOlga,Cy", "NoSuchField"),
        (",,\nCy from the office,,\n", "EmptyField"),
        ("\nc@d.example\n", "NoSuchField"),
        ("\nSome words\nOlga,Cy,c@d.example\n", "c@d.example"),
    ] {
        let text = format!("{rows}{end}");
        let mut list = list(text.as_bytes());
        assert_eq!(
            outcomes_of(&mut list).last().map(String::as_str),
            Some(outcome),
            "{end:?}"
        );
        assert_eq!(list.tally().below, 0, "{end:?}");
    }
}

/// A workbook of two sheets; the first has a title, an empty row and every kind of cell.
fn workbook() -> Vec<u8> {
    use rust_xlsxwriter::{ExcelDateTime, Format, Formula, Workbook};
    let mut book = Workbook::new();
    let sheet = book.add_worksheet().set_name("People").unwrap();
    sheet.write_string(0, 0, "Contacts").unwrap();
    for (column, name) in (0..).zip(["Name", "Email", "Phone", "Since", "Share", "Note"]) {
        sheet.write_string(2, column, name).unwrap();
    }
    let day = Format::new().set_num_format("dd.mm.yyyy");
    let since = ExcelDateTime::from_ymd(2026, 3, 1).unwrap();
    sheet.write_string(3, 0, "Möller, Jörg").unwrap();
    sheet.write_string(3, 1, "joerg@b.example").unwrap();
    sheet.write_number(3, 2, 491_701_234_567.0).unwrap();
    sheet
        .write_datetime_with_format(3, 3, &since, &day)
        .unwrap();
    sheet.write_number(3, 4, 0.1 + 0.2).unwrap();
    sheet.write_string(3, 5, "two\nlines").unwrap();
    sheet.write_string(5, 0, "Bo").unwrap();
    sheet
        .write_formula(
            5,
            1,
            Formula::new("LOWER(\"BO@C.EXAMPLE\")").set_result("bo@c.example"),
        )
        .unwrap();
    sheet.write_blank(20, 0, &Format::new().set_bold()).unwrap();
    let other = book.add_worksheet().set_name("Old").unwrap();
    other.write_string(0, 0, "email").unwrap();
    other.write_string(1, 0, "old@b.example").unwrap();
    book.save_to_buffer().unwrap()
}

#[test]
fn a_workbook_is_read_as_a_person_sees_it() {
    let source = Source::spool("people.xlsx".to_owned(), &workbook()[..]).unwrap();
    let mut list = source.list(&Options::default()).unwrap();
    assert_eq!(
        list.header(),
        Some(&b"Name,Email,Phone,Since,Share,Note"[..])
    );
    let row = list.next_row().unwrap().unwrap();
    assert_eq!(row.line, 4, "the spreadsheet's own number");
    assert_eq!(
        String::from_utf8_lossy(row.raw),
        "\"Möller, Jörg\",joerg@b.example,491701234567,2026-03-01,0.3,\"two\nlines\""
    );
    let row = list.next_row().unwrap().unwrap();
    assert_eq!((row.line, row.raw), (6, &b"Bo,bo@c.example,,,,"[..]));
    assert_eq!(list.next_row().unwrap(), None);
    let told: Vec<String> = list.remarks().iter().map(ToString::to_string).collect();
    assert!(
        told.iter()
            .any(|line| line.contains("sheet \"People\" is read; not read: \"Old\"")),
        "{told:?}"
    );
}

#[test]
fn a_sheet_is_chosen_by_its_name() {
    let source = Source::spool("people.xlsx".to_owned(), &workbook()[..]).unwrap();
    let sheet = |name: &str| Options {
        sheet: Some(name.to_owned()),
        ..Options::default()
    };
    let mut list = source.list(&sheet("old")).unwrap();
    assert_eq!(outcomes_of(&mut list), ["old@b.example"]);
    let error = source.list(&sheet("New")).unwrap_err();
    insta::assert_snapshot!(error, @r#"people.xlsx: has no sheet "New"; use `--sheet` with one of: "People", "Old""#);
}

#[test]
fn an_opendocument_sheet_is_read_too() {
    let bytes = super::table::tests::opendocument(
        "<table:table-row>\
         <table:table-cell office:value-type=\"string\"><text:p>Email</text:p></table:table-cell>\
         <table:table-cell office:value-type=\"string\"><text:p>Id</text:p></table:table-cell></table:table-row>\
         <table:table-row><table:table-cell office:value-type=\"string\"><text:p>a@b.example</text:p></table:table-cell>\
         <table:table-cell office:value-type=\"float\" office:value=\"12345678901\"><text:p>1,23E10</text:p></table:table-cell>\
         </table:table-row>",
    );
    let source = Source::spool("people.ods".to_owned(), &bytes[..]).unwrap();
    let mut list = source.list(&Options::default()).unwrap();
    let row = list.next_row().unwrap().unwrap();
    assert_eq!(String::from_utf8_lossy(row.raw), "a@b.example,12345678901");
}

#[test]
fn json_lines_and_address_books_are_lists() {
    let text = b"{\"name\":\"Ann\",\"contact\":{\"email\":\"a@b.example\"}}\n{\"contact\":{\"email\":\"b@c.example\"}}\n";
    let source = Source::spool("people.jsonl".to_owned(), &gzip(text)[..]).unwrap();
    let named = Options {
        column: "contact.email".parse().unwrap(),
        ..Options::default()
    };
    let mut list = source.list(&named).unwrap();
    assert_eq!(list.header(), Some(&b"name,contact.email"[..]));
    assert_eq!(outcomes_of(&mut list), ["a@b.example", "b@c.example"]);
    let mut list = source.list(&Options::default()).unwrap();
    assert_eq!(outcomes_of(&mut list).len(), 2);
    let text = b"BEGIN:VCARD\r\nVERSION:3.0\r\nFN:Ann\r\nEMAIL:a@b.example\r\nEND:VCARD\r\n";
    let source = Source::spool("people.vcf".to_owned(), &text[..]).unwrap();
    let mut list = source.list(&Options::default()).unwrap();
    assert_eq!(outcomes_of(&mut list), ["a@b.example"]);
}

#[test]
fn documents_are_told_what_they_are_and_how_to_export_them() {
    let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
    let plain = zip::write::SimpleFileOptions::default();
    zip.start_file("word/document.xml", plain).unwrap();
    let word = zip.finish().unwrap().into_inner();
    for (bytes, what) in [
        (&b"<html><body><table><tr><td>a@b.example</td></tr></table></body></html>"[..], "is an HTML page"),
        (b"<?xml version=\"1.0\"?>\n<Workbook xmlns=\"urn:schemas-microsoft-com:office:spreadsheet\"></Workbook>", "SpreadsheetML"),
        (b"<?xml version=\"1.0\"?><office:document xmlns:office=\"urn:oasis:names:tc:opendocument:xmlns:office:1.0\"><table:table/></office:document>", "OpenDocument"),
        (b"ID;PWXL;N;E\nC;Y1;X1;K\"email\"\n", "in SYLK"),
        (b"TABLE\r\n0,1\r\n\"EXCEL\"\r\n", "in DIF"),
        (b"<people><person>a@b.example</person></people>", "an XML document"),
        (b"%PDF-1.7\n", "a PDF document"),
        (b"{\\rtf1 a@b.example}", "a rich text document"),
        (b"PAR1\x15\x04", "a Parquet file"),
        (&word, "a Word document"),
    ] {
        let source = Source::spool("list".to_owned(), bytes).unwrap();
        let error = source.list(&Options::default()).unwrap_err().to_string();
        assert!(error.contains(what), "{error}");
    }
    assert_eq!(outcomes(b"<a@b.example>\n<c@d.example>\n").len(), 2);
}

#[test]
fn a_workbook_that_is_damaged_says_so() {
    let book = workbook();
    let source = Source::spool("people.xlsx".to_owned(), &book[..book.len() / 2]).unwrap();
    assert!(source.list(&Options::default()).is_err());
    let old = [&b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"[..], &[0; 600]].concat();
    let source = Source::spool("people.xls".to_owned(), &old[..]).unwrap();
    let error = source.list(&Options::default()).unwrap_err();
    assert!(matches!(error, IntakeError::NoWorkbook { .. }), "{error}");
}
