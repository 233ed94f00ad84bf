//! Replies as bytes, with all the ways in which they go wrong.

use std::io;
use std::time::Duration;

use tokio::io::{AsyncWrite, AsyncWriteExt};
use tokio::time::sleep;

use super::habits::Speech;

/// Time between the bytes of a host that sends them one at a time.
const BYTE_WAIT: Duration = Duration::from_millis(5);

/// Bytes of an endless reply after which the host tires of it: far beyond what any client may take.
const ENDLESS: usize = 1 << 20;

/// Bytes of an endless reply sent at a time.
const ENDLESS_CHUNK: usize = 4 << 10;

/// What is put behind a reply that is long, but ends.
const LONG_LINE: usize = 60_000;

/// How many lines are put before one that has many.
const MANY_LINES: usize = 900;

/// What no SMTP client understands.
const GARBAGE: &[u8] = b"\xff\xfe\x00HTTP/1.1 400 Bad Request\r\n\r\n";

/// How it went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Said {
    /// All is said; the session goes on.
    Done,
    /// The host broke off on purpose.
    BrokenOff,
    /// The client is gone.
    NobodyListens,
}

/// Says `words` (code, then text, lines parted by LF) in the given manner.
pub(super) async fn utter<W: AsyncWrite + Unpin>(
    wire: &mut W,
    words: &str,
    speech: Speech,
) -> Said {
    said(wire, words, speech)
        .await
        .unwrap_or(Said::NobodyListens)
}

/// Says half of a reply, the rest `later`.
pub(super) async fn utter_in_halves<W: AsyncWrite + Unpin>(
    wire: &mut W,
    words: &str,
    later: Duration,
) {
    let reply = render(words, "\r\n");
    let (first, rest) = reply.as_bytes().split_at(reply.len() / 2);
    for half in [first, rest] {
        // The client is gone: that shows at the next read.
        let _ = wire.write_all(half).await;
        let _ = wire.flush().await;
        sleep(later).await;
    }
}

async fn said<W: AsyncWrite + Unpin>(
    wire: &mut W,
    words: &str,
    speech: Speech,
) -> io::Result<Said> {
    let reply = render(words, "\r\n");
    match speech {
        Speech::Plain => wire.write_all(reply.as_bytes()).await?,
        Speech::BareLineFeeds => wire.write_all(render(words, "\n").as_bytes()).await?,
        Speech::ByteByByte => {
            for byte in reply.as_bytes() {
                wire.write_all(std::slice::from_ref(byte)).await?;
                wire.flush().await?;
                sleep(BYTE_WAIT).await;
            }
        }
        Speech::BreaksOff => {
            wire.write_all(&reply.as_bytes()[..reply.len() / 2]).await?;
            wire.flush().await?;
            return Ok(Said::BrokenOff);
        }
        Speech::LongLine => {
            let reply = reply.replace("\r\n", &format!(" {}\r\n", "x".repeat(LONG_LINE)));
            wire.write_all(reply.as_bytes()).await?;
        }
        Speech::ManyLines => {
            let more = reply.replacen(' ', "-", 1).repeat(MANY_LINES);
            wire.write_all(more.as_bytes()).await?;
            wire.write_all(reply.as_bytes()).await?;
        }
        Speech::Garbage => wire.write_all(GARBAGE).await?,
        Speech::EndlessLine => return endless(wire, b"250 ", &[b'x'; ENDLESS_CHUNK]).await,
        Speech::EndlessLines => {
            let lines = b"250-and another thing\r\n".repeat(ENDLESS_CHUNK / 23);
            return endless(wire, b"", &lines).await;
        }
        Speech::FallsSilent => {}
    }
    wire.flush().await?;
    Ok(Said::Done)
}

async fn endless<W: AsyncWrite + Unpin>(
    wire: &mut W,
    first: &[u8],
    again: &[u8],
) -> io::Result<Said> {
    wire.write_all(first).await?;
    let mut sent = 0;
    while sent < ENDLESS {
        wire.write_all(again).await?;
        sent += again.len();
    }
    Ok(Said::BrokenOff)
}

/// A reply as RFC 5321 §4.2.1 has it: the code on every line, a hyphen after it on all but the last.
fn render(words: &str, end: &str) -> String {
    let Some((code, text)) = words.split_at_checked(3) else {
        return words.to_owned() + end;
    };
    let text = text.strip_prefix(' ').unwrap_or(text);
    let lines: Vec<_> = text.split('\n').collect();
    let mut reply = String::with_capacity(words.len() + 8 * lines.len());
    for (at, line) in lines.iter().enumerate() {
        reply.push_str(code);
        reply.push(if at + 1 == lines.len() { ' ' } else { '-' });
        reply.push_str(line);
        reply.push_str(end);
    }
    reply
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_last_line_has_no_hyphen() {
        assert_eq!(render("250 ok", "\r\n"), "250 ok\r\n");
        assert_eq!(
            render("550 5.1.1 no\n5.1.1 such\n5.1.1 user", "\r\n"),
            "550-5.1.1 no\r\n550-5.1.1 such\r\n550 5.1.1 user\r\n"
        );
    }

    #[tokio::test]
    async fn a_broken_off_reply_has_no_end() {
        let mut wire = Vec::new();
        assert_eq!(
            utter(&mut wire, "250 2.1.5 Ok", Speech::BreaksOff).await,
            Said::BrokenOff
        );
        assert_eq!(wire, b"250 2.1");
    }

    #[tokio::test]
    async fn endless_replies_end_long_after_any_clients_patience() {
        for speech in [Speech::EndlessLine, Speech::EndlessLines] {
            let mut wire = Vec::new();
            assert_eq!(utter(&mut wire, "250 ok", speech).await, Said::BrokenOff);
            assert!(wire.len() >= ENDLESS);
        }
    }
}
