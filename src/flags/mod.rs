//! stand-in
use serde::{Deserialize, Serialize};
/// stand-in
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum Flag {
    Role,
    Disposable,
    Free,
    TrapLike,
    Duplicate,
    Reserved,
}
