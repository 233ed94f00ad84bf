//! What programs export and people paste, re-made by hand: each row comes out once, no option is needed, and the screen
//! says what was read.

use crate::list::Run;

/// What a column of ours says of each row that came out, sorted.
fn column(run: &Run, name: &str) -> Vec<String> {
    let mut cells = Vec::new();
    for list in ["verified.csv", "review.csv", "rejected.csv"] {
        let text = run.list(list);
        let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
        let header = text.lines().next().unwrap();
        let delimiter = [b';', b'\t', b'|', b','].into_iter();
        let count = |mark: &u8| header.bytes().filter(|byte| byte == mark).count();
        let mut reader = csv::ReaderBuilder::new()
            .flexible(true)
            .delimiter(delimiter.max_by_key(count).unwrap())
            .from_reader(text.as_bytes());
        let header = reader.headers().unwrap().clone();
        // Rows may have fewer or more fields than the header; ours are the last.
        let place = header.iter().position(|found| found == name).unwrap();
        let from_the_end = header.len() - place;
        cells.extend(reader.records().map(|record| {
            let record = record.unwrap();
            record[record.len() - from_the_end].to_owned()
        }));
    }
    cells.sort();
    cells
}

/// A list that is read with no option: it asks about these addresses, and rejects so many rows because they name none.
#[track_caller]
fn reads(name: &str, list: &[u8], addresses: &[&str], nameless: usize) -> Run {
    let run = Run::verify_named(name, list, &["--offline"]);
    assert_eq!(run.code(), 0, "{}", run.errors());
    let asked = column(&run, "presend_address");
    let asked: Vec<&str> = asked.iter().map(String::as_str).collect();
    let expected = [vec![""; nameless], addresses.to_vec()].concat();
    assert_eq!(asked, expected, "{}", run.errors());
    let mut reasons = vec!["no_address"; nameless];
    reasons.extend(vec!["not_asked"; addresses.len()]);
    assert_eq!(column(&run, "presend_reason"), reasons);
    run
}

#[track_caller]
fn says(run: &Run, words: &str) {
    assert!(run.errors().contains(words), "{words}: {}", run.errors());
}

const BOTH: [&str; 2] = ["lena@tolk.test", "omar@vint.test"];

#[test]
fn a_row_that_ends_before_the_header_does_gets_its_empty_fields() {
    let list = b"email,first,last\nlena@tolk.test,Lena,Tolk\nomar@vint.test\n,Ann\n";
    let run = reads("people.csv", list, &BOTH, 1);
    let text = run.list("review.csv");
    let mut strict = csv::Reader::from_reader(text.as_bytes());
    let place = |name: &str| {
        text.lines()
            .next()
            .unwrap()
            .split(',')
            .position(|cell| cell == name)
    };
    let address = place("presend_address").unwrap();
    let rows: Vec<csv::StringRecord> = strict.records().map(Result::unwrap).collect();
    let cells = |at: usize| {
        rows.iter()
            .map(|row| row[at].to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(cells(address), ["lena@tolk.test", "omar@vint.test"]);
    assert_eq!(cells(1), ["Lena", ""]);
    assert!(
        run.list("rejected.csv")
            .contains("\n,Ann,,,unknown,no_address,")
    );
    // A field too many stays the caller's: nothing is thrown away.
    let wide = b"email,first\nlena@tolk.test,Lena\nomar@vint.test,Omar,of Vint\n";
    let run = reads("people.csv", wide, &BOTH, 0);
    assert!(
        run.list("review.csv")
            .contains("omar@vint.test,Omar,of Vint,omar@vint.test,")
    );
}

#[test]
fn each_entry_of_the_array_that_an_object_wraps_is_a_row() {
    let list = br#"{"contacts":[{"email":"omar@vint.test","id":1},{"email":"lena@tolk.test"}],"has-more":true}"#;
    let run = reads("people.json", list, &BOTH, 0);
    says(&run, "each entry of \"contacts\" is a row");
    assert!(run.list("review.csv").starts_with("email,id,presend_"));
    let list = b"[\n  {\"email\": \"omar@vint.test\"},\n  {\"email\": \"lena@tolk.test\"}\n]\n";
    reads("people.json", list, &BOTH, 0);
    let list = br#"{"u1":{"email":"omar@vint.test"},"u2":{"email":"lena@tolk.test"}}"#;
    let run = reads("people.json", list, &BOTH, 0);
    assert!(run.list("review.csv").contains("u1,omar@vint.test,"));
}

#[test]
fn of_several_arrays_the_operator_says_which() {
    let list = br#"{"leads":[{"email":"omar@vint.test"}],"clients":[{"email":"lena@tolk.test"}]}"#;
    let run = Run::verify_named("people.json", list, &["--offline"]);
    assert_eq!(run.code(), 2, "{}", run.errors());
    says(
        &run,
        "say which with `--sheet`, one of: \"leads\", \"clients\"",
    );
    let run = Run::verify_named("people.json", list, &["--offline", "--sheet", "clients"]);
    assert_eq!(column(&run, "presend_address"), ["lena@tolk.test"]);
    says(
        &run,
        "each entry of \"clients\" is a row; not read: \"leads\"",
    );
}

#[test]
fn json_that_breaks_off_is_told_and_not_read() {
    let list = b"{\"contacts\":[{\"email\":\"omar@vint.test\"},\n{\"ema";
    let run = Run::verify_named("people.json", list, &["--offline"]);
    assert_eq!(run.code(), 3, "{}", run.errors());
    says(&run, "cannot be read past line 2");
}

#[test]
fn a_row_that_sums_up_the_others_is_no_message() {
    for (list, first) in [
        (
            "Name,City,Email,Sum\nO,Ulm,omar@vint.test,1\nL,,lena@tolk.test,2\nTotal,,,3\n",
            "Total,,,3",
        ),
        (
            "Email,Sum\nomar@vint.test,1\nlena@tolk.test,2\nTotal,2\n",
            "Total,2",
        ),
        (
            "Email\nomar@vint.test\nlena@tolk.test\nTotal: 2\n",
            "Total: 2",
        ),
        (
            "Mail;Betrag\nomar@vint.test;1,5\nlena@tolk.test;2\nGesamt;3,50 EUR\n",
            "Gesamt;3,50 EUR",
        ),
        (
            "Email,Sum\nomar@vint.test,1\nlena@tolk.test,2\nSum,\n",
            "Sum,",
        ),
        (
            "Email,Sum\nomar@vint.test,1\nlena@tolk.test,2\nGenerated on 2026-11-30,\n",
            "Generated on",
        ),
        (
            "Email\nomar@vint.test\nlena@tolk.test\n\nExported by Olga on 30.11.2026\n",
            "Exported by",
        ),
    ] {
        let run = reads("people.csv", list.as_bytes(), &BOTH, 0);
        says(&run, &format!("1 line below the rows left out: \"{first}"));
    }
    let mut book = rust_xlsxwriter::Workbook::new();
    let sheet = book.add_worksheet();
    for (row, (email, amount)) in (0..).zip([
        ("omar@vint.test", 1.0),
        ("lena@tolk.test", 2.0),
        ("Total", 3.0),
    ]) {
        sheet.write_string(row + 1, 0, email).unwrap();
        sheet.write_number(row + 1, 1, amount).unwrap();
    }
    sheet.write_string(0, 0, "Email").unwrap();
    let bytes = book.save_to_buffer().unwrap();
    let run = reads("people.xlsx", &bytes, &BOTH, 0);
    says(&run, "1 line below the rows left out: \"Total,3\"");
}

#[test]
fn a_row_with_an_address_is_no_footer() {
    for list in [
        "Email,Name\nomar@vint.test,O\nlena@tolk.test,Total\n",
        "Name,Email,City\nO,omar@vint.test,Ulm\nTotal,lena@tolk.test\n",
        "Name,Email\nO,omar@vint.test\nGenerated by L,lena@tolk.test\n",
        "Email,Note,City\nomar@vint.test,,Ulm\nlena@tolk.test,Generated by O\n",
    ] {
        let run = reads("people.csv", list.as_bytes(), &BOTH, 0);
        assert!(!run.errors().contains("left out"), "{}", run.errors());
    }
    // A company without an address is a row.
    let list = b"Email,Company\nomar@vint.test,O\nlena@tolk.test,L\n,Total Energy\n";
    reads("people.csv", list, &BOTH, 1);
}

#[test]
fn a_row_between_others_that_is_about_the_list_is_no_message() {
    for list in [
        "Email,Sum\nomar@vint.test,1\nSubtotal,1\nlena@tolk.test,2\n",
        "name,email\nO,omar@vint.test\nname,email\nL,lena@tolk.test\n",
        "Q1,RecipientEmail\nHow are you?,Recipient Email\nwell,omar@vint.test\nso so,lena@tolk.test\n",
        "Q1,Email\n\"{\"\"ImportId\"\":\"\"QID1\"\"}\",\"{\"\"ImportId\"\":\"\"QID2\"\"}\"\n1,omar@vint.test\n2,lena@tolk.test\n",
    ] {
        reads("people.csv", list.as_bytes(), &BOTH, 1);
    }
}

#[test]
fn a_name_in_a_directory_is_no_message() {
    let list = "Name,E-mail Address,E-mail Type,E-mail 2 Address\n\
                L,lena@tolk.test,SMTP,\n\
                O,/o=ExchangeLabs/ou=Exchange Administrative Group (FYDIBOHF23SPDLT)/cn=Recipients/cn=7f-omar,EX,omar@vint.test\n\
                B,CN=Bo/OU=Sales/O=Vint,NOTES,\n";
    let run = reads("people.csv", list.as_bytes(), &["lena@tolk.test"], 2);
    says(&run, "not used: 4 \"E-mail 2 Address\"");
    assert!(run.list("rejected.csv").contains("entry in a directory"));
    let both = [
        "--offline",
        "--column",
        "E-mail Address",
        "--column",
        "E-mail 2 Address",
    ];
    let run = Run::verify_named("people.csv", list.as_bytes(), &both);
    assert_eq!(column(&run, "presend_address"), ["", BOTH[0], BOTH[1]]);
}

#[test]
fn what_is_to_be_asked_is_counted_by_address() {
    let list = b"Email\nanna@nordlicht.test\nlena@tolk.test\nANNA@nordlicht.test\nanna@nordlicht.test; omar@vint.test\n\
                 \"omar@vint.test, zoe@tolk.test\"\n";
    let run = Run::verify(list, &["--offline"]);
    let screen = String::from_utf8_lossy(&run.output.stdout).into_owned();
    assert!(
        screen.contains("Have the mail hosts of 4 addresses asked"),
        "{screen}"
    );
    assert_eq!(run.report()["open"]["not_asked"], 4);
}

#[test]
fn what_stands_in_the_to_field_of_a_message_is_a_list() {
    for list in [
        "Lena K. <lena@tolk.test>, \"Vint, Omar\" <omar@vint.test>",
        "Lena K. <lena@tolk.test>,\nomar@vint.test\n",
        "\"lena@tolk.test\",\n\"omar@vint.test\"\n",
        "Lena K. <lena@tolk.test>; Vint, Omar <omar@vint.test>;",
        "To: Lena K. <lena@tolk.test>\nCc: omar@vint.test\n",
    ] {
        let run = reads("people.txt", list.as_bytes(), &BOTH, 0);
        says(&run, "a row of its own");
    }
}

#[test]
fn the_contacts_own_address_is_known_in_what_programs_export() {
    for (header, used) in [
        (
            "\"Adresse de messagerie\",\"Type de messagerie\",\"Adresse de messagerie 2\"",
            "Adresse de messagerie",
        ),
        (
            "What's your email address?,Type,Please enter the email of a colleague",
            "What's your email address?",
        ),
        (
            "E-mail do contato,Tipo,E-mail do responsável",
            "E-mail do contato",
        ),
        ("to_email,subject,from_email", "to_email"),
    ] {
        let list = format!(
            "{header}\nlena@tolk.test,SMTP,anna@nordlicht.test\nomar@vint.test,SMTP,bo@nordlicht.test\n"
        );
        let run = reads("people.csv", list.as_bytes(), &BOTH, 0);
        says(
            &run,
            &format!("the addresses of column \"{used}\" are used"),
        );
    }
}

#[test]
fn addresses_in_single_quotes_are_found_where_a_comma_has_moved_them() {
    let list = b"'name','email'\n'Lena','lena@tolk.test'\n'Omar, jr','omar@vint.test'\n";
    reads("people.csv", list, &BOTH, 0);
}

#[test]
fn lines_that_are_in_quotes_as_a_whole_are_rows_of_cells() {
    let list =
        b"\"name,email,city\"\n\"Lena,lena@tolk.test,Ulm\"\n\"\"\"Vint, O\"\",omar@vint.test,\"\n";
    let run = reads("people.csv", list, &BOTH, 0);
    assert!(
        run.list("review.csv")
            .contains("\"Vint, O\",omar@vint.test,,omar@vint.test,")
    );
}

#[test]
fn an_array_of_arrays_is_a_table() {
    let list = br#"[["Name","Email"],["Lena","lena@tolk.test"],["Omar","omar@vint.test"]]"#;
    reads("people.json", list, &BOTH, 0);
}

#[test]
fn the_first_sheet_on_which_anything_stands_is_read() {
    let mut book = rust_xlsxwriter::Workbook::new();
    book.add_worksheet().set_name("Sheet1").unwrap();
    let sheet = book.add_worksheet().set_name("People").unwrap();
    for (row, cell) in (0..).zip(["Email", BOTH[0], BOTH[1]]) {
        sheet.write_string(row, 0, cell).unwrap();
    }
    let bytes = book.save_to_buffer().unwrap();
    let run = reads("people.xlsx", &bytes, &BOTH, 0);
    says(&run, "sheet \"People\" is read; not read: \"Sheet1\"");
}

#[test]
fn what_is_no_list_is_told_what_it_is() {
    for (name, list, what) in [
        (
            "people.ldif",
            "version: 1\n\ndn: cn=Lena,dc=tolk,dc=test\nmail: lena@tolk.test\n",
            "an LDIF export",
        ),
        (
            "sent.txt",
            "From omar@vint.test Mon Nov  3 09:12:11 2025\nFrom: Omar <omar@vint.test>\nTo: lena@tolk.test\nSubject: Re\n\nHi\n",
            "a mailbox of messages",
        ),
    ] {
        let run = Run::verify_named(name, list.as_bytes(), &["--offline"]);
        assert_eq!(run.code(), 3, "{}", run.errors());
        says(&run, what);
    }
}
