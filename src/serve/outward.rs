//! Where a webhook may lead: outward.

use std::net::IpAddr;

use axum::http::Uri;
use axum::http::uri::Scheme;

use crate::net::route::Reach;

/// Makes sure that a URL may be told.
///
/// # Errors
///
/// What to change.
pub fn may_be_told(url: &str, reach: Reach) -> Result<(), String> {
    let wrong = |why: &str| Err(format!("`webhook` is {url:?}: {why}"));
    let Ok(uri) = url.parse::<Uri>() else {
        return wrong("write a URL such as https://crm.example/presend");
    };
    if uri
        .authority()
        .is_some_and(|authority| authority.as_str().contains('@'))
    {
        return wrong("leave the name and password out, for the body is signed");
    }
    let Some(host) = uri.host() else {
        return wrong("write a whole URL, such as https://crm.example/presend");
    };
    if uri.scheme() != Some(&Scheme::HTTPS) && reach != Reach::Anywhere {
        return wrong(
            "only https is taken, unless the server was started with --webhooks-anywhere",
        );
    }
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    match bare.parse::<IpAddr>() {
        Ok(address) if !reach.allows(address) => wrong(
            "it leads to a private or reserved address, which is only told when the server was started with \
             --webhooks-anywhere",
        ),
        Ok(_) | Err(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_webhook_leads_outward_unless_it_is_allowed() {
        for url in [
            "https://crm.example/x?y=1",
            "https://8.8.8.8/",
            "https://[2606:4700::1]:8443/x",
        ] {
            assert_eq!(may_be_told(url, Reach::Public), Ok(()), "{url}");
        }
        for url in [
            "http://crm.example/",
            "https://127.0.0.1/",
            "https://[::1]/",
            "https://[::ffff:10.0.0.1]/",
            "https://169.254.169.254/latest/meta-data",
            "https://anna:secret@crm.example/",
            "/x",
            "ftp://crm.example/",
            "https://",
            "",
        ] {
            assert!(may_be_told(url, Reach::Public).is_err(), "{url}");
        }
        assert_eq!(may_be_told("http://127.0.0.1:9/x", Reach::Anywhere), Ok(()));
    }
}
