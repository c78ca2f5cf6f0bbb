//! Plans in files, as `plan --out FILE` or `plan -o json` wrote them.
//!
//! A file proves nothing by itself: its digest has to be that of the plan of the moment, and what it
//! shows has to be what that digest is of. So who edits it changes nothing but whether it is obeyed.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use serde_json::Value;
use similar::{ChangeTag, TextDiff};
use tenure_core::plan::PlanDigest;
use tenure_core::{Disposition, Wish};

use crate::exit::{Failure, Kind, Outcome};
use crate::view::json::{API_VERSION, Says as _};
use crate::view::plan::PlanView;

/// Largest file that is read: a plan that names 70,000 objects has half of it.
const LARGEST: u64 = 64 << 20;
/// How far clocks may be apart: what was made later than that has yet to be made.
const APART: SignedDuration = SignedDuration::from_mins(1);
/// What a decision says that differs without anything being decided differently.
const IDLE: [&str; 3] = ["decidedAt", "notBefore", "contents"];

/// What of a plan file matters.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PlanFile {
    api_version: String,
    kind: String,
    made_at: String,
    /// Who made it.
    pub(crate) made_by: String,
    cluster: Cluster,
    project: Object,
    namespace: Object,
    decision: Value,
    #[serde(default)]
    takes: Takes,
}

#[derive(Clone, Debug, Deserialize)]
struct Cluster {
    server: String,
}

#[derive(Clone, Debug, Deserialize)]
struct Object {
    name: String,
    uid: String,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Takes {
    disposition: Option<String>,
}

impl PlanFile {
    /// Reads a file.
    ///
    /// # Errors
    /// If it is no plan; says what about it is not.
    pub(crate) fn read(path: &Path) -> Outcome<Self> {
        let place = path.display();
        let wrong = |why: String| Failure::usage(format!("{place} is no plan: {why}"));
        let file = File::open(path)
            .map_err(|error| Failure::error(format!("failed to open {place}: {error}")))?;
        let mut bytes = Vec::new();
        file.take(LARGEST + 1)
            .read_to_end(&mut bytes)
            .map_err(|error| Failure::error(format!("failed to read {place}: {error}")))?;
        if bytes.len() as u64 > LARGEST {
            return Err(wrong(format!("it has more than {} MiB", LARGEST >> 20)));
        }
        let text = std::str::from_utf8(&bytes)
            .map_err(|error| wrong(format!("it is not UTF-8 from byte {}", error.valid_up_to())))?;
        Self::parse(text).map_err(wrong)
    }

    fn parse(text: &str) -> Result<Self, String> {
        // Editors of one system begin a file so, and end lines with one character more; neither
        // means anything in JSON or YAML.
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let read: Self = if text.trim_start().starts_with('{') {
            serde_json::from_str(text).map_err(|error| error.to_string())?
        } else {
            serde_saphyr::from_str(text).map_err(|error| first_line(&error.to_string()))?
        };
        if read.api_version != API_VERSION {
            return Err(format!("apiVersion is {:?}, not {API_VERSION:?}", read.api_version));
        }
        if read.kind != PlanView::KIND {
            return Err(format!("kind is {:?}, not {:?}", read.kind, PlanView::KIND));
        }
        if read.project.name != read.namespace.name {
            return Err("its Project and its namespace have different names".to_owned());
        }
        read.digest()?;
        read.made_at()?;
        Ok(read)
    }

    fn made_at(&self) -> Result<Timestamp, String> {
        let at = &self.made_at;
        at.parse().map_err(|_| format!("madeAt is {at:?}, which is no time as RFC 3339 has it"))
    }

    /// The digest of what it is a plan of.
    pub(crate) fn digest(&self) -> Result<PlanDigest, String> {
        let digest = self.decision.get("digest").and_then(Value::as_str);
        let digest = digest.ok_or("decision.digest is missing")?;
        crate::arguments::read_digest(digest).map_err(|why| format!("decision.digest: {why}"))
    }

    /// The choice that it was made with, if it takes an annotation.
    pub(crate) fn choice(&self) -> Outcome<Option<Disposition>> {
        let Some(word) = &self.takes.disposition else { return Ok(None) };
        match Wish::read(word) {
            Wish::AtLeast(disposition) => Ok(Some(disposition)),
            _ => Err(Failure::usage(format!("takes.disposition is {word:?}, not Clean or Retain"))),
        }
    }

    /// Whether it is a plan of that Project on that server, made by now and not too long ago.
    pub(crate) fn check(
        &self,
        name: &str,
        server: &str,
        now: Timestamp,
        holds: std::time::Duration,
    ) -> Outcome {
        let changed = |why: String| Err(Failure::new(Kind::PlanChanged, why));
        if self.project.name != name {
            return changed(format!("it is a plan of Project {}, not {name}", self.project.name));
        }
        if self.cluster.server != server {
            return changed(format!(
                "it is a plan of the cluster at {}, and this is {server}; choose a --context",
                self.cluster.server
            ));
        }
        let holds = SignedDuration::try_from(holds).unwrap_or(SignedDuration::MAX);
        let made_at = self.made_at().map_err(Failure::usage)?;
        if made_at.duration_since(now) > APART {
            return changed(format!(
                "it says that it was made at {made_at:.0}, which is yet to come; make it anew"
            ));
        }
        if now.duration_since(made_at) > holds {
            return changed(format!(
                "it was made at {made_at:.0}, and a plan holds for {} h; make it anew",
                holds.as_hours()
            ));
        }
        Ok(())
    }

    /// What differs between what it shows and what is decided now.
    pub(crate) fn difference(
        &self,
        project: &str,
        namespace: &str,
        decision: &Value,
    ) -> Vec<String> {
        let told = |project: &str, namespace: &str, decision: &Value| {
            let mut decision = decision.clone();
            if let Some(fields) = decision.as_object_mut() {
                fields.retain(|field, said| !IDLE.contains(&field.as_str()) && !is_nothing(said));
            }
            let all = serde_json::json!({
                "project": project, "namespace": namespace, "decision": decision,
            });
            // Words and numbers serialize.
            serde_json::to_string_pretty(&all).unwrap_or_default()
        };
        let then = told(&self.project.uid, &self.namespace.uid, &self.decision);
        let now = told(project, namespace, decision);
        let changes = TextDiff::from_lines(&then, &now);
        let shown = changes.iter_all_changes().filter_map(|change| {
            let sign = match change.tag() {
                ChangeTag::Equal => return None,
                ChangeTag::Delete => '-',
                ChangeTag::Insert => '+',
            };
            Some(format!("{sign} {}", change.value().trim()))
        });
        shown.collect()
    }
}

/// What is left out where it is said, and said where it is not left out, says the same.
fn is_nothing(said: &Value) -> bool {
    said.is_null() || said.as_array().is_some_and(Vec::is_empty)
}

fn first_line(text: &str) -> String {
    text.lines().next().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan() -> Value {
        serde_json::json!({
            "apiVersion": API_VERSION, "kind": "Plan", "advisory": false, "advisoryReasons": [],
            "madeAt": "2026-11-26T09:00:00Z", "madeBy": "anna",
            "cluster": {"context": "c", "server": "https://a/"},
            "project": {"name": "p", "uid": "u1", "resourceVersion": "1", "deleting": false},
            "namespace": {"name": "p", "uid": "u2", "resourceVersion": "1", "deleting": false},
            "decision": {"disposition": "Delete", "digest": format!("sha256:{}", "0".repeat(64))},
        })
    }

    fn why(text: &str) -> String {
        PlanFile::parse(text).expect_err("it is no plan")
    }

    #[test]
    fn what_editors_do_to_a_file_changes_nothing() {
        let json = serde_json::to_string_pretty(&plan()).expect("JSON");
        let yaml = serde_saphyr::to_string(&plan()).expect("YAML");
        for text in [&json, &yaml] {
            let edited = format!("\u{feff}{}", text.replace('\n', "\r\n"));
            assert_eq!(PlanFile::parse(text).expect("a plan").made_by, "anna");
            assert_eq!(PlanFile::parse(&edited).expect("a plan").made_by, "anna");
        }
    }

    #[test]
    fn what_is_no_plan_is_refused_with_the_field() {
        let without = |field: &str, value: Value| {
            let mut plan = plan();
            plan[field] = value;
            why(&plan.to_string())
        };
        assert!(without("apiVersion", "cli.tenure.dev/v2".into()).contains("apiVersion"));
        assert!(without("kind", "Failure".into()).contains("kind"));
        assert!(without("decision", serde_json::json!({})).contains("decision.digest"));
        assert!(
            without("decision", serde_json::json!({"digest": "no"})).contains("decision.digest")
        );
        assert!(without("madeAt", "yesterday".into()).contains("yesterday"));
        assert!(!why("").is_empty() && !why("no: [").is_empty() && !why("{").is_empty());
    }

    #[test]
    fn of_several_documents_none_is_taken_for_the_plan() {
        let yaml = serde_saphyr::to_string(&plan()).expect("YAML");
        for text in [
            format!("broken: [\n---\n{yaml}"),
            format!("kind: Failure\n---\n{yaml}"),
            format!("{yaml}---\nbroken: [\n"),
            format!("{yaml}---\n{yaml}"),
            format!("{}\n{}", plan(), plan()),
        ] {
            assert!(!why(&text).is_empty());
        }
    }

    #[test]
    fn a_project_whose_name_yaml_takes_for_no_is_read_as_it_is_written() {
        for name in ["no", "on", "y", "1e3", "0x1", "null"] {
            let mut plan = plan();
            for field in ["project", "namespace"] {
                plan[field]["name"] = name.into();
            }
            plan["decision"]["explanation"] = name.into();
            let yaml = serde_saphyr::to_string(&plan).expect("YAML");
            let file = PlanFile::parse(&yaml).unwrap_or_else(|why| panic!("{why}: {yaml}"));
            assert_eq!(file.project.name, name);
            assert!(file.difference("u1", "u2", &plan["decision"]).is_empty(), "{yaml}");
        }
    }

    #[test]
    fn bombs_and_nests_are_refused_in_bounded_time() {
        let mut bomb = "a: &a [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
        for (last, next) in ('a'..='l').zip('b'..='m') {
            let ten = vec![format!("*{last}"); 10].join(", ");
            bomb.push_str(&format!("{next}: &{next} [{ten}]\n"));
        }
        let nested = "[".repeat(100_000);
        for text in [bomb, format!("a: {nested}"), format!("{{\"a\": {nested}")] {
            let started = std::time::Instant::now();
            assert!(PlanFile::parse(&text).is_err());
            assert!(started.elapsed().as_secs() < 5);
        }
    }

    #[test]
    fn a_plan_is_of_one_project_and_cluster_and_holds_for_a_while() {
        let file = PlanFile::parse(&plan().to_string()).expect("a plan");
        let day = std::time::Duration::from_hours(24);
        let at = |text: &str| text.parse().expect("a time");
        for now in ["2026-11-26T08:59:00Z", "2026-11-27T08:59:00Z"] {
            assert_eq!(file.check("p", "https://a/", at(now), day), Ok(()), "{now}");
        }
        for (name, server, now) in [
            ("q", "https://a/", "2026-11-26T09:00:00Z"),
            ("p", "https://b/", "2026-11-26T09:00:00Z"),
            ("p", "https://a/", "2026-11-27T09:00:01Z"),
            ("p", "https://a/", "2026-11-26T08:58:59Z"),
        ] {
            let failure = file.check(name, server, at(now), day).expect_err("it does not fit");
            assert_eq!(failure.kind, Kind::PlanChanged);
        }
    }

    #[test]
    fn what_differs_is_shown_and_what_means_nothing_is_not() {
        let file = PlanFile::parse(&plan().to_string()).expect("a plan");
        let mut now = plan()["decision"].clone();
        now["warnings"] = serde_json::json!([]);
        now["notBefore"] = "2026-11-26T10:00:00Z".into();
        assert!(file.difference("u1", "u2", &now).is_empty());
        now["disposition"] = "Retain".into();
        let shown = file.difference("u1", "u2", &now).join("\n");
        assert!(
            shown.contains("- \"disposition\": \"Delete\"")
                && shown.contains("+ \"disposition\": \"Retain\""),
            "{shown}"
        );
        assert!(!file.difference("u9", "u2", &plan()["decision"]).is_empty());
    }
}
