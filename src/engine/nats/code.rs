//! Codes by which the server tells one error from another (its `server/errors.json`).

/// Not as many servers as there are to be copies.
pub(super) const TOO_FEW_SERVERS: u32 = 10_005;
pub(super) const NO_SUCH_CONSUMER: u32 = 10_014;
pub(super) const NO_SUCH_MESSAGE: u32 = 10_037;
pub(super) const NO_SUCH_SEQUENCE: u32 = 10_043;
/// A message cannot be deleted, for a reason that only the words tell.
pub(super) const NOT_DELETED: u32 = 10_057;
pub(super) const OTHER_CONFIGURATION: u32 = 10_058;
pub(super) const NO_SUCH_STREAM: u32 = 10_059;
pub(super) const OTHER_REVISION: u32 = 10_071;
