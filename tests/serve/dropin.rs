//! The shapes of other verifiers.

use serde_json::{Value, json};

use crate::client::Server;

/// The keys of an object, sorted.
fn keys(value: &Value) -> Vec<&str> {
    let mut keys: Vec<&str> = value
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect();
    keys.sort_unstable();
    keys
}

#[test]
fn reachers_clients_are_answered_field_for_field() {
    let server = Server::new(&[]);
    for path in ["/v0/check_email", "/v1/check_email"] {
        let request = json!({
            "to_email": "anna@acme.test", "from_email": "me@example.org", "hello_name": "example.org",
            "proxy": { "host": "127.0.0.1", "port": 1 }, "smtp_port": 25, "gmail_verif_method": "Smtp",
        });
        let told = server.post(path, request.to_string()).json();
        assert_eq!(
            keys(&told),
            [
                "debug",
                "input",
                "is_reachable",
                "misc",
                "mx",
                "smtp",
                "syntax"
            ]
        );
        assert_eq!(
            (&told["input"], &told["is_reachable"]),
            (&"anna@acme.test".into(), &"safe".into())
        );
        assert_eq!(
            told["smtp"],
            json!({
                "can_connect_smtp": true, "has_full_inbox": false, "is_catch_all": false, "is_deliverable": true,
                "is_disabled": false,
            })
        );
        assert_eq!(
            told["mx"],
            json!({ "accepts_mail": true, "records": ["mx.acme.test."] })
        );
        let syntax = &told["syntax"];
        assert_eq!(
            (&syntax["username"], &syntax["domain"]),
            (&"anna".into(), &"acme.test".into())
        );
        assert_eq!(
            (&syntax["is_valid_syntax"], &told["misc"]["is_disposable"]),
            (&true.into(), &false.into())
        );
        assert_eq!(keys(&told["debug"]["duration"]), ["nanos", "secs"]);
    }
    let reachable = |address: &str| {
        let told = server
            .post(
                "/v0/check_email",
                json!({ "to_email": address }).to_string(),
            )
            .json();
        told["is_reachable"].as_str().unwrap().to_owned()
    };
    for (address, wanted) in [
        ("nobody@acme.test", "invalid"),
        ("x@all.test", "risky"),
        ("info@acme.test", "risky"),
        ("x@nowhere.test", "invalid"),
        ("nonsense", "invalid"),
    ] {
        assert_eq!(reachable(address), wanted, "{address}");
    }
    server
        .post("/v0/check_email", "{}")
        .is_problem(400, "bad_request");
}

#[test]
fn zerobounces_clients_are_answered_field_for_field() {
    let server = Server::new(&[]);
    let ask = |address: &str| {
        server
            .get(&format!(
                "/v2/validate?api_key=x&email={address}&ip_address="
            ))
            .json()
    };
    let told = ask("anna%40acme.test");
    assert_eq!(
        keys(&told),
        [
            "account",
            "active_in_days",
            "address",
            "city",
            "country",
            "did_you_mean",
            "domain",
            "domain_age_days",
            "firstname",
            "free_email",
            "gender",
            "lastname",
            "mx_found",
            "mx_record",
            "processed_at",
            "region",
            "smtp_provider",
            "status",
            "sub_status",
            "zipcode",
        ]
    );
    assert_eq!(
        (&told["address"], &told["account"]),
        (&"anna@acme.test".into(), &"anna".into())
    );
    assert_eq!(
        (&told["mx_found"], &told["mx_record"]),
        (&"true".into(), &"mx.acme.test".into())
    );
    let at = told["processed_at"].as_str().unwrap();
    assert_eq!(
        (at.len(), &at[10..11]),
        ("2017-04-01 02:48:02.592".len(), " ")
    );
    for (address, status, sub_status) in [
        ("anna@acme.test", "valid", ""),
        ("nobody@acme.test", "invalid", "mailbox_not_found"),
        ("x@all.test", "catch-all", ""),
        ("info@acme.test", "do_not_mail", "role_based"),
        ("x@nowhere.test", "invalid", "no_dns_entries"),
        ("nonsense", "invalid", "failed_syntax_check"),
    ] {
        let told = ask(address);
        assert_eq!(
            (&told["status"], &told["sub_status"]),
            (&status.into(), &sub_status.into()),
            "{address}"
        );
    }
    assert!(server.get("/v2/validate").json()["error"].is_string());
    assert!(server.get("/v2/getcredits?api_key=x").json()["Credits"].is_string());
}
