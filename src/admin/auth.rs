//! Who may ask what: before any request is looked at further.
//!
//! Against a web page of another origin, which a browser on this machine has open, stand three things, on a Unix socket too,
//! as that may be forwarded to a port: `Host` has to name this machine, so a page can't point its own name here; `Origin`, where
//! there is one, has to be the interface's own; and what changes something is a POST of `application/json`, which a page can't
//! send elsewhere unasked.

use std::net::IpAddr;

use axum::http::request::Parts;
use axum::http::uri::Authority;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};

use super::problem::Problem;
use super::token::Token;
use crate::config::meant::{AdminConfig, Open};

/// What a client has to have.
#[derive(Debug)]
pub(super) struct Policy {
    /// `None` = whoever can connect may ask.
    token: Option<Token>,
    open: Vec<Open>,
    hosts: Vec<String>,
}

/// Who makes a request that is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Caller {
    /// It may ask and tell everything.
    Trusted,
    /// It asks for what is open, and may be anybody.
    Anybody,
}

/// Why a request is refused.
#[derive(Debug)]
pub(super) struct Refusal {
    pub(super) problem: Problem,
    /// For the log.
    pub(super) reason: &'static str,
    /// A token would help.
    pub(super) challenge: bool,
}

/// What a browser says of where a request comes from (Fetch Metadata).
const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

impl Policy {
    pub(super) fn new(config: &AdminConfig, token: Option<Token>) -> Self {
        Self { token, open: config.open.clone(), hosts: config.hosts.clone() }
    }

    /// Checks the head of a request.
    ///
    /// # Errors
    ///
    /// Why it is refused.
    pub(super) fn check(&self, request: &Parts) -> Result<Caller, Refusal> {
        let host = self.host(request)?;
        check_origin(&request.headers, host)?;
        self.check_token(request)
    }

    /// Whether a path needs a token.
    pub(super) fn is_asked_for(&self, path: &str) -> bool {
        self.token.is_some() && !self.open.iter().any(|open| open.paths().contains(&path))
    }

    /// The host that is asked, which is this machine.
    fn host<'r>(&self, request: &'r Parts) -> Result<&'r str, Refusal> {
        let named = only(&request.headers, &header::HOST)
            .and_then(|host| host.to_str().ok())
            .ok_or_else(|| Refusal::bad("no host", "there has to be one `Host`"))?;
        // RFC 9112, 3.2.2: what the request line names goes before it.
        for name in [request.uri.authority().map(Authority::as_str), Some(named)].into_iter().flatten() {
            if !self.is_ours(name) {
                let problem =
                    Problem::new(StatusCode::MISDIRECTED_REQUEST, "`Host` is no name of this interface")
                        .help("ask by `localhost` or an address, or list the name in admin.hosts");
                return Err(Refusal { problem, reason: "foreign host", challenge: false });
            }
        }
        Ok(named)
    }

    /// A page can't have an address of IP for its name, and `localhost` is this machine's.
    fn is_ours(&self, host: &str) -> bool {
        let Ok(authority) = host.parse::<Authority>() else { return false };
        if host.contains('@') {
            return false;
        }
        let name = authority.host();
        let ip = name.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(name);
        let is = |other: &str| name.eq_ignore_ascii_case(other);
        ip.parse::<IpAddr>().is_ok() || is("localhost") || self.hosts.iter().any(|host| is(host))
    }

    fn check_token(&self, request: &Parts) -> Result<Caller, Refusal> {
        let Some(token) = &self.token else { return Ok(Caller::Trusted) };
        let presented =
            only(&request.headers, &header::AUTHORIZATION).and_then(|value| bearer(value.as_bytes()));
        match presented {
            Some(presented) if token.is(presented) => Ok(Caller::Trusted),
            _ if !self.is_asked_for(request.uri.path()) => Ok(Caller::Anybody),
            _ if request.headers.contains_key(header::AUTHORIZATION) => {
                Err(Refusal::unauthorized("wrong token", "this is not the token"))
            }
            _ => Err(Refusal::unauthorized("no token", "this needs a token")),
        }
    }
}

impl Open {
    fn paths(self) -> &'static [&'static str] {
        match self {
            Self::Health => &["/live", "/ready"],
            Self::Metrics => &["/metrics"],
        }
    }
}

impl Refusal {
    fn bad(reason: &'static str, detail: &str) -> Self {
        Self { problem: Problem::bad(detail), reason, challenge: false }
    }

    fn unauthorized(reason: &'static str, detail: &str) -> Self {
        let problem = Problem::new(StatusCode::UNAUTHORIZED, detail)
            .help("send `Authorization: Bearer TOKEN`, with the token that admin.token_file holds");
        Self { problem, reason, challenge: true }
    }

    fn cross_origin() -> Self {
        let problem = Problem::new(StatusCode::FORBIDDEN, "no page of another origin may ask this");
        Self { problem, reason: "cross origin", challenge: false }
    }
}

/// The value of a header that stands there once.
fn only<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Option<&'h HeaderValue> {
    let mut values = headers.get_all(name).iter();
    values.next().filter(|_| values.next().is_none())
}

/// RFC 6750, 2.1; the scheme's case does not matter (RFC 9110, 11.1).
fn bearer(value: &[u8]) -> Option<&[u8]> {
    let (scheme, token) = value.split_at_checked(7)?;
    scheme.eq_ignore_ascii_case(b"bearer ").then(|| token.trim_ascii())
}

fn check_origin(headers: &HeaderMap, host: &str) -> Result<(), Refusal> {
    let own = |origin: &[u8]| {
        let own = origin.strip_prefix(b"http://").or_else(|| origin.strip_prefix(b"https://"));
        own.is_some_and(|own| own.eq_ignore_ascii_case(host.as_bytes()))
    };
    let foreign = headers.get_all(header::ORIGIN).iter().any(|origin| !own(origin.as_bytes()));
    let site = headers.get_all(SEC_FETCH_SITE).iter();
    let cross = site.into_iter().any(|site| !matches!(site.as_bytes(), b"same-origin" | b"none"));
    if foreign || cross { Err(Refusal::cross_origin()) } else { Ok(()) }
}

/// What is not asked for, but told, is JSON: a form, or a script without asking first, sends other types.
///
/// # Errors
///
/// It is of another type, or says none.
pub(super) fn check_type(headers: &HeaderMap) -> Result<(), Problem> {
    let json = only(headers, &header::CONTENT_TYPE).is_some_and(|content| {
        let content = content.as_bytes();
        let essence = content.split(|byte| *byte == b';').next().unwrap_or_default();
        essence.trim_ascii().eq_ignore_ascii_case(b"application/json")
    });
    if json {
        return Ok(());
    }
    let problem = Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "the body has to be JSON");
    Err(problem.help("send `Content-Type: application/json`, and {} where there is nothing to say"))
}

#[cfg(test)]
mod tests {
    use axum::http::Request;

    use super::*;

    const SECRET: &str = "0123456789abcdef";

    fn policy(token: bool, open: &[Open]) -> Policy {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("token");
        std::fs::write(&path, SECRET).unwrap();
        Policy {
            token: token.then(|| Token::read(&path).unwrap()),
            open: open.to_vec(),
            hosts: vec!["metrics.example.net".to_owned()],
        }
    }

    /// What is said to a request: nothing, or why it is refused.
    fn said(policy: &Policy, method: &str, target: &str, headers: &[(&str, &str)]) -> Option<&'static str> {
        let request = Request::builder().method(method).uri(target);
        let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        let (parts, ()) = request.body(()).unwrap().into_parts();
        policy.check(&parts).err().map(|refusal| refusal.reason)
    }

    #[test]
    fn the_host_has_to_be_this_machine() {
        let policy = policy(false, &[]);
        for (host, refused) in [
            ("localhost", None),
            ("LOCALHOST:27080", None),
            ("127.0.0.1:27080", None),
            ("192.0.2.7", None),
            ("[::1]:27080", None),
            ("metrics.example.net", None),
            ("Metrics.Example.Net:80", None),
            ("evil.example", Some("foreign host")),
            ("localhost.evil.example", Some("foreign host")),
            ("127.0.0.1.evil.example", Some("foreign host")),
            ("localhost.", Some("foreign host")),
            ("evil.example@localhost", Some("foreign host")),
            ("localhost@evil.example", Some("foreign host")),
            ("", Some("foreign host")),
            ("local host", Some("foreign host")),
            ("[::1", Some("foreign host")),
        ] {
            assert_eq!(said(&policy, "GET", "/v1/status", &[("host", host)]), refused, "{host:?}");
        }
        assert_eq!(said(&policy, "GET", "/live", &[]), Some("no host"));
        let twice = [("host", "localhost"), ("host", "localhost")];
        assert_eq!(said(&policy, "GET", "/live", &twice), Some("no host"));
        let absolute = said(&policy, "GET", "http://evil.example/live", &[("host", "localhost")]);
        assert_eq!(absolute, Some("foreign host"));
    }

    #[test]
    fn another_origin_may_nothing() {
        let policy = policy(false, &[]);
        let host = ("host", "127.0.0.1:27080");
        for (header, refused) in [
            (("origin", "http://127.0.0.1:27080"), None),
            (("origin", "https://127.0.0.1:27080"), None),
            (("origin", "http://127.0.0.1:80"), Some("cross origin")),
            (("origin", "http://localhost:27080"), Some("cross origin")),
            (("origin", "http://evil.example"), Some("cross origin")),
            (("origin", "null"), Some("cross origin")),
            (("origin", ""), Some("cross origin")),
            (("sec-fetch-site", "same-origin"), None),
            (("sec-fetch-site", "none"), None),
            (("sec-fetch-site", "same-site"), Some("cross origin")),
            (("sec-fetch-site", "cross-site"), Some("cross origin")),
        ] {
            assert_eq!(said(&policy, "GET", "/v1/status", &[host, header]), refused, "{header:?}");
        }
    }

    #[test]
    fn over_tcp_a_token_is_asked_for() {
        let policy = policy(true, &[Open::Health]);
        let bearer = |value: String| {
            said(&policy, "GET", "/v1/status", &[("host", "localhost"), ("authorization", &value)])
        };
        assert_eq!(bearer(format!("Bearer {SECRET}")), None);
        assert_eq!(bearer(format!("bEARER  {SECRET} ")), None);
        for wrong in [
            String::new(),
            "Bearer".to_owned(),
            "Bearer ".to_owned(),
            SECRET.to_owned(),
            format!("Basic {SECRET}"),
            format!("Bearer {SECRET}0"),
            format!("Bearer {}", &SECRET[1..]),
            format!("Bearer {}", SECRET.to_uppercase()),
        ] {
            assert_eq!(bearer(wrong.clone()), Some("wrong token"), "{wrong:?}");
        }
        let value = format!("Bearer {SECRET}");
        let twice = [("host", "localhost"), ("authorization", &value), ("authorization", &value)];
        assert_eq!(said(&policy, "GET", "/v1/status", &twice), Some("wrong token"));
        for (target, refused) in [
            ("/live", None),
            ("/ready?listener=echo", None),
            ("/metrics", Some("no token")),
            ("/live/", Some("no token")),
            ("/openapi.json", Some("no token")),
            ("/no-such", Some("no token")),
        ] {
            assert_eq!(said(&policy, "GET", target, &[("host", "localhost")]), refused, "{target}");
        }
    }

    #[test]
    fn who_has_the_token_is_told_from_anybody() {
        let caller = |policy: &Policy, target: &str, token: &str| {
            let request = Request::builder().uri(target).header("host", "localhost");
            let request = request.header("authorization", format!("Bearer {token}"));
            policy.check(&request.body(()).unwrap().into_parts().0).ok()
        };
        let (tcp, unix) = (policy(true, &[Open::Health]), policy(false, &[]));
        for (policy, target, token, expected) in [
            (&tcp, "/live", SECRET, Some(Caller::Trusted)),
            (&tcp, "/live", "wrong", Some(Caller::Anybody)),
            (&tcp, "/v1/status", SECRET, Some(Caller::Trusted)),
            (&tcp, "/v1/status", "wrong", None),
            (&unix, "/live", "wrong", Some(Caller::Trusted)),
        ] {
            assert_eq!(caller(policy, target, token), expected, "{target} {token}");
        }
    }

    #[test]
    fn what_changes_something_is_json() {
        let type_of = |values: &[&'static str]| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(header::CONTENT_TYPE, HeaderValue::from_static(value));
            }
            check_type(&headers).is_ok()
        };
        for json in ["application/json", "Application/JSON; charset=utf-8"] {
            assert!(type_of(&[json]), "{json}");
            assert!(!type_of(&[json, json]), "{json} twice");
        }
        for other in [
            "text/plain",
            "application/x-www-form-urlencoded",
            "multipart/form-data; boundary=application/json",
            "application/jsonp",
            "",
        ] {
            assert!(!type_of(&[other]), "{other}");
        }
        assert!(!type_of(&[]));
    }
}
