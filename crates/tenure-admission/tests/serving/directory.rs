//! A certificate that others keep in a directory.

use std::os::unix::fs::symlink;
use std::path::Path;
use std::time::Duration;

use http::StatusCode;
use tempfile::TempDir;
use tenure_admission::{Limits, ServingCertificate, Source};

use crate::support::{Files, POLL, Server, ask, files, write};

async fn serves(server: &Server, files: &Files) -> bool {
    server.try_connect(b"h2", files).await.is_ok()
}

async fn comes_to_serve(server: &Server, files: &Files) {
    for _ in 0..200 {
        if serves(server, files).await {
            return;
        }
        tokio::time::sleep(POLL).await;
    }
    panic!("the certificate was not taken into use");
}

/// Replaces everything at once, as a kubelet does.
fn swap(directory: &Path, version: &str, files: &Files) {
    let data = directory.join(version);
    std::fs::create_dir(&data).expect("a directory");
    write(&data, files);
    symlink(version, directory.join("..new")).expect("a link");
    std::fs::rename(directory.join("..new"), directory.join("..data")).expect("rename");
}

#[tokio::test]
async fn a_certificate_is_replaced_when_the_files_are_and_no_connection_ends() {
    let server = Server::echo(Limits::default()).await;
    let mut sender = server.http_2().await;
    let new = files();
    assert!(!serves(&server, &new).await);
    write(server.directory.path(), &new);
    comes_to_serve(&server, &new).await;
    let (status, _) = ask(&mut sender, "/echo", vec![]).await.expect("an answer");
    assert_eq!(status, StatusCode::OK);
}

#[tokio::test]
async fn a_pair_that_cannot_be_used_leaves_the_old_one_in_use() {
    let server = Server::echo(Limits::default()).await;
    let (good, other) = (files(), files());
    write(server.directory.path(), &good);
    comes_to_serve(&server, &good).await;
    let directory = server.directory.path();
    let broken: [&dyn Fn(); 4] = [
        &|| std::fs::write(directory.join("tls.key"), &other.key).expect("write"),
        &|| std::fs::write(directory.join("tls.crt"), "garbage").expect("write"),
        &|| std::fs::write(directory.join("tls.crt"), "").expect("write"),
        &|| std::fs::remove_file(directory.join("tls.key")).expect("remove"),
    ];
    for breaks in broken {
        breaks();
        tokio::time::sleep(5 * POLL).await;
        assert!(serves(&server, &good).await);
    }
    write(directory, &other);
    comes_to_serve(&server, &other).await;
}

#[tokio::test]
async fn a_directory_as_a_kubelet_keeps_it_is_followed() {
    let server = Server::echo(Limits::default()).await;
    let directory = server.directory.path();
    let (first, second) = (files(), files());
    for name in ["tls.crt", "tls.key"] {
        std::fs::remove_file(directory.join(name)).expect("remove");
        symlink(format!("..data/{name}"), directory.join(name)).expect("a link");
    }
    swap(directory, "..1", &first);
    comes_to_serve(&server, &first).await;
    swap(directory, "..2", &second);
    comes_to_serve(&server, &second).await;
}

#[tokio::test]
async fn a_certificate_that_comes_late_is_waited_for() {
    let directory = TempDir::new().expect("a directory");
    let certificate = ServingCertificate::none();
    let source = Source::Directory { path: directory.path().to_owned(), poll: POLL };
    tokio::spawn(source.keep(certificate.clone()));
    tokio::time::sleep(5 * POLL).await;
    assert!(certificate.not_after().is_none());
    write(directory.path(), &files());
    let present = tokio::time::timeout(Duration::from_secs(5), certificate.present());
    present.await.expect("it is found");
    assert!(certificate.not_after().is_some());
}
