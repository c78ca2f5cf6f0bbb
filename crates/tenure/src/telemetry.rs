//! Logs, on standard error.

use anyhow::Context as _;
use tracing_subscriber::EnvFilter;

use crate::arguments::{LogArguments, LogFormat};

pub(crate) fn start(arguments: &LogArguments) -> anyhow::Result<()> {
    let filter = EnvFilter::try_new(&arguments.log).context("read --log")?;
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    match arguments.log_format {
        LogFormat::Json => builder.json().flatten_event(true).init(),
        LogFormat::Human => builder.with_ansi(false).init(),
    }
    Ok(())
}
