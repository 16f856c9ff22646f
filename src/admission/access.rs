//! Who may come in: by network, or over a Unix socket by user. Asked of every peer before anything else is.

use std::cmp::Reverse;
use std::fmt;
use std::io;
use std::net::IpAddr;

use crate::config::AccessConfig;
use crate::config::networks::{Found, ListFile, Networks};
use crate::listener::{Address, Credentials};
use crate::platform;

/// The lists of one listener. Those in files are as of the last time that they were good.
#[derive(Debug, Default)]
pub(crate) struct Access {
    allow: Option<Networks>,
    deny: Networks,
    allow_file: Option<ListFile>,
    deny_file: Option<ListFile>,
    users: Option<Vec<u32>>,
    groups: Option<Vec<u32>>,
    /// Whom it would refuse is let in.
    pub(crate) dry_run: bool,
}

/// Whether somebody may come in, and why.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Verdict {
    pub(crate) admits: bool,
    pub(crate) rule: AccessRule,
}

/// What decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AccessRule {
    /// No list has anything against it, and there is none of whom to allow.
    NoList,
    /// The narrowest network of all lists.
    Network(List, Found),
    /// There are lists of whom to allow, and none has it.
    NotListed,
    /// The user is listed.
    User(u32),
    /// The group is listed.
    Group(u32),
    /// The system does not tell who it is, and not everybody may come.
    Unknown,
}

/// A list of networks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum List {
    Allow,
    AllowFile,
    Deny,
    DenyFile,
}

/// An account of the lists is not known to the system.
#[derive(Debug, thiserror::Error)]
#[error("`{key}` has `{name}`, which this system does not know")]
pub(crate) struct UnknownAccount {
    key: &'static str,
    name: String,
    #[source]
    source: Option<io::Error>,
}

impl Access {
    /// Looks the accounts up, which may take its time.
    ///
    /// # Errors
    ///
    /// Where the system does not know one.
    pub(crate) fn new(config: &AccessConfig) -> Result<Self, UnknownAccount> {
        let users = config.allow_users.as_deref();
        let groups = config.allow_groups.as_deref();
        Ok(Self {
            allow: config.allow.as_ref().map(|list| list.iter().copied().collect()),
            deny: config.deny.iter().copied().collect(),
            allow_file: config.allow_file.clone(),
            deny_file: config.deny_file.clone(),
            users: users.map(|names| ids("access.allow_users", names, platform::user_id)).transpose()?,
            groups: groups.map(|names| ids("access.allow_groups", names, platform::group_id)).transpose()?,
            dry_run: config.dry_run,
        })
    }

    /// Whether the peer, or the client, may come in. It takes no lock, and costs a look-up in each of the lists that there are.
    pub(crate) fn decide(&self, address: &Address) -> Verdict {
        match address {
            Address::Tcp(address) => self.decide_ip(address.ip()),
            Address::Unix(Some(Credentials { user, group, .. })) => self
                .decide_account(Some(*user), Some(*group))
                .unwrap_or(Verdict::open_unless(self.has_accounts(), AccessRule::Unknown)),
            Address::Unix(None) => Verdict::open_unless(self.has_accounts(), AccessRule::Unknown),
            Address::Unnamed => Verdict::open_unless(self.is_restricted(), AccessRule::Unknown),
        }
    }

    pub(crate) fn decide_ip(&self, address: IpAddr) -> Verdict {
        let allowed = self.allow.as_ref().and_then(|list| list.find(address));
        let allowed_by_file = self.allow_file.as_ref().and_then(|file| file.networks().find(address));
        let denied = self.deny.find(address);
        let denied_by_file = self.deny_file.as_ref().and_then(|file| file.networks().find(address));
        let found = [
            (List::Deny, denied),
            (List::DenyFile, denied_by_file),
            (List::Allow, allowed),
            (List::AllowFile, allowed_by_file),
        ];
        let found = found.into_iter().filter_map(|(list, found)| Some((list, found?)));
        // Of several that are as narrow the first one is taken.
        match found.min_by_key(|(_, found)| Reverse(found.network.prefix_len())) {
            Some((list, found)) => Verdict { admits: list.allows(), rule: AccessRule::Network(list, found) },
            None => Verdict::open_unless(self.is_restricted(), AccessRule::NotListed),
        }
    }

    /// As [`decide`](Self::decide) for a user of this machine who need not be wholly known; `None` where it depends on the rest.
    pub(crate) fn decide_account(&self, user: Option<u32>, group: Option<u32>) -> Option<Verdict> {
        let listed = |list: &Option<Vec<u32>>, id: Option<u32>| match (list, id) {
            (None, _) => Some(false),
            (Some(list), id) => id.map(|id| list.contains(&id)),
        };
        match (listed(&self.users, user), listed(&self.groups, group)) {
            (Some(true), _) => user.map(|user| Verdict { admits: true, rule: AccessRule::User(user) }),
            (_, Some(true)) => group.map(|group| Verdict { admits: true, rule: AccessRule::Group(group) }),
            (Some(false), Some(false)) => {
                Some(Verdict::open_unless(self.has_accounts(), AccessRule::NotListed))
            }
            _ => None,
        }
    }

    /// The key, and where in it, in words.
    pub(crate) fn told(&self, rule: AccessRule) -> impl fmt::Display {
        Told { access: self, rule }
    }

    /// How many networks are listed now: of whom to allow, and of whom to deny.
    #[cfg(feature = "admin")]
    pub(crate) fn networks(&self) -> (Option<usize>, usize) {
        let of_file = |file: &Option<ListFile>| file.as_ref().map(|file| file.networks().len());
        let allowed = match (&self.allow, of_file(&self.allow_file)) {
            (None, None) => None,
            (list, file) => Some(list.as_ref().map_or(0, Networks::len) + file.unwrap_or_default()),
        };
        (allowed, self.deny.len() + of_file(&self.deny_file).unwrap_or_default())
    }

    /// The lists that are in files.
    pub(crate) fn files(&self) -> impl Iterator<Item = &ListFile> {
        self.allow_file.iter().chain(&self.deny_file)
    }

    /// Whether who is in no list of networks is refused.
    fn is_restricted(&self) -> bool {
        self.allow.is_some() || self.allow_file.is_some()
    }

    /// Whether who is in no list of accounts is refused.
    fn has_accounts(&self) -> bool {
        self.users.is_some() || self.groups.is_some()
    }
}

fn ids(
    key: &'static str,
    names: &[String],
    look_up: impl Fn(&str) -> io::Result<Option<u32>>,
) -> Result<Vec<u32>, UnknownAccount> {
    let id = |name: &String| {
        let unknown = |source| UnknownAccount { key, name: name.clone(), source };
        look_up(name).map_err(|error| unknown(Some(error)))?.ok_or_else(|| unknown(None))
    };
    names.iter().map(id).collect()
}

impl Verdict {
    fn open_unless(restricted: bool, rule: AccessRule) -> Self {
        let rule = if restricted { rule } else { AccessRule::NoList };
        Self { admits: !restricted, rule }
    }
}

impl AccessRule {
    /// The key that decides, where it is one.
    #[cfg(feature = "admin")]
    pub(crate) fn key(self) -> &'static str {
        match self {
            Self::Network(list, _) => list.key(),
            Self::User(_) => "access.allow_users",
            Self::Group(_) => "access.allow_groups",
            Self::NoList | Self::NotListed | Self::Unknown => "access",
        }
    }
}

impl List {
    fn allows(self) -> bool {
        matches!(self, Self::Allow | Self::AllowFile)
    }

    fn key(self) -> &'static str {
        match self {
            Self::Allow => "access.allow",
            Self::AllowFile => "access.allow_file",
            Self::Deny => "access.deny",
            Self::DenyFile => "access.deny_file",
        }
    }
}

struct Told<'a> {
    access: &'a Access,
    rule: AccessRule,
}

impl fmt::Display for Told<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (list, found) = match self.rule {
            AccessRule::NoList => {
                return f.write_str("there is no list that it is in, and none of whom to allow");
            }
            AccessRule::NotListed => return f.write_str("it is in no list of whom to allow"),
            AccessRule::User(user) => return write!(f, "access.allow_users has user {user}"),
            AccessRule::Group(group) => return write!(f, "access.allow_groups has group {group}"),
            AccessRule::Unknown => {
                return f.write_str("it is not known who it is, and not everybody may come");
            }
            AccessRule::Network(list, found) => (list, found),
        };
        let file = match list {
            List::AllowFile => &self.access.allow_file,
            List::DenyFile => &self.access.deny_file,
            List::Allow | List::Deny => &None,
        };
        write!(f, "{} has {}", list.key(), found.network)?;
        match file {
            Some(file) => write!(f, ", {}:{}", file.path().display(), found.place),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use super::*;
    use crate::config::{Overrides, read};

    /// As server.toml has it, below `access`.
    fn access(keys: &str) -> Access {
        let address = if cfg!(unix) { "[\":0\", \"unix:/x\"]" } else { "\":0\"" };
        let text = format!("[[listener]]\nname = \"echo\"\naddress = {address}\nhandler = \"echo\"\n{keys}");
        let (config, faults) = read("server.toml", &text, &Overrides::default());
        if !faults.is_empty() {
            panic!("{}", faults.into_problems());
        }
        Access::new(&config.listeners[0].access).unwrap()
    }

    fn ask(access: &Access, address: &str) -> (bool, String) {
        let address = Address::Tcp(SocketAddr::new(address.parse().unwrap(), 4711));
        let verdict = access.decide(&address);
        (verdict.admits, access.told(verdict.rule).to_string())
    }

    #[test]
    fn the_narrowest_network_of_both_lists_decides() {
        let both = access(
            "access.allow = [\"10.0.0.0/8\", \"10.1.2.0/24\", \"2001:db8::/32\", \"192.0.2.7\"]\n\
             access.deny = [\"10.1.0.0/16\", \"2001:db8:bad::/48\", \"192.0.2.7\"]\n",
        );
        for (address, admits, told) in [
            ("10.0.0.1", true, "access.allow has 10.0.0.0/8"),
            ("10.1.0.1", false, "access.deny has 10.1.0.0/16"),
            ("10.1.2.1", true, "access.allow has 10.1.2.0/24"),
            ("::ffff:10.1.0.1", false, "access.deny has 10.1.0.0/16"),
            ("::ffff:10.1.2.1", true, "access.allow has 10.1.2.0/24"),
            ("2001:db8::1", true, "access.allow has 2001:db8::/32"),
            ("2001:db8:bad::1", false, "access.deny has 2001:db8:bad::/48"),
            // It is in both: `deny`.
            ("192.0.2.7", false, "access.deny has 192.0.2.7/32"),
            ("192.0.2.8", false, "it is in no list of whom to allow"),
            ("2001:db9::1", false, "it is in no list of whom to allow"),
        ] {
            assert_eq!(ask(&both, address), (admits, told.to_owned()), "{address}");
        }
    }

    #[test]
    fn who_is_in_no_list_may_come_unless_there_is_one_of_whom_to_allow() {
        let open = "there is no list that it is in, and none of whom to allow".to_owned();
        assert_eq!(ask(&access(""), "192.0.2.1"), (true, open.clone()));
        let deny = access("access.deny = [\"0.0.0.0/0\"]\n");
        assert!(!ask(&deny, "192.0.2.1").0);
        assert_eq!(ask(&deny, "2001:db8::1"), (true, open), "that is all of IPv4 alone");
        let allow = access("access.allow = [\"::/0\"]\n");
        assert!(ask(&allow, "::1").0 && !ask(&allow, "127.0.0.1").0);
        // An in-memory connection, of which nothing is known.
        assert!(deny.decide(&Address::Unnamed).admits && !allow.decide(&Address::Unnamed).admits);
    }

    #[cfg(unix)]
    #[test]
    fn lists_of_networks_do_not_concern_unix_sockets_and_the_other_way_round() {
        let credentials = |user, group| Address::Unix(Some(Credentials { user, group, process: Some(1) }));
        let networks = access("access.allow = [\"10.0.0.0/8\"]\n");
        assert!(networks.decide(&credentials(5, 5)).admits && networks.decide(&Address::Unix(None)).admits);
        let users = access("access.allow_users = [1000, 1001]\naccess.allow_groups = [33]\n");
        assert!(ask(&users, "192.0.2.1").0);
        for (address, admits, told) in [
            (credentials(1000, 1000), true, "access.allow_users has user 1000"),
            (credentials(1001, 33), true, "access.allow_users has user 1001"),
            (credentials(5, 33), true, "access.allow_groups has group 33"),
            (credentials(33, 5), false, "it is in no list of whom to allow"),
            (credentials(0, 0), false, "it is in no list of whom to allow"),
            (Address::Unix(None), false, "it is not known who it is, and not everybody may come"),
        ] {
            let verdict = users.decide(&address);
            assert_eq!((verdict.admits, users.told(verdict.rule).to_string()), (admits, told.to_owned()));
        }
    }

    #[cfg(unix)]
    #[test]
    fn accounts_are_looked_up_by_name() {
        let root = access("access.allow_users = [\"root\"]\n");
        let decide = |user, group| root.decide_account(Some(user), Some(group)).unwrap();
        assert!(decide(0, 5).admits && !decide(5, 0).admits);
        let unknown =
            AccessConfig { allow_groups: Some(vec!["no-such-group".to_owned()]), ..AccessConfig::default() };
        let error = Access::new(&unknown).unwrap_err().to_string();
        assert_eq!(error, "`access.allow_groups` has `no-such-group`, which this system does not know");
    }

    #[test]
    fn files_and_keys_are_one_list() {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str, text: &str| {
            let path = folder.path().join(name);
            std::fs::write(&path, text).unwrap();
            path.display().to_string()
        };
        let allow = file("allow", "# ours\n192.0.2.0/24\n10.1.2.3\n");
        let deny = file("deny", "\n\n192.0.2.66\n10.0.0.0/8\n");
        let lists = access(&format!(
            "access.allow = [\"10.0.0.0/16\"]\naccess.allow_file = '{allow}'\naccess.deny_file = '{deny}'\n"
        ));
        for (address, admits, told) in [
            ("192.0.2.1", true, format!("access.allow_file has 192.0.2.0/24, {allow}:2")),
            ("192.0.2.66", false, format!("access.deny_file has 192.0.2.66/32, {deny}:3")),
            ("10.0.7.7", true, "access.allow has 10.0.0.0/16".to_owned()),
            ("10.1.2.3", true, format!("access.allow_file has 10.1.2.3/32, {allow}:3")),
            ("10.1.2.4", false, format!("access.deny_file has 10.0.0.0/8, {deny}:4")),
            ("127.0.0.1", false, "it is in no list of whom to allow".to_owned()),
        ] {
            assert_eq!(ask(&lists, address), (admits, told), "{address}");
        }
        assert_eq!(lists.files().count(), 2);
        let alone = access(&format!("access.allow_file = '{allow}'\n"));
        assert!(!ask(&alone, "127.0.0.1").0, "a file is a list of whom to allow too");
    }
}
