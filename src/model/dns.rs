//! Questions to DNS with their answers, kinds of "no" kept apart.

use std::net::IpAddr;
use std::time::Duration;

/// The kinds of DNS records we ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum RecordKind {
    /// A: the IPv4 addresses of a name.
    A,
    /// AAAA: the IPv6 addresses of a name.
    Aaaa,
    /// MX: the mail hosts of a domain.
    Mx,
    /// Texts: SPF, DKIM, DMARC and the like.
    Txt,
    /// The name of an address.
    Ptr,
    /// What a zone says of itself.
    Soa,
}

/// One record of an answer. Names are lower case, without the trailing dot; the root is the empty name.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Record {
    /// From A or AAAA.
    Address(IpAddr),
    /// One record of an MX answer.
    Mx {
        /// Lower is asked first (RFC 5321 §5.1).
        preference: u16,
        /// The mail host.
        exchange: String,
    },
    /// From TXT: its character strings, apart.
    Txt(Vec<Vec<u8>>),
    /// The target of a PTR record.
    Ptr(String),
    /// From SOA, of which nothing else is of use here.
    Soa {
        /// Which edition of the zone this is (RFC 1035 §3.3.13); many write a date into it (RFC 1912 §2.2).
        serial: u32,
    },
}

/// What DNS said to one question. Kinds of "no" are kept apart, for they mean different things (RFC 2308).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DnsAnswer {
    /// There are records of that kind.
    Records {
        /// At least one; aliases (CNAME) followed.
        records: Vec<Record>,
        /// How long the answer may be kept.
        ttl: Duration,
    },
    /// NXDOMAIN: there is no such name.
    NoSuchName {
        /// How long the answer may be kept.
        ttl: Duration,
    },
    /// The name exists, but has no such records.
    NoRecords {
        /// How long the answer may be kept.
        ttl: Duration,
    },
    /// No answer that could be used.
    Failed(DnsFailure),
}

/// Why DNS gave no usable answer. Never a verdict on the domain.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DnsFailure {
    /// The name server failed (SERVFAIL).
    #[error("the name server failed (SERVFAIL)")]
    ServerFailure,
    /// The name server refused to answer.
    #[error("the name server refused to answer (REFUSED)")]
    Refused,
    /// No name server answered in time.
    #[error("no name server answered in time")]
    Timeout,
    /// It answered, in a way that proves nothing.
    #[error("the name server's answer proves nothing: {0}")]
    Unproven(Unproven),
    /// Anything else, in the resolver's words.
    #[error("{0}")]
    Other(String),
}

/// Why an answer proves nothing about a name: filters, captive networks and broken name servers give such, and honest
/// ones seldom do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unproven {
    /// "There is no such name", without the record of the zone (SOA) that RFC 2308 §3 asks for.
    #[error("it says that there is no such name, without the zone's SOA record")]
    NoSuchName,
    /// "There are no such records", without that record.
    #[error("it says that there is no such record, without the zone's SOA record")]
    NoRecords,
    /// The address 0.0.0.0 or `::`, which filters give for what they block.
    #[error("it gives an address that is none, as filters do")]
    NoAddress,
    /// An answer to another question.
    #[error("it answers another question")]
    OtherQuestion,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::error_texts::error_texts;

    #[test]
    fn every_failure_of_dns_has_its_words() {
        let texts = error_texts!(DnsFailure {
            ServerFailure,
            Refused,
            Timeout,
            Unproven(Unproven::NoSuchName),
            Other("the network is unreachable".to_owned()),
        });
        insta::assert_snapshot!(texts, @r"
        the name server failed (SERVFAIL)
        the name server refused to answer (REFUSED)
        no name server answered in time
        the name server's answer proves nothing: it says that there is no such name, without the zone's SOA record
        the network is unreachable
        ");
        let texts = error_texts!(Unproven {
            NoSuchName,
            NoRecords,
            NoAddress,
            OtherQuestion,
        });
        insta::assert_snapshot!(texts, @r"
        it says that there is no such name, without the zone's SOA record
        it says that there is no such record, without the zone's SOA record
        it gives an address that is none, as filters do
        it answers another question
        ");
    }
}
