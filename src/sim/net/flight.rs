//! Commands that came in together.

/// How a line ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LineEnd {
    /// CRLF, as RFC 5321 §2.3.8 wants it.
    CrLf,
    /// LF alone, which is an error.
    BareLineFeed,
}

/// One line, without its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct HeardLine {
    pub(super) text: Vec<u8>,
    pub(super) end: LineEnd,
}

/// The lines that one read brought.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Batch {
    pub(super) lines: Vec<HeardLine>,
}

/// Commands after which a client must wait for the answer (RFC 2920 §3.1; STARTTLS: RFC 3207 §4).
const ENDS_A_FLIGHT: [&[u8]; 8] = [
    b"EHLO",
    b"HELO",
    b"DATA",
    b"VRFY",
    b"EXPN",
    b"QUIT",
    b"NOOP",
    b"STARTTLS",
];

impl Batch {
    /// Takes all whole lines; what is left is the beginning of a further one.
    pub(super) fn take_from(heard: &mut Vec<u8>) -> Self {
        let mut lines = Vec::new();
        let mut start = 0;
        while let Some(length) = heard[start..].iter().position(|byte| *byte == b'\n') {
            let line = &heard[start..start + length];
            let (text, end) = match line.strip_suffix(b"\r") {
                Some(text) => (text, LineEnd::CrLf),
                None => (line, LineEnd::BareLineFeed),
            };
            lines.push(HeardLine {
                text: text.to_vec(),
                end,
            });
            start += length + 1;
        }
        heard.drain(..start);
        Batch { lines }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    /// Whether only the last command is one that must be the last.
    pub(super) fn ends_where_it_must(&self) -> bool {
        let earlier = self
            .lines
            .split_last()
            .map_or(&[][..], |(_, earlier)| earlier);
        !earlier.iter().any(|line| {
            let verb = line
                .text
                .split(|byte| *byte == b' ')
                .next()
                .unwrap_or_default();
            ENDS_A_FLIGHT
                .iter()
                .any(|last| verb.eq_ignore_ascii_case(last))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_lines_are_taken_and_the_rest_is_kept() {
        let mut heard = b"RSET\r\nMAIL FROM:<>\nRCPT".to_vec();
        let flight = Batch::take_from(&mut heard);
        let lines: Vec<_> = flight
            .lines
            .iter()
            .map(|line| (line.text.as_slice(), line.end))
            .collect();
        assert_eq!(
            lines,
            [
                (&b"RSET"[..], LineEnd::CrLf),
                (&b"MAIL FROM:<>"[..], LineEnd::BareLineFeed)
            ]
        );
        assert_eq!(heard, b"RCPT");
        assert!(Batch::take_from(&mut heard).is_empty());
    }

    #[test]
    fn hello_and_quit_must_come_last() {
        let ends_well = |text: &[u8]| Batch::take_from(&mut text.to_vec()).ends_where_it_must();
        assert!(ends_well(
            b"RSET\r\nMAIL FROM:<>\r\nRCPT TO:<a@b.test>\r\nQUIT\r\n"
        ));
        assert!(!ends_well(b"ehlo x\r\nMAIL FROM:<>\r\n"));
        assert!(!ends_well(b"QUIT\r\nRSET\r\n"));
    }
}
