//! Signing in, and the tools: one address, a domain, whom to leave alone, whom to forget.

use crate::chromium::Chromium;
use crate::pages::{DESK, shown, text, until_shown};
use crate::served::{Served, until};
use crate::with_browser;

/// Fills in the form with that name, and sends it.
fn fill(chromium: &Chromium, form: &str, fields: &[(&str, &str)]) {
    for (id, value) in fields {
        chromium.run(&format!(
            "document.getElementById('{id}').value = '{value}'"
        ));
    }
    chromium.run(&format!(
        "document.getElementById('{form}').requestSubmit()"
    ));
}

#[test]
fn a_token_signs_in_and_out() {
    with_browser(|chromium| {
        let (served, token) = Served::with_tokens();
        chromium.visit(&served.url(""), DESK);
        until_shown(chromium, "sign-in-title", "Sign in");
        let sign_in = |token: &str| {
            chromium.run(&format!(
                "document.getElementById('token').value = '{token}'; document.querySelector('#sign-in form').requestSubmit()"
            ));
        };
        sign_in("presend_wrong");
        until_shown(chromium, "token-wrong", "not a token of this server");
        sign_in(&token);
        until("it is signed in", || {
            shown(chromium, "sign-in-title").is_empty()
        });
        until_shown(chromium, "none", "No list yet.");
        // The cookie stands for it from page to page, and no script reads it.
        chromium.visit(&served.url("tools"), DESK);
        until_shown(chromium, "suppression-told", "Nobody is on it.");
        assert_eq!(text(chromium, "return document.cookie"), "");
        until_shown(chromium, "sign-out", "Sign out");
        chromium.run("document.getElementById('sign-out').click()");
        until_shown(chromium, "sign-in-title", "Sign in");
    });
}

#[test]
fn an_address_is_left_alone_and_then_forgotten() {
    with_browser(|chromium| {
        let served = Served::simulated(100_000);
        chromium.visit(&served.url("tools"), DESK);
        until_shown(chromium, "remembered", "Nothing is remembered.");
        let anna = [("check-address", "anna@nordlicht.test")];
        fill(chromium, "check", &anna);
        until_shown(chromium, "check-told", "Verdict");
        fill(
            chromium,
            "suppression",
            &[("suppression-name", "anna@nordlicht.test")],
        );
        until_shown(
            chromium,
            "suppression-told",
            "anna@nordlicht.test added here",
        );
        fill(chromium, "check", &anna);
        until_shown(chromium, "check-told", "on your suppression list");
        chromium.run("document.querySelector('#suppression-told button').click()");
        until_shown(chromium, "suppression-told", "Nobody is on it.");
        fill(
            chromium,
            "forget",
            &[("forget-name", "anna@nordlicht.test")],
        );
        until_shown(chromium, "forget-told", "What it is known from");
        chromium.run("document.querySelector('#forget-told .danger').click()");
        until_shown(
            chromium,
            "sure-title",
            "Forget all that was learned of anna@nordlicht.test?",
        );
        chromium.run("document.getElementById('sure-yes').click()");
        until_shown(chromium, "forget-told", "Forgotten.");
        until("nothing of them is remembered", || {
            served.told("v1/known")["addresses"] == 0
        });
    });
}

#[test]
fn a_sender_is_looked_at_and_told_what_to_publish() {
    with_browser(|chromium| {
        let served = Served::simulated(100_000);
        chromium.visit(&served.url("tools?lang=de"), DESK);
        until_shown(chromium, "preflight-title", "Kann Ihre Domain senden?");
        fill(
            chromium,
            "preflight",
            &[
                ("preflight-domain", "nordlicht.test"),
                ("preflight-ips", "192.0.2.10, 192.0.2.11"),
                ("preflight-selectors", "s1"),
                ("preflight-helo", "out.nordlicht.test"),
            ],
        );
        until_shown(chromium, "preflight-told", "nordlicht.test");
        until_shown(chromium, "preflight-told", "v=spf1 ip4:192.0.2.10");
        assert!(shown(chromium, "preflight-told").contains("DMARC record"));
        // What is asked for wrongly is told in the page's language, with what to change.
        fill(chromium, "preflight", &[("preflight-helo", "a b")]);
        until_shown(chromium, "trouble", "So geht das nicht.");
        assert!(shown(chromium, "trouble").contains("helo"));
        // Advice to a sender is told in the page's language.
        fill(
            chromium,
            "explain",
            &[("explain-text", "550 5.7.1 blocked using zen.spamhaus.org")],
        );
        until_shown(chromium, "explain-told", "Blockliste");
        assert!(shown(chromium, "explain-told").contains("check.spamhaus.org"));
        chromium.visit(&served.url("tools?lang=en"), DESK);
    });
}
