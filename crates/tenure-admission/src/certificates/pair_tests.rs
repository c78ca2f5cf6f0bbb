//! Certificates as they are made, judged by the verifier that clients use.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier as _;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError as Judgement, Error, RootCertStore};

use super::pair::*;
use super::rotation::{Authority, Terms};

fn names() -> Vec<String> {
    ["tenure-webhook.tenure-system.svc", "127.0.0.1"].map(str::to_owned).to_vec()
}

fn made(now: Timestamp) -> (Pair, Authority) {
    Pair::make(&names(), &Terms::default(), now).expect("a certificate")
}

/// What a client says that trusts this authority.
fn judge(pair: &Pair, authority: &Authority, name: &str, now: Timestamp) -> Result<(), Error> {
    let mut roots = RootCertStore::empty();
    let root = CertificateDer::from_pem_slice(authority.certificate.as_bytes()).expect("PEM");
    roots.add(root).expect("a root");
    let provider = Arc::new(ring::default_provider());
    let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider);
    let seconds = std::time::Duration::from_secs(now.as_second().try_into().expect("after 1970"));
    let name = ServerName::try_from(name.to_owned()).expect("a name");
    let now = UnixTime::since_unix_epoch(seconds);
    let verifier = verifier.build().expect("a verifier");
    verifier.verify_server_cert(&pair.certified.cert[0], &[], &name, &[], now).map(drop)
}

#[test]
fn a_certificate_is_good_for_its_names_and_its_authority_only() {
    let now = Timestamp::now();
    let ((pair, authority), (_, other)) = (made(now), made(now));
    for name in names() {
        judge(&pair, &authority, &name, now).expect("accepted");
    }
    assert!(judge(&pair, &authority, "another.tenure-system.svc", now).is_err());
    assert!(judge(&pair, &other, &names()[0], now).is_err());
    assert!(pair.fits(&names()) && !pair.fits(&["another".to_owned()]));
}

#[test]
fn a_clock_that_is_an_hour_off_does_not_matter() {
    let now = Timestamp::now();
    for hours in [-1, 1] {
        let (pair, authority) = made(now + SignedDuration::from_hours(hours));
        judge(&pair, &authority, &names()[0], now).expect("accepted");
    }
}

#[test]
fn a_certificate_and_its_authority_expire_together() {
    let now = Timestamp::now();
    let (pair, authority) = made(now);
    assert_eq!(pair.not_after, authority.not_after);
    let days = SignedDuration::from_hours(24 * 90);
    judge(&pair, &authority, &names()[0], now + days - SignedDuration::from_secs(2)).expect("good");
    let late = judge(&pair, &authority, &names()[0], now + days + SignedDuration::from_secs(2));
    assert!(matches!(
        late,
        Err(Error::InvalidCertificate(Judgement::Expired | Judgement::ExpiredContext { .. }))
    ));
}

#[test]
fn a_key_of_another_certificate_is_told() {
    let ((one, _), (other, _)) = (made(Timestamp::now()), made(Timestamp::now()));
    let read = |certificate: &str, key: &str| Pair::read(certificate.as_bytes(), key.as_bytes());
    read(&one.certificate, &one.key.0).expect("its own key");
    let error = read(&one.certificate, &other.key.0).expect_err("another's key").to_string();
    assert!(error.starts_with("the key is not the certificate's"), "{error}");
    for certificate in
        ["", "garbage", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----"]
    {
        read(certificate, &one.key.0).expect_err("no certificate");
    }
    read(&one.certificate, "garbage").expect_err("no key");
}

#[test]
fn a_bundle_is_read_as_it_was_written_and_what_is_not_ours_is_passed_over() {
    let ((pair, one), (_, other)) = (made(Timestamp::now()), made(Timestamp::now()));
    let authorities = [one, other].into();
    let written = bundle(&authorities);
    assert_eq!(authorities_of(written.as_bytes()), authorities);
    let with_others = format!("garbage\n{}{written}", pair.certificate);
    assert_eq!(authorities_of(with_others.as_bytes()), authorities);
    assert_eq!(pair.signed_by(&authorities).map(|a| a.not_after), Some(pair.not_after));
}

#[test]
fn a_key_is_not_shown() {
    let (pair, _) = made(Timestamp::now());
    assert!(!format!("{pair:?}").contains("PRIVATE"));
}
