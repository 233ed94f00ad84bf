//! Who is let in.

use std::path::PathBuf;
use std::process::Command;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use nkeys::KeyPair;
use serde_json::{Value, json};

use presend::engine::nats::access::{Access, Login};
use presend::engine::nats::{Keeping, Nats};
use presend::engine::{Changed, Engine, EngineError, Partition, Table};

use crate::contract::order;
use crate::server::{self, Server};

async fn enter(server: &Server, login: Login) -> Result<Nats, EngineError> {
    let access = Access {
        login,
        ..server.access()
    };
    Nats::connect(&access, &Keeping::default()).await
}

fn user(name: &str, password: &str) -> Login {
    Login::User {
        name: name.to_owned(),
        password: password.to_owned(),
    }
}

#[tokio::test]
async fn a_user_gets_in_with_the_password_alone() {
    if !server::is_there() {
        return;
    }
    let server = Server::configured("authorization: { user: ann, password: secret }\n");
    assert!(enter(&server, user("ann", "secret")).await.is_ok());
    for login in [Login::Anonymous, user("ann", "guess")] {
        let error = enter(&server, login).await.err().unwrap();
        assert!(matches!(error, EngineError::Refused(_)), "{error}");
        assert!(!error.to_string().contains("guess"), "{error}");
    }
}

#[tokio::test]
async fn a_token_gets_in() {
    if !server::is_there() {
        return;
    }
    let server = Server::configured("authorization: { token: t0ken }\n");
    assert!(
        enter(&server, Login::Token("t0ken".to_owned()))
            .await
            .is_ok()
    );
    let error = enter(&server, Login::Token("other".to_owned())).await;
    assert!(matches!(error.err(), Some(EngineError::Refused(_))));
}

#[tokio::test]
async fn a_key_gets_in() {
    if !server::is_there() {
        return;
    }
    let (seed, public) = KEY;
    let server = Server::configured(&format!(
        "authorization: {{ users: [ {{ nkey: {public} }} ] }}\n"
    ));
    assert!(enter(&server, Login::NKey(seed.to_owned())).await.is_ok());
    let error = enter(&server, Login::Anonymous).await;
    assert!(matches!(error.err(), Some(EngineError::Refused(_))));
    // What is no seed at all is told before any server is asked.
    let error = enter(&server, Login::NKey("nonsense".to_owned())).await;
    assert!(matches!(error.err(), Some(EngineError::Refused(_))));
}

/// The example of the NATS documentation ("NKeys"): a seed with its public key.
const KEY: (&str, &str) = (
    "SUACSSL3UAHUDXKFSNVUZRF5UHPMWZ6BFDTJ7M6USDXIEDNPPQYYYCU3VY",
    "UDXU4RCSJNZOIQHZNWXHXORDPRTGNJAHAHFRGZNEEJCPQTT2M7NLCNF4",
);

#[tokio::test]
async fn what_a_user_may_not_do_is_told_in_the_servers_words() {
    if !server::is_there() {
        return;
    }
    let server = Server::configured(
        "authorization: { users: [
           { user: all, password: a },
           { user: few, password: f, permissions: { publish: { deny: \"$KV.>\" } } }
         ] }\n",
    );
    enter(&server, user("all", "a")).await.unwrap();
    let few = enter(&server, user("few", "f")).await.unwrap();
    assert_eq!(few.read(Table::Leases, "7").await, Ok(None));
    let error = few.write(Table::Leases, "7", b"x", None).await.unwrap_err();
    assert!(
        matches!(&error, EngineError::Refused(words) if words.contains("Permissions")),
        "{error}"
    );
}

// ── Certificates ────────────────────────────────────────────────────────────────────────────────────────────────────

/// A file of the authority that our servers' certificates are from, or of those themselves: made for these tests alone,
/// with `openssl`, for a hundred years.
fn pem(name: &str) -> PathBuf {
    PathBuf::from(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/tests/fixtures/engine"
    ))
    .join(name)
}

/// The same as a configuration has it.
fn quoted(name: &str) -> String {
    format!("\"{}\"", pem(name).display())
}

fn tls(more: &str) -> String {
    format!(
        "tls: {{ cert_file: {}, key_file: {}, {more} }}\n",
        quoted("server.pem"),
        quoted("server-key.pem")
    )
}

#[tokio::test]
async fn over_tls_only_an_authority_that_is_believed_will_do() {
    if !server::is_there() {
        return;
    }
    let server = Server::configured(&tls(""));
    let secret = format!("tls://127.0.0.1:{}", server.port);
    for url in [&secret, &server.url()] {
        let access = Access {
            authorities: Some(pem("authority.pem")),
            ..server::access(std::slice::from_ref(url))
        };
        assert!(Nats::connect(&access, &Keeping::default()).await.is_ok());
        let access = server::access(std::slice::from_ref(url));
        let error = Nats::connect(&access, &Keeping::default())
            .await
            .err()
            .unwrap();
        assert!(matches!(error, EngineError::Refused(_)), "{error}");
    }
}

#[tokio::test]
async fn nothing_is_said_in_clear_where_tls_is_asked_for() {
    if !server::is_there() {
        return;
    }
    let server = Server::configured("authorization: { user: ann, password: secret }\n");
    let access = Access {
        login: user("ann", "secret"),
        ..server::access(&[format!("tls://127.0.0.1:{}", server.port)])
    };
    let error = Nats::connect(&access, &Keeping::default())
        .await
        .err()
        .unwrap();
    assert!(!error.is_passing(), "{error}");
}

#[tokio::test]
async fn a_server_may_want_our_certificate() {
    if !server::is_there() {
        return;
    }
    let ours = tls(&format!(
        "verify: true, ca_file: {}",
        quoted("authority.pem")
    ));
    let server = Server::configured(&ours);
    let url = [format!("tls://127.0.0.1:{}", server.port)];
    let access = Access {
        authorities: Some(pem("authority.pem")),
        certificate: Some((pem("client.pem"), pem("client-key.pem"))),
        ..server::access(&url)
    };
    assert!(Nats::connect(&access, &Keeping::default()).await.is_ok());
    let access = Access {
        certificate: None,
        ..access
    };
    let error = Nats::connect(&access, &Keeping::default())
        .await
        .err()
        .unwrap();
    assert!(matches!(error, EngineError::Refused(_)), "{error}");
}

// ── Credentials ─────────────────────────────────────────────────────────────────────────────────────────────────────

/// What `signer` says of `subject`, as NATS signs it (ADR-14).
fn signed(signer: &KeyPair, subject: &KeyPair, mut nats: Value) -> String {
    let encoded = |text: String| URL_SAFE_NO_PAD.encode(text);
    nats["version"] = json!(2);
    let claims = json!({
        "jti": "test", "iat": 1_700_000_000, "iss": signer.public_key(), "name": "test", "sub": subject.public_key(),
        "nats": nats,
    });
    let header = json!({ "typ": "JWT", "alg": "ed25519-nkey" });
    let body = format!(
        "{}.{}",
        encoded(header.to_string()),
        encoded(claims.to_string())
    );
    let signature = signer.sign(body.as_bytes()).unwrap();
    format!("{body}.{}", URL_SAFE_NO_PAD.encode(signature))
}

/// A server that believes an operator, and the text of a file of credentials for it.
fn with_credentials() -> (Server, String) {
    let operator = KeyPair::new_operator();
    let (system, account, user) = (
        KeyPair::new_account(),
        KeyPair::new_account(),
        KeyPair::new_user(),
    );
    let unlimited = json!({ "type": "account", "limits": {
        "subs": -1, "conn": -1, "leaf": -1, "imports": -1, "exports": -1, "data": -1, "payload": -1,
        "wildcards": true, "mem_storage": -1, "disk_storage": -1, "streams": -1, "consumer": -1,
    }});
    let nobody_stores = json!({ "type": "account", "limits": {
        "subs": -1, "conn": -1, "leaf": -1, "imports": -1, "exports": -1, "data": -1, "payload": -1, "wildcards": true,
    }});
    let server = Server::configured(&format!(
        "operator: \"{}\"\nsystem_account: {}\nresolver: MEMORY\nresolver_preload: {{ {}: \"{}\", {}: \"{}\" }}\n",
        signed(&operator, &operator, json!({ "type": "operator" })),
        system.public_key(),
        system.public_key(),
        signed(&operator, &system, nobody_stores),
        account.public_key(),
        signed(&operator, &account, unlimited),
    ));
    let text = format!(
        "-----BEGIN NATS USER JWT-----\n{}\n------END NATS USER JWT------\n\n\
         -----BEGIN USER NKEY SEED-----\n{}\n------END USER NKEY SEED------\n",
        signed(
            &account,
            &user,
            json!({ "type": "user", "subs": -1, "data": -1, "payload": -1 })
        ),
        user.seed().unwrap(),
    );
    (server, text)
}

#[tokio::test]
async fn a_file_of_credentials_gets_in() {
    if !server::is_there() {
        return;
    }
    let (server, credentials) = with_credentials();
    assert!(
        enter(&server, Login::Credentials(credentials))
            .await
            .is_ok()
    );
    // Signed with a key that this server does not know.
    let (_, strange) = with_credentials();
    for login in [Login::Anonymous, Login::Credentials(strange)] {
        let error = enter(&server, login).await.err().unwrap();
        assert!(matches!(error, EngineError::Refused(_)), "{error}");
    }
    let error = enter(&server, Login::Credentials("nonsense".to_owned())).await;
    assert!(matches!(error.err(), Some(EngineError::Refused(_))));
}

// ── The real program ────────────────────────────────────────────────────────────────────────────────────────────────

/// What `presend engine status` ends with, with these settings in the environment, or in a file of settings.
fn status(server: &Server, environment: &[(&str, &str)], settings: &str) -> (Option<i32>, String) {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("settings.toml"), settings).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_presend"))
        .args(["engine", "status", "--json"])
        .current_dir(folder.path())
        .env_clear()
        .env("HOME", folder.path())
        .env("PRESEND_CONFIG", folder.path().join("settings.toml"))
        .env("PRESEND_ENGINE", server.url())
        .envs(environment.iter().copied())
        .output()
        .unwrap();
    let said = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8(said).unwrap())
}

#[test]
fn the_program_gets_in_by_the_environment_and_by_its_settings() {
    if !server::is_there() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    };
    let guarded = Server::configured("authorization: { user: ann, password: secret }\n");
    let by_token = Server::configured("authorization: { token: t0ken }\n");
    let (seed, public) = KEY;
    let by_key = format!("authorization: {{ users: [ {{ nkey: {public} }} ] }}\n");
    let by_key = Server::configured(&by_key);
    let (by_credentials, credentials) = with_credentials();
    let (seed, credentials) = (file("seed", seed), file("creds", &credentials));
    let over_tls = Server::configured(&tls(""));
    let authority = pem("authority.pem").display().to_string();
    let password = ("PRESEND_ENGINE_PASSWORD", "secret");
    let as_ann = ("PRESEND_ENGINE_USER", "ann");
    for (server, environment, settings) in [
        (&guarded, vec![as_ann, password], ""),
        (
            &guarded,
            vec![],
            "engine-user = \"ann\"\nengine-password = \"secret\"\n",
        ),
        (&by_token, vec![("PRESEND_ENGINE_TOKEN", "t0ken")], ""),
        (&by_token, vec![], "engine-token = \"t0ken\"\n"),
        (&by_key, vec![("PRESEND_ENGINE_NKEY", &*seed)], ""),
        (
            &by_credentials,
            vec![("PRESEND_ENGINE_CREDS", &*credentials)],
            "",
        ),
        (&over_tls, vec![("PRESEND_ENGINE_CA", &*authority)], ""),
    ] {
        let (_, said) = status(server, &environment, settings);
        assert!(
            said.contains("\"partitions\""),
            "{environment:?} {settings}: {said}"
        );
        // A client that looks sets nothing up.
        assert!(
            said.contains("the stream presend-orders is not there"),
            "{said}"
        );
        let (code, said) = status(server, &[], "");
        assert_ne!(code, Some(0), "{said}");
        assert!(said.contains("refuses us"), "{said}");
    }
    let (code, said) = status(
        &guarded,
        &[as_ann, ("PRESEND_ENGINE_PASSWORD", "guess")],
        "",
    );
    assert_ne!(code, Some(0));
    assert!(!said.contains("guess"), "{said}");
}

#[tokio::test]
async fn the_configuration_that_we_deploy_lets_in_those_it_names() {
    if !server::is_there() {
        return;
    }
    let deployed = include_str!("../../config/deploy/nats.conf");
    let at = deployed.find("authorization {").unwrap();
    let until = deployed.find("# Over networks").unwrap();
    let users = deployed[at..until].replace("$PRESEND_PASSWORD", "secret");
    let server = Server::configured(&users);
    let nats = enter(&server, user("presend", "secret")).await.unwrap();
    for table in Table::ALL {
        let written = nats.write(table, "7", b"x", None).await;
        assert!(
            matches!(written, Ok(Changed::Yes(_))),
            "{table:?}: {written:?}"
        );
        assert_eq!(nats.entries(table).await.unwrap().len(), 1, "{table:?}");
    }
    let order = order(1, &["ann@acme.test"]);
    nats.publish(Partition::FIRST, &order).await.unwrap();
    assert!(!nats.pull(Partition::FIRST, 9).await.unwrap().is_empty());
    assert_eq!(nats.health().await.unwrap().troubles, Vec::<String>::new());
    let error = enter(&server, Login::Anonymous).await.err().unwrap();
    assert!(matches!(error, EngineError::Refused(_)), "{error}");
}

#[test]
fn a_password_that_is_written_where_none_belongs_is_on_no_screen() {
    let run = |arguments: &[&str], engine: &str| {
        let output = Command::new(env!("CARGO_BIN_EXE_presend"))
            .args(["engine", "status"])
            .args(arguments)
            .env_clear()
            .env("PRESEND_ENGINE", engine)
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(2));
        String::from_utf8([output.stdout, output.stderr].concat()).unwrap()
    };
    let two = "nats://ann:s3cret@10.0.0.1,nats://bob:s4cret@10.0.0.2";
    let joined = format!("--engine={two}");
    for said in [
        run(&[], "nats://ann:s3cret@10.0.0.1"),
        run(&[], two),
        run(&["--engine", two], ""),
        run(&[&joined], ""),
    ] {
        assert!(said.contains("PRESEND_ENGINE_USER"), "{said}");
        assert!(
            !said.contains("s3cret") && !said.contains("s4cret"),
            "{said}"
        );
    }
}
