//! Who is let in.

use presend::engine::nats::access::{Access, Login};
use presend::engine::nats::{Keeping, Nats};
use presend::engine::{Engine, EngineError, Table};

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
    for login in [Login::Anybody, user("ann", "guess")] {
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
    let error = enter(&server, Login::Anybody).await;
    assert!(matches!(error.err(), Some(EngineError::Refused(_))));
    // What is no seed at all is told before anybody is asked.
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
