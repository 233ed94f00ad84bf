//! What a sending platform says of its own about a message that it sent, or did not send.

use crate::model::reason::Reason;

/// A platform's own classification of one event.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Claim {
    /// The platform, where the form of its event gives it away.
    pub platform: Option<String>,
    /// Why, where its words say.
    pub reason: Option<Reason>,
    /// Whether for good, where its words say.
    pub permanent: Option<bool>,
    /// What the reason rests on.
    pub documented: Documented,
}

/// What a platform's classification is known by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Documented {
    /// Words that mean much the same at every platform.
    #[default]
    InGeneral,
    /// This platform's documentation of this very class.
    ForThisClass,
}

/// Why a platform sent nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Withholding {
    /// The address bounced, or its person complained, in an earlier sending.
    KnownDead,
    /// The person has unsubscribed.
    Unsubscribed,
    /// The address is kept from mail, for an earlier bounce, an unsubscription or by hand: which, it does not say.
    Undisclosed,
    /// Limits, a held queue, a fault of the template: nothing about the address.
    OwnChoice,
}

/// A message that a platform did not send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Withheld {
    /// The recipient that it was meant for.
    pub recipient: String,
    /// Why it was not sent.
    pub why: Withholding,
    /// The platform's own classification of the event.
    pub claim: Claim,
    /// The platform's text, verbatim.
    pub text: String,
}
