//! Records by which a domain announces what else it offers: MTA-STS, TLS-RPT, BIMI.

use crate::preflight::auth::tags::{Tags, begins_with_version};
use crate::preflight::lookup::Text;

/// Something a domain can announce in a TXT record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Announcement {
    /// Mail to the domain must be encrypted (RFC 8461 §3.1).
    MtaSts,
    /// Reports on encryption are wanted (RFC 8460 §3).
    TlsRpt,
    /// A logo to show beside mail (draft-brand-indicators-for-message-identification).
    Bimi,
}

impl Announcement {
    /// All of them.
    pub const ALL: [Announcement; 3] = [
        Announcement::MtaSts,
        Announcement::TlsRpt,
        Announcement::Bimi,
    ];

    /// The name it has in the list of checks.
    #[must_use]
    pub fn id(self) -> &'static str {
        match self {
            Announcement::MtaSts => "mta_sts",
            Announcement::TlsRpt => "tls_rpt",
            Announcement::Bimi => "bimi",
        }
    }

    /// What it is for, in words.
    #[must_use]
    pub fn purpose(self) -> &'static str {
        match self {
            Announcement::MtaSts => "MTA-STS makes others encrypt mail to you",
            Announcement::TlsRpt => "TLS-RPT tells you when encryption of mail to you fails",
            Announcement::Bimi => "BIMI shows your logo beside your mail",
        }
    }

    /// Where it stands for a domain.
    #[must_use]
    pub fn name(self, domain: &str) -> String {
        match self {
            Announcement::MtaSts => format!("_mta-sts.{domain}"),
            Announcement::TlsRpt => format!("_smtp._tls.{domain}"),
            Announcement::Bimi => format!("default._bimi.{domain}"),
        }
    }

    /// An example to publish, for a fix.
    #[must_use]
    pub fn example(self, domain: &str) -> String {
        match self {
            Announcement::MtaSts => "v=STSv1; id=20260101000000".to_owned(),
            Announcement::TlsRpt => format!("v=TLSRPTv1; rua=mailto:tls-reports@{domain}"),
            Announcement::Bimi => format!("v=BIMI1; l=https://{domain}/logo.svg"),
        }
    }

    fn version(self) -> &'static str {
        match self {
            Announcement::MtaSts => "STSv1",
            Announcement::TlsRpt => "TLSRPTv1",
            Announcement::Bimi => "BIMI1",
        }
    }

    fn required_tag(self) -> &'static str {
        match self {
            Announcement::MtaSts => "id",
            Announcement::TlsRpt => "rua",
            Announcement::Bimi => "l",
        }
    }

    /// What the TXT records at its name say.
    ///
    /// # Errors
    /// What is wrong with the record, in words.
    pub fn read(self, texts: &[Text]) -> Result<Option<String>, String> {
        let mut records = texts
            .iter()
            .filter(|text| begins_with_version(&text.joined(), self.version()));
        let Some(record) = records.next() else {
            return Ok(None);
        };
        if records.next().is_some() {
            return Err("there is more than one record, so none is used".to_owned());
        }
        let tags = Tags::parse(&record.joined()).map_err(|fault| fault.to_string())?;
        match tags.get(self.required_tag()) {
            Some(value) if !value.is_empty() => Ok(Some(record.shown())),
            Some(_) | None => Err(format!("the tag {}= is missing", self.required_tag())),
        }
    }
}
