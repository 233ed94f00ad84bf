//! Who may come in: the name that a request is for, the page that it comes from, its pace, its token.
//!
//! A page of another site in a browser on this machine can send requests here as any client can (cross-site requests),
//! and with a name that its owner points at this machine it could read the answers as well (DNS rebinding). So the name
//! must be one of ours, and the page that asks must be of the same origin.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use axum::extract::{ConnectInfo, MatchedPath, Request, State};
use axum::http::uri::Authority;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::metrics::Requests;
use super::pace::Pace;
use super::problem::Problem;
use super::store::{hex, random};
use super::token::{Mark, Scope, TokenFile, hashed};
use crate::model::limits;

/// Addresses, as `192.0.2.0/24` names them, or one alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    address: IpAddr,
    bits: u32,
}

impl FromStr for Network {
    type Err = String;

    fn from_str(text: &str) -> Result<Network, String> {
        let wrong = || format!("`{text}` names no addresses: write 192.0.2.7 or 192.0.2.0/24");
        let (address, bits) = match text.split_once('/') {
            Some((address, bits)) => (address, Some(bits)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_| wrong())?;
        let all = match address {
            IpAddr::V4(_) => 32,
            IpAddr::V6(_) => 128,
        };
        let bits = match bits {
            None => all,
            Some(bits) => bits
                .parse()
                .ok()
                .filter(|bits| *bits <= all)
                .ok_or_else(wrong)?,
        };
        Ok(Network { address, bits })
    }
}

impl Network {
    /// Whether an address is one of them.
    #[must_use]
    pub fn has(self, address: IpAddr) -> bool {
        let left = |whole: u128, width: u32| match self.bits {
            0 => 0,
            bits => whole >> (width - bits),
        };
        match (self.address, address.to_canonical()) {
            (IpAddr::V4(ours), IpAddr::V4(other)) => {
                left(u32::from(ours).into(), 32) == left(u32::from(other).into(), 32)
            }
            (IpAddr::V6(ours), IpAddr::V6(other)) => {
                left(ours.into(), 128) == left(other.into(), 128)
            }
            (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => false,
        }
    }
}

/// What is asked of a client.
#[derive(Debug)]
pub struct Guard {
    /// Names of this server, beside `localhost` and addresses.
    pub names: Vec<String>,
    /// Proxies that are believed what they say of their clients.
    pub proxies: Vec<Network>,
    /// Who may ask for what; `None` where every client may ask for everything.
    pub tokens: Option<Arc<TokenFile>>,
    /// Below which path everything is: empty, or such as `/presend`.
    pub base: String,
    /// How many requests each client may make.
    pub pace: Pace,
    /// Who is signed in on the page, by the hash of the cookie.
    pub sessions: Sessions,
    /// The requests that were answered, refused ones among them.
    pub requests: Requests,
}

/// Who is signed in.
#[derive(Debug, Default)]
pub struct Sessions(Mutex<HashMap<[u8; 32], (Mark, Instant)>>);

impl Sessions {
    /// Signs a user in, by the mark of their token. Returns what the cookie holds.
    ///
    /// # Errors
    ///
    /// When the system has no randomness.
    pub fn open(&self, mark: Mark, now: Instant) -> std::io::Result<String> {
        let secret = hex(&random::<32>()?);
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|_, (_, until)| *until > now);
        if all.len() >= limits::SERVED_SESSIONS
            && let Some(oldest) = all
                .iter()
                .min_by_key(|(_, (_, until))| *until)
                .map(|(key, _)| *key)
        {
            all.remove(&oldest);
        }
        all.insert(
            hashed(secret.as_bytes()),
            (mark, now + limits::SERVED_SESSION),
        );
        Ok(secret)
    }

    fn mark_of(&self, secret: &str, now: Instant) -> Option<Mark> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (mark, until) = all.get(&hashed(secret.as_bytes()))?;
        (*until > now).then_some(*mark)
    }

    /// Signs a user out.
    pub fn close(&self, secret: &str) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.remove(&hashed(secret.as_bytes()));
    }
}

/// What the cookie of a user who is signed in is called.
pub const COOKIE: &str = "presend";

/// What is known of a caller; every handler may look at it.
#[derive(Clone, Copy, Debug)]
pub struct Caller {
    /// What they may ask for; `None` for what every caller may.
    pub scope: Option<Scope>,
    /// Whether they came through TLS, as far as it is known.
    pub is_secure: bool,
}

/// Lets a request in, or says why not; every answer bears what keeps pages safe.
pub async fn guard(State(guard): State<Arc<Guard>>, mut request: Request, next: Next) -> Response {
    let began = Instant::now();
    let method = request.method().clone();
    let route = request.extensions().get::<MatchedPath>().cloned();
    let mut response = match guard.admit(&request) {
        Ok(caller) => {
            request.extensions_mut().insert(caller);
            next.run(request).await
        }
        Err(problem) => problem.into_response(),
    };
    let headers = response.headers_mut();
    for (name, value) in SAFE {
        headers
            .entry(name)
            .or_insert(HeaderValue::from_static(value));
    }
    let route = route.as_ref().map(|route| {
        let route = route.as_str();
        route.strip_prefix(guard.base.as_str()).unwrap_or(route)
    });
    let (requests, status) = (&guard.requests, response.status());
    requests.answered(route, &method, status, began.elapsed());
    response
}

/// What every answer bears: nothing of a page comes from elsewhere, and no script or style stands in it.
const SAFE: [(&str, &str); 6] = [
    (
        "content-security-policy",
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; \
         font-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    ),
    ("x-content-type-options", "nosniff"),
    ("x-frame-options", "DENY"),
    ("referrer-policy", "no-referrer"),
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-resource-policy", "same-origin"),
];

impl Guard {
    fn admit(&self, request: &Request) -> Result<Caller, Problem> {
        let peer = request.extensions().get::<ConnectInfo<SocketAddr>>();
        let peer = peer.map_or(IpAddr::from([0, 0, 0, 0]), |ConnectInfo(peer)| {
            peer.ip().to_canonical()
        });
        let headers = request.headers();
        let is_believed = self.proxies.iter().any(|proxy| proxy.has(peer));
        let forwarded = |name: &str| {
            if is_believed {
                headers.get(name).and_then(|value| value.to_str().ok())
            } else {
                None
            }
        };
        let client = forwarded("x-forwarded-for")
            .and_then(|line| self.client(line))
            .unwrap_or(peer);
        let now = Instant::now();
        if let Err(wait) = self.pace.take(client, now) {
            return Err(Problem::new(
                StatusCode::TOO_MANY_REQUESTS,
                "too_many_requests",
                "Too many requests",
                "ask more slowly, or for several addresses in one request",
            )
            .later(wait.as_secs() + 1));
        }
        let host = forwarded("x-forwarded-host")
            .or_else(|| request.uri().authority().map(Authority::as_str))
            .or_else(|| {
                headers
                    .get(header::HOST)
                    .and_then(|host| host.to_str().ok())
            });
        let authority = host.and_then(|host| host.parse::<Authority>().ok());
        let Some(authority) = authority.filter(|authority| self.is_ours(authority.host())) else {
            return Err(Problem::new(
                StatusCode::MISDIRECTED_REQUEST,
                "host",
                "Not a name of this server",
                "the name in the Host header is none of this server's: start it with --host NAME to add it",
            ));
        };
        from_our_own_page(headers, request.method(), &authority)?;
        let is_secure = forwarded("x-forwarded-proto") == Some("https");
        let scope = self.scope(request, now);
        let path = request.uri().path();
        let path = path.strip_prefix(self.base.as_str()).unwrap_or(path);
        if let (Some(_), Some(wanted)) = (&self.tokens, needs(path)) {
            match scope {
                None => return Err(no_token()),
                Some(scope) if !scope.covers(wanted) => {
                    return Err(Problem::new(
                        StatusCode::FORBIDDEN,
                        "scope",
                        "Not with this token",
                        format!(
                            "the token is good for `{}`, and this needs `{}`: make one with --new-token {}",
                            scope.as_str(),
                            wanted.as_str(),
                            wanted.as_str()
                        ),
                    ));
                }
                Some(_) => {}
            }
        }
        Ok(Caller { scope, is_secure })
    }

    /// The client that proxies say they speak for: the last who is none of them.
    fn client(&self, line: &str) -> Option<IpAddr> {
        let mut hops = line
            .rsplit(',')
            .map(|hop| hop.trim().parse::<IpAddr>().ok());
        hops.find_map(|hop| match hop {
            Some(hop) if self.proxies.iter().any(|proxy| proxy.has(hop)) => None,
            other => Some(other),
        })?
    }

    /// Whether a name in the Host header is one of ours. An address cannot be pointed elsewhere.
    fn is_ours(&self, host: &str) -> bool {
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        bare.parse::<IpAddr>().is_ok()
            || host.eq_ignore_ascii_case("localhost")
            || self
                .names
                .iter()
                .any(|name| name.eq_ignore_ascii_case(host))
    }

    /// What the token or the cookie of a request is good for.
    fn scope(&self, request: &Request, now: Instant) -> Option<Scope> {
        let Some(tokens) = &self.tokens else {
            return Some(Scope::Admin);
        };
        let scope_of = |token: &str| tokens.known(token).map(|(scope, _)| scope);
        let headers = request.headers();
        let text =
            |name: header::HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
        if let Some(given) = text(header::AUTHORIZATION) {
            // Some clients name no scheme.
            return scope_of(given.strip_prefix("Bearer ").unwrap_or(given).trim());
        }
        if let Some(given) = headers
            .get("x-api-key")
            .and_then(|value| value.to_str().ok())
        {
            return scope_of(given.trim());
        }
        if let Some(secret) = cookie(headers) {
            // Whose token was taken away is signed out.
            return tokens.still(&self.sessions.mark_of(secret, now)?);
        }
        // Clients of ZeroBounce can say it nowhere else.
        let path = request.uri().path();
        let is_dropin = path
            .strip_prefix(self.base.as_str())
            .is_some_and(|path| path.starts_with("/v2/"));
        let key = request.uri().query().filter(|_| is_dropin)?;
        let key = key
            .split('&')
            .find_map(|pair| pair.strip_prefix("api_key="))?;
        scope_of(key)
    }
}

/// What the cookie of a request holds.
pub fn cookie(headers: &HeaderMap) -> Option<&str> {
    let all = headers.get_all(header::COOKIE).iter();
    let pairs = all
        .filter_map(|value| value.to_str().ok())
        .flat_map(|line| line.split(';'));
    pairs
        .filter_map(|pair| pair.trim().split_once('='))
        .find_map(|(name, value)| (name == COOKIE).then_some(value))
}

fn no_token() -> Problem {
    Problem::new(
        StatusCode::UNAUTHORIZED,
        "no_token",
        "No token",
        "send a token as `Authorization: Bearer TOKEN`; whoever runs the server makes one with --new-token",
    )
}

/// Makes sure that a request which a page made was made by one of ours.
fn from_our_own_page(
    headers: &HeaderMap,
    method: &Method,
    ours: &Authority,
) -> Result<(), Problem> {
    let refused = || {
        Problem::new(
            StatusCode::FORBIDDEN,
            "cross_origin",
            "From another site",
            "a page of another site may not ask here: open this server's own page, or ask from a program",
        )
    };
    if let Some(origin) = headers.get(header::ORIGIN) {
        let origin = origin
            .to_str()
            .ok()
            .and_then(|origin| origin.split_once("://"));
        let is_ours = |(scheme, other): (&str, &str)| {
            let usual = match scheme {
                "https" => 443,
                _ => 80,
            };
            other.parse::<Authority>().is_ok_and(|other| {
                other.host().eq_ignore_ascii_case(ours.host())
                    && (other.port_u16() == ours.port_u16()
                        || other.port_u16().unwrap_or(usual) == ours.port_u16().unwrap_or(usual))
            })
        };
        if !origin.is_some_and(is_ours) {
            return Err(refused());
        }
    }
    let site = headers
        .get("sec-fetch-site")
        .and_then(|site| site.to_str().ok());
    let changes = !matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS);
    match site {
        Some("cross-site" | "same-site") if changes => Err(refused()),
        Some(_) | None => Ok(()),
    }
}

/// What is needed for what is at a path; `None` for what every client may see: that the server lives, the page without
/// anything on it, what the interface is.
fn needs(path: &str) -> Option<Scope> {
    let is = |part: &str| {
        path == part
            || path
                .strip_prefix(part)
                .is_some_and(|rest| rest.starts_with('/'))
    };
    if is("/v1/session") {
        return None;
    }
    if is("/v1/lists") || is("/v1/bounces") {
        return Some(Scope::Lists);
    }
    if is("/v1/check") || is("/v1/check_email") || is("/v1/explain") || is("/v1/preflight") {
        return Some(Scope::Check);
    }
    if is("/v1") || is("/metrics") {
        return Some(Scope::Admin);
    }
    (is("/v0") || is("/v2")).then_some(Scope::Check)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_has_its_addresses_and_no_others() {
        let network: Network = "192.0.2.0/24".parse().unwrap();
        assert!(network.has("192.0.2.255".parse().unwrap()));
        assert!(network.has("::ffff:192.0.2.1".parse().unwrap()));
        assert!(!network.has("192.0.3.0".parse().unwrap()));
        assert!(
            "0.0.0.0/0"
                .parse::<Network>()
                .unwrap()
                .has("203.0.113.1".parse().unwrap())
        );
        assert!(
            "2001:db8::/32"
                .parse::<Network>()
                .unwrap()
                .has("2001:db8::1".parse().unwrap())
        );
        for text in ["", "192.0.2.0/33", "acme.test", "192.0.2.0/"] {
            assert!(text.parse::<Network>().is_err(), "{text}");
        }
    }

    #[test]
    fn everything_that_tells_of_people_needs_a_token() {
        for (path, scope) in [
            ("/v1/lists", Some(Scope::Lists)),
            ("/v1/lists/x/verified.csv", Some(Scope::Lists)),
            ("/v1/listsx", Some(Scope::Admin)),
            ("/v1/known", Some(Scope::Admin)),
            ("/v1/check", Some(Scope::Check)),
            ("/v1/checkx", Some(Scope::Admin)),
            ("/v0/check_email", Some(Scope::Check)),
            ("/v2/validate", Some(Scope::Check)),
            ("/metrics", Some(Scope::Admin)),
            ("/healthz", None),
            ("/", None),
        ] {
            assert_eq!(needs(path), scope, "{path}");
        }
    }
}
