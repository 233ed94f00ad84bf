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

// ── Preflight: questions to DNS about a sender ──────────────────────────────────────────────────────────────────────

/// Most terms that ask DNS in one evaluation of SPF (RFC 7208 §4.6.4).
pub const SPF_LOOKUPS: u32 = 10;

/// Most of those terms that may find nothing (RFC 7208 §4.6.4).
pub const SPF_VOID_LOOKUPS: u32 = 2;

/// Most mail hosts of one `mx` term, after which SPF gives up (RFC 7208 §4.6.4).
pub const SPF_MAIL_HOSTS: usize = 10;

/// Most reverse names of an address that SPF looks at; the rest are ignored (RFC 7208 §4.6.4).
pub const SPF_REVERSE_NAMES: usize = 10;

/// Time for one whole evaluation of SPF. RFC 7208 §4.6.4 asks for at least 20 seconds.
pub const SPF_WAIT: Duration = Duration::from_secs(20);

/// Most terms followed when a whole SPF policy is drawn, far beyond what any receiver follows. Our choice: enough to
/// show where an overgrown policy spends its look-ups, little enough to end soon on a hostile one.
pub const SPF_TREE_TERMS: u32 = 100;

/// Longest SPF record that DNS carries without trouble, in octets (RFC 7208 §3.4: the answer should fit in 512).
pub const SPF_RECORD_OCTETS: usize = 450;

/// Longest character string of a TXT record, in octets (RFC 1035 §3.3.14).
pub const TXT_STRING_OCTETS: usize = 255;

/// Most of the left of a record shown to people, in characters. Our choice: three lines of a terminal.
pub const SHOWN_RECORD_CHARS: usize = 240;

/// Time for one question to DNS. Our choice: longer than any resolver keeps trying for us.
pub const DNS_QUESTION_WAIT: Duration = Duration::from_secs(5);

/// Time for everything that a preflight asks DNS. Our choice: people wait for it.
pub const PREFLIGHT_WAIT: Duration = Duration::from_secs(30);

/// Most questions to DNS in one preflight. Our choice: an ordinary one asks about 100.
pub const PREFLIGHT_QUESTIONS: u32 = 1000;

/// Slowest answer of a resolver that does not hold up a run. Our choice: a list of many domains asks thousands.
pub const DNS_SLOW: Duration = Duration::from_millis(500);

/// Most addresses, selectors or hosts of one kind that a preflight looks at. Our choice: more belong in a loop.
pub const PREFLIGHT_SUBJECTS: usize = 32;

/// Most addresses of the people who get DMARC reports that are looked at. Our choice: RFC 7489 §6.2 asks for two.
pub const DMARC_REPORT_ADDRESSES: usize = 10;

/// Longest public key of a DKIM record that is read, in bytes once decoded. Our choice: RSA with 16384 bits is 2 kB.
pub const DKIM_KEY_BYTES: usize = 8 << 10;

/// Shortest RSA key that receivers accept, in bits (RFC 8301 §3.2).
pub const DKIM_RSA_BITS: usize = 1024;

/// Length of RSA key that signers should use, in bits (RFC 8301 §3.2).
pub const DKIM_RSA_BITS_ADVISED: usize = 2048;

// ── Preflight: this machine ─────────────────────────────────────────────────────────────────────────────────────────

/// Time to establish a connection when only asking whether port 25 is open. Our choice: an answer in three seconds.
pub const PORT_25_WAIT: Duration = Duration::from_secs(3);

/// Time for the greeting of a host when only looking at it; longer than the pause of postscreen (6 s).
pub const PORT_25_GREETING_WAIT: Duration = Duration::from_secs(8);

/// Most hosts dialled to find out whether port 25 is open. Our choice: two say it, a third in case one is down.
pub const PORT_25_HOSTS: usize = 3;

/// Fewest files that may be open at once for a run not to starve. Our choice: 256 questions to DNS with three sockets
/// each (measured with hickory-resolver) and as many connections.
pub const OPEN_FILES: u64 = 1024;

// ── Preflight: warming up ───────────────────────────────────────────────────────────────────────────────────────────

/// Messages on the first day of a new domain. Our choice, on the low side of what senders' platforms advise (50 to 100).
pub const WARM_UP_START: u64 = 50;

/// Growth from day to day while warming up, in percent. Our choice: doubling every two days is the usual advice.
pub const WARM_UP_GROWTH_PERCENT: u64 = 40;

/// Most messages a day that a plan is made for. Our choice: beyond it a plan of ours is no help.
pub const WARM_UP_VOLUME: u64 = 100_000_000;
