//! Archives in memory, in a directory, and in what answers as S3 does.

mod stand_in;

use std::time::Duration;

use jiff::Timestamp;
use object_store::{ObjectStoreExt as _, PutPayload};
use tenure_core::trail::{Event, append};
use url::Url;

use super::*;
use stand_in::{Mood, StandIn};

const SUBJECT: &str = "payments.1f0c";
const NO_OPTIONS: [(&str, &str); 0] = [];

fn trail_of(subject: &str, messages: &[&str]) -> Vec<Entry> {
    let mut trail = Vec::new();
    for (second, message) in (1_800_000_000..).zip(messages) {
        let at = Timestamp::from_second(second).expect("in range");
        trail.push(append(&trail, subject, at, Event::Waiting, "sha256:aa", None, message));
    }
    trail
}

fn trail(messages: &[&str]) -> Vec<Entry> {
    trail_of(SUBJECT, messages)
}

/// One archive of each kind, and what has to live as long.
struct Archives {
    all: Vec<Archive>,
    _dir: tempfile::TempDir,
    _s3: StandIn,
}

impl Archives {
    async fn empty() -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let s3 = StandIn::start().await;
        let url = Url::from_directory_path(dir.path()).expect("absolute");
        let open = |url: &str| Archive::open(url, NO_OPTIONS).expect("open");
        let all = vec![open("memory:///"), open(url.as_str()), s3.archive("s3://bucket/a/b")];
        Self { all, _dir: dir, _s3: s3 }
    }

    /// Archives that hold this trail.
    async fn with(trail: &[Entry]) -> Self {
        let archives = Self::empty().await;
        for archive in &archives.all {
            archive.fill(trail).await;
        }
        archives
    }
}

impl Archive {
    async fn fill(&self, trail: &[Entry]) {
        for entry in trail {
            assert_eq!(self.put(SUBJECT, entry).await, Ok(Put::Written), "{}", self.url());
        }
    }

    /// Writes what nobody should.
    async fn tamper(&self, name: &str, content: &str) {
        let path = self.root.clone().join(SUBJECT).join(name);
        self.store.put(&path, PutPayload::from(content.to_owned())).await.expect("written");
    }

    async fn remove(&self, sequence: u64) {
        let path = self.root.clone().join(SUBJECT).join(object_name(sequence));
        self.store.delete(&path).await.expect("removed");
    }

    /// The message of what is wrong with the trail, without the URL.
    async fn verdict(&self) -> String {
        let error = self.verify(SUBJECT).await.expect_err("something is wrong");
        assert_eq!(error.category(), Category::Tampered);
        let said = error.to_string().replace(self.url(), "URL");
        said.replace(&format!("{}/{SUBJECT}", self.root), SUBJECT).replace("read /", "read ")
    }
}

fn fault(said: &str) -> String {
    format!("verify the trail of {SUBJECT} in URL: {said}")
}

#[tokio::test]
async fn what_is_archived_is_found_and_verifies() {
    let entries = trail(&["a", "b", "c"]);
    for archive in Archives::with(&entries).await.all {
        assert_eq!(archive.subjects().await, Ok(vec![SUBJECT.to_owned()]));
        assert_eq!(archive.read(SUBJECT).await.as_ref(), Ok(&entries));
        let head = archive.verify(SUBJECT).await.expect("whole");
        assert_eq!((head.sequence, &head.digest), (3, &entries[2].digest));
        assert_eq!(archive.verify_against(&head).await.as_ref(), Ok(&head));
        assert_eq!(archive.read("refunds.2e1d").await, Ok(Vec::new()));
    }
}

#[tokio::test]
async fn saying_the_same_again_is_harmless() {
    let entries = trail(&["a"]);
    for archive in Archives::with(&entries).await.all {
        assert_eq!(archive.put(SUBJECT, &entries[0]).await, Ok(Put::AlreadyThere));
        assert!(archive.verify(SUBJECT).await.is_ok());
    }
}

#[tokio::test]
async fn another_entry_of_the_same_number_is_refused() {
    let entries = trail(&["a", "b"]);
    for archive in Archives::with(&entries).await.all {
        let error = archive.put(SUBJECT, &trail(&["a", "B"])[1]).await.expect_err("forked");
        assert_eq!(
            error.to_string().replace(archive.url(), "URL"),
            "archive entry 2 of payments.1f0c in URL: another entry of that number is there"
        );
        assert_eq!(archive.read(SUBJECT).await.as_ref(), Ok(&entries));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_writers_at_once_one_wins() {
    for archive in Archives::empty().await.all {
        let writers = (0..32).map(|writer| {
            let (archive, entry) =
                (archive.clone(), trail(&[&format!("writer {writer}")]).remove(0));
            tokio::spawn(async move { (archive.put(SUBJECT, &entry).await, entry) })
        });
        let mut winners = Vec::new();
        for outcome in futures::future::join_all(writers).await {
            match outcome.expect("no panic") {
                (Ok(Put::Written), entry) => winners.push(entry),
                (Err(ArchiveError::Forked { sequence: 1, .. }), _) => {}
                (other, _) => panic!("{}: {other:?}", archive.url()),
            }
        }
        assert_eq!(winners.len(), 1, "{}", archive.url());
        assert_eq!(archive.read(SUBJECT).await, Ok(winners));
    }
}

#[tokio::test]
async fn an_entry_that_does_not_match_its_digest_is_not_archived() {
    let mut entry = trail(&["a"]).remove(0);
    entry.message.push('!');
    for archive in Archives::empty().await.all {
        let error = archive.put(SUBJECT, &entry).await.expect_err("broken");
        assert!(matches!(error, ArchiveError::Fault { fault: Fault::Broken { .. }, .. }));
        assert!(archive.put("refunds.2e1d", &trail(&["a"])[0]).await.is_err());
        assert_eq!(archive.subjects().await, Ok(Vec::new()));
    }
}

#[tokio::test]
async fn a_tampered_entry_is_named() {
    let entries = trail(&["a", "b", "c"]);
    for archive in Archives::with(&entries).await.all {
        let mut changed = entries[1].clone();
        changed.message = "never happened".to_owned();
        archive.tamper("00000002.json", &changed.to_canonical_json()).await;
        assert_eq!(
            archive.verdict().await,
            fault("entry 2 does not match its digest: it was changed, or belongs to another plan")
        );
        changed.digest = changed.digest_in(SUBJECT);
        archive.tamper("00000002.json", &changed.to_canonical_json()).await;
        assert_eq!(
            archive.verdict().await,
            fault(
                "entry 3 does not follow the entry before it: one of the two was replaced or moved"
            )
        );
    }
}

#[tokio::test]
async fn what_is_no_entry_is_named() {
    let entries = trail(&["a", "b", "c"]);
    let stored = entries[1].to_canonical_json();
    for archive in Archives::with(&entries).await.all {
        let read = |why: &str| format!("read {SUBJECT}/00000002.json in URL: {why}");
        let cases = [
            (stored.replace(',', ", "), "it is not spelt as entries are, so it was changed"),
            (entries[2].to_canonical_json(), "it holds entry 3"),
            (" ".repeat(100_000), "it is longer than an entry can be"),
        ];
        for (content, why) in cases {
            archive.tamper("00000002.json", &content).await;
            assert_eq!(archive.verdict().await, read(why));
        }
        archive.tamper("00000002.json", &stored[..stored.len() - 1]).await;
        assert!(archive.verdict().await.starts_with(&read("it is no entry: EOF")));
        assert!(matches!(archive.read(SUBJECT).await, Err(ArchiveError::Illegible { .. })));
        archive.tamper("00000002.json", &stored).await;
        archive.tamper("2.json", &trail(&["a", "B"])[1].to_canonical_json()).await;
        assert_eq!(
            archive.verdict().await,
            format!("read {SUBJECT}/2.json in URL: entry 2 belongs into 00000002.json")
        );
    }
}

#[tokio::test]
async fn a_missing_entry_is_named_before_what_is_wrong_after_it() {
    for archive in Archives::with(&trail(&["a", "b", "c"])).await.all {
        archive.remove(2).await;
        assert_eq!(archive.verdict().await, fault("entry 2 is missing"));
        archive.tamper("00000003.json", "{}").await;
        assert_eq!(archive.verdict().await, fault("entry 2 is missing"));
        archive.remove(1).await;
        assert_eq!(archive.verdict().await, fault("entry 1 is missing"));
    }
}

#[tokio::test]
async fn an_anchor_names_what_was_cut_off_or_written_anew() {
    let entries = trail(&["a", "b", "c"]);
    for archive in Archives::with(&entries).await.all {
        let anchor = archive.verify(SUBJECT).await.expect("whole");
        let named = async |fault: Fault| match archive.verify_against(&anchor).await {
            Err(ArchiveError::Fault { fault: found, .. }) => assert_eq!(found, fault),
            other => panic!("{other:?}"),
        };
        archive.remove(3).await;
        assert!(archive.verify(SUBJECT).await.is_ok());
        named(Fault::Truncated { sequence: 3 }).await;
        for entry in trail(&["A", "b", "c", "d"]) {
            archive.tamper(&object_name(entry.sequence), &entry.to_canonical_json()).await;
        }
        assert!(archive.verify(SUBJECT).await.is_ok());
        named(Fault::Rewritten { sequence: 3 }).await;
        for sequence in 1..=4 {
            archive.remove(sequence).await;
        }
        named(Fault::Truncated { sequence: 1 }).await;
    }
}

#[tokio::test]
async fn every_trail_is_verified_whatever_is_wrong_with_another() {
    for archive in Archives::with(&trail(&["a", "b"])).await.all {
        for entry in trail_of("refunds.2e1d", &["x"]) {
            assert_eq!(archive.put("refunds.2e1d", &entry).await, Ok(Put::Written));
        }
        archive.remove(1).await;
        let verdicts = archive.verify_all().await.expect("listed");
        let sequences: Vec<_> = verdicts
            .iter()
            .map(|(subject, verdict)| (subject.as_str(), verdict.as_ref().ok().map(|h| h.sequence)))
            .collect();
        assert_eq!(sequences, [(SUBJECT, None), ("refunds.2e1d", Some(1))]);
    }
}

#[tokio::test]
async fn other_peoples_objects_are_left_aside() {
    for archive in Archives::with(&trail(&["a"])).await.all {
        for name in ["README.txt", "notes.json", "00000002.json.bak"] {
            archive.tamper(name, "{}").await;
        }
        let deeper = archive.root.clone().join(SUBJECT).join("old").join("00000001.json");
        archive.store.put(&deeper, "{}".into()).await.expect("written");
        let beside = archive.root.clone().join("Other").join("00000001.json");
        archive.store.put(&beside, "{}".into()).await.expect("written");
        assert_eq!(archive.verify(SUBJECT).await.map(|head| head.sequence), Ok(1));
        assert_eq!(archive.subjects().await, Ok(vec![SUBJECT.to_owned()]));
    }
}

#[tokio::test]
async fn a_subject_is_the_name_of_one_folder() {
    let archive = Archive::open("memory:///", NO_OPTIONS).expect("open");
    let long = "a".repeat(254);
    for subject in ["", ".", "..", "a/b", "../a", "A", "a b", "-a", "a.", "é", "a\n", &long] {
        let error = archive.read(subject).await.expect_err(subject);
        assert_eq!(error, ArchiveError::Subject(subject.to_owned()));
        assert_eq!(error.category(), Category::Refused);
    }
    assert_eq!(archive.read(&long[1..]).await, Ok(Vec::new()));
}

#[tokio::test]
async fn a_directory_that_is_not_there_is_not_an_empty_archive() {
    let dir = tempfile::tempdir().expect("a directory");
    let file = dir.path().join("file");
    std::fs::write(&file, "").expect("written");
    for path in [dir.path().join("absent"), file.join("below"), file] {
        let url = Url::from_file_path(&path).expect("absolute");
        let error = Archive::open(url.as_str(), NO_OPTIONS).expect_err("no directory");
        assert!(error.to_string().starts_with(&format!("open the archive {url}: ")), "{error}");
        assert_eq!(error.category(), Category::Refused);
    }
}

#[tokio::test]
async fn a_directory_that_cannot_be_written_is_an_error_that_names_the_entry() {
    let dir = tempfile::tempdir().expect("a directory");
    let url = Url::from_directory_path(dir.path()).expect("absolute");
    let archive = Archive::open(url.as_str(), NO_OPTIONS).expect("open");
    // Root may write everywhere, but not into a file as if it were a directory.
    std::fs::write(dir.path().join(SUBJECT), "").expect("written");
    let error = archive.put(SUBJECT, &trail(&["a"])[0]).await.expect_err("unwritable");
    let begins = format!("archive entry 1 of {SUBJECT} in {url}: ");
    assert!(error.to_string().starts_with(&begins), "{error}");
    assert_eq!(error.category(), Category::Transient);
}

#[tokio::test]
async fn what_a_crash_left_of_a_write_is_not_an_entry() {
    let dir = tempfile::tempdir().expect("a directory");
    let url = Url::from_directory_path(dir.path()).expect("absolute");
    let archive = Archive::open(url.as_str(), NO_OPTIONS).expect("open");
    let entries = trail(&["a", "b"]);
    archive.fill(&entries[..1]).await;
    let half = &entries[1].to_canonical_json()[..20];
    std::fs::write(dir.path().join(SUBJECT).join("00000002.json#1"), half).expect("written");
    assert_eq!(archive.verify(SUBJECT).await.map(|head| head.sequence), Ok(1));
    assert_eq!(archive.put(SUBJECT, &entries[1]).await, Ok(Put::Written));
    assert_eq!(archive.verify(SUBJECT).await.map(|head| head.sequence), Ok(2));
}

#[test]
fn urls_that_name_no_archive_are_refused() {
    for (url, says) in [
        ("/var/lib", "open the archive /var/lib: it is not a URL; a directory is file:///PATH"),
        (
            "//key:secret@bucket/a",
            "open the archive ***: it is not a URL; a directory is file:///PATH",
        ),
        ("secret@bucket/a", "open the archive ***: it is not a URL; a directory is file:///PATH"),
        ("ftp://host/a", "open the archive ftp://host/a: ftp is none of file, s3, gs, az, abfs"),
        ("file://host/a", "open the archive file://host/a: it names a host"),
        ("https://example.com/a", "open the archive https://example.com/a: feature for Http"),
    ] {
        let error = Archive::open(url, NO_OPTIONS).expect_err(url).to_string();
        assert!(error.starts_with(says), "{error}");
    }
}

#[test]
fn every_kind_of_store_opens_without_asking_it() {
    let options = [
        ("aws_access_key_id", "AKIAEXAMPLE"),
        ("AWS_SECRET_ACCESS_KEY", "s3cr3t-s3cr3t"),
        ("GOOGLE_SKIP_SIGNATURE", "true"),
        ("AZURE_STORAGE_ACCOUNT_NAME", "trails"),
        ("AZURE_STORAGE_ACCOUNT_KEY", "c2VjcmV0LXNlY3JldA=="),
        ("PATH", "/usr/bin"),
    ];
    for url in
        ["s3://bucket/a", "gs://bucket", "az://container/a", "abfss://c@a.dfs.core.windows.net/b"]
    {
        let archive = Archive::open(url, options).expect(url);
        assert_eq!(archive.url(), url);
    }
}

#[tokio::test]
async fn credentials_do_not_appear_in_messages() {
    let s3 = StandIn::start().await;
    let url = "s3://AKIAEXAMPLE:s3cr3t-in-url@bucket/a?X-Amz-Signature=s1gn4ture#s3cr3t-behind";
    let archive = s3.archive(url);
    assert_eq!(archive.url(), "s3://bucket/a");
    s3.be(Mood::Refusing);
    let error = archive.put(SUBJECT, &trail(&["a"])[0]).await.expect_err("refused");
    assert_eq!(error.category(), Category::Refused);
    let unopened = Archive::open(&url.replace("s3:", "ftp:"), NO_OPTIONS).expect_err("ftp");
    for shown in
        [format!("{error}"), format!("{error:?}"), format!("{archive:?}"), format!("{unopened}")]
    {
        for secret in [stand_in::SECRET, "s3cr3t", "s1gn4ture"] {
            assert!(!shown.contains(secret), "{secret} in {shown}");
        }
    }
    assert!(error.to_string().contains("***"), "the store repeats it: {error}");
}

#[tokio::test]
async fn a_store_that_does_not_answer_is_not_waited_for() {
    let s3 = StandIn::start().await;
    let archive = s3.archive("s3://bucket").with_patience(Duration::from_millis(100));
    s3.be(Mood::Silent);
    let error = archive.put(SUBJECT, &trail(&["a"])[0]).await.expect_err("no answer");
    assert_eq!(
        error.to_string(),
        "archive entry 1 of payments.1f0c in s3://bucket: no answer within 100ms"
    );
    assert_eq!(error.category(), Category::Transient);
    for error in [
        archive.read(SUBJECT).await.expect_err("no answer"),
        archive.subjects().await.expect_err("no answer"),
    ] {
        assert!(matches!(error, ArchiveError::NoAnswer { .. }), "{error}");
    }
}

#[tokio::test]
async fn an_entry_whose_confirmation_was_lost_is_archived_once() {
    let s3 = StandIn::start().await;
    let archive = s3.archive("s3://bucket");
    let entries = trail(&["a"]);
    s3.be(Mood::LosingOneAnswer);
    let first = archive.put(SUBJECT, &entries[0]).await;
    assert!(matches!(first, Ok(Put::AlreadyThere) | Err(_)), "{first:?}");
    assert_eq!(archive.put(SUBJECT, &entries[0]).await, Ok(Put::AlreadyThere));
    assert_eq!(archive.read(SUBJECT).await, Ok(entries));
}
