//! The projection against random worlds: the short form of `presend simulate --worlds 500`.

use presend::sim::score::calibrate;

/// Worlds of the short form: enough that an interval which is much too narrow, or says nothing, shows.
const WORLDS: u64 = 60;

#[test]
fn intervals_hold_nine_times_in_ten_in_worlds_that_nobody_thought_of() {
    let calibration = calibrate(5_000, WORLDS, 120).unwrap();
    let told = calibration.describe();
    for of in [calibration.input, calibration.verified, calibration.review] {
        assert!(of.share() >= 0.80, "{told}");
    }
    let all = calibration.all().share();
    assert!((0.86..=0.98).contains(&all), "{told}");
    assert!(calibration.rows.brier() < 0.12, "{told}");
}
