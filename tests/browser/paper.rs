//! A printed page: which texts stand on which sheet, read out of a PDF as Chromium writes it (one content stream a
//! sheet, packed by zlib; ISO 32000-1 §7.8.2 and §9.4).

use std::io::Read as _;

use flate2::read::ZlibDecoder;

/// The least size of a heading in print, in points; no other text at the foot of a sheet is that large (`page.css`).
const HEADING_POINTS: f64 = 10.4;

/// The size of a table's head in print, in points, which nothing else has (`page.css`).
const TABLE_HEAD_POINTS: f64 = 7.8;

/// Fewest pieces of text on a sheet that is worth its paper.
const WORTH: usize = 5;

/// The sheets of a printed page.
#[derive(Debug)]
pub(crate) struct Paper {
    /// The texts of each sheet.
    pub(crate) sheets: Vec<Vec<Text>>,
}

/// A piece of text: how far its baseline is from the foot of the sheet, and its size, in points.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Text {
    height: f64,
    size: f64,
}

/// An affine map (ISO 32000-1 §8.3.3).
type Matrix = [f64; 6];

const SAME: Matrix = [1.0, 0.0, 0.0, 1.0, 0.0, 0.0];

fn matrix(numbers: &[f64]) -> Matrix {
    numbers.try_into().expect("six numbers")
}

/// `inner`, then `outer`.
fn then(inner: Matrix, outer: Matrix) -> Matrix {
    let column = |number: usize, side: usize| {
        inner[2 * number] * outer[side] + inner[2 * number + 1] * outer[2 + side]
    };
    [
        column(0, 0),
        column(0, 1),
        column(1, 0),
        column(1, 1),
        column(2, 0) + outer[4],
        column(2, 1) + outer[5],
    ]
}

impl Paper {
    /// Reads a PDF.
    pub(crate) fn read(pdf: &[u8]) -> Paper {
        let sheets = objects(pdf)
            .filter(|object| has_word(object, "/Type /Page"))
            .map(|page| {
                let number = after(page, "/Contents ").unwrap();
                let stream = objects_named(pdf, number);
                texts(&unpacked(stream))
            })
            .collect();
        Paper { sheets }
    }

    /// What is wrong with it: headings that ended a sheet, sheets without anything on them.
    pub(crate) fn faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        for (number, sheet) in (1..).zip(&self.sheets) {
            let Some(last) = sheet.iter().min_by(|a, b| a.height.total_cmp(&b.height)) else {
                faults.push(format!("sheet {number} has nothing on it"));
                continue;
            };
            let is_last = number == self.sheets.len();
            if last.size >= HEADING_POINTS && !is_last {
                faults.push(format!("sheet {number} ends with a heading"));
            }
            if (last.size - TABLE_HEAD_POINTS).abs() < 0.05 && !is_last {
                faults.push(format!("sheet {number} ends with a table's head"));
            }
            if sheet.len() < WORTH {
                faults.push(format!("sheet {number} has next to nothing on it"));
            }
        }
        faults
    }
}

/// The bytes of each object.
fn objects(pdf: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = pdf;
    std::iter::from_fn(move || {
        let start = find(rest, b" 0 obj\n")? + 7;
        let end = start + find(&rest[start..], b"endobj")?;
        let object = &rest[start..end];
        rest = &rest[end..];
        Some(object)
    })
}

/// The object of that number.
fn objects_named(pdf: &[u8], number: usize) -> &[u8] {
    let head = format!("\n{number} 0 obj\n");
    let start = find(pdf, head.as_bytes()).unwrap() + head.len();
    let end = start + find(&pdf[start..], b"endobj").unwrap();
    &pdf[start..end]
}

fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).position(|window| window == what)
}

/// Whether an object has this word, and not one that only begins like it.
fn has_word(object: &[u8], word: &str) -> bool {
    find(object, word.as_bytes()).is_some_and(|at| {
        let next = object.get(at + word.len());
        next.is_none_or(|byte| !byte.is_ascii_alphabetic())
    })
}

/// The number behind a key.
fn after(object: &[u8], key: &str) -> Option<usize> {
    let at = find(object, key.as_bytes())? + key.len();
    let digits: Vec<u8> = object[at..]
        .iter()
        .copied()
        .take_while(u8::is_ascii_digit)
        .collect();
    String::from_utf8(digits).ok()?.parse().ok()
}

/// The content of a stream. One that is hardly longer than nothing is not packed.
fn unpacked(object: &[u8]) -> String {
    let start = find(object, b"stream\n").unwrap() + 7;
    let mut bytes = Vec::new();
    match find(&object[..start], b"/FlateDecode") {
        Some(_) => {
            ZlibDecoder::new(&object[start..])
                .read_to_end(&mut bytes)
                .unwrap();
        }
        None => bytes.extend_from_slice(&object[start..]),
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// The texts that a content stream shows, each with where it stands.
fn texts(content: &str) -> Vec<Text> {
    let mut texts = Vec::new();
    let (mut now, mut kept) = (SAME, Vec::new());
    let (mut line, mut size) = (SAME, 0.0);
    for row in content.lines() {
        let mut words: Vec<&str> = row.split_ascii_whitespace().collect();
        let Some(operator) = words.pop() else {
            continue;
        };
        let numbers: Vec<f64> = words.iter().filter_map(|word| word.parse().ok()).collect();
        match (operator, numbers.as_slice()) {
            ("q", _) => kept.push(now),
            ("Q", _) => now = kept.pop().unwrap_or(SAME),
            ("cm", numbers) if numbers.len() == 6 => now = then(matrix(numbers), now),
            ("Tm", numbers) if numbers.len() == 6 => line = matrix(numbers),
            ("Tf", &[points]) => size = points,
            ("Tj" | "TJ", _) => {
                let [_, _, _, tall, _, height] = then(line, now);
                texts.push(Text {
                    height,
                    size: size * tall.abs(),
                });
            }
            _ => {}
        }
    }
    texts
}
