//! Every bound in the program, with where it comes from.

use std::time::Duration;

// ── Rows in ─────────────────────────────────────────────────────────────────────────────────────────────────────────

/// Longest record of a list, in bytes. Our choice: a quote that is never closed must be noticed within this much, and
/// no contact is longer.
pub const RECORD_BYTES: usize = 1 << 20;

/// How much of a list is looked at to find its dialect, header and address column, in bytes. Our choice.
pub const SNIFF_BYTES: usize = 256 << 10;

// ── Addresses (RFC 5321 §4.5.3.1, RFC 1035 §2.3.4) ──────────────────────────────────────────────────────────────────

/// Longest local part, in octets (RFC 5321 §4.5.3.1.1).
pub const LOCAL_PART_OCTETS: usize = 64;

/// Longest domain, in octets (RFC 5321 §4.5.3.1.2 allows 255 with the root dot; written without it: 253).
pub const DOMAIN_OCTETS: usize = 253;

/// Longest label of a domain, in octets (RFC 1035 §2.3.4).
pub const LABEL_OCTETS: usize = 63;

/// Longest address, in octets: a path is at most 256 with its angle brackets (RFC 5321 §4.5.3.1.3).
pub const ADDRESS_OCTETS: usize = 254;

// ── Replies ─────────────────────────────────────────────────────────────────────────────────────────────────────────

/// Longest reply line taken, in bytes. RFC 5321 §4.5.3.1.5 says 512; deviates because servers send more.
pub const REPLY_LINE_BYTES: usize = 2 << 10;

/// Longest reply taken, in bytes. Our choice: 32 of the longest lines.
pub const REPLY_BYTES: usize = 64 << 10;

/// Most lines of one reply. Our choice: an EHLO reply has about 15.
pub const REPLY_LINES: usize = 128;

/// Longest reply text kept in evidence, in bytes. Our choice: the longest seen in use is about 700.
pub const EVIDENCE_REPLY_BYTES: usize = 1 << 10;

// ── Waiting for a mail host ─────────────────────────────────────────────────────────────────────────────────────────
// RFC 5321 §4.5.3.2 asks senders of mail to wait 5 minutes. Deviates, because a question that goes unanswered costs
// nobody a message; each is longer than the tarpits in use (Exchange 5 s, postscreen 6 s, SpamExperts 30 s).

/// Time to establish a connection to one address. Postfix gives 30 s; a live host answers within two retransmissions.
pub const CONNECT_WAIT: Duration = Duration::from_secs(15);

/// Time for the whole greeting.
pub const GREETING_WAIT: Duration = Duration::from_secs(60);

/// Time for the whole answer to EHLO or HELO.
pub const HELLO_WAIT: Duration = Duration::from_secs(45);

/// Time for STARTTLS and its handshake.
pub const TLS_WAIT: Duration = Duration::from_secs(30);

/// Time for the whole answer to MAIL.
pub const MAIL_WAIT: Duration = Duration::from_secs(45);

/// Time for the whole answer to one RCPT.
pub const RCPT_WAIT: Duration = Duration::from_secs(60);

/// Time for the answer to RSET or QUIT.
pub const GOODBYE_WAIT: Duration = Duration::from_secs(5);

// ── Bounce messages ─────────────────────────────────────────────────────────────────────────────────────────────────

/// How much of one message is read, in bytes. Our choice: a report stands before the message it returns, so what lies
/// beyond is the returned message's attachments.
pub const MESSAGE_BYTES: usize = 4 << 20;

/// Most MIME parts of one message that are looked at. Our choice: reports have three, forwarded ones about ten.
pub const MESSAGE_PARTS: usize = 256;

/// How many messages inside messages are opened in search of a forwarded bounce. Our choice.
pub const FORWARD_DEPTH: usize = 3;

/// How much text of a message is read for a report in plain words, in bytes. Our choice: such reports come first and
/// are short; what follows is the returned message.
pub const PROSE_BYTES: usize = 256 << 10;

/// Most recipients taken from one report. Our choice: RFC 5321 §4.5.3.1.8 asks servers to take 100 in a transaction,
/// and some take 1000.
pub const NOTICE_RECIPIENTS: usize = 1000;

/// Longest value kept of one field of a report, in bytes. Our choice: a folded reply of many lines is about 1 KiB.
pub const FIELD_BYTES: usize = 8 << 10;

// ── What people ask us to explain ───────────────────────────────────────────────────────────────────────────────────

/// Most text that is read as one pasted reply, in bytes: as much as a reply may have.
pub const QUOTE_BYTES: usize = REPLY_BYTES;

/// Longest wait that a reply may ask for, in seconds. Our choice: a week; senders give up after five days
/// (RFC 5321 §4.5.4.1).
pub const ASKED_WAIT_SECONDS: u64 = 7 * 24 * 3600;

/// Narrowest terminal that text is wrapped for, in columns. Our choice.
pub const NARROWEST_COLUMNS: usize = 40;
