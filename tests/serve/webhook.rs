//! The owner of a list is told when it is done.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpListener;

use ring::hmac;
use serde_json::Value;

use crate::client::Server;

/// Takes one request, and answers it with `status`. Returns its head and its body.
fn take(listener: &TcpListener, status: u16) -> (Vec<String>, String) {
    let (stream, _) = listener.accept().unwrap();
    let mut reader = BufReader::new(stream);
    let mut head = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        match line.trim_end() {
            "" => break,
            line => head.push(line.to_owned()),
        }
    }
    let length = head.iter().find_map(|line| {
        line.to_lowercase()
            .strip_prefix("content-length: ")
            .map(str::to_owned)
    });
    let mut body = vec![0; length.unwrap().parse().unwrap()];
    reader.read_exact(&mut body).unwrap();
    let answer = format!("HTTP/1.1 {status} X\r\nContent-Length: 0\r\n\r\n");
    reader.get_mut().write_all(answer.as_bytes()).unwrap();
    (head, String::from_utf8(body).unwrap())
}

#[test]
fn the_owner_is_told_and_can_tell_that_it_was_us() {
    let server = Server::new(&["--webhooks-anywhere"]);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/presend?x=1", listener.local_addr().unwrap());
    let id = server.send(
        &format!("webhook={}", url.replace('?', "%3F").replace('=', "%3D")),
        "email\nanna@acme.test\n",
    );
    let (head, body) = take(&listener, 200);
    assert_eq!(head[0], "POST /presend?x=1 HTTP/1.1");
    let told: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(
        (&told["event"], &told["list"]["id"]),
        (&"list.done".into(), &id.as_str().into())
    );
    let signature = head
        .iter()
        .find_map(|line| line.strip_prefix("presend-signature: "))
        .unwrap();
    let (at, signed) = signature
        .strip_prefix("t=")
        .unwrap()
        .split_once(",v1=")
        .unwrap();
    let key = std::fs::read_to_string(server.home().path("serve/webhook.key")).unwrap();
    let key = hmac::Key::new(hmac::HMAC_SHA256, key.as_bytes());
    let bytes: Vec<u8> = (0..signed.len())
        .step_by(2)
        .map(|n| u8::from_str_radix(&signed[n..n + 2], 16).unwrap())
        .collect();
    hmac::verify(&key, format!("{at}.{body}").as_bytes(), &bytes).unwrap();
}

#[test]
fn an_owner_who_was_not_there_is_told_after_a_restart() {
    let options = ["--webhooks-anywhere"];
    let server = Server::new(&options);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/x", listener.local_addr().unwrap());
    let id = server.send(&format!("webhook={url}"), "email\nanna@acme.test\n");
    take(&listener, 500);
    server.until(&id, &["done"]);
    let _server = server.kill_and_start(&options);
    let (_, body) = take(&listener, 204);
    assert!(body.contains(&id));
}

#[test]
fn a_webhook_leads_nowhere_inward() {
    let server = Server::new(&[]);
    for url in [
        "http://crm.example/x",
        "https://127.0.0.1/x",
        "https://10.0.0.1/",
        "https://[::1]/",
        "x",
        "ftp://a.example/",
    ] {
        server
            .post(
                &format!("/v1/lists?webhook={url}"),
                "email\nanna@acme.test\n",
            )
            .is_problem(400, "bad_request");
    }
    assert_eq!(
        server.get("/v1/lists").json()["lists"]
            .as_array()
            .unwrap()
            .len(),
        0
    );
}
