use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

fn review() -> Value {
    json!({
        "apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview",
        "request": {
            "uid": "u1", "operation": "DELETE", "name": "payments",
            "resource": {"group": "kargo.akuity.io", "version": "v1alpha1", "resource": "projects"},
            "userInfo": {"username": "anna", "groups": ["system:authenticated"]},
            "object": null,
            "oldObject": {"metadata": {"name": "payments", "uid": "p1"}, "spec": {"x": [1, 2]}},
            "dryRun": true, "options": {"propagationPolicy": "Orphan"},
        },
    })
}

fn read_value(review: &Value) -> Result<Request, Unreadable> {
    read(review.to_string().as_bytes())
}

#[test]
fn what_matters_of_a_review_is_read() {
    let request = read_value(&review()).unwrap();
    assert_eq!(request.deleted().unwrap().name, "payments");
    assert_eq!(request.deleted().unwrap().meta.uid.as_deref(), Some("p1"));
    assert!(request.is_dry_run() && request.orphans());
    assert_eq!(request.requester(&Accounts::default()).via, None);
    let accounts = Accounts { front_ends: ["anna".to_owned()].into(), ..Accounts::default() };
    assert_eq!(request.requester(&accounts).via.as_deref(), Some("anna"));
}

#[test]
fn what_is_deleted_as_one_of_a_collection_is_named_by_itself() {
    let mut review = review();
    review["request"]["name"] = json!("");
    assert_eq!(read_value(&review).unwrap().deleted().unwrap().name, "payments");
    review["request"]["oldObject"]["metadata"]["name"] = json!("");
    let request = read_value(&review).unwrap();
    assert_eq!(request.deleted().err(), Some(Unreadable::Missing("metadata.name")));
}

#[test]
fn what_is_missing_or_wrong_is_named() {
    for (pointer, value, told) in [
        ("/request/oldObject", Value::Null, "request.oldObject is missing"),
        ("/request/uid", json!(""), "request.uid is missing"),
        ("/request/userInfo/username", json!(""), "request.userInfo.username is missing"),
        ("/request", Value::Null, "request is missing"),
        (
            "/apiVersion",
            json!("admission.k8s.io/v1beta1"),
            "apiVersion and kind are admission.k8s.io/v1beta1 and AdmissionReview; understood is \
             AdmissionReview of admission.k8s.io/v1",
        ),
        ("/kind", json!("Review"), "apiVersion and kind are admission.k8s.io/v1 and Review"),
    ] {
        let mut review = review();
        *review.pointer_mut(pointer).unwrap() = value;
        let error = read_value(&review)
            .and_then(|request| request.deleted().map(|target| target.name.to_owned()))
            .unwrap_err();
        assert!(error.to_string().starts_with(told), "{error}");
    }
}

#[test]
fn what_is_no_review_at_all_is_refused() {
    let text = review().to_string();
    let doubled = text.replace(r#""operation":"DELETE""#, r#""operation":"A","operation":"B""#);
    let cases: [&[u8]; 6] = [
        b"",
        b"[]",
        b"\xff\xfe",
        b"{\"apiVersion\": \"admission.k8s.io/v1\", \"kind\": \"Admi",
        b"\x1f\x8b\x08\x00\x00",
        doubled.as_bytes(),
    ];
    for case in cases {
        assert!(matches!(read(case), Err(Unreadable::Shape(_))), "{}", case.len());
    }
}

#[test]
fn what_is_not_looked_at_may_be_as_deep_as_it_likes() {
    let text = review().to_string();
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let deep = text.replace(r#"{"x":[1,2]}"#, &deep);
    assert_ne!(deep, text);
    assert_eq!(read(deep.as_bytes()).unwrap().deleted().unwrap().name, "payments");
}

proptest! {
    #[test]
    fn no_bytes_break_it(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        drop(read(&bytes));
    }

    #[test]
    fn a_review_with_something_else_anywhere_is_read_or_refused(
        at in 0usize..12,
        with in prop_oneof![
            Just(Value::Null), Just(json!(1)), Just(json!("x")), Just(json!([])), Just(json!({})),
            Just(json!({"metadata": null})), Just(json!(true)), any::<String>().prop_map(Value::from),
        ],
    ) {
        let mut review = review();
        let pointers = [
            "/apiVersion", "/kind", "/request", "/request/uid", "/request/operation",
            "/request/resource", "/request/userInfo", "/request/userInfo/groups",
            "/request/oldObject", "/request/oldObject/metadata",
            "/request/oldObject/metadata/name", "/request/options",
        ];
        *review.pointer_mut(pointers[at]).unwrap() = with;
        if let Ok(request) = read_value(&review) {
            drop(request.deleted());
            drop(request.created());
        }
    }
}
