//! `version`: of this program, and of Tenure's server.

use schemars::JsonSchema;
use serde::Serialize;
use tenure_api::Published;
use tenure_core::Mode;

use crate::arguments::{AssumedArguments, GlobalArguments, VersionArguments};
use crate::exit::Outcome;
use crate::printer::Printer;
use crate::session::Session;
use crate::text::{CAREFUL, STRONG, Text};
use crate::view::json::{Document, Says};

/// Versions.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Version {
    /// Of this program.
    client: String,
    /// Of the server; null if it was not asked for, or is not known.
    server: Option<ServerVersion>,
    /// Why the server's is not known; null if it is, or was not asked for.
    unknown: Option<String>,
}

/// Of the server.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ServerVersion {
    /// Its version.
    version: String,
    /// How it runs.
    mode: String,
    /// The namespace that it runs in.
    namespace: String,
}

impl Says for Version {
    const KIND: &'static str = "Version";
}

pub(crate) async fn run(
    arguments: &VersionArguments,
    global: &GlobalArguments,
    printer: &mut Printer,
) -> Outcome {
    let machine = arguments.output.machine();
    printer.for_programs(machine);
    let mut version =
        Version { client: env!("CARGO_PKG_VERSION").to_owned(), server: None, unknown: None };
    if !arguments.client {
        let session = Session::open(global).await?;
        let known = session.known(&AssumedArguments::default()).await;
        let namespace = session.tenure_namespace.clone();
        let of = |Published { version, mode, .. }: Published| {
            let mode = Mode::from(mode).as_str().to_owned();
            ServerVersion { version, mode, namespace }
        };
        version.server = known.published.map(of);
        version.unknown = known.advisory.into_iter().next();
    }
    if let Some(machine) = machine {
        return printer.document(machine, &Document::of(version));
    }
    printer.line(&Text::plain("client: ").with(STRONG, &version.client))?;
    if let Some(ServerVersion { version, mode, namespace }) = &version.server {
        let text = Text::plain("server: ").with(STRONG, version);
        printer.line(&text.and(format!(" ({mode}, in namespace {namespace})")))?;
    }
    match &version.unknown {
        Some(why) => {
            printer.line(&Text::plain("server: ").with(CAREFUL, "unknown").and(format!(": {why}")))
        }
        None => Ok(()),
    }
}
