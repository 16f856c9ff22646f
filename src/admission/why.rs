//! Why a client would be served now, or not: every rule, in the order in which it is asked, and the one that decides.
//!
//! From the configuration alone, counts are not known, and what depends on them is told as such.

use std::net::IpAddr;

use schemars::JsonSchema;
use serde::Serialize;

use super::access::{Access, Verdict as AccessVerdict};
use super::clients::Stand as Own;
use crate::config::{ClientFull, Endpoint, Limits, Rate, WhenFull};

/// Who would connect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Whom {
    Ip(IpAddr),
    /// A process of this machine, over a Unix socket.
    Unix,
}

/// What is known of a process of this machine.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Account {
    pub(crate) user: Option<u32>,
    pub(crate) group: Option<u32>,
}

/// What is known of a listener.
#[derive(Debug, Clone)]
pub(crate) struct Facts<'a> {
    pub(crate) name: &'a str,
    pub(crate) addresses: &'a [Endpoint],
    pub(crate) only_v6: Option<bool>,
    /// What it does at the moment: `None` = it is not known.
    pub(crate) stand: Option<Stand>,
    pub(crate) access: &'a Access,
    /// Whose process it is, over a Unix socket.
    pub(crate) account: Account,
    pub(crate) when_full: WhenFull,
    /// `limits.connections`, and how many there are.
    pub(crate) listener: Places,
    /// `server.max_connections`, and how many there are.
    pub(crate) server: Places,
    pub(crate) limits: &'a Limits,
    /// What the client has of its own; `None` = it is not known.
    pub(crate) own: Option<Own>,
    /// Whether connections may come just now, by `limits.rate`; `None` = it is not known.
    pub(crate) in_time: Option<bool>,
}

/// A limit, and how much of it is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Places {
    pub(crate) limit: Limit,
    /// `None` = it is not known.
    pub(crate) taken: Option<usize>,
}

/// How many there may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Limit {
    At(usize),
    None,
    /// It is reckoned when the service starts.
    #[cfg_attr(
        not(feature = "cli"),
        expect(dead_code, reason = "only the command line tells of one that does not run")
    )]
    Unknown,
}

/// Whether a listener takes connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stand {
    Accepts,
    /// It was paused; peers wait in the backlog.
    Paused,
    /// The system has no resources for more; peers wait in the backlog.
    Starved,
    /// The service stops, or its socket is dead.
    Closed,
}

/// What would happen to a client of one listener.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(rename = "Admission")]
pub(crate) struct Answer {
    /// The listener.
    pub(crate) listener: String,
    /// What would happen.
    pub(crate) verdict: Verdict,
    /// The rule that decides, where the client would not be served, or where it depends.
    pub(crate) rule: Option<&'static str>,
    /// Every rule that was asked, in that order; the last one decides.
    pub(crate) rules: Vec<Rule>,
}

/// What would happen to a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Verdict {
    /// It would be served.
    Admitted,
    /// It depends on counts that only the running service knows.
    Depends,
    /// It would wait in the backlog.
    Waits,
    /// It would be accepted and closed.
    Closed,
    /// It would be accepted and reset.
    Reset,
    /// It would find nobody who listens.
    Unreachable,
}

/// What one rule says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub(crate) struct Rule {
    /// The key, or what else it is called.
    pub(crate) rule: &'static str,
    /// Whether the client passes; null where that is not known.
    pub(crate) passes: Option<bool>,
    /// In words.
    pub(crate) because: String,
}

impl Whom {
    /// From an address as people write it: of IP, with a port or without, or `unix`.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        if text == "unix" {
            return Some(Self::Unix);
        }
        let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
        let ip = bare.parse().or_else(|_| text.parse().map(|address: std::net::SocketAddr| address.ip()));
        // What an IPv6 socket calls ::ffff:192.0.2.1 is the address 192.0.2.1.
        ip.ok().map(|ip: IpAddr| Self::Ip(ip.to_canonical()))
    }
}

/// Asks every rule of a listener, until one decides.
pub(crate) fn why(whom: Whom, facts: &Facts<'_>) -> Answer {
    let full = match facts.when_full {
        WhenFull::Queue => Verdict::Waits,
        WhenFull::Close | WhenFull::Reply => Verdict::Closed,
        WhenFull::Reset => Verdict::Reset,
    };
    let stand = if facts.stand == Some(Stand::Closed) { Verdict::Unreachable } else { Verdict::Waits };
    let own_full = match facts.limits.client_full {
        ClientFull::Close => Verdict::Closed,
        ClientFull::Reset => Verdict::Reset,
    };
    let mut asked = vec![
        (reach(whom, facts), Verdict::Unreachable),
        (facts.stand.map_or_else(Rule::unknown_stand, Rule::stand), stand),
        (access(whom, facts), own_full),
        (Rule::places("limits.connections", facts.listener), full),
        (Rule::places("server.max_connections", facts.server), full),
    ];
    let Limits { connections_per_client, rate_per_client, rate, .. } = facts.limits;
    if let Some(limit) = connections_per_client {
        let places = Places { limit: Limit::At(*limit), taken: facts.own.map(|own| own.connections) };
        asked.push((Rule::places("limits.connections_per_client", places), own_full));
    }
    if let Some(rate) = rate_per_client {
        let in_time = facts.own.map(|own| own.has_token);
        asked.push((Rule::rate("limits.rate_per_client", *rate, in_time), own_full));
    }
    if let Some(rate) = rate {
        asked.push((Rule::rate("limits.rate", *rate, facts.in_time), full));
    }
    let mut answer =
        Answer { listener: facts.name.to_owned(), verdict: Verdict::Admitted, rule: None, rules: Vec::new() };
    for (rule, verdict) in asked {
        let (name, passes) = (rule.rule, rule.passes);
        answer.rules.push(rule);
        match passes {
            Some(true) => {}
            Some(false) => {
                return Answer { verdict, rule: Some(name), ..answer };
            }
            None if answer.rule.is_none() => {
                answer.verdict = Verdict::Depends;
                answer.rule = Some(name);
            }
            None => {}
        }
    }
    answer
}

impl Rule {
    fn new(rule: &'static str, passes: impl Into<Option<bool>>, because: impl Into<String>) -> Self {
        Self { rule, passes: passes.into(), because: because.into() }
    }

    fn unknown_stand() -> Self {
        Self::new("state", true, "the service is taken to accept")
    }

    fn stand(stand: Stand) -> Self {
        let because = match stand {
            Stand::Accepts => "the listener accepts",
            Stand::Paused => "the listener is paused: peers wait in the backlog until it is resumed",
            Stand::Starved => "accepting pauses as the system has no resources: peers wait in the backlog",
            Stand::Closed => "the listener does not listen any more",
        };
        Self::new("state", stand == Stand::Accepts, because)
    }

    fn rate(key: &'static str, rate: Rate, in_time: Option<bool>) -> Self {
        let because = match in_time {
            Some(true) => format!("it comes no faster than {rate}"),
            Some(false) => format!("the burst of {rate} is used up for the moment"),
            None => format!("passes as long as connections come no faster than {rate}"),
        };
        Self::new(key, in_time, because)
    }

    fn places(key: &'static str, Places { limit, taken }: Places) -> Self {
        match (limit, taken) {
            (Limit::None, _) => Self::new(key, true, "there is no limit"),
            (Limit::At(limit), Some(taken)) if taken < limit => {
                Self::new(key, true, format!("{taken} of {limit} connections are taken"))
            }
            (Limit::At(limit), Some(taken)) => {
                Self::new(key, false, format!("all of {limit} connections are taken: {taken}"))
            }
            (Limit::At(limit), None) => {
                Self::new(key, None, format!("passes as long as fewer than {limit} connections are served"))
            }
            (Limit::Unknown, _) => Self::new(
                key,
                None,
                "passes as long as there are descriptors: the limit is reckoned at the start",
            ),
        }
    }
}

/// Whether it may come in.
fn access(whom: Whom, facts: &Facts<'_>) -> Rule {
    let access = facts.access;
    let verdict = match whom {
        Whom::Ip(ip) => Some(access.decide_ip(ip)),
        Whom::Unix => access.decide_account(facts.account.user, facts.account.group),
    };
    let Some(AccessVerdict { admits, rule }) = verdict else {
        let because =
            "passes if the user, or the group, of the process is in `allow_users` or `allow_groups`";
        return Rule::new("access", None, because);
    };
    let because = access.told(rule).to_string();
    match (admits, access.dry_run) {
        (false, true) => {
            Rule::new(rule.key(), true, format!("{because}; access.dry_run lets it in all the same"))
        }
        _ => Rule::new(rule.key(), admits, because),
    }
}

/// Whether the client can get to an address of the listener at all.
fn reach(whom: Whom, facts: &Facts<'_>) -> Rule {
    let (mut found, mut unsure) = (None, None);
    for address in facts.addresses {
        match reaches(whom, address, facts.only_v6) {
            Some(true) => found = found.or(Some(address)),
            Some(false) => {}
            None => unsure = unsure.or(Some(address)),
        }
    }
    match (found, unsure) {
        (Some(address), _) => Rule::new("address", true, format!("it can connect to {address}")),
        (None, Some(address)) => Rule::new(
            "address",
            None,
            format!("passes if {address} stands for an address that it can connect to"),
        ),
        (None, None) => {
            let all: Vec<String> = facts.addresses.iter().map(ToString::to_string).collect();
            Rule::new("address", false, format!("it can't connect to {}", all.join(", ")))
        }
    }
}

/// `None` where that is not known.
fn reaches(whom: Whom, address: &Endpoint, only_v6: Option<bool>) -> Option<bool> {
    let unix = address.is_unix();
    let ip = match whom {
        _ if matches!(address, Endpoint::Activated(_)) => return None,
        Whom::Unix => return Some(unix),
        Whom::Ip(_) if unix => return Some(false),
        Whom::Ip(ip) => ip,
    };
    match address {
        Endpoint::Any(_) => Some(true),
        Endpoint::Ip(address) => {
            let ours = address.ip().to_canonical();
            let family = ours.is_ipv4() == ip.is_ipv4()
                || (ours.is_unspecified() && ours.is_ipv6() && only_v6 != Some(true));
            // From this machine all of its addresses can be reached, from others those that are no loopback.
            Some(family && (ip.is_loopback() || !ours.is_loopback()))
        }
        Endpoint::Name { host, .. } if host == "localhost" => Some(ip.is_loopback()),
        Endpoint::Name { .. } | Endpoint::Path(_) | Endpoint::Abstract(_) | Endpoint::Activated(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::LazyLock;

    use super::*;
    #[cfg(unix)]
    use crate::config::AccessConfig;

    static OPEN: LazyLock<Access> = LazyLock::new(Access::default);

    static NO_LIMITS: LazyLock<Limits> = LazyLock::new(Limits::default);

    #[test]
    fn limits_of_ones_own_are_asked_where_there_are_some() {
        use crate::config::meant::Per;
        let any = [Endpoint::Any(7)];
        let limits = Limits {
            connections_per_client: Some(2),
            rate_per_client: Some(Rate { count: 3, per: Per::Minute, burst: 3 }),
            rate: Some(Rate { count: 100, per: Per::Second, burst: 200 }),
            client_full: ClientFull::Reset,
            ..Limits::default()
        };
        let own = |connections, has_token| Some(Own { connections, has_token });
        for (own, in_time, verdict, rule) in [
            (own(1, true), Some(true), Verdict::Admitted, None),
            (own(2, true), Some(true), Verdict::Reset, Some("limits.connections_per_client")),
            (own(1, false), Some(true), Verdict::Reset, Some("limits.rate_per_client")),
            (own(1, true), Some(false), Verdict::Waits, Some("limits.rate")),
            (None, None, Verdict::Depends, Some("limits.connections_per_client")),
        ] {
            let answer = why(ip("192.0.2.1"), &Facts { limits: &limits, own, in_time, ..facts(&any) });
            assert_eq!((answer.verdict, answer.rule), (verdict, rule), "{answer:?}");
        }
        let answer = why(ip("192.0.2.1"), &Facts { limits: &limits, own: None, ..facts(&any) });
        assert_eq!(
            answer.rules.last().unwrap().because,
            "passes as long as connections come no faster than 100/s, burst 200"
        );
    }

    fn facts(addresses: &[Endpoint]) -> Facts<'_> {
        Facts {
            name: "echo",
            addresses,
            only_v6: None,
            stand: Some(Stand::Accepts),
            access: &OPEN,
            account: Account::default(),
            when_full: WhenFull::Queue,
            listener: Places { limit: Limit::At(2), taken: Some(1) },
            server: Places { limit: Limit::At(10), taken: Some(9) },
            limits: &NO_LIMITS,
            own: None,
            in_time: None,
        }
    }

    fn ip(text: &str) -> Whom {
        Whom::parse(text).unwrap()
    }

    #[test]
    fn addresses_are_read_as_people_write_them() {
        for (text, expected) in [
            ("192.0.2.1", Some("192.0.2.1")),
            ("192.0.2.1:4711", Some("192.0.2.1")),
            ("::1", Some("::1")),
            ("[::1]", Some("::1")),
            ("[::1]:7", Some("::1")),
            ("::ffff:192.0.2.1", Some("192.0.2.1")),
            ("localhost", None),
            ("", None),
            ("192.0.2", None),
        ] {
            let expected = expected.map(|ip| Whom::Ip(ip.parse().unwrap()));
            assert_eq!(Whom::parse(text), expected, "{text}");
        }
        assert_eq!(Whom::parse("unix"), Some(Whom::Unix));
    }

    #[test]
    fn the_first_rule_that_does_not_pass_decides() {
        let any = [Endpoint::Any(7)];
        let full = Places { limit: Limit::At(2), taken: Some(2) };
        let none = Places { limit: Limit::None, taken: Some(100) };
        let unknown = Places { limit: Limit::At(2), taken: None };
        let auto = Places { limit: Limit::Unknown, taken: None };
        let (accepts, free) = (Some(Stand::Accepts), facts(&any).listener);
        use Verdict as V;
        use WhenFull::{Close, Queue, Reset};
        for (stand, when_full, listener, server, verdict, rule) in [
            (accepts, Queue, free, free, V::Admitted, None),
            (accepts, Queue, none, none, V::Admitted, None),
            (Some(Stand::Paused), Close, full, full, V::Waits, Some("state")),
            (Some(Stand::Starved), Close, full, full, V::Waits, Some("state")),
            (Some(Stand::Closed), Close, full, full, V::Unreachable, Some("state")),
            (accepts, Queue, full, full, V::Waits, Some("limits.connections")),
            (accepts, Close, full, full, V::Closed, Some("limits.connections")),
            (accepts, Reset, free, full, V::Reset, Some("server.max_connections")),
            (None, Close, unknown, auto, V::Depends, Some("limits.connections")),
            (None, Close, none, auto, V::Depends, Some("server.max_connections")),
            (None, Close, none, none, V::Admitted, None),
        ] {
            let facts = Facts { stand, when_full, listener, server, ..facts(&any) };
            let answer = why(ip("192.0.2.1"), &facts);
            assert_eq!((answer.verdict, answer.rule), (verdict, rule), "{facts:?}");
            let last = answer.rules.last().unwrap();
            assert!(last.passes != Some(false) || Some(last.rule) == rule, "{answer:?}");
        }
    }

    // Only there are users known by their numbers.
    #[cfg(unix)]
    #[test]
    fn access_decides_before_limits() {
        let access = |dry_run| {
            let network = |text: &str| text.parse().unwrap();
            let deny = vec![network("192.0.2.0/24"), network("2001:db8::/32")];
            Access::new(&AccessConfig {
                deny,
                allow_users: Some(vec!["5".to_owned()]),
                dry_run,
                ..AccessConfig::default()
            })
            .unwrap()
        };
        let any = [Endpoint::Any(7), Endpoint::Path("/run/echo.sock".into())];
        let full = Places { limit: Limit::At(2), taken: Some(2) };
        let (strict, dry) = (access(false), access(true));
        let (five, six) = (Some(5), Some(6));
        use Verdict as V;
        for (whom, access, user, verdict, rule) in [
            ("192.0.2.1", &strict, None, V::Closed, Some("access.deny")),
            ("198.51.100.1", &strict, None, V::Waits, Some("limits.connections")),
            ("192.0.2.1", &dry, None, V::Waits, Some("limits.connections")),
            ("unix", &strict, five, V::Waits, Some("limits.connections")),
            ("unix", &strict, six, V::Closed, Some("access")),
            ("unix", &strict, None, V::Waits, Some("limits.connections")),
        ] {
            let account = Account { user, group: None };
            let facts = Facts { access, account, listener: full, ..facts(&any) };
            let answer = why(ip(whom), &facts);
            assert_eq!((answer.verdict, answer.rule), (verdict, rule), "{whom} {user:?}");
        }
        let unknown = why(Whom::Unix, &Facts { access: &strict, ..facts(&any) });
        assert_eq!((unknown.verdict, unknown.rule), (V::Depends, Some("access")));
        let told = why(ip("2001:db8::7"), &Facts { access: &strict, ..facts(&any) });
        assert_eq!(told.rules.last().unwrap().because, "access.deny has 2001:db8::/32");
        let told = why(ip("2001:db8::7"), &Facts { access: &dry, ..facts(&any) });
        assert!(told.rules.iter().any(|rule| rule.because.contains("dry_run lets it in")), "{told:?}");
    }

    #[test]
    fn who_can_connect_to_what() {
        let at = |text: &str| Endpoint::Ip(text.parse().unwrap());
        let name = |host: &str| Endpoint::Name { host: host.to_owned(), port: 7 };
        let unix = || Endpoint::Path("/run/echo.sock".into());
        for (whom, address, only_v6, expected) in [
            ("127.0.0.1", at("127.0.0.1:7"), None, Some(true)),
            ("127.0.0.1", at("192.0.2.7:7"), None, Some(true)),
            ("192.0.2.1", at("127.0.0.1:7"), None, Some(false)),
            ("192.0.2.1", at("192.0.2.7:7"), None, Some(true)),
            ("192.0.2.1", at("0.0.0.0:7"), None, Some(true)),
            ("192.0.2.1", at("[::]:7"), None, Some(true)),
            ("192.0.2.1", at("[::]:7"), Some(true), Some(false)),
            ("192.0.2.1", at("[2001:db8::7]:7"), None, Some(false)),
            ("2001:db8::1", at("[2001:db8::7]:7"), None, Some(true)),
            ("2001:db8::1", at("0.0.0.0:7"), None, Some(false)),
            ("2001:db8::1", Endpoint::Any(7), None, Some(true)),
            ("2001:db8::1", at("[::1]:7"), None, Some(false)),
            ("192.0.2.1", name("localhost"), None, Some(false)),
            ("::1", name("localhost"), None, Some(true)),
            ("192.0.2.1", name("a.example"), None, None),
            ("192.0.2.1", unix(), None, Some(false)),
            ("unix", unix(), None, Some(true)),
            ("unix", at("127.0.0.1:7"), None, Some(false)),
        ] {
            assert_eq!(reaches(ip(whom), &address, only_v6), expected, "{whom} to {address}");
        }
        let both = [at("127.0.0.1:7"), at("0.0.0.0:8")];
        assert_eq!(why(ip("192.0.2.1"), &facts(&both)).verdict, Verdict::Admitted);
        let answer = why(ip("192.0.2.1"), &facts(&both[..1]));
        assert_eq!((answer.verdict, answer.rule), (Verdict::Unreachable, Some("address")));
        assert_eq!(answer.rules.len(), 1);
    }
}
