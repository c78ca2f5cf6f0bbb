//! Values that nobody can read.

use serde_json::{Value, json};
use tenure_core::{Cancel, Keep, Wish};
use tenure_testbed::unique_name;

use crate::support::{BOTH, Bed, KEEP, On, table};

const DISPOSITION: &str = "tenure.dev/disposition";
const CANCEL: &str = "tenure.dev/cancel";
const CONFIRM: &str = "tenure.dev/confirm";

/// As people get them wrong, and as they get them wrong on purpose.
const ILLEGIBLE: [&str; 11] = [
    "True",
    "1",
    " true",
    "true\n",
    "",
    "yes",
    "\"true\"",
    "a\\b",
    "\u{1b}[2Jtrue\r\u{202e}eurt\u{2028}",
    "tru\u{0435}",
    "true\0",
];

#[tokio::test]
async fn what_cannot_be_read_is_refused_with_the_field_the_value_and_the_fix() {
    let bed = Bed::start().await;
    let name = unique_name("illegible");
    let mut rows = Vec::new();
    for on in BOTH {
        for (key, values) in [
            (KEEP, &ILLEGIBLE[..]),
            (DISPOSITION, &["Delete", "retain", "Clean ", "true", ""][..]),
            (CANCEL, &["True", "yes", ""][..]),
            (
                CONFIRM,
                &[
                    "",
                    "yes",
                    "sha256:5b0d",
                    &digest("SHA256:", 'a'),
                    &digest("sha256:", 'A'),
                    &digest("md5:", 'a'),
                    &format!("{}\n", digest("sha256:", 'a')),
                ][..],
            ),
        ] {
            for value in values {
                let answer = bed.anna.create(on, &name, &[(key, value)], true).await;
                rows.push((format!("{on:?} {key}: {value:?}"), answer));
            }
        }
    }
    insta::assert_snapshot!(table(&rows, &name));
}

fn digest(algorithm: &str, digit: char) -> String {
    let digits: String = std::iter::repeat_n(digit, 64).collect();
    format!("{algorithm}{digits}")
}

#[tokio::test]
async fn what_can_be_read_is_accepted() {
    let bed = Bed::start().await;
    let name = unique_name("legible");
    let dispositions = Wish::LEGAL.map(|disposition| (DISPOSITION, disposition.as_str()));
    let digest = format!("sha256:{}", "0123456789abcdef".repeat(4));
    let mut legal: Vec<(&str, &str)> = dispositions.to_vec();
    legal.extend(Keep::LEGAL.map(|value| (KEEP, value)));
    legal.extend(Cancel::LEGAL.map(|value| (CANCEL, value)));
    legal.push((CONFIRM, &digest));
    for on in BOTH {
        for statement in &legal {
            let answer = bed.anna.create(on, &name, &[*statement], true).await;
            assert_eq!(answer, Ok(()), "{on:?} {statement:?}");
        }
        assert_eq!(bed.anna.create(on, &name, &[("example.com/keep", "True")], true).await, Ok(()));
    }
}

#[tokio::test]
async fn a_value_that_cannot_be_read_is_refused_where_it_comes_and_not_where_it_stands() {
    let bed = Bed::start().await;
    for on in BOTH {
        let name = unique_name("ratchet");
        assert_eq!(bed.anna.create(on, &name, &[(KEEP, "true")], false).await, Ok(()));
        let refused = bed.anna.annotate(on, &name, json!({KEEP: "True"})).await;
        assert!(refused.is_err_and(|told| told.contains("\"True\" must be")));

        // It comes all the same, as it would have before there was a rule.
        let came = bed.around.annotate(on, &name, json!({KEEP: "True"})).await;
        assert_eq!(came, Ok(()), "the break-glass group may");
        let labels = json!({"labels": {"team": "a"}, "annotations": {"example.com/a": "b"}});
        assert_eq!(bed.anna.patch(on, &name, labels).await, Ok(()), "changed elsewhere");
        let other = bed.anna.annotate(on, &name, json!({KEEP: "yes"})).await;
        assert!(other.is_err_and(|told| told.contains("\"yes\" must be")), "another such value");
        let more = bed.anna.annotate(on, &name, json!({DISPOSITION: "keep"})).await;
        let more = more.expect_err("one more such value");
        assert!(more.contains(DISPOSITION) && !more.contains(KEEP), "{more}");
        assert_eq!(bed.anna.annotate(on, &name, json!({KEEP: "false"})).await, Ok(()));
        assert!(bed.anna.annotate(on, &name, json!({KEEP: "True"})).await.is_err(), "once more");
        assert_eq!(bed.anna.annotate(on, &name, json!({KEEP: null})).await, Ok(()));
        bed.clear(on, &name).await;
    }
}

#[tokio::test]
async fn annotations_of_256_kib_in_all_are_judged_like_any_others() {
    let bed = Bed::start().await;
    let room = 256 * 1024;
    for on in BOTH {
        let name = unique_name("huge");
        let huge = "x".repeat(room - KEEP.len());
        let told = bed.anna.create(on, &name, &[(KEEP, &huge)], true).await;
        let told = told.expect_err("nobody can read it");
        assert!(told.contains(&format!("\"{}…\" must be", "x".repeat(40))), "{told}");
        let wide = "é".repeat((room - CONFIRM.len()) / 2);
        let told = bed.anna.create(On::Project, &name, &[(CONFIRM, &wide)], true).await;
        assert!(told.is_err_and(|told| told.contains(&"é".repeat(40))));

        let many = many();
        let mut many: Vec<_> =
            many.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
        assert_eq!(bed.anna.create(on, &name, &many, true).await, Ok(()));
        many.push((KEEP, "True"));
        assert!(bed.anna.create(on, &name, &many, true).await.is_err(), "among many others");
        many.pop();
        many.push((KEEP, "true"));
        assert_eq!(bed.anna.create(on, &name, &many, true).await, Ok(()));
    }
}

/// 4,000 annotations, of 256 KiB in all but for one more short one.
pub(crate) fn many() -> Vec<(String, String)> {
    (0..4_000).map(|n| (format!("example.com/{n:04}"), "x".repeat(49))).collect()
}

/// A Project that is made anew, or a Namespace by a template, has what others wrote.
#[tokio::test]
async fn what_tenure_carries_on_is_not_refused() {
    let bed = Bed::start().await;
    let tenure = bed.tenure().await;
    for on in BOTH {
        let name = unique_name("anew");
        assert_eq!(tenure.create(on, &name, &[(KEEP, "True")], false).await, Ok(()));
        assert_eq!(tenure.annotate(on, &name, json!({KEEP: "yes"})).await, Ok(()));
        bed.clear(on, &name).await;
    }
}

#[tokio::test]
async fn the_status_of_a_project_can_be_written_whatever_its_annotations_say() {
    let bed = Bed::start().await;
    let name = unique_name("status");
    bed.stands(On::Project, &name, &[(KEEP, "True")]).await;
    let status: Value = json!({"status": {"conditions": []}});
    let patch = kube::api::Patch::Merge(status);
    let tenure = bed.tenure().await;
    tenure.projects.patch_status(&name, &Default::default(), &patch).await.expect("a status");
    bed.clear(On::Project, &name).await;
}
