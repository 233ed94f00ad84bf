//! Text in any of the encodings that lists come in, turned into UTF-8 as it is read.

use std::fmt;
use std::io::{self, Read};
use std::str::FromStr;

use chardetng::{EncodingDetector, Iso2022JpDetection, Utf8Detection};
use encoding_rs::{CoderResult, Decoder, UTF_8, UTF_16BE, UTF_16LE};

/// How much is decoded at once, in bytes: a unit of work, not a bound on the list.
const CHUNK_BYTES: usize = 32 << 10;

/// The byte order mark as UTF-8 writes it.
pub(super) const BOM: &[u8] = "\u{feff}".as_bytes();

/// The encoding of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// UTF-8, ASCII included; bytes that are not valid UTF-8 are kept as they are.
    Utf8,
    /// UTF-16, low byte first. A lone surrogate has no UTF-8 form: it becomes U+FFFD.
    Utf16Le,
    /// UTF-16, high byte first. A lone surrogate has no UTF-8 form: it becomes U+FFFD.
    Utf16Be,
    /// A code page from before Unicode. Bytes that mean nothing in it become U+FFFD.
    Legacy(&'static encoding_rs::Encoding),
}

/// A name that no encoding has.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is no encoding that we know; try windows-1252, windows-1251, shift_jis, gbk, utf-16le or another name that browsers use"
)]
pub struct NoEncoding(String);

impl FromStr for Encoding {
    type Err = NoEncoding;

    /// Reads a name as browsers know it (the WHATWG's Encoding Standard): `windows-1251`, `latin1`, `sjis`.
    fn from_str(text: &str) -> Result<Self, NoEncoding> {
        let known = encoding_rs::Encoding::for_label_no_replacement(text.as_bytes());
        let known = known.ok_or_else(|| NoEncoding(text.to_owned()))?;
        Ok(match known {
            known if known == UTF_8 => Encoding::Utf8,
            known if known == UTF_16LE => Encoding::Utf16Le,
            known if known == UTF_16BE => Encoding::Utf16Be,
            other => Encoding::Legacy(other),
        })
    }
}

impl fmt::Display for Encoding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Encoding::Utf8 => "UTF-8",
            Encoding::Utf16Le => "UTF-16LE",
            Encoding::Utf16Be => "UTF-16BE",
            Encoding::Legacy(encoding) => encoding.name(),
        })
    }
}

impl Encoding {
    /// Tells the encoding of a text from its beginning.
    ///
    /// UTF-16 shows by its mark or by a NUL in every other byte. Anything else is UTF-8 when its multi-byte sequences
    /// are well formed, or at least more of them than not: a single damaged name does not turn a whole UTF-8 list into
    /// mojibake, and text in a code page hardly ever forms a valid sequence by chance. Which code page it is, the
    /// frequencies of letters say, together with the countries that the addresses are in.
    #[must_use]
    pub fn of(sample: &[u8]) -> Encoding {
        if let Some(marked) = Encoding::marked(sample) {
            return marked;
        }
        let (mut even, mut odd) = (0, 0);
        for pair in sample.chunks_exact(2) {
            even += usize::from(pair[0] == 0);
            odd += usize::from(pair[1] == 0);
        }
        let mostly = sample.len() / 2 / 3;
        if odd > mostly && even * 20 <= odd {
            return Encoding::Utf16Le;
        }
        if even > mostly && odd * 20 <= even {
            return Encoding::Utf16Be;
        }
        let (mut sound, mut broken) = (0usize, 0usize);
        for chunk in sample.utf8_chunks() {
            sound += chunk.valid().chars().filter(|c| !c.is_ascii()).count();
            broken += usize::from(!chunk.invalid().is_empty());
        }
        // The sample may end inside a sequence; one that the list itself ends in is no evidence either way.
        let cut_short = std::str::from_utf8(sample)
            .err()
            .is_some_and(|e| e.error_len().is_none());
        if broken == 0 || (cut_short && broken == 1) || sound > broken {
            Encoding::Utf8
        } else {
            Encoding::Legacy(code_page(sample))
        }
    }

    /// The encoding that a byte order mark at the beginning of `sample` tells.
    pub(super) fn marked(sample: &[u8]) -> Option<Encoding> {
        if sample.starts_with(BOM) {
            Some(Encoding::Utf8)
        } else if sample.starts_with(b"\xff\xfe") {
            Some(Encoding::Utf16Le)
        } else if sample.starts_with(b"\xfe\xff") {
            Some(Encoding::Utf16Be)
        } else {
            None
        }
    }

    fn decoder(self) -> Option<Decoder> {
        match self {
            Encoding::Utf8 => None,
            Encoding::Utf16Le => Some(UTF_16LE.new_decoder_without_bom_handling()),
            Encoding::Utf16Be => Some(UTF_16BE.new_decoder_without_bom_handling()),
            Encoding::Legacy(encoding) => Some(encoding.new_decoder_without_bom_handling()),
        }
    }
}

/// The code page that `sample` is probably in.
fn code_page(sample: &[u8]) -> &'static encoding_rs::Encoding {
    let mut detector = EncodingDetector::new(Iso2022JpDetection::Deny);
    detector.feed(sample, false);
    let country = country(sample);
    detector.guess(country.as_deref(), Utf8Detection::Deny)
}

/// The country's top-level domain that most of the addresses in `sample` are under, if half of them are.
///
/// It tells apart what a few letters cannot: Czech from Turkish, Russian from Bulgarian.
fn country(sample: &[u8]) -> Option<Vec<u8>> {
    let mut counts: std::collections::BTreeMap<Vec<u8>, usize> = std::collections::BTreeMap::new();
    let mut addresses = 0;
    for at in memchr::memchr_iter(b'@', sample) {
        let is_name = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-');
        let rest = &sample[at + 1..];
        let length = rest.iter().take_while(|byte| is_name(byte)).count();
        let name = rest[..length].to_ascii_lowercase();
        if let Some(label) = name
            .rsplit(|byte| *byte == b'.')
            .find(|label| !label.is_empty())
        {
            addresses += 1;
            if label.len() == 2 && label.iter().all(u8::is_ascii_lowercase) {
                *counts.entry(label.to_vec()).or_default() += 1;
            }
        }
    }
    counts
        .into_iter()
        .max_by_key(|(_, count)| *count)
        .filter(|(_, count)| count * 2 >= addresses)
        .map(|(label, _)| label)
}

/// Reads `inner`, text in `encoding`, as UTF-8. A byte order mark stays, as UTF-8 writes it.
pub(super) fn utf8(inner: impl Read + Send + 'static, encoding: Encoding) -> Box<dyn Read + Send> {
    match encoding.decoder() {
        None => Box::new(inner),
        Some(decoder) => Box::new(Transcoder {
            inner,
            decoder,
            input: vec![0; CHUNK_BYTES],
            unread: 0..0,
            output: vec![0; CHUNK_BYTES],
            ready: 0..0,
            stage: Stage::Reading,
        }),
    }
}

/// What is heard of an encoding that shows late.
pub(super) type Heard = std::sync::Arc<std::sync::OnceLock<Encoding>>;

/// Reads `inner`, which began with ASCII alone, as UTF-8: what it is in shows with its first byte beyond ASCII, and is
/// told to `heard`.
pub(super) fn undecided(inner: impl Read + Send + 'static, heard: Heard) -> Box<dyn Read + Send> {
    Box::new(Undecided::Ascii(Box::new(inner), heard))
}

/// A reader that learns the encoding on its way.
enum Undecided {
    Ascii(Box<dyn Read + Send>, Heard),
    Decided(Box<dyn Read + Send>),
}

impl Read for Undecided {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let (inner, heard) = match self {
            Undecided::Ascii(inner, heard) => (inner, heard),
            Undecided::Decided(reader) => return reader.read(buf),
        };
        let count = inner.read(buf)?;
        let Some(first) = buf[..count].iter().position(|byte| !byte.is_ascii()) else {
            return Ok(count);
        };
        // What follows on this byte says more than it alone.
        let mut sample = buf[first..count].to_vec();
        let more = (crate::model::limits::SNIFF_BYTES
            - sample.len().min(crate::model::limits::SNIFF_BYTES)) as u64;
        let failure = inner.take(more).read_to_end(&mut sample).err();
        let encoding = Encoding::of(&sample);
        // The first reading decides; a second one comes to the same.
        let _ = heard.set(encoding);
        let rest = std::mem::replace(inner, Box::new(io::empty()));
        let failed = Failed(failure);
        let whole = io::Cursor::new(sample).chain(failed).chain(rest);
        *self = Undecided::Decided(utf8(whole, encoding));
        match first {
            0 => self.read(buf),
            first => Ok(first),
        }
    }
}

/// A reader of nothing that fails once, if there is a failure to tell.
struct Failed(Option<io::Error>);

impl Read for Failed {
    fn read(&mut self, _buf: &mut [u8]) -> io::Result<usize> {
        self.0.take().map_or(Ok(0), Err)
    }
}

/// How far a [`Transcoder`] is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// There may be more input.
    Reading,
    /// The input ended; the decoder may still hold something.
    Draining,
    /// All is decoded.
    Done,
}

/// A reader that decodes.
struct Transcoder<R> {
    inner: R,
    decoder: Decoder,
    input: Vec<u8>,
    unread: std::ops::Range<usize>,
    output: Vec<u8>,
    ready: std::ops::Range<usize>,
    stage: Stage,
}

impl<R: Read> Read for Transcoder<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        while self.ready.is_empty() && self.stage != Stage::Done {
            if self.unread.is_empty() && self.stage == Stage::Reading {
                let got = self.inner.read(&mut self.input)?;
                self.unread = 0..got;
                if got == 0 {
                    self.stage = Stage::Draining;
                }
            }
            let last = self.stage == Stage::Draining;
            let (result, read, written, _replaced) = self.decoder.decode_to_utf8(
                &self.input[self.unread.clone()],
                &mut self.output,
                last,
            );
            self.unread.start += read;
            self.ready = 0..written;
            if last && result == CoderResult::InputEmpty {
                self.stage = Stage::Done;
            }
        }
        let count = self.ready.len().min(buf.len());
        let from = self.ready.start;
        buf[..count].copy_from_slice(&self.output[from..from + count]);
        self.ready.start += count;
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decoded(bytes: &[u8]) -> String {
        let mut text = Vec::new();
        utf8(io::Cursor::new(bytes.to_vec()), Encoding::of(bytes))
            .read_to_end(&mut text)
            .unwrap();
        String::from_utf8(text).unwrap()
    }

    fn utf16(text: &str, unit: fn(u16) -> [u8; 2]) -> Vec<u8> {
        text.encode_utf16().flat_map(unit).collect()
    }

    #[test]
    fn every_encoding_comes_out_as_the_same_text() {
        let text = "email;Straße\njürgen@müller.example;Café\n";
        let western: Vec<u8> = text
            .chars()
            .map(|c| u8::try_from(u32::from(c)).unwrap())
            .collect();
        assert_eq!(decoded(text.as_bytes()), text);
        assert_eq!(decoded(&utf16(text, u16::to_le_bytes)), text);
        assert_eq!(decoded(&utf16(text, u16::to_be_bytes)), text);
        assert_eq!(decoded(&western), text);
        assert_eq!(
            decoded(b"name,email\n\x80uro,a@b.example\n"),
            "name,email\n€uro,a@b.example\n"
        );
    }

    #[test]
    fn a_byte_order_mark_stays() {
        let text = "\u{feff}email\na@b.example\n";
        assert_eq!(decoded(text.as_bytes()), text);
        assert_eq!(decoded(&utf16(text, u16::to_le_bytes)), text);
        assert_eq!(decoded(&utf16(text, u16::to_be_bytes)), text);
    }

    #[test]
    fn one_damaged_byte_does_not_turn_utf8_into_mojibake() {
        let mut bytes = "ä,ö,ü,ß\n".repeat(20).into_bytes();
        bytes.extend(b"caf\xe9,x\n");
        assert_eq!(Encoding::of(&bytes), Encoding::Utf8);
        let mut kept = Vec::new();
        utf8(io::Cursor::new(bytes.clone()), Encoding::Utf8)
            .read_to_end(&mut kept)
            .unwrap();
        assert_eq!(kept, bytes);
    }

    #[test]
    fn a_sample_cut_inside_a_character_is_still_utf8() {
        let bytes = "name,ü".as_bytes();
        assert_eq!(Encoding::of(&bytes[..bytes.len() - 1]), Encoding::Utf8);
    }

    #[test]
    fn long_text_survives_the_chunks_of_the_decoder() {
        let text = format!("\u{feff}{}", "a€😀".repeat(CHUNK_BYTES));
        assert_eq!(decoded(&utf16(&text, u16::to_le_bytes)), text);
    }

    #[test]
    fn half_a_unit_at_the_end_is_marked_and_not_dropped() {
        let mut bytes = utf16("email\na@b.example\n", u16::to_le_bytes);
        bytes.push(b'x');
        assert_eq!(decoded(&bytes), "email\na@b.example\n\u{fffd}");
    }

    #[test]
    fn code_pages_are_told_apart_in_lists_of_two_rows() {
        for (label, text) in [
            ("windows-1251", "Имя;Почта\nАнна;anna@nordlicht.test\n"),
            (
                "windows-1251",
                "Имя;Почта;Город\nИрина Смирнова;irina@pochta.ru;Казань\n",
            ),
            (
                "koi8-r",
                "Имя;Почта;Город\nИрина Смирнова;irina@pochta.ru;Казань\nОлег Иванов;oleg@pochta.ru;Москва\n",
            ),
            (
                "windows-1250",
                "Příjmení;E-mail\nDvořáková Žofie;zofie@nordlicht.test\n",
            ),
            (
                "windows-1250",
                "Imię;E-mail;Miasto\nŁukasz Wiśniewski;lukasz@poczta.pl;Łódź\n",
            ),
            (
                "windows-1254",
                "Ad;E-posta;Şehir\nAyşe Yıldız;ayse@posta.tr;İstanbul\nÇağlar Gün;caglar@posta.tr;Muğla\n",
            ),
            ("windows-1252", "Name;E-Mail\nJörg Müller;joerg@post.de\n"),
            (
                "gbk",
                "姓名,邮箱\n王小明,wang@youxiang.cn\n李华,li@youxiang.cn\n",
            ),
            (
                "big5",
                "姓名,電子郵件,公司\n王小明,wang@youxiang.tw,台灣電力公司\n陳美玲,chen@youxiang.tw,中華電信\n",
            ),
            (
                "shift_jis",
                "氏名,メール\n山田太郎,yamada@meeru.jp\n佐藤花子,sato@meeru.jp\n",
            ),
            (
                "euc-kr",
                "이름,이메일\n김철수,kim@meil.kr\n이영희,lee@meil.kr\n",
            ),
        ] {
            let page = encoding_rs::Encoding::for_label(label.as_bytes()).unwrap();
            let (bytes, _, lossy) = page.encode(text);
            assert!(!lossy, "{label}");
            assert_eq!(decoded(&bytes), text, "{label} as {}", Encoding::of(&bytes));
        }
    }

    #[test]
    fn an_encoding_that_shows_late_is_learned_on_the_way() {
        let ascii = "name,email\nAnn,a@b.example\n".repeat(CHUNK_BYTES / 8);
        for (tail, expected) in [
            (&b"caf\xe9,x@y.example\n"[..], "café,x@y.example\n"),
            ("café,x@y.example\n".as_bytes(), "café,x@y.example\n"),
        ] {
            let bytes = [ascii.as_bytes(), tail].concat();
            let heard = Heard::default();
            let mut text = String::new();
            undecided(io::Cursor::new(bytes), Heard::clone(&heard))
                .read_to_string(&mut text)
                .unwrap();
            assert!(text.ends_with(expected), "{expected}");
            assert_eq!(text.len(), ascii.len() + expected.len());
            assert!(heard.get().is_some());
        }
    }

    #[test]
    fn encodings_are_known_by_the_names_that_browsers_use() {
        for (name, shown) in [
            ("utf8", "UTF-8"),
            ("latin1", "windows-1252"),
            ("CP1251", "windows-1251"),
            ("sjis", "Shift_JIS"),
            ("utf-16", "UTF-16LE"),
        ] {
            assert_eq!(name.parse::<Encoding>().unwrap().to_string(), shown);
        }
        assert!("rot13".parse::<Encoding>().is_err());
    }
}
