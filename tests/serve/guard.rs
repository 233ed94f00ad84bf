//! Who may come in.

use crate::client::{Home, Server};

const ANNA: &[u8] = br#"{"address":"anna@acme.test"}"#;

#[test]
fn a_name_that_is_none_of_ours_is_refused() {
    let server = Server::new(&["--host", "verify.example"]);
    for host in [
        "attacker.example",
        "verify.example.attacker.example",
        "",
        "a b",
    ] {
        let answer = server.ask("POST", "/v1/check", &[&format!("Host: {host}")], ANNA);
        match host {
            "a b" => assert_eq!(answer.status / 100, 4),
            _ => answer.is_problem(421, "host"),
        }
    }
    for host in [
        "localhost",
        "localhost:8025",
        "127.0.0.1",
        "[::1]:1",
        "VERIFY.example:443",
        "verify.example",
    ] {
        let answer = server.ask("POST", "/v1/check", &[&format!("Host: {host}")], ANNA);
        assert_eq!(answer.status, 200, "{host}: {}", answer.text());
    }
}

#[test]
fn a_page_of_another_site_may_not_ask() {
    let server = Server::new(&[]);
    let here = server.address;
    for origin in [
        "http://attacker.example",
        "null",
        "http://127.0.0.1:1",
        "https://localhost",
        "",
    ] {
        server
            .ask("POST", "/v1/check", &[&format!("Origin: {origin}")], ANNA)
            .is_problem(403, "cross_origin");
    }
    server
        .ask("POST", "/v1/check", &["Sec-Fetch-Site: cross-site"], ANNA)
        .is_problem(403, "cross_origin");
    let ours = [
        format!("Origin: http://{here}"),
        "Sec-Fetch-Site: same-origin".to_owned(),
    ];
    let ours: Vec<&str> = ours.iter().map(String::as_str).collect();
    assert_eq!(server.ask("POST", "/v1/check", &ours, ANNA).status, 200);
}

#[test]
fn every_answer_keeps_pages_safe() {
    let server = Server::new(&[]);
    for path in ["/healthz", "/v1/lists", "/nothing", "/v1/lists/x", "/docs"] {
        let answer = server.get(path);
        let policy = answer.header("content-security-policy").unwrap();
        assert!(
            policy.contains("default-src 'none'") && !policy.contains("unsafe"),
            "{path}"
        );
        assert_eq!(
            answer.header("x-content-type-options"),
            Some("nosniff"),
            "{path}"
        );
        assert_eq!(answer.header("x-frame-options"), Some("DENY"), "{path}");
    }
    let refused = server.ask("GET", "/", &["Host: attacker.example"], b"");
    assert!(refused.header("content-security-policy").is_some());
}

#[test]
fn elsewhere_nobody_is_served_without_a_token() {
    let home = Home::new();
    let refused = home.command(&["--listen", "0.0.0.0:0"]).output().unwrap();
    assert_eq!(refused.status.code(), Some(2));
    let words = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(words.contains("--token-file"), "{words}");
}

#[test]
fn a_token_is_made_and_shown_once() {
    let home = Home::new();
    let file = home.path("tokens").display().to_string();
    let server = home.serve(&["--listen", "0.0.0.0:0", "--token-file", &file]);
    let token = server
        .said
        .iter()
        .find_map(|line| line.trim().strip_prefix("presend_"));
    let token = format!("presend_{}", token.expect("it is shown"));
    let kept = std::fs::read_to_string(&file).unwrap();
    assert!(!kept.contains(&token));
    let bearer = format!("Authorization: Bearer {token}");
    let address = server.address.port();
    let host = format!("Host: 127.0.0.1:{address}");
    assert_eq!(
        server
            .ask("GET", "/v1/lists", &[&bearer, &host], b"")
            .status,
        200
    );
    let server = server.end_and_start(&["--token-file", &file]);
    assert!(
        !server.said.iter().any(|line| line.contains("presend_")),
        "it is not shown again"
    );
    assert_eq!(server.ask("GET", "/v1/lists", &[&bearer], b"").status, 200);
}

#[test]
fn a_token_is_good_for_its_scope() {
    let home = Home::new();
    let file = home.path("tokens").display().to_string();
    let make = |scope: &str| {
        let made = home
            .command(&["--token-file", &file, "--new-token", scope])
            .output()
            .unwrap();
        assert!(
            made.status.success(),
            "{}",
            String::from_utf8_lossy(&made.stderr)
        );
        String::from_utf8(made.stdout).unwrap().trim().to_owned()
    };
    let (check, lists, admin) = (make("check"), make("lists"), make("admin"));
    let server = home.serve(&["--token-file", &file]);
    let ask = |method: &str, path: &str, token: &str| {
        server.ask(
            method,
            path,
            &[&format!("Authorization: Bearer {token}")],
            b"{}",
        )
    };
    for path in [
        "/v1/lists",
        "/v1/known",
        "/metrics",
        "/v2/validate?email=a@acme.test",
    ] {
        let answer = server.get(path);
        answer.is_problem(401, "no_token");
    }
    server
        .ask(
            "GET",
            "/v1/lists",
            &["Authorization: Bearer presend_x"],
            b"",
        )
        .is_problem(401, "no_token");
    assert_eq!(server.get("/healthz").status, 200);
    ask("GET", "/v1/lists", &check).is_problem(403, "scope");
    ask("GET", "/v1/known", &lists).is_problem(403, "scope");
    assert_eq!(ask("GET", "/v1/lists", &lists).status, 200);
    assert_eq!(ask("GET", "/v1/known", &admin).status, 200);
    ask("POST", "/v1/check", &check).is_problem(400, "bad_request");
    // As other clients send it.
    assert_eq!(
        server
            .get(&format!(
                "/v2/validate?api_key={check}&email=anna@acme.test"
            ))
            .json()["status"],
        "valid"
    );
    let key = format!("X-API-Key: {lists}");
    assert_eq!(server.ask("GET", "/v1/lists", &[&key], b"").status, 200);
    server
        .get(&format!("/v1/lists?api_key={lists}"))
        .is_problem(401, "no_token");
}

#[test]
fn a_cookie_stands_for_a_token_on_the_page() {
    let home = Home::new();
    let file = home.path("tokens").display().to_string();
    let made = home
        .command(&["--token-file", &file, "--new-token", "lists"])
        .output()
        .unwrap();
    let token = String::from_utf8(made.stdout).unwrap().trim().to_owned();
    let server = home.serve(&["--token-file", &file]);
    assert_eq!(
        server.get("/v1/session").json(),
        serde_json::json!({ "scope": null, "needs_token": true })
    );
    server
        .post("/v1/session", r#"{"token":"presend_no"}"#)
        .is_problem(401, "no_token");
    let signed_in = server.post("/v1/session", format!("{{\"token\":\"{token}\"}}"));
    assert_eq!(signed_in.status, 204);
    let cookie = signed_in.header("set-cookie").unwrap();
    assert!(
        cookie.contains("HttpOnly") && cookie.contains("SameSite=Strict"),
        "{cookie}"
    );
    assert!(!cookie.contains(&token));
    let cookie = format!("Cookie: other=1; {}", cookie.split(';').next().unwrap());
    assert_eq!(server.ask("GET", "/v1/lists", &[&cookie], b"").status, 200);
    assert_eq!(
        server.ask("GET", "/v1/session", &[&cookie], b"").json()["scope"],
        "lists"
    );
    server
        .ask("GET", "/v1/known", &[&cookie], b"")
        .is_problem(403, "scope");
    assert_eq!(
        server.ask("DELETE", "/v1/session", &[&cookie], b"").status,
        204
    );
    server
        .ask("GET", "/v1/lists", &[&cookie], b"")
        .is_problem(401, "no_token");
}

#[test]
fn a_client_that_asks_too_much_is_told_when_to_come_back() {
    let server = Server::new(&["--requests", "5", "--trust-proxy", "127.0.0.0/8"]);
    let ask = |client: &str| {
        server.ask(
            "GET",
            "/healthz",
            &[&format!("X-Forwarded-For: {client}")],
            b"",
        )
    };
    let answers: Vec<u16> = (0..40).map(|_| ask("192.0.2.1").status).collect();
    assert!(
        answers.contains(&200) && answers.contains(&429),
        "{answers:?}"
    );
    let refused = (0..40)
        .map(|_| ask("192.0.2.1"))
        .find(|answer| answer.status == 429)
        .unwrap();
    refused.is_problem(429, "too_many_requests");
    assert!(
        refused
            .header("retry-after")
            .unwrap()
            .parse::<u64>()
            .unwrap()
            >= 1
    );
    assert_eq!(
        ask("192.0.2.2").status,
        200,
        "another client of the same proxy"
    );
    // Nobody else is believed what they say of their clients.
    let server = Server::new(&["--requests", "5", "--trust-proxy", "192.0.2.7"]);
    let ask = |n: u8| {
        server
            .ask(
                "GET",
                "/healthz",
                &[&format!("X-Forwarded-For: 198.51.100.{n}")],
                b"",
            )
            .status
    };
    let answers: Vec<u16> = (0..40).map(ask).collect();
    assert!(answers.contains(&429), "{answers:?}");
}

#[test]
fn everything_may_be_below_a_path() {
    let server = Server::new(&["--base-path", "/presend/"]);
    assert_eq!(server.get("/presend/healthz").status, 200);
    server.get("/healthz").is_problem(404, "not_found");
    let answer = server.post("/presend/v1/lists?then=nothing", "email\nanna@acme.test\n");
    assert!(
        answer
            .header("location")
            .unwrap()
            .starts_with("/presend/v1/lists/")
    );
}

#[test]
fn a_changed_file_of_tokens_counts_at_once() {
    let home = Home::new();
    let file = home.path("tokens").display().to_string();
    let make = |home: &Home, scope: &str| {
        let made = home
            .command(&["--token-file", &file, "--new-token", scope])
            .output();
        String::from_utf8(made.unwrap().stdout)
            .unwrap()
            .trim()
            .to_owned()
    };
    let first = make(&home, "lists");
    let server = home.serve(&["--token-file", &file]);
    let bearer = |token: &str| format!("Authorization: Bearer {token}");
    let status = |head: &str| server.ask("GET", "/v1/lists", &[head], b"").status;
    let signed_in = server.post("/v1/session", format!("{{\"token\":\"{first}\"}}"));
    let cookie = signed_in.header("set-cookie").unwrap();
    let cookie = format!("Cookie: {}", cookie.split(';').next().unwrap());
    assert_eq!((status(&bearer(&first)), status(&cookie)), (200, 200));
    let second = make(server.home(), "lists");
    assert_eq!(status(&bearer(&second)), 200, "a new one counts");
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, text.lines().nth(1).unwrap()).unwrap();
    assert_eq!(
        (status(&bearer(&first)), status(&cookie)),
        (401, 401),
        "whose token is taken away is signed out"
    );
    assert_eq!(status(&bearer(&second)), 200);
    std::fs::write(&file, "nonsense").unwrap();
    assert_eq!(status(&bearer(&second)), 200, "a slip locks nobody out");
}
