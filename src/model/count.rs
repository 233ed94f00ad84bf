//! Counts, as the numbers that shares and rates are made of.

/// A count for arithmetic; exact below 2^53, which no list reaches.
#[expect(
    clippy::cast_precision_loss,
    reason = "counts of rows stay far below 2^53"
)]
#[must_use]
pub fn float(count: u64) -> f64 {
    count as f64
}
