//! Address books as lists: a vCard (RFC 6350, and 2.1 as older phones write it) is a row.

use std::io::{self, BufRead};

use super::cells::Cells;
use crate::model::limits;

/// The columns of the list.
const COLUMNS: [&str; 6] = [
    "name",
    "email",
    "other_emails",
    "phone",
    "organization",
    "title",
];

/// What stands between several values of one field.
const BETWEEN: &str = "; ";

/// What a vCard says of one person, as far as we list it.
#[derive(Debug, Default, PartialEq, Eq)]
struct Card {
    name: String,
    emails: Vec<String>,
    phones: Vec<String>,
    organization: String,
    title: String,
}

/// Writes the header and the rows of an address book into `cells`.
///
/// # Errors
///
/// When the book cannot be read, or the table cannot be written.
pub(super) fn convert(reader: impl BufRead, cells: &mut Cells) -> io::Result<()> {
    for name in COLUMNS {
        cells.cell(name);
    }
    cells.end_row()?;
    let mut card = Card::default();
    let mut lines = Unfolded { reader, next: None };
    while let Some(line) = lines.next_line()? {
        let Some(property) = Property::read(&line) else {
            continue;
        };
        if property.is("END") {
            write(&std::mem::take(&mut card), cells)?;
        } else if property.is("BEGIN") {
            card = Card::default();
        } else {
            card.take(&property);
        }
    }
    Ok(())
}

fn write(card: &Card, cells: &mut Cells) -> io::Result<()> {
    let (first, others) = match card.emails.split_first() {
        Some((first, others)) => (first.as_str(), others.join(BETWEEN)),
        None => ("", String::new()),
    };
    for text in [
        card.name.as_str(),
        first,
        &others,
        &card.phones.join(BETWEEN),
        &card.organization,
        &card.title,
    ] {
        cells.cell(text);
    }
    cells.end_row()
}

impl Card {
    fn take(&mut self, property: &Property) {
        let text = || unescaped(&property.value);
        if property.is("EMAIL") && property.is_preferred() {
            self.emails.insert(0, text());
        } else if property.is("EMAIL") {
            self.emails.push(text());
        } else if property.is("TEL") {
            self.phones
                .push(text().trim_start_matches("tel:").to_owned());
        } else if property.is("FN") {
            self.name = text();
        } else if property.is("N") && self.name.is_empty() {
            // Family name first, then given names: usually written the other way round.
            let parts: Vec<String> = parts(&property.value).collect();
            let given = parts.get(1).map_or("", String::as_str);
            let family = parts.first().map_or("", String::as_str);
            format!("{given} {family}")
                .trim()
                .clone_into(&mut self.name);
        } else if property.is("ORG") {
            self.organization = parts(&property.value)
                .filter(|part| !part.is_empty())
                .collect::<Vec<_>>()
                .join(", ");
        } else if property.is("TITLE") {
            self.title = text();
        }
    }
}

/// One line of a vCard: `item1.EMAIL;TYPE=work:a@b.example`.
struct Property {
    name: String,
    parameters: Vec<String>,
    value: String,
}

impl Property {
    fn read(line: &str) -> Option<Property> {
        let (head, value) = line.split_once(':')?;
        let mut parts = head.split(';');
        let name = parts.next()?;
        let name = name.rsplit('.').next().unwrap_or(name).to_ascii_uppercase();
        let parameters: Vec<String> = parts.map(str::to_ascii_uppercase).collect();
        let is_printable = parameters
            .iter()
            .any(|parameter| parameter.ends_with("QUOTED-PRINTABLE"));
        let value = if is_printable {
            unquoted(value)
        } else {
            value.to_owned()
        };
        Some(Property {
            name,
            parameters,
            value,
        })
    }

    fn is(&self, name: &str) -> bool {
        self.name == name
    }

    fn is_preferred(&self) -> bool {
        self.parameters.iter().any(|parameter| {
            parameter == "PREF=1"
                || parameter.split(['=', ',']).any(|word| word == "PREF")
                    && !parameter.starts_with("PREF=")
        })
    }
}

/// The parts of a structured value, which semicolons separate.
fn parts(value: &str) -> impl Iterator<Item = String> {
    let mut parts = vec![String::new()];
    let mut escaped = false;
    for c in value.chars() {
        if c == ';' && !escaped {
            parts.push(String::new());
        } else if let Some(part) = parts.last_mut() {
            part.push(c);
        }
        escaped = c == '\\' && !escaped;
    }
    parts
        .into_iter()
        .map(|part| unescaped(&part).trim().to_owned())
}

/// A value without its escapes (RFC 6350 §3.4).
fn unescaped(value: &str) -> String {
    let mut text = String::with_capacity(value.len());
    let mut chars = value.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => match chars.next() {
                Some('n' | 'N') => text.push('\n'),
                Some(other) => text.push(other),
                None => {}
            },
            c => text.push(c),
        }
    }
    text.trim().to_owned()
}

/// A quoted-printable value (RFC 2045 §6.7) in UTF-8.
fn unquoted(value: &str) -> String {
    let mut bytes = Vec::with_capacity(value.len());
    let mut rest = value.as_bytes();
    while let Some((&byte, behind)) = rest.split_first() {
        let code = (byte == b'=')
            .then(|| behind.get(..2))
            .flatten()
            .and_then(|digits| std::str::from_utf8(digits).ok())
            .and_then(|digits| u8::from_str_radix(digits, 16).ok());
        bytes.push(code.unwrap_or(byte));
        rest = match code {
            Some(_) => &behind[2..],
            None => behind,
        };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Lines with the folded ones joined: what begins with a blank continues the line before, and so does what follows a
/// soft line break of quoted-printable.
struct Unfolded<R> {
    reader: R,
    next: Option<String>,
}

impl<R: BufRead> Unfolded<R> {
    fn next_line(&mut self) -> io::Result<Option<String>> {
        let Some(mut line) = self
            .next
            .take()
            .map_or_else(|| self.raw_line(), |line| Ok(Some(line)))?
        else {
            return Ok(None);
        };
        while let Some(next) = self.raw_line()? {
            let is_soft =
                line.ends_with('=') && line.to_ascii_uppercase().contains("QUOTED-PRINTABLE");
            if is_soft {
                line.pop();
                line.push_str(&next);
            } else if let Some(rest) = next.strip_prefix([' ', '\t']) {
                line.push_str(rest);
            } else {
                self.next = Some(next);
                break;
            }
            // A picture is no matter to us.
            if line.len() > limits::RECORD_BYTES {
                line.truncate(line.find(':').unwrap_or(0));
            }
        }
        Ok(Some(line))
    }

    fn raw_line(&mut self) -> io::Result<Option<String>> {
        let mut line = Vec::new();
        let most = limits::LINE_BYTES as u64;
        if io::Read::take(&mut self.reader, most).read_until(b'\n', &mut line)? == 0 {
            return Ok(None);
        }
        let text = String::from_utf8_lossy(&line);
        Ok(Some(text.trim_end_matches(['\r', '\n']).to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read as _;

    fn table(book: &str) -> String {
        let mut cells = Cells::begin(u64::MAX).unwrap();
        convert(book.as_bytes(), &mut cells).unwrap();
        let (mut file, _) = cells.finish().unwrap();
        io::Seek::rewind(&mut file).unwrap();
        let mut text = String::new();
        file.read_to_string(&mut text).unwrap();
        text
    }

    #[test]
    fn a_card_is_a_row() {
        let book = "BEGIN:VCARD\r\nVERSION:3.0\r\nN:Albrecht;Anna;;;\r\nFN:Anna Albrecht\r\n\
                    EMAIL;TYPE=HOME:anna@privat.test\r\nitem1.EMAIL;TYPE=WORK,PREF:anna@nord\r\n licht.test\r\n\
                    TEL;TYPE=CELL:+49 170 1\r\nORG:Nordlicht\\, Inc.;Sales\r\nPHOTO:aGVsbG8=\r\nEND:VCARD\r\n\
                    BEGIN:VCARD\r\nVERSION:2.1\r\n\
                    N;CHARSET=UTF-8;ENCODING=QUOTED-PRINTABLE:M=C3=B6ller;J=C3=B6=\r\nrg\r\nEND:VCARD\r\n";
        assert_eq!(
            table(book),
            "name,email,other_emails,phone,organization,title\n\
             Anna Albrecht,anna@nordlicht.test,anna@privat.test,+49 170 1,\"Nordlicht, Inc., Sales\",\n\
             Jörg Möller,,,,,\n"
        );
    }
}
