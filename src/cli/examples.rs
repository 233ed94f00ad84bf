//! What stands below the options in each subcommand's help: how it is used, and how `verify` ends.

/// Below the options of `verify`.
pub(super) const VERIFY: &str = "\
Examples:
  presend verify leads.csv --mail-from verify@your-domain.example
      three lists and a report, in leads.csv.presend
  presend verify leads.csv --mail-from verify@your-domain.example --fail-over 2% && ./send.sh
      sends only when verified.csv is proven and projected to bounce at no more than 2 %

Exit codes:
  0    done
  1    done, but not good enough: --fail-over or --min-verified is not met
  2    usage or settings
  3    the list cannot be read, or its column is the wrong one
  4    not able to ask: no DNS, port 25 closed, another run at work
  130  interrupted";

/// Below the options of `check`.
pub(super) const CHECK: &str = "\
Example:
  presend check anna@acme.example --mail-from verify@your-domain.example
      exit code 1 when an address is undeliverable";

/// Below the options of `estimate`.
pub(super) const ESTIMATE: &str = "\
Example:
  presend estimate leads.csv --sample 400 --mail-from verify@your-domain.example";

/// Below the options of `report`.
pub(super) const REPORT: &str = "\
Example:
  presend report leads.csv.presend --format md";

/// Below the options of `explain`.
pub(super) const EXPLAIN: &str = "\
Example:
  presend explain '550 5.1.1 User unknown'";

/// Below the options of `bounces`.
pub(super) const BOUNCES: &str = "\
Example:
  presend bounces returned.mbox --run leads.csv.presend";

/// Below the options of `preflight`, in its short help; the long one says more.
pub(super) const PREFLIGHT: &str = "\
Example:
  presend preflight your-domain.example --ip 192.0.2.10 --selector s1";

/// Below the options of `ledger`.
pub(super) const LEDGER: &str = "\
Example:
  presend ledger stats";

/// Below the options of `lists`.
pub(super) const LISTS: &str = "\
Example:
  presend lists";

/// Below the options of `simulate`.
pub(super) const SIMULATE: &str = "\
Example:
  presend simulate --seed 7";

/// Below the options of `config`.
pub(super) const CONFIG: &str = "\
Example:
  presend config";

/// Below the options of `completions`.
pub(super) const COMPLETIONS: &str = "\
Example:
  presend completions bash >> ~/.bash_completion";

/// Below the help of `man`.
pub(super) const MAN: &str = "\
Example:
  presend man | man -l -";

/// Below the options of `worker`.
#[cfg(feature = "engine")]
pub(super) const WORKER: &str = "\
Example:
  presend worker --engine nats://10.0.0.1:4222 --source-ip 198.51.100.7 --helo v1.example.net
      then anywhere: presend verify leads.csv --engine nats://10.0.0.1:4222 --mail-from verify@example.net";

/// Below the options of `engine`.
#[cfg(feature = "engine")]
pub(super) const ENGINE: &str = "\
Example:
  presend engine status --engine nats://10.0.0.1:4222
      exit code 1 when something is wrong there";

/// Below the options of `serve`.
#[cfg(feature = "serve")]
pub(super) const SERVE: &str = "\
Example:
  presend serve --mail-from verify@your-domain.example
      then open http://127.0.0.1:8025";
