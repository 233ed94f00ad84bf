use std::io::{Read as _, Seek as _};

use super::*;

/// The table that is written down of `text`, with the array that was taken for the list.
fn written(text: &str, wanted: Option<&str>) -> Result<(String, Option<Picked>), Trouble> {
    let mut cells = Cells::begin(u64::MAX).unwrap();
    let picked = write_down(|| Ok(text.as_bytes()), wanted, &mut cells)?;
    let (mut file, _) = cells.finish().unwrap();
    file.rewind().unwrap();
    let mut table = String::new();
    file.read_to_string(&mut table).unwrap();
    Ok((table, picked))
}

fn table(text: &str) -> String {
    written(text, None).unwrap().0
}

#[test]
fn an_object_a_line_is_a_row() {
    let text = "{\"id\":12345678901,\"user\":{\"email\":\"a@b.example\",\"tags\":[\"x\",\"y\"]}}\n\n\
                {\"user\":{\"email\":null,\"name\":\"Bo, \\\"B\\\"\"},\"ok\":true}\nnot json\n";
    let expected = "id,user.email,user.tags,user.name,ok\n\
                    12345678901,a@b.example,x; y,,\n\
                    ,,,\"Bo, \"\"B\"\"\",true\n\
                    not json,,,,\n";
    assert_eq!(table(text), expected);
    assert_eq!(table(&format!("\u{feff}{text}")), expected);
}

#[test]
fn each_entry_of_an_array_is_a_row() {
    let rows = "email,name\na@b.example,Ann\nc@d.example,\n";
    for text in [
        "[{\"email\":\"a@b.example\",\"name\":\"Ann\"},{\"email\":\"c@d.example\"}]",
        "[\n  {\n    \"email\": \"a@b.example\",\n    \"name\": \"Ann\"\n  },\n  {\"email\": \"c@d.example\"}\n]\n",
        "{\"contacts\":[{\"email\":\"a@b.example\",\"name\":\"Ann\"},{\"email\":\"c@d.example\"}]}",
        "{\"status\":\"ok\",\"data\":{\"people\":[{\"email\":\"a@b.example\",\"name\":\"Ann\"},{\"email\":\"c@d.example\"}],\"total\":2}}",
        "{\"contacts\":[{\"email\":\"a@b.example\",\"name\":\"Ann\"}],\"next\":\"/2\"}\n\
         {\"contacts\":[{\"email\":\"c@d.example\"}],\"next\":null}\n",
        "{\"email\":\"a@b.example\",\"name\":\"Ann\"}\n{\"email\":\"c@d.example\"}\n",
        "{\n\"email\":\"a@b.example\",\n\"name\":\"Ann\"\n}\n{\n\"email\":\"c@d.example\"\n}\n",
        "{\"name\":\"Spring\",\"contacts\":[{\"email\":\"a@b.example\",\"name\":\"Ann\"},{\"email\":\"c@d.example\"}],\"fields\":[{\"id\":1}]}",
        "{\"email\":\"me@b.example\",\"contacts\":[{\"email\":\"a@b.example\",\"name\":\"Ann\"},{\"email\":\"c@d.example\"}]}",
    ] {
        assert_eq!(table(text), rows, "{text}");
    }
    for (text, rows) in [
        (
            "[\"a@b.example\",\"c@d.example\"]",
            "column_1\na@b.example\nc@d.example\n",
        ),
        (
            "[[\"name\",\"email\"],[\"Ann\",\"a@b.example\"],[null,\"c@d.example\",3]]",
            "name,email,\nAnn,a@b.example,\n,c@d.example,3\n",
        ),
        (
            "{\"emails\":[\"a@b.example\",\"c@d.example\"]}",
            "emails\na@b.example\nc@d.example\n",
        ),
        (
            "{\"u1\":{\"email\":\"a@b.example\",\"name\":\"Ann\"},\"u2\":{\"email\":\"c@d.example\"}}",
            "key,email,name\nu1,a@b.example,Ann\nu2,c@d.example,\n",
        ),
        (
            "{\"users\":{\"u1\":{\"mail\":\"a@b.example\"},\"u2\":{\"mail\":\"c@d.example\"}},\"total\":2}",
            "key,mail\nu1,a@b.example\nu2,c@d.example\n",
        ),
    ] {
        assert_eq!(table(text), rows, "{text}");
    }
}

#[test]
fn a_contact_with_several_values_is_one_row() {
    for (text, rows) in [
        (
            "{\"name\":\"Ann\",\"emails\":[{\"value\":\"a@b.example\"},{\"value\":\"c@d.example\"}]}",
            "name,emails.value\nAnn,a@b.example; c@d.example\n",
        ),
        (
            "{\"emails\":[\"a@b.example\",\"c@d.example\"],\"name\":\"Ann\"}\n{\"emails\":[],\"name\":\"Bo\"}\n",
            "emails,name\na@b.example; c@d.example,Ann\n,Bo\n",
        ),
        (
            "{\"company\":\"Co\",\"contacts\":[{\"email\":\"a@b.example\"},{\"email\":\"c@d.example\"}]}\n{\"company\":\"Bo\"}\n",
            "company,contacts.email\nCo,a@b.example; c@d.example\nBo,\n",
        ),
        (
            "{\"email\":\"a@b.example\",\"friends\":[{\"email\":\"c@d.example\"}]}",
            "email,friends.email\na@b.example,c@d.example\n",
        ),
    ] {
        assert_eq!(table(text), rows, "{text}");
    }
}

#[test]
fn where_several_arrays_could_be_the_list_the_operator_says_which() {
    let text = "{\"leads\":[{\"email\":\"a@b.example\"}],\"clients\":[{\"mail\":\"c@d.example\"}],\"tags\":[\"x\"]}";
    let Err(Trouble::Arrays(arrays)) = written(text, None) else {
        panic!("an array was chosen");
    };
    assert_eq!(arrays, ["leads", "clients"]);
    let (table, picked) = written(text, Some("clients")).unwrap();
    assert_eq!(table, "mail\nc@d.example\n");
    let picked = picked.unwrap();
    assert_eq!(
        (&*picked.array, &picked.others[..]),
        ("clients", &["leads".to_owned()][..])
    );
    assert!(matches!(
        written(text, Some("people")),
        Err(Trouble::NoSuchSheet { .. })
    ));
}

#[test]
fn json_that_breaks_off_is_not_half_a_list() {
    for text in [
        "[{\"email\":\"a@b.example\"},\n{\"email\":",
        "{\"contacts\":[{\"email\":\"a@b.example\"}]\n",
    ] {
        let Err(Trouble::Broken { line, .. }) = written(text, None) else {
            panic!("{text} was read");
        };
        assert_eq!(line, 2, "{text}");
    }
}
