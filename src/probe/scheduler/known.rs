//! What is known of a host, at the size of a pointer while that is nothing: most hosts of a long list wait for their
//! first question.

use std::ops::{Deref, DerefMut};
use std::sync::LazyLock;

use crate::probe::KnownHost;

/// What is known of every host at first.
static NOTHING: LazyLock<KnownHost> = LazyLock::new(KnownHost::default);

/// See the module's own words.
#[derive(Debug, Default)]
pub(super) struct Known(Option<Box<KnownHost>>);

impl Known {
    /// Whether nothing is known.
    pub(super) fn is_nothing(&self) -> bool {
        self.0.is_none()
    }
}

impl From<KnownHost> for Known {
    fn from(known: KnownHost) -> Self {
        Known((known != *NOTHING).then(|| Box::new(known)))
    }
}

impl Deref for Known {
    type Target = KnownHost;

    fn deref(&self) -> &KnownHost {
        self.0.as_deref().unwrap_or(&NOTHING)
    }
}

impl DerefMut for Known {
    fn deref_mut(&mut self) -> &mut KnownHost {
        self.0.get_or_insert_default()
    }
}
