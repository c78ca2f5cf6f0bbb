//! Results for programs: versioned, described by a JSON Schema, and free of anything that a
//! terminal would obey.

use std::io::{self, Write};

use schemars::{JsonSchema, Schema, SchemaGenerator, generate::SchemaSettings};
use serde::Serialize;
use serde_json::ser::{CharEscape, Formatter, PrettyFormatter};

use crate::commands::adopt::Adoption;
use crate::commands::audit::{Trails, Verification};
use crate::commands::breaker::BreakerState;
use crate::commands::delete::Deletions;
use crate::commands::list::ProjectList;
use crate::commands::marks::Marks;
use crate::commands::plans::DeletionPlans;
use crate::commands::say::Said;
use crate::commands::version::Version;
use crate::commands::why::Reasons;
use crate::exit::{Failure, Kind};
use crate::printer::Machine;
use crate::text::steers;
use crate::view::doctor::Diagnosis;
use crate::view::plan::PlanView;

/// The version of everything that is printed for programs.
pub const API_VERSION: &str = "cli.tenure.dev/v1";

/// A result: what it is, and what it says.
#[derive(Clone, Debug, Serialize)]
pub struct Document<T> {
    #[serde(rename = "apiVersion")]
    api_version: &'static str,
    kind: &'static str,
    #[serde(flatten)]
    says: T,
}

/// Something that is printed as a document of its own.
pub trait Says: Serialize + JsonSchema {
    /// What it is.
    const KIND: &'static str;
}

impl<T: Says> Says for &T {
    const KIND: &'static str = T::KIND;
}

impl<T: Says> Document<T> {
    /// The document that says that.
    pub fn of(says: T) -> Self {
        Self { api_version: API_VERSION, kind: T::KIND, says }
    }
}

impl<T: Says> JsonSchema for Document<T> {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        T::KIND.into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let mut schema = T::json_schema(generator);
        let object = schema.ensure_object();
        let mut properties = serde_json::Map::from_iter([
            ("apiVersion".to_owned(), serde_json::json!({"const": API_VERSION})),
            ("kind".to_owned(), serde_json::json!({"const": T::KIND})),
        ]);
        if let Some(serde_json::Value::Object(own)) = object.remove("properties") {
            properties.extend(own);
        }
        let mut required = vec!["apiVersion".into(), "kind".into()];
        if let Some(serde_json::Value::Array(own)) = object.remove("required") {
            required.extend(own);
        }
        object.insert("properties".to_owned(), properties.into());
        object.insert("required".to_owned(), required.into());
        schema
    }
}

/// Why a command did not do what it was asked for.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct FailureView {
    /// Of which kind.
    reason: Kind,
    /// The exit code.
    exit_code: u8,
    /// Why.
    message: String,
    /// Commands that lead on.
    next: Vec<String>,
}

impl Says for FailureView {
    const KIND: &'static str = "Failure";
}

impl FailureView {
    /// Says why a command did not do what it was asked for.
    pub fn of(failure: &Failure) -> Self {
        let Failure { kind, next, .. } = failure;
        Self {
            reason: *kind,
            exit_code: kind.number(),
            message: failure.whole(),
            next: next.clone(),
        }
    }
}

impl Document<FailureView> {
    /// Says why a command did not do what it was asked for.
    pub fn failure(failure: &Failure) -> Self {
        Self::of(FailureView::of(failure))
    }
}

/// The JSON Schema of every document.
pub fn schema() -> serde_json::Value {
    let mut generator = SchemaSettings::draft2020_12().into_generator();
    let kinds = [
        generator.subschema_for::<Document<FailureView>>(),
        generator.subschema_for::<Document<PlanView<'static>>>(),
        generator.subschema_for::<Document<ProjectList>>(),
        generator.subschema_for::<Document<Reasons>>(),
        generator.subschema_for::<Document<Deletions>>(),
        generator.subschema_for::<Document<DeletionPlans>>(),
        generator.subschema_for::<Document<Said>>(),
        generator.subschema_for::<Document<Marks>>(),
        generator.subschema_for::<Document<BreakerState>>(),
        generator.subschema_for::<Document<Diagnosis>>(),
        generator.subschema_for::<Document<Adoption>>(),
        generator.subschema_for::<Document<Trails>>(),
        generator.subschema_for::<Document<Verification>>(),
        generator.subschema_for::<Document<Version>>(),
    ];
    serde_json::json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "What kubectl tenure prints with -o json",
        "oneOf": kinds,
        "$defs": generator.take_definitions(true),
    })
}

/// Writes a document, as it is read, without a copy of it in memory.
///
/// # Errors
/// If it could not be written.
pub fn write(mut out: impl Write, machine: Machine, document: &impl Serialize) -> io::Result<()> {
    match machine {
        Machine::Json => {
            let formatter = Safe(PrettyFormatter::new());
            let mut serializer = serde_json::Serializer::with_formatter(&mut out, formatter);
            document.serialize(&mut serializer)?;
            out.write_all(b"\n")?;
        }
        Machine::Yaml => {
            let text = serde_saphyr::to_string(document).map_err(io::Error::other)?;
            out.write_all(text.as_bytes())?;
        }
    }
    out.flush()
}

/// JSON in which whatever a terminal would obey is escaped.
struct Safe<'a>(PrettyFormatter<'a>);

impl Formatter for Safe<'_> {
    fn write_string_fragment<W: ?Sized + Write>(
        &mut self,
        writer: &mut W,
        fragment: &str,
    ) -> io::Result<()> {
        let mut rest = fragment;
        while let Some(at) = rest.find(steers) {
            let (before, from) = rest.split_at(at);
            writer.write_all(before.as_bytes())?;
            let mut characters = from.chars();
            for unit in characters.next().unwrap_or_default().encode_utf16(&mut [0; 2]) {
                write!(writer, "\\u{unit:04x}")?;
            }
            rest = characters.as_str();
        }
        writer.write_all(rest.as_bytes())
    }

    fn write_char_escape<W: ?Sized + Write>(
        &mut self,
        writer: &mut W,
        escape: CharEscape,
    ) -> io::Result<()> {
        self.0.write_char_escape(writer, escape)
    }

    fn begin_array<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.begin_array(writer)
    }

    fn end_array<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.end_array(writer)
    }

    fn begin_array_value<W: ?Sized + Write>(
        &mut self,
        writer: &mut W,
        first: bool,
    ) -> io::Result<()> {
        self.0.begin_array_value(writer, first)
    }

    fn end_array_value<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.end_array_value(writer)
    }

    fn begin_object<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.begin_object(writer)
    }

    fn end_object<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.end_object(writer)
    }

    fn begin_object_key<W: ?Sized + Write>(
        &mut self,
        writer: &mut W,
        first: bool,
    ) -> io::Result<()> {
        self.0.begin_object_key(writer, first)
    }

    fn begin_object_value<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.begin_object_value(writer)
    }

    fn end_object_value<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.end_object_value(writer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_says_the_same_and_steers_no_terminal() {
        let said = "a\u{1b}[2J \u{9b}31m \u{202e} \u{e0001} ä \"\n";
        let mut out = Vec::new();
        write(&mut out, Machine::Json, &[said]).expect("written");
        let text = String::from_utf8(out).expect("UTF-8");
        assert!(!text.replace('\n', "").chars().any(steers), "{text:?}");
        assert_eq!(serde_json::from_str::<[String; 1]>(&text).expect("JSON"), [said]);
    }
}
