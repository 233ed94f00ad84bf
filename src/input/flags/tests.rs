//! What [`Lists`] promises, by tables of addresses that must and must not be flagged.

use super::*;

fn lists() -> Lists {
    Lists::new(Arc::new(Providers::built_in()), &[]).expect("the built-in lists are in order")
}

fn with(kind: ListKind, text: &str) -> Result<Lists, ListError> {
    Lists::new(
        Arc::new(Providers::built_in()),
        &[OwnList {
            kind,
            file: "mine.txt",
            text,
        }],
    )
}

fn address(text: &str) -> Address {
    Address::parse(text).unwrap_or_else(|fault| panic!("{text}: {fault}"))
}

/// Asserts which of `locals` at an ordinary domain have `flag`.
fn assert_locals(flag: Flag, locals: &[&str], expected: bool) {
    let lists = lists();
    for local in locals {
        let address = address(&format!("{local}@firma-meier.de"));
        assert_eq!(
            lists.flags(&address).has(flag),
            expected,
            "{local}: {:?}",
            lists.explain(&address)
        );
    }
}

fn assert_domains(flag: Flag, domains: &[&str], expected: bool) {
    let lists = lists();
    for domain in domains {
        let address = address(&format!("anna.schmidt@{domain}"));
        assert_eq!(
            lists.flags(&address).has(flag),
            expected,
            "{domain}: {:?}",
            lists.explain(&address)
        );
    }
}

#[test]
fn a_function_is_a_role() {
    assert_locals(
        Flag::Role,
        &[
            "info",
            "INFO",
            "info2",
            "info+spring",
            "sales",
            "sales-eu",
            "eu-sales",
            "sales_team",
            "info-berlin",
            "office.wien",
            "noreply",
            "no-reply",
            "no_reply",
            "No.Reply",
            "donotreply",
            "noreply-news",
            "postmaster",
            "abuse",
            "kontakt",
            "büro",
            "segreteria",
            "contabilidad",
            "secretariat",
            "human.resources",
            "support_uk",
            "contact-us",
            "hr",
            "rh",
        ],
        true,
    );
}

#[test]
fn a_person_is_no_role() {
    assert_locals(
        Flag::Role,
        &[
            "anna",
            "anna.schmidt",
            "a.sales",
            "rose.sales",
            "sales.rosa",
            "post.max",
            "max.post",
            "mark",
            "bill",
            "art",
            "dean",
            "grant",
            "may",
            "page",
            "chip",
            "faith",
            "rob.office",
            "informer",
            "salesman",
            "supporter",
            "infodavid",
            "ola",
            "dev",
            "itzel",
            "adminah",
            "hrvoje",
            "irina",
            "prakash",
            "webb",
            "mailer.john",
            "jobst",
            "steve.jobs",
            "testa",
            "labelle",
            "homer",
            "director.anna",
            "uk",
            "2020",
            "uk-eu",
        ],
        false,
    );
}

#[test]
fn a_throw_away_domain_is_disposable_with_its_subdomains() {
    assert_domains(
        Flag::Disposable,
        &[
            "mailinator.com",
            "x.mailinator.com",
            "yopmail.com",
            "guerrillamail.com",
            "33mail.com",
            "temp-mail.org",
        ],
        true,
    );
}

#[test]
fn relays_and_ordinary_providers_are_not_disposable() {
    assert_domains(
        Flag::Disposable,
        &[
            "duck.com",
            "mozmail.com",
            "simplelogin.com",
            "anonaddy.com",
            "anna.anonaddy.com",
            "addy.io",
            "passmail.net",
            "privaterelay.appleid.com",
            "gmail.com",
            "hotmail.com",
            "yahoo.com",
            "proton.me",
            "firma-meier.de",
            "my-mailinator-firma.de",
            "dr.com",
            "com.de",
            "icloud.com",
        ],
        false,
    );
}

#[test]
fn free_domains_are_free_and_companies_are_not() {
    assert_domains(
        Flag::Free,
        &[
            "gmail.com",
            "web.de",
            "gmx.net",
            "orange.fr",
            "libero.it",
            "qq.com",
            "mail.ru",
            "t-online.de",
        ],
        true,
    );
    assert_domains(
        Flag::Free,
        &[
            "google.com",
            "firma-meier.de",
            "sub.gmail.com",
            "microsoft.com",
        ],
        false,
    );
}

#[test]
fn reserved_names_are_flagged() {
    assert_domains(
        Flag::ReservedName,
        &[
            "example.com",
            "mail.example.org",
            "shop.test",
            "a.invalid",
            "a.example",
            "nas.local",
            "abcdefghij.onion",
            "mail.corp.internal",
            "router.home.arpa",
            "a.alt",
        ],
        true,
    );
    assert_domains(
        Flag::ReservedName,
        &[
            "example.de",
            "myexample.com",
            "test.com",
            "firma-meier.de",
            "local.de",
            "internal.com",
        ],
        false,
    );
}

#[test]
fn two_weak_signals_or_a_strong_one_are_trap_like() {
    let lists = lists();
    for (text, reasons) in [
        ("spamtrap@firma-meier.de", "a name that calls itself a trap"),
        (
            "Honey.Pot@firma-meier.de",
            "a name that calls itself a trap",
        ),
        ("anna@spamhaus.org", "spamhaus.org runs a blocklist"),
        ("anna@mx.sorbs.net", "sorbs.net runs a blocklist"),
        ("anna@voila.fr", "voila.fr closed its mailboxes in 2016"),
        (
            "asdfgh@gmial.com",
            "generated name (a walk along the keyboard) with typo of gmail.com",
        ),
        ("abuse@example.com", "complaint desk with reserved domain"),
        (
            "noreply@gmial.com",
            "name of a machine that does not read with typo of gmail.com",
        ),
    ] {
        let address = address(text);
        assert!(lists.flags(&address).has(Flag::TrapLike), "{text}");
        assert!(
            lists
                .explain(&address)
                .contains(&(Flag::TrapLike, reasons.to_owned())),
            "{text}: {:?}",
            lists.explain(&address)
        );
    }
}

#[test]
fn one_weak_signal_is_not_trap_like() {
    let lists = lists();
    for text in [
        "anna@gmial.com",
        "abuse@firma-meier.de",
        "postmaster@gmail.com",
        "noreply@firma-meier.de",
        "asdfgh@gmail.com",
        "d41d8cd98f00b204e9800998ecf8427e@firma-meier.de",
        "anna@example.com",
        "anna@gmail.com",
        "info@firma-meier.de",
    ] {
        assert!(!lists.flags(&address(text)).has(Flag::TrapLike), "{text}");
    }
}

#[test]
fn a_typo_domain_that_accepts_everyone_is_trap_like() {
    let mut signals = lists().signals(&address("anna@gmial.com"));
    assert!(!is_trap_like(&signals));
    signals.push(Signal::CatchAll);
    assert_eq!(
        trap_like(&signals).as_deref(),
        Some("typo of gmail.com with catch-all mail host")
    );
}

#[test]
fn every_flag_is_explained_and_nothing_else_is() {
    let lists = lists();
    for text in [
        "info@mailinator.com",
        "anna@gmail.com",
        "Abuse@example.com",
        "anna@firma-meier.de",
        "x@spamcop.net",
        "josé@web.de",
        "info@[192.0.2.1]",
        "qwertz@gnail.com",
        "\"a b\"@yopmail.com",
    ] {
        let address = address(text);
        let explained: Flags = lists
            .explain(&address)
            .into_iter()
            .map(|(flag, _)| flag)
            .collect();
        assert_eq!(lists.flags(&address), explained, "{text}");
    }
}

#[test]
fn an_own_list_adds_and_takes_out_and_is_named_as_the_source() {
    let flags = |lists: &Lists, text: &str| lists.flags(&address(text)).to_string();
    let role = with(ListKind::Role, "# ours\n+hausmeister\n-info\n").unwrap();
    assert_eq!(flags(&role, "hausmeister@firma-meier.de"), "role");
    assert_eq!(flags(&role, "info@firma-meier.de"), "");
    assert_eq!(
        role.explain(&address("hausmeister@firma-meier.de")),
        [(Flag::Role, "`hausmeister` in mine.txt, line 2".to_owned())]
    );
    let disposable = with(
        ListKind::Disposable,
        "Wegwerf-Bücher.de\n-good.mailinator.com\n-yopmail.com",
    )
    .unwrap();
    assert_eq!(flags(&disposable, "a@x.wegwerf-bücher.de"), "disposable");
    assert_eq!(flags(&disposable, "a@yopmail.com"), "");
    assert_eq!(flags(&disposable, "a@good.mailinator.com"), "");
    assert_eq!(flags(&disposable, "a@mailinator.com"), "disposable");
    let free = with(ListKind::Free, "firma-meier.de\n-gmail.com").unwrap();
    assert_eq!(flags(&free, "anna@firma-meier.de"), "free");
    assert_eq!(flags(&free, "anna@gmail.com"), "");
    assert_eq!(
        with(ListKind::Trap, "lure.de")
            .unwrap()
            .explain(&address("anna@lure.de")),
        [(Flag::TrapLike, "`lure.de` in mine.txt, line 1".to_owned())]
    );
    let trap = with(ListKind::Trap, "bait@\nlure.de\n-spamhaus.org\n-honeypot@").unwrap();
    assert_eq!(flags(&trap, "Bait@firma-meier.de"), "trap_like");
    assert_eq!(flags(&trap, "anna@mx.lure.de"), "trap_like");
    assert_eq!(flags(&trap, "anna@spamhaus.org"), "");
    assert_eq!(flags(&trap, "honeypot@firma-meier.de"), "");
}

#[test]
fn a_bad_line_of_an_own_list_says_what_to_change() {
    for (kind, text, message) in [
        (
            ListKind::Disposable,
            "a.de\n*.b.de",
            "mine.txt, line 2: `*.b.de` is no domain; write it as `example.com`, without `@` or `*.`",
        ),
        (
            ListKind::Role,
            "info@b.de",
            "mine.txt, line 1: `info@b.de` is no name of a function; write the part before the `@` alone",
        ),
    ] {
        assert_eq!(with(kind, text).unwrap_err().to_string(), message);
    }
}

#[test]
fn a_listed_public_suffix_stands_for_itself_only() {
    let lists = with(ListKind::Disposable, "github.io").unwrap();
    assert!(lists.flags(&address("a@github.io")).has(Flag::Disposable));
    assert!(
        !lists
            .flags(&address("a@somebody.github.io"))
            .has(Flag::Disposable)
    );
}

#[test]
fn the_consumer_services_of_each_country_are_free_and_employers_are_not() {
    assert_domains(
        Flag::Free,
        &[
            "gmail.com",
            "hotmail.com.br",
            "yahoo.co.id",
            "outlook.com.tr",
            "live.ca", // the large ones
            "gmx.at",
            "freenet.de",
            "bluewin.ch",
            "telenet.be",
            "ziggo.nl", // western Europe
            "sfr.fr",
            "club-internet.fr",
            "tin.it",
            "terra.es",
            "sapo.pt",
            "btinternet.com",
            "eircom.net",
            "wp.pl",
            "seznam.cz",
            "azet.sk",
            "freemail.hu",
            "abv.bg",
            "otenet.gr",
            "inbox.lv", // eastern Europe
            "ukr.net",
            "i.ua",
            "bigmir.net",
            "mail.ru",
            "yandex.kz",
            "rambler.ru",
            "comcast.net",
            "optonline.net",
            "cox.net",
            "shaw.ca",
            "sympatico.ca",
            "telus.net", // the Americas
            "bol.com.br",
            "globo.com",
            "uol.com.br",
            "prodigy.net.mx",
            "fibertel.com.ar",
            "qq.com",
            "163.com",
            "21cn.com",
            "docomo.ne.jp",
            "ezweb.ne.jp",
            "softbank.ne.jp", // Asia
            "naver.com",
            "hanmail.net",
            "nate.com",
            "rediffmail.com",
            "walla.co.il",
            "singnet.com.sg",
            "bigpond.com",
            "optusnet.com.au",
            "iinet.net.au",
            "webmail.co.za", // the south
            "proton.me",
            "tuta.com",
            "hey.com",
            "mailbox.org",
            "pobox.com",
        ],
        true,
    );
    assert_domains(
        Flag::Free,
        &[
            "alibaba.com",
            "facebook.com",
            "telstra.com",
            "unican.es",
            "siemens.com",
            "firma-meier.de",
        ],
        false,
    );
}

#[test]
fn names_that_mail_services_refuse_are_roles() {
    assert_locals(
        Flag::Role,
        &[
            "inoc",
            "ispfeedback",
            "ispsupport",
            "maildaemon",
            "null",
            "mailman",
            "owner-news",
            "fbl",
            "registrar",
            "sysadmin",
            "phishing",
            "list-request",
            "undisclosed-recipients",
            "devnull",
            "dns",
            "tech",
            "everyone",
        ],
        true,
    );
}
