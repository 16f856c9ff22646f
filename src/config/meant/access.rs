//! `access.*` of a listener.

use ipnet::IpNet;

use crate::config::networks::ListFile;

/// Who may come in. Lists of networks are about clients with addresses of IP, lists of accounts about those of Unix sockets.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct AccessConfig {
    /// `None` = there is no such list.
    pub(crate) allow: Option<Vec<IpNet>>,
    pub(crate) deny: Vec<IpNet>,
    pub(crate) allow_file: Option<ListFile>,
    pub(crate) deny_file: Option<ListFile>,
    /// By name or number; `None` = there is no such list.
    pub(crate) allow_users: Option<Vec<String>>,
    /// As `allow_users`.
    pub(crate) allow_groups: Option<Vec<String>>,
    /// Whom it would refuse is counted, and let in.
    pub(crate) dry_run: bool,
}
