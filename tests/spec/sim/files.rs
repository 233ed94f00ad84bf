//! World files.

use presend::sim::net::Internet;

#[test]
fn mistakes_in_a_world_file_are_told_with_their_line() {
    let table = [
        ("start = \"yesterday\"", 1, "is no time"),
        ("\nnonsense = 1", 2, "unknown field `nonsense`"),
        (
            "[[host]]\nname = \"a.test\"\npersona = \"angry\"",
            3,
            "unknown variant `angry`",
        ),
        (
            "[[host]]\nname = \"a.test\"\ntarpit = \"soon\"",
            3,
            "is no duration",
        ),
        (
            "[[host]]\nname = \"a.test\"\nloss = 2.0",
            3,
            "from 0.0 to 1.0",
        ),
        (
            "[[host]]\nname = \"a.test\"\n[[host]]\nname = \"A.test\"",
            4,
            "described twice",
        ),
        (
            "[[host]]\nname = \"a.test\"\naddress = \"192.0.2.1\"\n[[host]]\nname = \"b.test\"\naddress = \"192.0.2.1\"",
            5,
            "belongs to `a.test`",
        ),
        (
            "[[domain]]\nname = [\"a.test\", \"a.test\"]",
            2,
            "described twice",
        ),
        (
            "[[domain]]\nname = \"a.test\"\nmx = [\"ten mx.test\"]",
            3,
            "is no mail host",
        ),
        (
            "[[domain]]\nname = \"a.test\"\nmailboxes = [\"x\"]\nfull = [\"X\"]",
            4,
            "in two lists",
        ),
        ("[[record]]\nname = \"a.test\"", 2, "exactly one of"),
        ("[[domain]]\nname = \"a b\"", 2, "is no domain name"),
        ("[[domain]\n", 1, ""),
    ];
    for (text, line, problem) in table {
        let error = Internet::from_toml(text, "w.toml").expect_err(text);
        assert_eq!(
            (error.file.as_str(), error.line),
            ("w.toml", line),
            "{text}: {error}"
        );
        assert!(error.problem.contains(problem), "{text}: {error}");
    }
}
