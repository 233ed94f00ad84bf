//! What the program says beside its results, on standard error: as text on a terminal, or as lines of a log.

use std::fmt::{self, Write as _};
use std::io::{self, IsTerminal, Write};

use clap::{ArgAction, Args, ValueEnum};
use indicatif::ProgressBar;
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields, FormattedFields, MakeWriter};
use tracing_subscriber::registry::{LookupSpan, Scope};

use super::safe::safe;
use crate::model::text::folded;

/// Overrides what is logged, such as `presend=debug` or `presend::pipeline=trace`.
const VARIABLE: &str = "PRESEND_LOG";

/// Names the events that tell progress, for filters and for the text form, which leaves their fields out.
pub(super) const TARGET: &str = "presend::progress";

/// Options about what is said beside the results.
#[derive(Args, Clone, Copy, Debug, Default)]
pub(super) struct LogArgs {
    /// Say nothing but errors
    #[arg(long, short, conflicts_with = "verbose")]
    pub(super) quiet: bool,
    /// Say more: -v what happens at domains and hosts, -vv every step
    #[arg(long, short, action = ArgAction::Count)]
    pub(super) verbose: u8,
    /// How it is said on standard error: text for people, json for programs
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub(super) log_format: LogFormat,
}

/// How things are said.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum LogFormat {
    /// Lines for people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

impl LogArgs {
    /// What is logged unless the variable says otherwise. Other crates speak only of trouble.
    fn directives(self) -> &'static str {
        match (self.quiet, self.verbose) {
            (true, _) => "error",
            (false, 0) => "error,presend=warn,presend::progress=info",
            (false, 1) => "error,presend=info",
            (false, 2) => "error,presend=debug",
            (false, _) => "warn,presend=trace",
        }
    }

    /// Begins to log, around `bar` where there is one on the terminal. Later calls change nothing.
    pub(super) fn start(self, bar: &ProgressBar) {
        let filter =
            EnvFilter::try_from_env(VARIABLE).unwrap_or_else(|_| EnvFilter::new(self.directives()));
        let log = tracing_subscriber::fmt()
            .with_env_filter(filter)
            .with_ansi(!super::is_plain(&io::stderr()))
            .with_writer(Around { bar: bar.clone() });
        // A second start is a test's.
        let _ = match self.log_format {
            LogFormat::Text => {
                let reader = if io::stderr().is_terminal() {
                    Reader::Person
                } else {
                    Reader::Log
                };
                log.event_format(Line { reader }).try_init()
            }
            LogFormat::Json => log.json().flatten_event(true).try_init(),
        };
    }
}

/// Writes to standard error without tearing the progress that stands there.
struct Around {
    bar: ProgressBar,
}

impl<'a> MakeWriter<'a> for Around {
    type Writer = AroundOnce<'a>;

    fn make_writer(&'a self) -> AroundOnce<'a> {
        AroundOnce { bar: &self.bar }
    }
}

/// One message on its way.
struct AroundOnce<'a> {
    bar: &'a ProgressBar,
}

impl Write for AroundOnce<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.bar
            .suspend(|| io::stderr().lock().write_all(bytes))
            .map(|()| bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}

/// The reader of the lines: a log needs the time before each, a terminal lines that break between words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reader {
    Log,
    Person,
}

/// One event on one line: `presend: message (field=value; ...)`.
struct Line {
    reader: Reader,
}

impl<S, N> FormatEvent<S, N> for Line
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let rank = match *event.metadata().level() {
            Level::ERROR => "error: ",
            Level::WARN => "warning: ",
            _ => "",
        };
        let mut words = Words::default();
        event.record(&mut words);
        let mut line = format!("presend: {rank}{}", words.message);
        for span in context.event_scope().into_iter().flat_map(Scope::from_root) {
            let extensions = span.extensions();
            let fields = extensions.get::<FormattedFields<N>>();
            if let Some(fields) = fields.filter(|fields| !fields.is_empty()) {
                write!(words.fields, " {}", safe(&fields.fields))?;
            }
        }
        // What only programs want is left to the JSON form.
        if event.metadata().target() != TARGET && !words.fields.is_empty() {
            write!(line, " ({})", words.fields.trim_start())?;
        }
        match self.reader {
            Reader::Log => {
                let now = std::time::SystemTime::now();
                writeln!(writer, "{} {line}", humantime::format_rfc3339_seconds(now))
            }
            Reader::Person => {
                let columns = super::columns_of_errors();
                writeln!(writer, "{}", folded(&line, 2, columns))
            }
        }
    }
}

/// The words of an event. Much of them comes from outside.
#[derive(Default)]
struct Words {
    message: String,
    fields: String,
}

impl Visit for Words {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let said = safe(&format!("{value:?}"));
        if field.name() == "message" {
            self.message = said;
        } else {
            let _ = write!(self.fields, " {}={said}", field.name());
        }
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == "message" {
            self.message = safe(value);
        } else {
            let _ = write!(self.fields, " {}={:?}", field.name(), safe(value));
        }
    }
}
