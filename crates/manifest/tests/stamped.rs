//! Time-stamps and stapled answers about revoked certificates, of authorities of our own.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test stops where its ground gives way"
)]

mod common;

use std::path::{Path, PathBuf};
use std::process::Command;

use c2pa::SigningAlg;
use colophon_manifest::{
    CertificateName, Integrity, ListKind, ListUse, ManifestReport, Revocation, RevokedCertificate,
    Signature, Time, Trust, TrustAnchors, TrustList,
};
use common::chain::{builder, created, signed_by};
use common::*;
use image::ImageFormat;

/// Root of the signers and of their answers about revoked certificates.
const SIGNERS: &str = include_str!("golden/stamped.signers.pem");
/// Root of the time-stamps.
const STAMPS: &str = include_str!("golden/stamped.stamps.pem");
/// The leaf of the two stamped files, which ran out minutes after it was used.
const LEAF: &str = include_str!("golden/stamped.leaf.pem");
const FIRST: &[u8] = include_bytes!("golden/stamped-v1.jpg");
const SECOND: &[u8] = include_bytes!("golden/stamped-v2.jpg");
const GOOD: &[u8] = include_bytes!("golden/stapled-good.jpg");
const REVOKED: &[u8] = include_bytes!("golden/stapled-revoked.jpg");

fn list(usage: ListUse, pem: &str) -> TrustList {
    TrustList {
        name: "theirs".to_owned(),
        kind: ListKind::Official,
        usage,
        anchors: pem.to_owned(),
        allowed: String::new(),
        key_usages: Vec::new(),
    }
}

fn trusting(lists: &[(ListUse, &str)]) -> TrustAnchors {
    lists
        .iter()
        .fold(TrustAnchors::none(), |anchors, (usage, pem)| {
            anchors.with(list(*usage, pem)).unwrap()
        })
}

fn both() -> TrustAnchors {
    trusting(&[(ListUse::Signers, SIGNERS), (ListUse::TimeStamps, STAMPS)])
}

fn read_jpeg(asset: &[u8], anchors: &TrustAnchors) -> ManifestReport {
    report(asset, "image/jpeg", anchors)
}

#[test]
fn a_listed_stamp_carries_a_certificate_over_its_end() {
    for asset in [FIRST, SECOND] {
        let report = read_jpeg(asset, &both());
        let verdicts = &report.verdicts;
        assert_eq!(verdicts.time.state, Time::Stamped, "{verdicts:?}");
        assert_eq!(verdicts.integrity.state, Integrity::Intact, "{verdicts:?}");
        assert_eq!(verdicts.trust.state.code(), "trusted-official");
        assert!(report.signer.unwrap().stamped_at.is_some());
    }
}

#[test]
fn a_signers_anchor_makes_no_stamp_trusted_and_a_stamps_anchor_no_signer() {
    for asset in [FIRST, SECOND] {
        // Both roots as anchors of the wrong kind.
        let swapped = trusting(&[(ListUse::Signers, STAMPS), (ListUse::TimeStamps, SIGNERS)]);
        let verdicts = read_jpeg(asset, &swapped).verdicts;
        assert_eq!(verdicts.time.state, Time::OutsideValidity, "{verdicts:?}");
        assert_eq!(verdicts.trust.state, Trust::Untrusted);
        let one = trusting(&[(ListUse::Signers, SIGNERS), (ListUse::Signers, STAMPS)]);
        let verdicts = read_jpeg(asset, &one).verdicts;
        assert_eq!(verdicts.time.state, Time::OutsideValidity, "{verdicts:?}");
        assert_eq!(verdicts.integrity.state, Integrity::Intact);
        assert_eq!(verdicts.signature.state, Signature::Valid);
    }
}

#[test]
fn a_signature_stamped_before_the_revocation_is_told_apart() {
    let revoked = |from| {
        vec![RevokedCertificate {
            certificate: CertificateName::of_file(LEAF.as_bytes()).unwrap(),
            from,
            reason: None,
        }]
    };
    let state = |anchors: TrustAnchors, from| {
        let verdicts = read_jpeg(SECOND, &anchors.with_revoked(revoked(from))).verdicts;
        (verdicts.revocation.state, verdicts.are_sound())
    };
    // The files are of November 2026.
    let (before, after) = (1_700_000_000, 4_000_000_000);
    assert_eq!(state(both(), before), (Revocation::RevokedHere, false));
    assert_eq!(state(both(), after), (Revocation::RevokedLater, true));
    // A stamp of an unlisted authority shows nothing.
    let unlisted = trusting(&[(ListUse::Signers, SIGNERS)]);
    assert_eq!(state(unlisted, after), (Revocation::RevokedHere, false));
}

#[test]
fn stapled_answers_are_read_where_their_authority_is_listed() {
    let state = |asset: &[u8], anchors: &TrustAnchors| {
        let verdicts = read_jpeg(asset, anchors).verdicts;
        assert_eq!(verdicts.integrity.state, Integrity::Intact, "{verdicts:?}");
        assert_eq!(verdicts.signature.state, Signature::Valid, "{verdicts:?}");
        verdicts.revocation.state
    };
    assert_eq!(state(GOOD, &both()), Revocation::Good);
    assert_eq!(state(REVOKED, &both()), Revocation::Revoked);
    for asset in [GOOD, REVOKED] {
        assert_eq!(state(asset, &TrustAnchors::none()), Revocation::NotChecked);
    }
    // Also when it is listed for time-stamps alone, where the validator gives up on the file.
    let stamps = trusting(&[(ListUse::TimeStamps, SIGNERS)]);
    assert_eq!(state(REVOKED, &stamps), Revocation::Revoked);
}

#[test]
fn certificates_for_every_accepted_use_are_trusted_by_their_root() {
    // As of OpenAI in 2026, of Samsung, and of Microsoft in 2024.
    for asset in [
        include_bytes!("golden/use-claims.jpg").as_slice(),
        include_bytes!("golden/use-documents.jpg"),
        include_bytes!("golden/use-microsoft.jpg"),
    ] {
        let verdicts = read_jpeg(asset, &both()).verdicts;
        assert_eq!(
            verdicts.trust.state.code(),
            "trusted-official",
            "{verdicts:?}"
        );
        assert!(verdicts.are_sound(), "{verdicts:?}");
    }
}

#[test]
fn a_revocation_list_revokes_by_serial_number() {
    let entries = RevokedCertificate::of_crl(include_bytes!("golden/stamped.crl.pem")).unwrap();
    assert_eq!(entries.len(), 2);
    assert_eq!(entries[0].reason.as_deref(), Some("keyCompromise"));
    let state = |asset: &[u8]| {
        let anchors = both().with_revoked(entries.clone());
        read_jpeg(asset, &anchors).verdicts.revocation.state
    };
    assert_eq!(
        state(include_bytes!("golden/use-documents.jpg")),
        Revocation::RevokedHere
    );
    assert_eq!(
        state(include_bytes!("golden/use-claims.jpg")),
        Revocation::NotChecked
    );
}

/// Makes two authorities and their signers: one that runs out in three minutes, two with answers about them, and those
/// for other uses.
const AUTHORITIES: &str = r#"
set -e
root() { openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 25000 -keyout $1.key -out $1.pem \
  -subj "/C=ZZ/O=$2/CN=Root" -addext keyUsage=critical,keyCertSign,cRLSign; }
leaf() { # name, organisation, root, extended key usage, end
  key="ec -pkeyopt ec_paramgen_curve:P-256"
  [ $1 != answers ] || key=rsa:2048 # the SDK does not take answers that are signed with ECDSA
  openssl req -newkey $key -nodes -keyout $1.key -out $1.csr -subj "/C=ZZ/O=$2/CN=$1"
  printf 'basicConstraints=critical,CA:false\nkeyUsage=critical,digitalSignature\nextendedKeyUsage=%s\nauthorityKeyIdentifier=keyid\nsubjectKeyIdentifier=hash\n' "$4" > $1.ext
  printf '[ca]\ndefault_ca=d\n[d]\ndatabase=%s.index\nserial=%s.serial\nnew_certs_dir=.\ndefault_md=sha256\npolicy=p\nunique_subject=no\n[p]\ncountryName=supplied\norganizationName=supplied\ncommonName=supplied\n' $3 $3 > $3.cnf
  [ -f $3.index ] || { : > $3.index; echo 1000 > $3.serial; }
  openssl ca -batch -notext -config $3.cnf -cert $3.pem -keyfile $3.key -in $1.csr -out $1.pem -extfile $1.ext \
    -startdate 20240101000000Z -enddate $5
}
root signers "Signers Example"; root stamps "Stamps Example"
soon=$(date -u -d '+3 minutes' +%Y%m%d%H%M%SZ)
leaf short "Signers Example" signers emailProtection $soon
leaf good "Signers Example" signers emailProtection 20900101000000Z
leaf revoked "Signers Example" signers emailProtection 20900101000000Z
leaf claims "Signers Example" signers 1.3.6.1.4.1.62558.2.1,1.3.6.1.5.5.7.3.36 20900101000000Z
leaf documents "Signers Example" signers 1.3.6.1.5.5.7.3.36 20900101000000Z
leaf microsoft "Signers Example" signers 1.3.6.1.4.1.311.76.59.1.9 20900101000000Z
leaf answers "Signers Example" signers OCSPSigning 20900101000000Z
leaf stamper "Stamps Example" stamps critical,timeStamping 20900101000000Z
openssl ca -config signers.cnf -cert signers.pem -keyfile signers.key -revoke revoked.pem -crl_reason keyCompromise
openssl ca -config signers.cnf -cert signers.pem -keyfile signers.key -revoke documents.pem -crl_reason superseded
openssl ca -config signers.cnf -cert signers.pem -keyfile signers.key -gencrl -crldays 20000 -out crl.pem
for each in good revoked; do
  openssl ocsp -index signers.index -rsigner answers.pem -rkey answers.key -CA signers.pem -issuer signers.pem \
    -cert $each.pem -ndays 20000 -respout $each.ocsp
done
printf '[tsa]\ndefault_tsa=t\n[t]\nserial=./tsa.serial\ndefault_policy=1.2.3.4\ndigests=sha256,sha384,sha512\nsigner_digest=sha256\naccuracy=secs:1\nordering=no\ntsa_name=no\ness_cert_id_chain=no\n' > tsa.cnf
echo 01 > tsa.serial
"#;

/// Signs with a leaf of [`AUTHORITIES`]; stamps and staples what lies there.
struct Stamper {
    inner: c2pa::BoxedSigner,
    folder: PathBuf,
    stamps: bool,
    answer: Option<Vec<u8>>,
}

impl Stamper {
    fn new(folder: &Path, leaf: &str, stamps: bool) -> Self {
        let read = |name: String| std::fs::read(folder.join(name)).unwrap();
        let (mut chain, key) = (read(format!("{leaf}.pem")), read(format!("{leaf}.key")));
        let answer = std::fs::read(folder.join(format!("{leaf}.ocsp"))).ok();
        if answer.is_some() {
            // An answer names its certificate by the issuer's key, which the validator looks for in the chain.
            chain.extend(read("signers.pem".to_owned()));
        }
        Self {
            inner: c2pa::create_signer::from_keys(&chain, &key, SigningAlg::Es256, None).unwrap(),
            folder: folder.to_owned(),
            stamps,
            answer,
        }
    }
}

impl c2pa::Signer for Stamper {
    fn sign(&self, data: &[u8]) -> c2pa::Result<Vec<u8>> {
        self.inner.sign(data)
    }

    fn alg(&self) -> SigningAlg {
        self.inner.alg()
    }

    fn certs(&self) -> c2pa::Result<Vec<Vec<u8>>> {
        self.inner.certs()
    }

    fn reserve_size(&self) -> usize {
        self.inner.reserve_size() + 8_000
    }

    fn ocsp_val(&self) -> Option<Vec<u8>> {
        self.answer.clone()
    }

    fn send_timestamp_request(&self, message: &[u8]) -> Option<c2pa::Result<Vec<u8>>> {
        self.stamps.then(|| {
            let request = self.timestamp_request_body(message)?;
            std::fs::write(self.folder.join("tsq"), request).unwrap();
            run(&self.folder, "openssl ts -reply -config tsa.cnf -queryfile tsq -inkey stamper.key -signer stamper.pem -chain stamps.pem -out tsr");
            Ok(std::fs::read(self.folder.join("tsr")).unwrap())
        })
    }
}

fn run(folder: &Path, script: &str) {
    let output = Command::new("bash")
        .arg("-c")
        .arg(script)
        .current_dir(folder)
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

#[test]
#[ignore = "rewrites golden files; needs openssl"]
fn make_the_stamped_files() {
    let home = tempfile::tempdir().unwrap();
    run(home.path(), AUTHORITIES);
    let golden = |name: &str| format!("{}/tests/golden/{name}", env!("CARGO_MANIFEST_DIR"));
    for (from, to) in [
        ("signers", "signers"),
        ("stamps", "stamps"),
        ("short", "leaf"),
        ("crl", "crl"),
    ] {
        let pem = home.path().join(format!("{from}.pem"));
        std::fs::copy(pem, golden(&format!("stamped.{to}.pem"))).unwrap();
    }
    for (name, leaf, version, stamps) in [
        ("stamped-v1.jpg", "short", 1, true),
        ("stamped-v2.jpg", "short", 2, true),
        ("stapled-good.jpg", "good", 2, false),
        ("stapled-revoked.jpg", "revoked", 2, false),
        ("use-claims.jpg", "claims", 2, false),
        ("use-documents.jpg", "documents", 2, false),
        ("use-microsoft.jpg", "microsoft", 2, false),
    ] {
        let signer = Stamper::new(home.path(), leaf, stamps);
        let picture = picture(ImageFormat::Jpeg);
        let asset = signed_by(&mut builder(&created(version)), &picture, &signer);
        std::fs::write(golden(name), asset).unwrap();
    }
}
