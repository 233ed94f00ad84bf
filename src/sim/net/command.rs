//! What a simulated mail host makes of a line it is sent.
//!
//! Written apart from the client's side on purpose: a mistake shared by both would never show.

/// A line from the client, read as RFC 5321 §4.1 has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// EHLO with the client's name.
    Ehlo(String),
    /// HELO with the client's name.
    Helo(String),
    /// MAIL FROM, with its parameters in upper case.
    Mail {
        /// The reverse path, which names the sender.
        from: Path,
        /// Such as `SMTPUTF8` or `SIZE=1000`.
        parameters: Vec<String>,
    },
    /// RCPT TO, with the forward path.
    Rcpt(Path),
    /// RSET, which ends the transaction.
    Rset,
    /// NOOP, which does nothing.
    Noop,
    /// QUIT, which ends the session.
    Quit,
    /// VRFY or EXPN.
    Vrfy,
    /// DATA or BDAT: a message would follow.
    Data,
    /// STARTTLS (RFC 3207).
    StartTls,
    /// A known verb with arguments that make no sense.
    BadArguments,
    /// A line that is no command.
    Unknown,
}

/// What stands between angle brackets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Path {
    /// `<>`, the null sender.
    Null,
    /// `<local@domain>`, the domain in lower case.
    Mailbox {
        /// Before the last `@`, without its quotes.
        local: String,
        /// After the last `@`.
        domain: String,
    },
}

impl Path {
    /// As it was written, without the brackets.
    #[must_use]
    pub fn to_text(&self) -> String {
        match self {
            Path::Null => String::new(),
            Path::Mailbox { local, domain } => format!("{local}@{domain}"),
        }
    }
}

/// Reads one line, given without its line end.
#[must_use]
pub fn parse(line: &[u8]) -> Command {
    let Ok(line) = std::str::from_utf8(line) else {
        return Command::Unknown;
    };
    if line.contains(|c: char| c.is_ascii_control()) {
        return Command::Unknown;
    }
    let (verb, rest) = line.split_once(' ').unwrap_or((line, ""));
    let bare = |command| {
        if rest.trim().is_empty() {
            command
        } else {
            Command::BadArguments
        }
    };
    match verb.to_ascii_uppercase().as_str() {
        "EHLO" => client_name(rest).map_or(Command::BadArguments, Command::Ehlo),
        "HELO" => client_name(rest).map_or(Command::BadArguments, Command::Helo),
        "MAIL" => mail(rest).unwrap_or(Command::BadArguments),
        "RCPT" => match path_after(rest, "TO:") {
            Some((path @ Path::Mailbox { .. }, "")) => Command::Rcpt(path),
            Some(_) | None => Command::BadArguments,
        },
        "RSET" => bare(Command::Rset),
        "NOOP" => Command::Noop,
        "QUIT" => bare(Command::Quit),
        "VRFY" | "EXPN" => Command::Vrfy,
        "DATA" | "BDAT" => Command::Data,
        "STARTTLS" => bare(Command::StartTls),
        _ => Command::Unknown,
    }
}

/// The one word that names the client.
fn client_name(rest: &str) -> Option<String> {
    let name = rest.trim_end();
    (!name.is_empty() && !name.contains(' ')).then(|| name.to_owned())
}

fn mail(rest: &str) -> Option<Command> {
    let (from, parameters) = path_after(rest, "FROM:")?;
    let parameters = parameters
        .split(' ')
        .filter(|word| !word.is_empty())
        .map(str::to_ascii_uppercase)
        .collect();
    Some(Command::Mail { from, parameters })
}

/// Reads `<path>` after a keyword; returns it with what follows, trimmed.
fn path_after<'a>(rest: &'a str, keyword: &str) -> Option<(Path, &'a str)> {
    let (head, tail) = rest.split_at_checked(keyword.len())?;
    if !head.eq_ignore_ascii_case(keyword) {
        return None;
    }
    let tail = tail.trim_start().strip_prefix('<')?;
    let end = closing_bracket(tail)?;
    let path = path(&tail[..end])?;
    Some((path, tail[end + 1..].trim()))
}

/// Where the bracket closes; one inside quotes is text.
fn closing_bracket(text: &str) -> Option<usize> {
    let mut quoted = false;
    let mut escaped = false;
    for (at, c) in text.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            '>' if !quoted => return Some(at),
            _ => {}
        }
    }
    None
}

fn path(text: &str) -> Option<Path> {
    if text.is_empty() {
        return Some(Path::Null);
    }
    let (local, domain) = text.rsplit_once('@')?;
    let local = unquoted(local)?;
    let fits = domain
        .chars()
        .all(|c| c.is_alphanumeric() || "-._[]:".contains(c));
    (fits && !domain.is_empty()).then(|| Path::Mailbox {
        local,
        domain: domain.to_lowercase(),
    })
}

/// A local part without its quotes; `None` where it is neither a dot-string nor a quoted string.
fn unquoted(local: &str) -> Option<String> {
    let Some(inner) = local.strip_prefix('"') else {
        let odd = local.is_empty()
            || local.contains([
                ' ', '"', '(', ')', '<', '>', ',', ';', ':', '\\', '@', '[', ']',
            ]);
        let dots = local.starts_with('.') || local.ends_with('.') || local.contains("..");
        return (!odd && !dots).then(|| local.to_owned());
    };
    let inner = inner.strip_suffix('"')?;
    let mut text = String::with_capacity(inner.len());
    let mut escaped = false;
    for c in inner.chars() {
        match c {
            '\\' if !escaped => escaped = true,
            '"' if !escaped => return None,
            _ => {
                text.push(c);
                escaped = false;
            }
        }
    }
    (!escaped).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mailbox(local: &str, domain: &str) -> Path {
        Path::Mailbox {
            local: local.to_owned(),
            domain: domain.to_owned(),
        }
    }

    #[test]
    fn well_formed_commands_are_understood() {
        let table: &[(&str, Command)] = &[
            (
                "EHLO client.example",
                Command::Ehlo("client.example".to_owned()),
            ),
            (
                "helo client.example",
                Command::Helo("client.example".to_owned()),
            ),
            (
                "MAIL FROM:<>",
                Command::Mail {
                    from: Path::Null,
                    parameters: vec![],
                },
            ),
            (
                "mail from:<a@B.test> smtputf8 SIZE=10",
                Command::Mail {
                    from: mailbox("a", "b.test"),
                    parameters: vec!["SMTPUTF8".to_owned(), "SIZE=10".to_owned()],
                },
            ),
            ("RCPT TO:<a@b.test>", Command::Rcpt(mailbox("a", "b.test"))),
            (
                r#"RCPT TO:<"a>\"b"@c.test>"#,
                Command::Rcpt(mailbox("a>\"b", "c.test")),
            ),
            ("RSET", Command::Rset),
            ("NOOP anything", Command::Noop),
            ("QUIT", Command::Quit),
            ("VRFY anna", Command::Vrfy),
            ("DATA", Command::Data),
            ("BDAT 10 LAST", Command::Data),
            ("STARTTLS", Command::StartTls),
        ];
        for (line, command) in table {
            assert_eq!(parse(line.as_bytes()), *command, "{line}");
        }
    }

    #[test]
    fn nonsense_is_told_from_commands() {
        for line in ["", "GET / HTTP/1.1", "EHL", "RSET\r", "NOOP\0"] {
            assert_eq!(parse(line.as_bytes()), Command::Unknown, "{line:?}");
        }
        for line in [
            "EHLO",
            "EHLO two words",
            "MAIL FROM:a@b.test",
            "MAIL TO:<a@b.test>",
            "RCPT TO:<>",
            "RCPT TO:<a>",
            "RCPT TO:<a b@c.test>",
            "RCPT TO:<a..b@c.test>",
            "RCPT TO:<a@b c>",
            "RCPT TO:<a@b.test> NOTIFY=NEVER",
            "QUIT now",
        ] {
            assert_eq!(parse(line.as_bytes()), Command::BadArguments, "{line:?}");
        }
        assert_eq!(parse(b"NOOP \xff"), Command::Unknown);
    }
}
