//! What columns of addresses are called in the languages that exports come in.

use std::collections::HashSet;
use std::sync::LazyLock;

/// How much a column's name says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Claim {
    /// Nothing about email.
    None,
    /// An address that is not the one to write to first: `Secondary Email`, `Lead Owner Email`, `E-mail 2 - Value`.
    Another,
    /// Something about email, perhaps not the address: `Email Opt-In`, `Contact e-mail`.
    Related,
    /// The address: `email`, `E-Mail-Adresse`, `correo electrónico`.
    Exact,
}

/// Names of the address column, without blanks and signs; compared folded.
#[rustfmt::skip] // One language a paragraph, not one name a line.
const EXACT: &[&str] = &[
    // English, and what programs write
    "email", "emails", "mail", "emailaddress", "emailaddresses", "mailaddress", "emailadress", "emailid", "emailaddr",
    "useremail", "usermail", "contactemail", "customeremail", "subscriberemail", "leademail", "recipientemail",
    "recipient", "workemail", "businessemail", "companyemail", "corporateemail", "professionalemail", "primaryemail",
    "mainemail", "personemail", "personemailwork", "personemailhome", "personalemail", "privateemail", "homeemail", "emailwork", "emailhome", "emailprimary", "email1", "email1value",
    "email1address", "emailaddress1", "primaryemailaddress", "workemailaddress", "electronicmail", "smtpaddress",
    // French
    "courriel", "courriels", "adressecourriel", "adresseemail", "adressesemail", "adressemail", "adressemel", "mel",
    "adresseelectronique", "adressedecourriel", "courrierelectronique", "emailprofessionnel", "adressedemessagerie",
    "adressedemessagerieelectronique", "messagerie",
    // Spanish, Portuguese, Catalan, Galician
    "correo", "correos", "correoelectronico", "correoe", "direcciondecorreo", "direccioncorreo", "direccionemail",
    "direcciondeemail", "direcciondecorreoelectronico", "correioeletronico", "correioelectronico", "enderecodeemail",
    "enderecoemail", "enderecoeletronico", "correuelectronic", "correu", "adrecaelectronica", "correoelectronica",
    // German, Dutch
    "emailadresse", "emailadressen", "mailadresse", "emailanschrift", "epostadresse", "elektronischepost", "emailadres",
    "mailadres", "emailgeschaftlich", "geschaftlicheemail", "emailprivat", "privateemailadresse", "emaildienstlich", "emailberuflich",
    // Italian, Romanian
    "indirizzopostaelettronica", "indirizzoemail", "indirizzomail", "indirizzodiposta", "postaelettronica", "indirizzodipostaelettronica",
    "indirizzoelettronico", "adresaemail", "adresademail", "adresadeemail", "postaelectronica",
    // Swedish, Norwegian, Danish, Finnish, Icelandic
    "epost", "epostadress", "epostadresser", "mejl", "mejladress", "sahkoposti", "sahkopostiosoite", "netfang",
    "tolvupostur",
    // Polish, Czech, Slovak, Hungarian, Slovenian, Croatian
    "adresemail", "adresmail", "adrespocztyelektronicznej", "pocztaelektroniczna", "emailovaadresa",
    "elektronickaposta", "elektronickaadresa", "emailcim", "emailcime", "drotposta", "eposta", "epostanaslov",
    "elektronskaposta", "emailnaslov",
    // Estonian, Latvian, Lithuanian, Turkish, Indonesian, Malay, Vietnamese
    "epostiaadress", "epasts", "epastaadrese", "elpastas", "elpastoadresas", "epostaadresi", "epostaadres",
    "mailadresi", "surel", "alamatemail", "alamatsurel", "emel", "alamatemel", "thudientu", "diachiemail",
    // Greek
    "ηλεκτρονικηδιευθυνση", "ηλεκτρονικοταχυδρομειο", "διευθυνσηemail",
    // Russian, Ukrainian, Bulgarian, Serbian
    "почта", "электроннаяпочта", "элпочта", "эпочта", "электронныйадрес", "адресэлектроннойпочты",
    "имейл", "емейл", "мэйл", "мейл", "електроннапошта", "пошта",
    "елпошта", "електроннаадреса", "електроннапоща", "имейладрес", "електронскапошта", "имејл",
    // Japanese, Chinese, Korean
    "メール", "メールアドレス", "eメール", "eメールアドレス", "電子メール", "電子メールアドレス", "メアド", "邮箱", "邮箱地址",
    "电子邮箱", "电子邮件", "电子邮件地址", "邮件", "邮件地址", "电邮", "电邮地址", "信箱", "郵箱", "電子郵件", "電子郵件地址",
    "電子郵箱", "電郵", "電郵地址", "電子信箱", "이메일", "이메일주소", "전자우편", "전자우편주소", "메일", "메일주소",
    // Arabic, Persian, Hebrew, Hindi, Thai
    "البريدالالكتروني", "البريدالإلكتروني", "بريدالكتروني", "الايميل", "ایمیل", "پستالکترونیک", "אימייל", "דואל",
    "דואראלקטרוני", "מייל", "ईमेल", "อีเมล", "อีเมล์",
];

/// Parts of names that have to do with email; compared folded.
const RELATED: &[&str] = &[
    "email",
    "courriel",
    "messagerie",
    "correo",
    "correio",
    "epost",
    "почт",
    "пошт",
    "имеил",
    "メール",
    "邮箱",
    "邮件",
    "郵箱",
    "郵件",
    "電郵",
    "电邮",
    "이메일",
];

/// Parts of names that make an address another contact's, or not the first of this one; compared folded.
#[rustfmt::skip] // One language a paragraph, not one name a line.
const ANOTHER: &[&str] = &[
    // English
    "owner", "secondary", "tertiary", "alternat", "additional", "referrer", "referred", "referral", "manager", "assistant", "replyto",
    "spouse", "salesrep", "createdby", "modifiedby", "updatedby", "assigned", "previous", "recovery", "backup", "supervisor", "inviter",
    "colleague", "friend", "emergency",
    // German, Dutch, Scandinavian
    "besitzer", "inhaber", "eigentumer", "zweite", "weitere", "alternativ", "empfehl", "eigenaar", "tweede", "ejer", "agare", "eier",
    // French, Spanish, Italian, Portuguese
    "proprietaire", "secondaire", "parrain", "propietario", "secundari", "proprietario", "secondari", "responsable", "responsabile", "responsavel",
    // Polish, Czech, Russian, Turkish
    "wlasciciel", "dodatkow", "vlastnik", "владел", "дополнительн", "ответственн", "второ", "запасн", "ikinci",
    // Chinese, Japanese, Korean
    "备用", "備用", "负责人", "負責人", "予備", "担当者", "보조",
];

/// Words that do so when they stand by themselves: as parts they are in too many others (`account`, `holder`,
/// `mother`).
const ANOTHER_WORDS: &[&str] = &[
    "cc", "bcc", "from", "old", "former", "other", "second", "agent", "sender", "parent",
];

/// Parts of names of the address that say which of a contact's it is; compared folded.
const OF_A_PLACE: &[&str] = &[
    "work",
    "business",
    "company",
    "corporate",
    "professional",
    "professionnel",
    "personal",
    "private",
    "home",
    "geschaft",
    "privat",
    "dienst",
    "beruf",
];

/// What a form asks a contact for: parts of names that make an address the contact's own; compared folded.
const ASKED_FOR: &[&str] = &[
    "youremail",
    "yourmail",
    "yourworkemail",
    "ihreemail",
    "deineemail",
    "votreemail",
    "votreadresseemail",
    "tuemail",
    "sucorreo",
    "tucorreo",
    "latuaemail",
    "seuemail",
];

/// Parts of names that make what a form asks for something else; compared folded.
const ASKED_BESIDE: &[&str] = &[
    "optin",
    "consent",
    "status",
    "confirm",
    "preference",
    "often",
];

static EXACT_FOLDED: LazyLock<HashSet<String>> =
    LazyLock::new(|| EXACT.iter().map(|name| fold(name)).collect());

static RELATED_FOLDED: LazyLock<Vec<String>> =
    LazyLock::new(|| RELATED.iter().map(|name| fold(name)).collect());

static ANOTHER_FOLDED: LazyLock<Vec<String>> =
    LazyLock::new(|| ANOTHER.iter().map(|name| fold(name)).collect());

/// Tells what `name`, the text of a header field, claims.
pub(super) fn claim(name: &str) -> Claim {
    let folded = fold(name);
    if EXACT_FOLDED.contains(&folded) {
        return Claim::Exact;
    }
    let has = |parts: &[&str]| parts.iter().any(|part| folded.contains(part));
    if has(ASKED_FOR)
        && !has(ASKED_BESIDE)
        && !ANOTHER_FOLDED.iter().any(|part| folded.contains(part))
    {
        return Claim::Exact;
    }
    let has_mail_word = || {
        name.split(|c: char| !c.is_alphanumeric())
            .any(|word| word.eq_ignore_ascii_case("mail"))
    };
    if !RELATED_FOLDED.iter().any(|part| folded.contains(part)) && !has_mail_word() {
        return Claim::None;
    }
    // `E-mail 2 - Value`, but not `Email (2026)`.
    let is_further = || {
        name.split(|c: char| !c.is_ascii_digit())
            .chain(folded.split(|c: char| !c.is_ascii_digit()))
            .any(|number| matches!(number, "2" | "3" | "4" | "5" | "6" | "7" | "8" | "9"))
    };
    let has_such_word = || {
        name.split(|c: char| !c.is_alphanumeric()).any(|word| {
            ANOTHER_WORDS
                .iter()
                .any(|known| word.eq_ignore_ascii_case(known))
        })
    };
    if ANOTHER_FOLDED.iter().any(|part| folded.contains(part)) || has_such_word() || is_further() {
        return Claim::Another;
    }
    Claim::Related
}

/// Whether `name`, one of the address, leaves open which of a contact's addresses it is: `Email`, but not `Work email`.
pub(super) fn is_plain(name: &str) -> bool {
    let folded = fold(name);
    !OF_A_PLACE.iter().any(|part| folded.contains(part))
}

/// Lower case, without accents, full-width forms and anything that is neither letter nor digit.
pub(super) fn fold(name: &str) -> String {
    name.chars()
        .map(narrow)
        .flat_map(char::to_lowercase)
        .map(without_accent)
        .filter(|c| c.is_alphanumeric())
        .collect()
}

/// The ASCII form of a full-width letter or digit.
fn narrow(c: char) -> char {
    match c {
        '\u{ff01}'..='\u{ff5e}' => char::from_u32(u32::from(c) - 0xff01 + 0x21).unwrap_or(c),
        _ => c,
    }
}

/// The bare letter of a lower-case letter with a mark; combining marks become blanks.
fn without_accent(c: char) -> char {
    match c {
        'à' | 'á' | 'â' | 'ã' | 'ä' | 'å' | 'ā' | 'ă' | 'ą' | 'ạ' => 'a',
        'ç' | 'ć' | 'č' => 'c',
        'ď' | 'đ' => 'd',
        'è' | 'é' | 'ê' | 'ë' | 'ē' | 'ę' | 'ě' | 'ệ' => 'e',
        'ì' | 'í' | 'î' | 'ï' | 'ī' | 'ı' | 'ị' | 'ỉ' => 'i',
        'ł' => 'l',
        'ñ' | 'ń' | 'ň' => 'n',
        'ò' | 'ó' | 'ô' | 'õ' | 'ö' | 'ø' | 'ő' => 'o',
        'ř' => 'r',
        'ś' | 'š' | 'ş' | 'ș' => 's',
        'ť' | 'ţ' | 'ț' => 't',
        'ù' | 'ú' | 'û' | 'ü' | 'ū' | 'ů' | 'ű' | 'ư' | 'ử' => 'u',
        'ý' | 'ÿ' => 'y',
        'ź' | 'ż' | 'ž' => 'z',
        'ά' => 'α',
        'έ' => 'ε',
        'ή' => 'η',
        'ί' => 'ι',
        'ό' => 'ο',
        'ύ' => 'υ',
        'ώ' => 'ω',
        'й' => 'и',
        'ё' => 'е',
        'أ' | 'إ' | 'آ' => 'ا',
        '\u{300}'..='\u{36f}' => ' ',
        _ => c,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_column_is_known_in_the_languages_of_exports() {
        for name in [
            "email",
            "EMAIL",
            " E-mail ",
            "e_mail",
            "mail",
            "Email Address",
            "EmailAddress",
            "Work Email",
            "E-Mail-Adresse",
            "courriel",
            "Adresse e-mail",
            "Adresse électronique",
            "correo",
            "Correo electrónico",
            "E\u{301}lectronic mail",
            "Endereço de e-mail",
            "indirizzo email",
            "E-post",
            "Epost",
            "Sähköposti",
            "Adres e-mail",
            "Elektronická pošta",
            "E-posta",
            "почта",
            "Электронная почта",
            "Эл. почта",
            "E-Mail 1 - Value",
            "メールアドレス",
            "Ｅメール",
            "邮箱",
            "電子郵件",
            "이메일",
            "이메일 주소",
            "البريد الإلكتروني",
            "דוא\"ל",
            "Địa chỉ email",
            "Adresse de messagerie",
            "E-Mail geschäftlich",
            "Person - Email - Work",
            "What's your email address?",
        ] {
            assert_eq!(claim(name), Claim::Exact, "{name}");
        }
    }

    #[test]
    fn a_name_that_only_mentions_email_claims_less() {
        for name in [
            "Email Opt-In",
            "email_status",
            "Mail sent",
            "Email (2026)",
            "Account Email",
            "Cardholder email",
        ] {
            assert_eq!(claim(name), Claim::Related, "{name}");
        }
        for name in [
            "Email Owner Name",
            "Secondary Email",
            "Lead Owner Email",
            "Referrer e-mail",
            "E-mail 2 - Value",
            "E-mail 3 Address",
            "email2",
            "E-Mail des Besitzers",
            "Дополнительная почта",
            "Adresse de messagerie 2",
            "E-mail do responsável",
            "Please enter the email of a colleague",
            "from_email",
        ] {
            assert_eq!(claim(name), Claim::Another, "{name}");
        }
    }

    #[test]
    fn other_names_claim_nothing() {
        for name in [
            "",
            "Name",
            "Mailing address",
            "Mailbox no",
            "Telefon",
            "Firma",
            "12",
            "Blackmailed",
        ] {
            assert_eq!(claim(name), Claim::None, "{name}");
        }
    }
}
