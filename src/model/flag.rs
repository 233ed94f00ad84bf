//! The flags of an address as a compact set.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Something to know about an address that changes nothing about whether it exists. Policy decides what it does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
#[non_exhaustive]
pub enum Flag {
    /// It belongs to a function, not to a person.
    Role,
    /// Its domain hands out throw-away addresses.
    Disposable,
    /// Its domain gives mailboxes to the general public.
    Free,
    /// It looks like a spam trap.
    TrapLike,
    /// An earlier row names the same mailbox.
    Duplicate,
    /// It is on the operator's suppression list.
    Suppressed,
    /// Its domain is reserved: it has no owner on the internet (RFC 2606, RFC 6761 and later ones).
    ReservedName,
    /// The row names other addresses beside this one.
    SeveralAddresses,
    /// More than blanks stood around the address.
    Cleaned,
}

impl Flag {
    /// Every flag, in the order in which they are written.
    pub const ALL: [Flag; 9] = [
        Flag::Role,
        Flag::Disposable,
        Flag::Free,
        Flag::TrapLike,
        Flag::Duplicate,
        Flag::Suppressed,
        Flag::ReservedName,
        Flag::SeveralAddresses,
        Flag::Cleaned,
    ];

    /// The name used in lists and reports, such as `trap_like`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Flag::Role => "role",
            Flag::Disposable => "disposable",
            Flag::Free => "free",
            Flag::TrapLike => "trap_like",
            Flag::Duplicate => "duplicate",
            Flag::Suppressed => "suppressed",
            Flag::ReservedName => "reserved_name",
            Flag::SeveralAddresses => "several_addresses",
            Flag::Cleaned => "cleaned",
        }
    }
}

impl fmt::Display for Flag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A set of flags. It is written as their names joined by `;`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Flags(u16);

impl Flags {
    /// The empty set of flags.
    pub const NONE: Flags = Flags(0);

    /// This set and `flag`.
    #[must_use]
    pub const fn with(self, flag: Flag) -> Flags {
        Flags(self.0 | 1 << flag as u8)
    }

    /// Whether `flag` is in the set.
    #[must_use]
    pub const fn has(self, flag: Flag) -> bool {
        self.0 & 1 << flag as u8 != 0
    }

    /// Whether no flag is in the set.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The flags in the order in which they are written.
    pub fn iter(self) -> impl Iterator<Item = Flag> {
        // Most sets are empty, and every row passes here.
        let mut left = self.0;
        std::iter::from_fn(move || {
            let flag = Flag::ALL.get(left.trailing_zeros() as usize)?;
            left &= left - 1;
            Some(*flag)
        })
    }
}

impl FromIterator<Flag> for Flags {
    fn from_iter<I: IntoIterator<Item = Flag>>(flags: I) -> Self {
        flags.into_iter().fold(Flags::NONE, Flags::with)
    }
}

impl fmt::Display for Flags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, flag) in self.iter().enumerate() {
            if at > 0 {
                f.write_str(";")?;
            }
            f.write_str(flag.as_str())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_is_written_in_one_order_whatever_was_added_first() {
        let set = Flags::NONE
            .with(Flag::Duplicate)
            .with(Flag::Role)
            .with(Flag::Role);
        assert_eq!(set.to_string(), "role;duplicate");
        assert!(set.has(Flag::Role) && !set.has(Flag::Free));
        assert_eq!(Flags::NONE.to_string(), "");
    }

    #[test]
    fn every_flag_is_a_set_of_its_own() {
        for flag in Flag::ALL {
            let set: Flags = [flag].into_iter().collect();
            assert_eq!(set.iter().collect::<Vec<_>>(), [flag]);
            assert_eq!(set.to_string(), flag.as_str());
        }
    }
}
