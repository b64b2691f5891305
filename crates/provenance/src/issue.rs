//! The way out: from a picture to one that is marked, signed, recorded and then released.

use std::path::Path;
use std::time::{Duration, Instant};

use colophon_imaging::{Format, ImagingError, Limits, Picture, StagedFile, decode};
use colophon_keys::Passphrase;
use colophon_ledger::{Kind, Ledger, NewRecord};
use colophon_manifest::{
    Agent, DigitalSourceType, ManifestSpec, Origin, Parent, Signed, TrainingUse, TrustAnchors,
    extract_manifest_bytes, sign,
};
use colophon_policy::PolicyHash;
use colophon_watermark::{Detector, Embedder, WatermarkKey};
use sha2::{Digest as _, Sha256};

use crate::config::Config;
use crate::make::{Encoded, Marked, Marker, encode_close, refuse_unfaithful, set_metadata};
use crate::read_back::Expected;
use crate::request::Steps;
use crate::signing::ManifestSigner;
use crate::verify::verdict_table;
use crate::{Destination, Home, Issued, ProvenanceError, StampRequest, hex, rfc3339};

/// Issues pictures from one home; for use from many threads.
pub struct Issuer {
    signer: ManifestSigner,
    anchors: TrustAnchors,
    marker: Marker,
    ledger: Ledger,
    limits: Limits,
    deadline: Duration,
    quality_floor: u8,
    policy: PolicyHash,
    made_home: bool,
}

impl std::fmt::Debug for Issuer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Issuer")
            .field("ledger", &self.ledger)
            .finish_non_exhaustive()
    }
}

/// A finished file with its record, not yet released.
struct Ready {
    signed: Signed,
    record: NewRecord,
}

impl Issuer {
    /// Opens a home for issuing. One without keys gets a local signing chain, with its keys
    /// encrypted when a passphrase is given, and an empty ledger: see [`Issuer::made_home`].
    ///
    /// # Errors
    /// [`ProvenanceError::Keys`] for a missing or wrong passphrase or damaged keys,
    /// [`ProvenanceError::Ledger`], [`ProvenanceError::Config`], [`ProvenanceError::Policy`],
    /// [`ProvenanceError::Io`].
    pub fn open(
        home: &Home,
        passphrase: Option<Passphrase>,
        now: i64,
    ) -> Result<Self, ProvenanceError> {
        let config = Config::load(Some(home))?;
        let policy = verdict_table(Some(home))?.hash();
        let (keys, made_home) = home.keys_or_init(&config, passphrase, now)?;
        let key = WatermarkKey::new(*keys.watermark_key()?);
        Ok(Self {
            signer: ManifestSigner(keys.claim_signer()?),
            anchors: TrustAnchors::none().with_local_root(&keys.root_certificate_pem()?)?,
            marker: Marker {
                embedder: Embedder::new(&key),
                detector: Detector::new([&key]),
                embed: config.strength.value.options(),
            },
            ledger: home.open_ledger(&keys)?,
            limits: config.limits(),
            deadline: Duration::from_millis(config.manifest_deadline_ms.value),
            quality_floor: config.jpeg_quality_floor.value,
            policy,
            made_home,
        })
    }

    /// Whether opening made the keys: a local chain, on no public list.
    pub fn made_home(&self) -> bool {
        self.made_home
    }

    /// The bounds on pictures, for reading files.
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Marks, signs, checks, records and writes a picture. WebP is written without loss when
    /// the input was without.
    ///
    /// The record is durable before the file gets its name. When anything fails there is no file;
    /// a failure between the two leaves a record without a file, which is harmless.
    ///
    /// # Errors
    /// [`ProvenanceError::Imaging`] for a picture that cannot be decoded, encoded or written;
    /// [`ProvenanceError::Animated`], [`ProvenanceError::Cmyk`], [`ProvenanceError::CannotMark`],
    /// [`ProvenanceError::ForeignMark`], [`ProvenanceError::ReadBack`],
    /// [`ProvenanceError::Manifest`], [`ProvenanceError::Ledger`].
    pub fn stamp(
        &self,
        input: &[u8],
        request: &StampRequest,
        destination: Destination,
    ) -> Result<Issued, ProvenanceError> {
        // Said before any work is spent; the release holds it against races.
        if !destination.overwrite && destination.path.symlink_metadata().is_ok() {
            return Err(ImagingError::AlreadyExists(destination.path).into());
        }
        let mut clock = Clock::start();
        let mut elapsed = Steps::default();
        let original = self.decode_input(input)?;
        let format = output_format(request, &destination.path, original.source_format())?;
        elapsed.decode_ms = clock.lap();
        let mut marked = self.marker.mark(&original, request, format, &self.ledger)?;
        elapsed.mark_ms = clock.lap();
        set_metadata(&mut marked.picture, request);
        let encoded = encode_close(
            &marked.picture,
            &original,
            format,
            request.jpeg_quality,
            self.quality_floor,
            &self.limits,
        )?;
        // The pixels are in the file now; nothing large is kept beside it.
        let source_format = original.source_format();
        let Marked {
            picture,
            watermark_id,
            kept,
            psnr,
            margin,
            unmarked_reason,
        } = marked;
        drop((original, picture));
        elapsed.encode_ms = clock.lap();

        let parent = parent(input, source_format)?;
        let facts = Facts {
            request,
            watermark_id,
            unmarked_reason: unmarked_reason.clone(),
        };
        let signed = sign(
            &encoded.bytes,
            format.mime(),
            &self.manifest(&facts, &encoded, parent),
            &self.signer,
        )?;
        elapsed.sign_ms = clock.lap();
        self.expected(format, &facts, &encoded).check(&signed)?;
        elapsed.read_back_ms = clock.lap();

        let record = self.record(&facts, &encoded, &signed);
        let asset_sha256 = record.asset_sha256;
        let manifest_id = record.manifest_id.clone();
        let bytes = signed.asset.len() as u64;
        let receipt = self.release(Ready { signed, record }, &destination)?;
        elapsed.store_ms = clock.lap();
        Ok(Issued {
            path: destination.path,
            format: format.to_string(),
            width: encoded.content.width,
            height: encoded.content.height,
            bytes,
            sha256: hex(&asset_sha256),
            record: receipt.index.0,
            leaf_hash: hex(&receipt.leaf_hash.0),
            watermark_id: watermark_id.map(|id| format!("{id:016x}")),
            mark_kept: kept,
            manifest_id,
            ingredient_kept: parent.is_some(),
            fingerprint: encoded.content.fingerprint.map(|hash| hash.to_string()),
            psnr_mark: psnr,
            psnr_file: encoded.psnr,
            margin,
            jpeg_quality: encoded.jpeg_quality,
            // No other kind of chain can be made or installed yet.
            local_chain: true,
            unmarked_reason,
            issued_at: rfc3339(request.issued_at),
            elapsed,
        })
    }

    fn decode_input(&self, input: &[u8]) -> Result<Picture, ProvenanceError> {
        let picture = decode(input, &self.limits)?;
        refuse_unfaithful(&picture)?;
        Ok(picture)
    }

    fn manifest<'a>(
        &self,
        facts: &Facts<'_>,
        encoded: &Encoded,
        parent: Option<Parent<'a>>,
    ) -> ManifestSpec<'a> {
        let request = facts.request;
        ManifestSpec {
            claim_generator: Agent {
                name: "Colophon".to_owned(),
                version: Some(env!("CARGO_PKG_VERSION").to_owned()),
            },
            origin: match parent {
                None => Origin::Created(request.source),
                Some(parent) => Origin::Opened {
                    parent,
                    edit: Some(request.source).filter(|source| is_edit(*source)),
                },
            },
            software_agent: request.generator.clone().map(|name| Agent {
                name,
                version: request.generator_version.clone(),
            }),
            when: rfc3339(request.issued_at),
            title: request.title.clone(),
            watermark_id: facts.watermark_id,
            fingerprint: encoded.content.fingerprint.map(|hash| hash.0),
            training_use: TrainingUse::default(),
            unmarked_reason: facts.unmarked_reason.clone(),
            ledger_origin: Some(self.ledger.verifier_key().name().to_owned()),
        }
    }

    fn expected<'a>(
        &'a self,
        format: Format,
        facts: &Facts<'_>,
        encoded: &'a Encoded,
    ) -> Expected<'a> {
        Expected {
            mime: format.mime(),
            watermark_id: facts.watermark_id,
            content: &encoded.content,
            anchors: &self.anchors,
            detector: &self.marker.detector,
            limits: &self.limits,
            deadline: self.deadline,
        }
    }

    fn record(&self, facts: &Facts<'_>, encoded: &Encoded, signed: &Signed) -> NewRecord {
        let request = facts.request;
        NewRecord {
            issued_at: request.issued_at,
            kind: Kind::Stamp,
            generator: request
                .generator
                .clone()
                .map(|name| colophon_ledger::Agent {
                    name,
                    version: request.generator_version.clone(),
                }),
            source_type: request.source.uri(),
            watermark_id: facts.watermark_id,
            fingerprint: encoded.content.fingerprint.map(|hash| hash.0),
            sketch: Some(encoded.content.sketch.to_bytes()),
            asset_sha256: Sha256::digest(&signed.asset).into(),
            manifest_sha256: Sha256::digest(&signed.manifest).into(),
            manifest_id: signed.manifest_id.to_string(),
            manifest: signed.manifest.clone(),
            signer_key_id: *self.signer.0.key_id().as_bytes(),
            policy_hash: self.policy.0,
            width: encoded.content.width,
            height: encoded.content.height,
            title: request.title.clone(),
            prompt: request.prompt.clone(),
            unmarked_reason: facts.unmarked_reason.clone(),
        }
    }

    /// File durable under a temporary name, then the record durable, then the name.
    fn release(
        &self,
        ready: Ready,
        destination: &Destination,
    ) -> Result<colophon_ledger::Receipt, ProvenanceError> {
        let mut staged = StagedFile::create(&destination.path, destination.overwrite)?;
        staged.write(&ready.signed.asset)?;
        let receipt = self.ledger.append(ready.record)?;
        staged.commit()?;
        Ok(receipt)
    }
}

/// What manifest and record both say.
struct Facts<'a> {
    request: &'a StampRequest,
    watermark_id: Option<u64>,
    unmarked_reason: Option<String>,
}

/// The input as an ingredient, when it carries a manifest.
fn parent(input: &[u8], format: Format) -> Result<Option<Parent<'_>>, ProvenanceError> {
    if format == Format::Bmp {
        // BMP has no place for a manifest.
        return Ok(None);
    }
    let has_manifest = extract_manifest_bytes(input, format.mime())?.is_some();
    Ok(has_manifest.then_some(Parent {
        bytes: input,
        mime: format.mime(),
        title: "input",
    }))
}

/// Whether a source type describes a change of an earlier picture. For the others, an input with a
/// manifest is only opened and marked: saying that it was edited that way would be untrue.
fn is_edit(source: DigitalSourceType) -> bool {
    matches!(
        source,
        DigitalSourceType::CompositeWithTrainedAlgorithmicMedia
            | DigitalSourceType::AlgorithmicallyEnhanced
            | DigitalSourceType::CompositeCapture
            | DigitalSourceType::CompositeSynthetic
            | DigitalSourceType::Composite
            | DigitalSourceType::HumanEdits
    )
}

/// The format asked for, else by the output's name, else the input's, else PNG.
fn output_format(
    request: &StampRequest,
    path: &Path,
    input: Format,
) -> Result<Format, ProvenanceError> {
    let extension = path.extension().and_then(|extension| extension.to_str());
    let named = extension.and_then(Format::from_extension);
    let format = match request.format.or(named) {
        Some(format) => format,
        None if input.can_encode() => input,
        None => Format::Png,
    };
    if format.can_encode() {
        return Ok(format);
    }
    Err(ProvenanceError::Imaging(ImagingError::Parameter(format!(
        "{format} files cannot carry a manifest of ours; name the output .png, .jpg or .webp"
    ))))
}

/// Laps in milliseconds.
struct Clock(Instant);

impl Clock {
    fn start() -> Self {
        Self(Instant::now())
    }

    fn lap(&mut self) -> f64 {
        let now = Instant::now();
        let lap = now - self.0;
        self.0 = now;
        lap.as_secs_f64() * 1e3
    }
}
