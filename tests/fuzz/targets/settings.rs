//! Any bytes as one of the files in TOML that an operator writes, and as a suppression list.

use presend::bounce::import::Platforms;
use presend::cli::settings::Settings;
use presend::input::address::Address;
use presend::input::suppression::Suppression;
use presend::model::verdict::policy::Policy;
use presend::sim::net::Internet;

/// Reads them as each kind; what is wrong is said in words that may be shown.
pub fn run(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let known = ["mail-from", "helo", "host-rate", "dns"].map(str::to_owned);
    match Settings::from_toml(&text, "presend.toml", &known) {
        Ok(settings) => drop(settings.get("mail-from").cloned()),
        Err(error) => drop(error.to_string()),
    }
    if let Err(error) = Policy::from_toml(&text, "policy.toml") {
        let _ = error.to_string();
    }
    if let Err(error) = Platforms::built_in()
        .clone()
        .with_mapping(&text, "mapping.toml")
    {
        let _ = error.to_string();
    }
    if let Ok(world) = Internet::from_toml(&text, "world.toml") {
        for domain in ["acme.test", "example.com", ""] {
            let _ = world.mail_hosts(domain);
            let _ = world.truth(&format!("ann@{domain}"));
        }
    }
    let mut suppression = Suppression::default();
    if suppression.add(data, "suppress.csv").is_ok() {
        let ann = Address::parse("ann@example.net").expect("an address");
        let _ = suppression.has(&ann);
    }
}
