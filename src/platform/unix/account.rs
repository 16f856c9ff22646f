//! Users and groups.

use std::io;

use nix::unistd::{Group, User};

/// The number of a user, by name or number; `None` where there is none of that name.
pub(crate) fn user_id(user: &str) -> io::Result<Option<u32>> {
    match user.parse() {
        Ok(id) => Ok(Some(id)),
        Err(_) => Ok(User::from_name(user)?.map(|user| user.uid.as_raw())),
    }
}

/// The number of a group, by name or number; `None` where there is none of that name.
pub(crate) fn group_id(group: &str) -> io::Result<Option<u32>> {
    match group.parse() {
        Ok(id) => Ok(Some(id)),
        Err(_) => Ok(Group::from_name(group)?.map(|group| group.gid.as_raw())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn by_name_and_by_number() {
        assert_eq!(user_id("root").unwrap(), Some(0));
        assert_eq!(user_id("12345").unwrap(), Some(12_345));
        assert_eq!(user_id("no-such-user").unwrap(), None);
        assert_eq!(group_id("12345").unwrap(), Some(12_345));
        assert_eq!(group_id("no-such-group").unwrap(), None);
    }
}
