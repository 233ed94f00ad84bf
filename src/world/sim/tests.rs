use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::*;

const WORLD: &str = r#"
[[host]]
name = "mx.acme.test"
[[host]]
name = "mx.grey.test"
greylist = { wait = "5m" }
[[domain]]
name = "acme.test"
mx = ["mx.acme.test"]
mailboxes = ["anna"]
full = ["bert"]
[[domain]]
name = "grey.test"
mx = ["mx.grey.test"]
mailboxes = ["carl"]
"#;

/// Says each line, returns everything heard.
async fn visit(world: &World, address: [u8; 4], lines: &[&str]) -> String {
    let to = SocketAddr::from((address, 25));
    let mut wire = world.dial.connect(to, None).await.unwrap();
    let mut heard = String::new();
    let mut buffer = [0; 4096];
    for line in lines {
        let count = wire.read(&mut buffer).await.unwrap();
        heard.push_str(&String::from_utf8_lossy(&buffer[..count]));
        wire.write_all(line.as_bytes()).await.unwrap();
    }
    let count = wire.read(&mut buffer).await.unwrap();
    heard.push_str(&String::from_utf8_lossy(&buffer[..count]));
    heard
}

#[tokio::test(start_paused = true)]
async fn an_honest_host_knows_its_mailboxes() {
    let internet = Internet::from_toml(WORLD, "world.toml").unwrap();
    let world = internet.world(1);
    let heard = visit(
        &world,
        [203, 0, 113, 1],
        &[
            "EHLO me.test\r\n",
            "MAIL FROM:<me@me.test>\r\n",
            "RCPT TO:<anna@acme.test>\r\n",
            "RCPT TO:<bert@acme.test>\r\n",
            "RCPT TO:<zoe@acme.test>\r\n",
            "QUIT\r\n",
        ],
    )
    .await;
    let codes: Vec<&str> = heard
        .lines()
        .filter(|line| line.as_bytes()[3] == b' ')
        .map(|line| &line[..3])
        .collect();
    assert_eq!(
        codes,
        ["220", "250", "250", "250", "452", "550", "221"],
        "{heard}"
    );
    let seen = internet.witness().host("mx.acme.test").unwrap();
    assert_eq!(
        (
            seen.connections,
            seen.mails,
            seen.questions.len(),
            seen.quits,
            seen.datas
        ),
        (1, 1, 3, 1, 0)
    );
    assert!(seen.breaches.is_empty(), "{:?}", seen.breaches);
}

#[tokio::test(start_paused = true)]
async fn a_greylister_accepts_the_second_visit() {
    let internet = Internet::from_toml(WORLD, "world.toml").unwrap();
    let world = internet.world(1);
    let lines = [
        "EHLO me.test\r\n",
        "MAIL FROM:<me@me.test>\r\n",
        "RCPT TO:<carl@grey.test>\r\n",
        "QUIT\r\n",
    ];
    let first = visit(&world, [203, 0, 113, 2], &lines).await;
    assert!(
        first.contains("\n450 ") || first.contains("\n451 "),
        "{first}"
    );
    tokio::time::sleep(Duration::from_secs(301)).await;
    let second = visit(&world, [203, 0, 113, 2], &lines).await;
    assert!(second.contains("\n250 2.1.5"), "{second}");
}

#[test]
fn a_mistake_in_the_description_is_named_with_its_line() {
    let error = Internet::from_toml("[[domain]]\nname = \"a.test\"\nmaiboxes = []\n", "w.toml")
        .err()
        .unwrap();
    assert!(
        error.to_string().contains("w.toml") && error.to_string().contains("maiboxes"),
        "{error}"
    );
}
