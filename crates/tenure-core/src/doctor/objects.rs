//! Objects that are left, and the finalizers they wait for.

use super::{Cause, Facts, Finding, Left, Remedy, Severity, is_kubernetes};

/// For how many seconds objects may be left before it is said that they are.
const PATIENCE: i64 = 10;

/// What is left of a Namespace that is going; of one that stands, what would wait for somebody.
pub(super) fn left(facts: &Facts) -> Vec<Finding> {
    let waits = |object: &&Left| {
        facts.is_going() || object.finalizers.iter().any(|finalizer| !is_kubernetes(finalizer))
    };
    let left: Vec<_> = facts.left.iter().filter(waits).collect();
    let reported =
        ["NamespaceContentRemaining", "NamespaceFinalizersRemaining"].map(|c| facts.reported(c));
    let late = facts.going_for() > PATIENCE || reported.iter().any(Option::is_some);
    if left.is_empty() || facts.is_going() && !late {
        return Vec::new();
    }
    let severity = if facts.is_going() { Severity::Blocks } else { Severity::Note };
    let finding = Finding::new(Cause::ObjectsRemain, severity, what(facts, &left), look(facts)).or(
        Remedy::mend(
            "have whoever put the finalizers there take them off: see above which controllers they \
             seem to wait for",
        ),
    );
    let finding = left.iter().fold(finding, |finding, object| finding.seen(told(object)));
    let finding = match facts.left_out {
        0 => finding,
        more => finding.seen(format!("and {more} more objects")),
    };
    let finding = reported.iter().flatten().fold(finding, |finding, message| {
        finding.seen(format!("the namespace controller: {message}"))
    });
    vec![if facts.is_going() { with_force(facts, finding, &left) } else { finding }]
}

fn what(facts: &Facts, left: &[&Left]) -> String {
    let count = left.len() as u64 + facts.left_out;
    let (objects, are) = if count == 1 { ("object", "is") } else { ("objects", "are") };
    if facts.is_going() {
        format!("{count} {objects} {are} left")
    } else {
        format!("{count} {objects} would wait until finalizers are taken off")
    }
}

fn look(facts: &Facts) -> Remedy {
    if facts.is_going() {
        Remedy::look("wait, and see whether they become fewer")
            .by(format!("kubectl tenure doctor namespace/{}", facts.name))
    } else {
        Remedy::look("know whom they wait for, before the namespace is deleted")
    }
}

fn with_force(facts: &Facts, finding: Finding, left: &[&Left]) -> Finding {
    let stuck = left.iter().find(|object| object.deleting && !object.finalizers.is_empty());
    let finding = match stuck {
        Some(object) => finding.or(Remedy::give_up(
            "take a finalizer off one object, after you cleaned up by hand what it is for",
            "what it would have cleaned up outside the object stays, and nobody knows of it",
        )
        .by(take_off(&facts.name, object))),
        None => finding,
    };
    finding.or(Remedy::finalize(&facts.name))
}

/// Takes the first finalizer off, and no other if it is another by then.
fn take_off(namespace: &str, object: &Left) -> String {
    let first = object.finalizers.first().map_or("", String::as_str);
    let patch = serde_json::json!([
        {"op": "test", "path": "/metadata/finalizers/0", "value": first},
        {"op": "remove", "path": "/metadata/finalizers/0"},
    ]);
    format!("kubectl patch {} {} -n {namespace} --type=json -p '{patch}'", object.kind, object.name)
}

fn told(object: &Left) -> String {
    let reference = object.reference();
    match (object.finalizers.is_empty(), object.deleting) {
        (false, true) => format!("{reference} is going, and waits for {}", list(object)),
        (false, false) => format!("{reference} carries {}", list(object)),
        (true, true) => format!("{reference} is going"),
        (true, false) => format!("{reference} was not asked to go"),
    }
}

fn list(object: &Left) -> String {
    object.finalizers.join(", ")
}

#[cfg(test)]
mod tests {
    use super::super::Risk;
    use super::super::testing::{going, left as object, only, standing};
    use super::*;

    #[test]
    fn what_is_left_is_told_with_its_finalizers_and_force_comes_last() {
        let facts = Facts {
            left: vec![object("configmaps", "c", &["example.com/hold"])],
            left_out: 7,
            ..going()
        };
        let finding = only(left(&facts));
        assert_eq!(finding.what, "8 objects are left");
        assert_eq!(finding.evidence[0], "configmaps/c is going, and waits for example.com/hold");
        let risks: Vec<_> = finding.remedies().iter().map(|remedy| remedy.risk).collect();
        assert_eq!(risks, [Risk::None, Risk::Mends, Risk::GivesUp, Risk::Forces]);
    }

    #[test]
    fn a_namespace_that_only_just_goes_is_given_time() {
        let facts = Facts { left: vec![object("configmaps", "c", &[])], ..going() };
        let facts = Facts { deleting: Some(facts.now), ..facts };
        assert_eq!(left(&facts), []);
    }

    #[test]
    fn of_one_that_stands_only_what_would_wait_for_others_is_noted() {
        let facts = Facts {
            left: vec![
                object("persistentvolumeclaims", "data", &["kubernetes.io/pvc-protection"]),
                object("widgets.example.com", "w", &["example.com/hold"]),
            ],
            ..standing()
        };
        let finding = only(left(&facts));
        assert_eq!(finding.severity, Severity::Note);
        assert_eq!(finding.what, "1 object would wait until finalizers are taken off");
    }
}
