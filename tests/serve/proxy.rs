//! Behind a reverse proxy: below a path, with what it says of its clients.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};

use crate::client::{Answer, Home, Server, read_answer};

/// A proxy that hands on whatever is below `/presend` and says for whom, as `nginx` and others do. Ends with the test.
fn proxy(to: SocketAddr) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let here = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut client = stream.unwrap();
            std::thread::spawn(move || {
                let mut head = Vec::new();
                let mut byte = [0];
                while !head.ends_with(b"\r\n\r\n") && client.read(&mut byte).unwrap() == 1 {
                    head.push(byte[0]);
                }
                let head = String::from_utf8(head).unwrap();
                let (first, rest) = head.split_once("\r\n").unwrap();
                let rest: Vec<&str> = rest
                    .lines()
                    .filter(|line| !line.starts_with("Host:"))
                    .collect();
                let mut server = TcpStream::connect(to).unwrap();
                let sent = format!(
                    "{first}\r\nHost: {to}\r\nX-Forwarded-For: 198.51.100.7\r\nX-Forwarded-Host: verify.example\r\n\
                     X-Forwarded-Proto: https\r\n{}\r\n\r\n",
                    rest.join("\r\n").trim_end()
                );
                server.write_all(sent.as_bytes()).unwrap();
                let mut back = server.try_clone().unwrap();
                let mut out = client.try_clone().unwrap();
                let answering = std::thread::spawn(move || {
                    let _ = std::io::copy(&mut back, &mut out);
                    let _ = out.shutdown(Shutdown::Both);
                });
                let _ = std::io::copy(&mut client, &mut server);
                answering.join().unwrap();
            });
        }
    });
    here
}

fn through(proxy: SocketAddr, method: &str, path: &str, head: &[&str], body: &str) -> Answer {
    let mut stream = TcpStream::connect(proxy).unwrap();
    let head = [head, &[""][..]].concat().join("\r\n");
    write!(
        stream,
        "{method} {path} HTTP/1.1\r\nHost: verify.example\r\n{head}Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    )
    .unwrap();
    read_answer(&mut stream)
}

#[test]
fn everything_works_below_a_path_behind_a_proxy() {
    let home = Home::new();
    let file = home.path("tokens").display().to_string();
    let made = home
        .command(&["--token-file", &file, "--new-token", "lists"])
        .output()
        .unwrap();
    let token = String::from_utf8(made.stdout).unwrap().trim().to_owned();
    let server = home.serve(&[
        "--token-file",
        &file,
        "--base-path",
        "/presend",
        "--trust-proxy",
        "127.0.0.1",
        "--host",
        "verify.example",
    ]);
    let proxy = proxy(server.address);
    // The links of a page are relative, so its path must end with a slash.
    let moved = through(proxy, "GET", "/presend?lang=de", &[], "");
    assert_eq!(
        (moved.status, moved.header("location")),
        (308, Some("/presend/?lang=de"))
    );
    let page = through(proxy, "GET", "/presend/?lang=de", &[], "");
    assert_eq!(page.status, 200);
    assert!(page.text().contains("src=\"page/home.js\""));
    let script = through(proxy, "GET", "/presend/page/home.js", &[], "");
    assert_eq!(script.status, 200);
    through(proxy, "GET", "/presend/v1/lists", &[], "").is_problem(401, "no_token");
    let own = ["Origin: https://verify.example"];
    let body = format!("{{\"token\":\"{token}\"}}");
    let signed_in = through(proxy, "POST", "/presend/v1/session", &own, &body);
    assert_eq!(signed_in.status, 204, "{}", signed_in.text());
    let cookie = signed_in.header("set-cookie").unwrap();
    for part in ["Path=/presend", "Secure", "HttpOnly", "SameSite=Strict"] {
        assert!(cookie.contains(part), "{cookie}");
    }
    let cookie = format!("Cookie: {}", cookie.split(';').next().unwrap());
    let list = "email\nanna@acme.test\n";
    let head = [cookie.as_str(), own[0]];
    let sent = through(proxy, "POST", "/presend/v1/lists?name=a.csv", &head, list);
    assert_eq!(sent.status, 201, "{}", sent.text());
    let location = sent.header("location").unwrap().to_owned();
    assert!(location.starts_with("/presend/v1/lists/"), "{location}");
    assert_eq!(through(proxy, "GET", &location, &[&cookie], "").status, 200);
    let elsewhere = ["Origin: https://other.example", cookie.as_str()];
    through(proxy, "POST", "/presend/v1/lists", &elsewhere, list).is_problem(403, "cross_origin");
}

#[test]
fn nobody_but_a_named_proxy_is_believed_what_it_says_of_its_clients() {
    let forwarded = [
        "Host: attacker.example",
        "X-Forwarded-Host: localhost",
        "X-Forwarded-Proto: https",
    ];
    let named = Server::new(&["--trust-proxy", "127.0.0.1"]);
    assert_eq!(named.ask("GET", "/healthz", &forwarded, b"").status, 200);
    for options in [&["--trust-proxy", "192.0.2.7"][..], &[]] {
        let server = Server::new(options);
        server
            .ask("GET", "/healthz", &forwarded, b"")
            .is_problem(421, "host");
        let ours = ["X-Forwarded-Host: attacker.example"];
        assert_eq!(server.ask("GET", "/healthz", &ours, b"").status, 200);
        // Nor is a cookie made for TLS that nobody knows of.
        let out = server.ask("DELETE", "/v1/session", &["X-Forwarded-Proto: https"], b"");
        assert!(!out.header("set-cookie").unwrap().contains("Secure"));
    }
}
