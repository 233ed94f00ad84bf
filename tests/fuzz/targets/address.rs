//! Any bytes as an address, and as a cell that holds some.

use presend::input::address::{Address, contents, suggest, suggest_text};

/// Reads the address; what is one stays the same when it is written and read again.
pub fn run(data: &[u8]) {
    let _ = contents(data);
    let text = String::from_utf8_lossy(data);
    let _ = suggest_text(&text);
    let Ok(address) = Address::parse_bytes(data) else {
        return;
    };
    let again = Address::parse(address.wire()).expect("what goes onto the wire is an address");
    assert_eq!(again.wire(), address.wire());
    assert_eq!(again.key(), address.key());
    let shown = Address::parse(&address.to_string()).expect("what is shown is an address");
    assert_eq!(shown.key(), address.key());
    assert!(!address.wire().chars().any(char::is_control));
    let _ = address.envelope();
    let _ = suggest(&address);
}
