//! Every bound in the program, with where it comes from.

use std::time::Duration;

// ── Rows in ─────────────────────────────────────────────────────────────────────────────────────────────────────────

/// Longest record that may span lines, in bytes. Our choice: a quote that is never closed must be noticed within this
/// much, and no contact is longer.
pub const RECORD_BYTES: usize = 1 << 20;

/// Most physical lines of one record. Our choice: the longest notes that address books export have a few hundred.
pub const RECORD_LINES: usize = 1000;

/// Longest physical line, in bytes, and with it the most memory that reading a list may take for its window. Our choice:
/// room for a picture in a field, far above anything a person would open.
pub const LINE_BYTES: usize = 64 << 20;

/// Longest address field handed on, in bytes. Our choice: an address has 254 octets, a display name and comments before
/// it have hundreds at most.
pub const FIELD_BYTES: usize = 64 << 10;

/// How much of a list is looked at to find its dialect, header and address column, in bytes. Our choice.
pub const SNIFF_BYTES: usize = 256 << 10;

/// Most records of the looked-at part that are counted. Our choice: a thousand say as much as ten thousand.
pub const SNIFF_RECORDS: usize = 1000;

/// How many of the first bytes decide whether a file is text, in bytes. Our choice: short, so that damage further on
/// costs rows and not the list.
pub const BINARY_LOOK_BYTES: usize = 512;

/// Largest window of a zstd frame, as a power of two in bytes. RFC 8878 §3.1.1.1.2 recommends 8 MiB at least; 128 MiB is
/// what the `zstd` program writes at most without being told.
pub const ZSTD_WINDOW_LOG: u32 = 27;

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
