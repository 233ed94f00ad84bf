//! Text in any of the encodings that lists come in, turned into UTF-8 as it is read.

use std::io::{self, Read};

use encoding_rs::{CoderResult, Decoder, UTF_16BE, UTF_16LE, WINDOWS_1252};

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
    /// Windows-1252, of which ISO 8859-1 text is a part.
    Windows1252,
}

impl Encoding {
    /// Tells the encoding of a text from its beginning.
    ///
    /// UTF-16 shows by its mark or by a NUL in every other byte. Anything else is UTF-8 when its multi-byte sequences
    /// are well formed, or at least more of them than not: a single damaged name does not turn a whole UTF-8 list into
    /// mojibake, and Windows-1252 text hardly ever forms a valid sequence by chance. Bytes that mean nothing in
    /// Windows-1252 are no text in it: they are left as they are.
    #[must_use]
    pub fn of(sample: &[u8]) -> Encoding {
        if sample.starts_with(BOM) {
            return Encoding::Utf8;
        }
        if sample.starts_with(b"\xff\xfe") {
            return Encoding::Utf16Le;
        }
        if sample.starts_with(b"\xfe\xff") {
            return Encoding::Utf16Be;
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
        if broken == 0 || (cut_short && broken == 1) || sound > broken || !is_windows_1252(sample) {
            Encoding::Utf8
        } else {
            Encoding::Windows1252
        }
    }

    fn decoder(self) -> Option<Decoder> {
        match self {
            Encoding::Utf8 => None,
            Encoding::Utf16Le => Some(UTF_16LE.new_decoder_without_bom_handling()),
            Encoding::Utf16Be => Some(UTF_16BE.new_decoder_without_bom_handling()),
            Encoding::Windows1252 => Some(WINDOWS_1252.new_decoder_without_bom_handling()),
        }
    }
}

/// Whether every byte has a meaning in Windows-1252.
fn is_windows_1252(sample: &[u8]) -> bool {
    !sample
        .iter()
        .any(|byte| matches!(byte, 0x81 | 0x8d | 0x8f | 0x90 | 0x9d))
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
}
