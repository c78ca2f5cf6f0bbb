//! Certificates and keys, made and read.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::GeneralName;
use x509_parser::time::ASN1Time;

use super::CertificateError;
use super::rotation::{Authority, Terms};

/// The name of every authority that is made here, by which its certificates are known again.
const AUTHORITY: &str = "tenure webhook authority";
/// What a certificate is in PEM.
const CERTIFICATE: &str = "CERTIFICATE";

/// A serving certificate and its key.
#[derive(Clone, Debug)]
pub(super) struct Pair {
    /// The certificate and what comes between it and its authority, in PEM.
    pub(super) certificate: String,
    /// Its key, in PEM.
    pub(super) key: Hidden,
    /// Both, as they are served.
    pub(super) certified: Arc<CertifiedKey>,
    /// When it expires.
    pub(super) not_after: Timestamp,
    /// The names and addresses it is good for.
    names: BTreeSet<String>,
}

/// A text that is not shown.
#[derive(Clone)]
pub(super) struct Hidden(pub(super) String);

impl std::fmt::Debug for Hidden {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("…")
    }
}

impl Pair {
    /// Makes an authority and a serving certificate that it signs. The authority's key is gone
    /// when this returns.
    pub(super) fn make(
        names: &[String],
        terms: &Terms,
        now: Timestamp,
    ) -> Result<(Self, Authority), CertificateError> {
        let mut params = lasting(CertificateParams::default(), terms, now);
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.distinguished_name = rcgen::DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, AUTHORITY);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        let key = KeyPair::generate()?;
        let authority = params.self_signed(&key)?;
        let issuer = Issuer::new(params, key);

        let mut params = lasting(CertificateParams::new(names)?, terms, now);
        params.distinguished_name = rcgen::DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, "tenure webhook");
        params.use_authority_key_identifier_extension = true;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        let key = KeyPair::generate()?;
        let certificate = params.signed_by(&key, &issuer)?;
        let pair = Self::read(certificate.pem().as_bytes(), key.serialize_pem().as_bytes())?;
        let authority = read_authority(authority.der())
            .ok_or_else(|| illegible("the authority that was made is none"))?;
        Ok((pair, authority))
    }

    /// Reads a certificate and its key, each in PEM.
    pub(super) fn read(certificate: &[u8], key: &[u8]) -> Result<Self, CertificateError> {
        let chain: Vec<_> =
            CertificateDer::pem_slice_iter(certificate)
                .collect::<Result<_, _>>()
                .map_err(|error| illegible(format!("the certificate is not PEM: {error}")))?;
        let first = chain.first().ok_or_else(|| illegible("there is no certificate"))?;
        let (_, leaf) = x509_parser::parse_x509_certificate(first)
            .map_err(|error| illegible(format!("the certificate cannot be read: {error}")))?;
        let not_after = timestamp(leaf.validity().not_after);
        let names = names_of(&leaf);
        let text = pem_of(&chain);
        let der = PrivateKeyDer::from_pem_slice(key)
            .map_err(|error| illegible(format!("the key is not PEM: {error}")))?;
        let certified = CertifiedKey::from_der(chain, der, &ring::default_provider())
            .map_err(|error| illegible(format!("the key is not the certificate's: {error}")))?;
        let key = Hidden(String::from_utf8_lossy(key).into_owned());
        Ok(Self { certificate: text, key, certified: Arc::new(certified), not_after, names })
    }

    /// Whether it is good for all of these names.
    pub(super) fn fits(&self, names: &[String]) -> bool {
        names.iter().all(|name| self.names.contains(name))
    }

    /// The one of these authorities that signed it, or what comes with it.
    pub(super) fn signed_by<'a>(
        &self,
        authorities: impl IntoIterator<Item = &'a Authority>,
    ) -> Option<&'a Authority> {
        authorities.into_iter().find(|authority| {
            let bundle = authority.certificate.as_bytes();
            let Some(Ok(der)) = CertificateDer::pem_slice_iter(bundle).next() else { return false };
            self.certified.cert.iter().any(|certificate| signed(certificate, &der))
        })
    }
}

/// The authorities in a bundle that were made here.
pub(super) fn authorities_of(bundle: &[u8]) -> BTreeSet<Authority> {
    certificates_of(bundle).iter().filter(|der| is_ours(der)).filter_map(read_authority).collect()
}

/// The certificates in a bundle, whoever made them.
pub(super) fn any_authorities_of(bundle: &[u8]) -> BTreeSet<Authority> {
    certificates_of(bundle).iter().filter_map(read_authority).collect()
}

/// A bundle of these authorities.
pub(super) fn bundle(authorities: &BTreeSet<Authority>) -> String {
    authorities.iter().map(|authority| authority.certificate.as_str()).collect()
}

fn certificates_of(bundle: &[u8]) -> Vec<CertificateDer<'static>> {
    CertificateDer::pem_slice_iter(bundle).filter_map(Result::ok).collect()
}

fn read_authority(der: &CertificateDer<'_>) -> Option<Authority> {
    let (_, certificate) = x509_parser::parse_x509_certificate(der).ok()?;
    let not_after = timestamp(certificate.validity().not_after);
    Some(Authority { certificate: pem_of(std::slice::from_ref(der)), not_after })
}

fn is_ours(der: &CertificateDer<'_>) -> bool {
    let Ok((_, certificate)) = x509_parser::parse_x509_certificate(der) else { return false };
    let mut names = certificate.subject().iter_common_name();
    certificate.is_ca() && names.any(|name| name.as_str().is_ok_and(|name| name == AUTHORITY))
}

fn signed(certificate: &CertificateDer<'_>, authority: &CertificateDer<'_>) -> bool {
    let certificate = x509_parser::parse_x509_certificate(certificate);
    let authority = x509_parser::parse_x509_certificate(authority);
    let (Ok((_, certificate)), Ok((_, authority))) = (certificate, authority) else { return false };
    certificate.verify_signature(Some(authority.public_key())).is_ok()
}

fn names_of(certificate: &X509Certificate<'_>) -> BTreeSet<String> {
    let Ok(Some(names)) = certificate.subject_alternative_name() else { return BTreeSet::new() };
    names.value.general_names.iter().filter_map(name_of).collect()
}

fn name_of(name: &GeneralName<'_>) -> Option<String> {
    match name {
        GeneralName::DNSName(name) => Some((*name).to_owned()),
        GeneralName::IPAddress(octets) => {
            let address = <[u8; 4]>::try_from(*octets)
                .map(IpAddr::from)
                .or_else(|_| <[u8; 16]>::try_from(*octets).map(IpAddr::from));
            address.ok().map(|address| address.to_string())
        }
        _ => None,
    }
}

fn pem_of(chain: &[CertificateDer<'_>]) -> String {
    let config = pem::EncodeConfig::new().set_line_ending(pem::LineEnding::LF);
    let blocks: Vec<_> = chain.iter().map(|der| pem::Pem::new(CERTIFICATE, der.to_vec())).collect();
    blocks.iter().map(|block| pem::encode_config(block, config)).collect()
}

/// Sets for how long it is good. A clock that is behind must find that it is good already.
fn lasting(mut params: CertificateParams, terms: &Terms, now: Timestamp) -> CertificateParams {
    let at = |time: Timestamp| {
        let since = Duration::from_secs(u64::try_from(time.as_second()).unwrap_or(0));
        rcgen::date_time_ymd(1970, 1, 1) + since
    };
    params.not_before = at(now.saturating_sub(terms.skew).unwrap_or(now));
    params.not_after = at(now.saturating_add(terms.validity).unwrap_or(now));
    params
}

/// The time, or the earliest there is: what cannot be told is taken for long gone.
fn timestamp(time: ASN1Time) -> Timestamp {
    Timestamp::from_second(time.timestamp()).unwrap_or(Timestamp::MIN)
}

fn illegible(why: impl Into<String>) -> CertificateError {
    CertificateError::Illegible(why.into())
}
