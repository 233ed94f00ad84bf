//! Any bytes as a TXT record of a sender: SPF, DKIM, DMARC and the like.

use presend::preflight::auth::announce::Announcement;
use presend::preflight::auth::der::rsa_bits;
use presend::preflight::auth::dkim::read_key;
use presend::preflight::auth::dmarc::{self, read_record, rewritten};
use presend::preflight::auth::near_miss::{Standard, find};
use presend::preflight::auth::spf::{Record, edit};
use presend::preflight::auth::tags::Tags;
use presend::preflight::lookup::{Text, dns_name, shown};

/// Reads the record as each kind. What is recommended instead of a record is one.
pub fn run(data: &[u8]) {
    let _ = (
        rsa_bits(data),
        Tags::parse(data),
        Tags::parse_leniently(data),
    );
    let _ = read_key(data);
    super::may_be_shown(&shown(data));
    let text = String::from_utf8_lossy(data);
    let _ = dns_name(&text);
    let texts = [Text(data.chunks(255).map(<[u8]>::to_vec).collect())];
    for kind in [
        Announcement::MtaSts,
        Announcement::TlsRpt,
        Announcement::Bimi,
    ] {
        let _ = kind.read(&texts);
    }
    for standard in [Standard::Spf, Standard::Dmarc] {
        let _ = find(&texts, standard).map(|miss| drop(format!("{miss:?}")));
    }
    if let Ok(record) = read_record(data) {
        let _ = format!("{record:?}");
        let better = rewritten(data, Some("mailto:reports@example.net"));
        read_record(better.as_bytes()).expect("what is recommended is a record");
    }
    let _ = dmarc::report_domain(&text);
    // What begins otherwise is no policy, and nothing is recommended for it.
    if is_spf(data) && Record::parse(data).is_ok() {
        let more = edit::with_term(&text, "ip4:192.0.2.1");
        Record::parse(more.as_bytes()).expect("what is recommended is a record");
    }
}

/// Whether a record is an SPF one: its version stands alone (RFC 7208 §4.5).
fn is_spf(record: &[u8]) -> bool {
    let version = record.split(|&byte| byte == b' ').next();
    version.is_some_and(|version| version.eq_ignore_ascii_case(b"v=spf1"))
}
