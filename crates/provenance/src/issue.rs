//! The way out: from a picture to one that is marked, signed, recorded and then released.

use std::sync::Arc;
use std::time::{Duration, Instant};

use colophon_imaging::{
    Channels, Format, ImagingError, Limits, Picture, Samples, StagedFile, decode,
};
use colophon_keys::Passphrase;
use colophon_ledger::{Decisions, Kind, Ledger, NewRecord};
use colophon_manifest::{
    Agent, DigitalSourceType, ManifestSpec, Origin, Parent, Signed, TrainingUse, TrustAnchors, sign,
};
use colophon_policy::{Resource, Screen, SignerClass};
use colophon_watermark::Embedder;
use sha2::{Digest as _, Sha256};

use crate::admission::{Admission, Gate};
use crate::config::Config;
use crate::generated::{Committed, KeptPrompt};
use crate::make::{Encoded, Marked, Marker, encode_close, refuse_unfaithful, set_metadata};
use crate::origin::{is_edit, parent, source_of, source_picture};
use crate::read_back::Expected;
use crate::request::Steps;
use crate::signing::{ManifestSigner, TimeStamps};
use crate::{
    Attester, Destination, GeneratedRequest, GenerationFacts, Home, IssueOptions, Issued,
    ModelOutput, Policies, Prompt, ProvenanceError, StampRequest, decided, hex, rfc3339,
};

/// Issues pictures from one home; for use from many threads.
pub struct Issuer {
    signer: ManifestSigner,
    anchors: TrustAnchors,
    marker: Marker,
    ledger: Ledger,
    attester: Attester,
    decisions: Decisions,
    limits: Limits,
    deadline: Duration,
    quality_floor: u8,
    pub(crate) gate: Gate,
    made_home: bool,
    local_chain: bool,
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
        let policies = Arc::new(Policies::open(home)?);
        let (mut keys, made_home) = home.keys_or_init(&config, passphrase, now)?;
        let all = crate::mark_keys::MarkKeys::open(&keys)?;
        let signer = ManifestSigner {
            key: keys.claim_signer()?,
            time_stamps: None,
        };
        let local_chain = keys.has_local_chain();
        let anchors = TrustAnchors::none().with_local_root(&keys.own_anchors_pem()?)?;
        let ledger = home.open_ledger(&keys)?;
        // Made, rotated or revoked keys are told of before anything is issued with them.
        crate::key_events::enter(&mut keys, &ledger)?;
        crate::trust_events::enter(home, &ledger)?;
        Ok(Self {
            gate: Gate {
                policies,
                screens: Vec::new(),
                strength: config.strength.value,
                signer: hex(signer.key.key_id().as_bytes()),
                class: if local_chain {
                    SignerClass::Local
                } else {
                    SignerClass::Listed
                },
            },
            signer,
            anchors,
            marker: Marker {
                embedder: Embedder::new(&all.current),
                detector: all.detector(),
                embed: config.strength.value.options(),
            },
            ledger,
            attester: Attester::open(&keys)?,
            decisions: Decisions::open(&home.ledger())?,
            local_chain,
            limits: config.limits(),
            deadline: Duration::from_millis(config.manifest_deadline_ms.value),
            quality_floor: config.jpeg_quality_floor.value,
            made_home,
        })
    }

    /// The issuer with a time-stamp of an authority in every manifest. Without, issuing works
    /// offline and the record's time is the one that counts.
    #[must_use]
    pub fn with_time_stamps(mut self, authority: Arc<dyn TimeStamps>) -> Self {
        self.signer.time_stamps = Some(authority);
        self
    }

    /// The ledger that it writes to, with its private parts.
    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// Signs receipts and statements about that ledger.
    pub fn attester(&self) -> &Attester {
        &self.attester
    }

    /// Whether opening made the keys: a local chain, on no public list.
    pub fn made_home(&self) -> bool {
        self.made_home
    }

    /// Whether the signing key answers: a token or a server may not. It signs a text that stands for nothing.
    ///
    /// # Errors
    /// [`ProvenanceError::Keys`] with the reason.
    pub fn signer_answers(&self) -> Result<(), ProvenanceError> {
        self.signer.key.sign(b"colophon: does the key answer?")?;
        Ok(())
    }

    /// Asks one more engine about every prompt, beside the word lists of the policies.
    pub fn screen_with(&mut self, screen: Box<dyn Screen>) {
        self.gate.screens.push(screen);
    }

    /// Asks the policies for leave to issue what a model is about to make, before work is spent on it; `facts` as far
    /// as they are known. [`Self::issue_generated`] asks again about what was made.
    ///
    /// # Errors
    /// [`ProvenanceError::Refused`], [`ProvenanceError::Screen`].
    pub fn may_generate(
        &self,
        facts: &GenerationFacts,
        prompt: &Prompt,
        from_picture: bool,
        options: &IssueOptions,
    ) -> Result<(), ProvenanceError> {
        let source = source_of(from_picture);
        let admission = self.gate.generate(facts, prompt, source, options);
        self.refusals(admission).map(drop)
    }

    /// The policies that are asked, for whoever asks them about more or has them read again.
    pub fn policies(&self) -> &Arc<Policies> {
        &self.gate.policies
    }

    /// The log of decisions.
    pub fn decisions(&self) -> &Decisions {
        &self.decisions
    }

    /// The ledger, as policies know it.
    pub fn ledger_resource(&self) -> Resource {
        Resource::Ledger {
            name: self.ledger.verifier_key().name().to_owned(),
        }
    }

    /// The signing key, as policies know it.
    pub fn signer_resource(&self) -> Resource {
        Resource::Signer {
            name: self.gate.signer.clone(),
            class: self.gate.class,
        }
    }

    /// Enters a refusal and hands the outcome on.
    fn refusals<T>(&self, outcome: Result<T, ProvenanceError>) -> Result<T, ProvenanceError> {
        let bundle = &self.gate.policies.bundle();
        let decisions = &self.decisions;
        decided::Log { decisions, bundle }.refusals(outcome)
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
        refuse_existing(&destination)?;
        let clock = Clock::start();
        let original = self.decode_input(input)?;
        let size = (original.width(), original.height());
        let prompt = request.prompt.as_deref();
        let admission = self
            .gate
            .stamp(request.source, prompt, size, &request.options);
        let admission = self.refusals(admission)?;
        let parent = parent(input, original.source_format(), "input")?;
        let statement = Statement {
            kind: Kind::Stamp,
            source: request.source,
            generator: request.generator.clone().map(|name| Agent {
                name,
                version: request.generator_version.clone(),
            }),
            keep_metadata: request.keep_metadata,
            admission: &admission,
            prompt: KeptPrompt::of_stamp(request.prompt.clone()),
            generation: None,
        };
        self.issue(original, parent, &statement, destination, clock)
    }

    /// Issues what a model made: as [`Issuer::stamp`] from the decoded picture on.
    ///
    /// A file that a backend returned loses its own metadata, which often repeats the prompt; a
    /// manifest that it carries becomes the parent of the new one. The prompt is in the record as a
    /// salted commitment, and in the record's erasable part if it is to be kept; never in the
    /// picture.
    ///
    /// # Errors
    /// As [`Issuer::stamp`]; [`ProvenanceError::Random`].
    pub fn issue_generated(
        &self,
        output: ModelOutput<'_>,
        request: &GeneratedRequest,
        destination: Destination,
    ) -> Result<Issued, ProvenanceError> {
        refuse_existing(&destination)?;
        let clock = Clock::start();
        let source = source_of(request.source_picture.is_some());
        let admission =
            self.gate
                .generate(&request.facts, &request.prompt, source, &request.options);
        let admission = self.refusals(admission)?;
        let (original, parent) = match output {
            ModelOutput::Pixels { width, height, rgb } => {
                let picture = Picture::new(width, height, Channels::Rgb, Samples::U8(rgb))?;
                (picture, None)
            }
            ModelOutput::File(bytes) => {
                let picture = self.decode_input(bytes)?;
                let parent = parent(bytes, picture.source_format(), "output of the model")?;
                (picture, parent)
            }
        };
        let parent = match &request.source_picture {
            Some(file) => Some(source_picture(file, &self.limits)?),
            None => parent,
        };
        let mut salt = [0; 32];
        getrandom::fill(&mut salt).map_err(|error| ProvenanceError::Random(error.to_string()))?;
        let committed = Committed::new(request, salt);
        let statement = Statement {
            kind: Kind::Generate,
            source,
            generator: Some(request.facts.agent()),
            keep_metadata: false,
            admission: &admission,
            prompt: KeptPrompt::of_generated(request, salt),
            generation: Some(committed),
        };
        self.issue(original, parent, &statement, destination, clock)
    }

    /// What is common to all pictures: everything after decoding.
    fn issue(
        &self,
        original: Picture,
        parent: Option<Parent<'_>>,
        statement: &Statement<'_>,
        destination: Destination,
        mut clock: Clock,
    ) -> Result<Issued, ProvenanceError> {
        let options = &statement.admission.options;
        let mut elapsed = Steps::default();
        let format = options.output_format(&destination.path, original.source_format())?;
        elapsed.decode_ms = clock.lap();
        let mut marked = self.marker.mark(&original, options, format, &self.ledger)?;
        elapsed.mark_ms = clock.lap();
        set_metadata(&mut marked.picture, statement);
        let encoded = encode_close(
            &marked.picture,
            &original,
            format,
            options.jpeg_quality,
            self.quality_floor,
            &self.limits,
        )?;
        // The pixels are in the file now; nothing large is kept beside it.
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

        let facts = Facts {
            statement,
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
        let receipt = self.release(Ready { signed, record }, statement.admission, &destination)?;
        elapsed.store_ms = clock.lap();
        let committed = statement.generation.as_ref();
        Ok(Issued {
            path: destination.path,
            format: format.to_string(),
            width: encoded.content.width,
            height: encoded.content.height,
            bytes,
            sha256: hex(&asset_sha256),
            record: receipt.index.0,
            record_id: receipt.id().to_string(),
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
            local_chain: self.local_chain,
            unmarked_reason,
            prompt_commitment: committed.map(|it| hex(&it.commitment)),
            prompt_salt: committed.map(|it| hex(&it.salt)),
            issued_at: rfc3339(options.issued_at),
            policy_hash: statement.admission.bundle.hash().to_string(),
            labels: statement.admission.labels.clone(),
            decision: statement.admission.decision.clone(),
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
        let statement = facts.statement;
        ManifestSpec {
            claim_generator: Agent {
                name: "Colophon".to_owned(),
                version: Some(env!("CARGO_PKG_VERSION").to_owned()),
            },
            origin: match parent {
                None => Origin::Created(statement.source),
                Some(parent) => Origin::Opened {
                    parent,
                    edit: Some(statement.source).filter(|source| is_edit(*source)),
                },
            },
            software_agent: statement.generator.clone(),
            generation: statement.generation.as_ref().map(Committed::in_manifest),
            when: rfc3339(statement.admission.options.issued_at),
            title: statement.admission.options.title.clone(),
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
        let statement = facts.statement;
        NewRecord {
            issued_at: statement.admission.options.issued_at,
            kind: statement.kind,
            generator: statement
                .generator
                .clone()
                .map(|agent| colophon_ledger::Agent {
                    name: agent.name,
                    version: agent.version,
                }),
            source_type: statement.source.uri(),
            watermark_id: facts.watermark_id,
            fingerprint: encoded.content.fingerprint.map(|hash| hash.0),
            sketch: Some(encoded.content.sketch.to_bytes()),
            asset_sha256: Sha256::digest(&signed.asset).into(),
            manifest_sha256: Sha256::digest(&signed.manifest).into(),
            manifest_id: signed.manifest_id.to_string(),
            manifest: signed.manifest.clone(),
            signer_key_id: *self.signer.key.key_id().as_bytes(),
            policy_hash: statement.admission.bundle.hash().0,
            width: encoded.content.width,
            height: encoded.content.height,
            requester: statement.admission.requester(),
            title: statement.admission.options.title.clone(),
            prompt: statement.prompt.text.clone(),
            negative_prompt: statement.prompt.negative.clone(),
            prompt_salt: statement.prompt.salt,
            generation: statement.generation.as_ref().map(Committed::in_record),
            unmarked_reason: facts.unmarked_reason.clone(),
        }
    }

    /// File durable under a temporary name, then the record and the decision durable, then the name.
    fn release(
        &self,
        ready: Ready,
        admission: &Admission,
        destination: &Destination,
    ) -> Result<colophon_ledger::Receipt, ProvenanceError> {
        let mut staged = StagedFile::create(&destination.path, destination.overwrite)?;
        staged.write(&ready.signed.asset)?;
        let receipt = self.ledger.append(ready.record)?;
        let log = decided::Log {
            decisions: &self.decisions,
            bundle: &admission.bundle,
        };
        log.enter(admission, receipt.id())?;
        staged.commit()?;
        Ok(receipt)
    }
}

/// What manifest and record say of a picture, however it came.
pub(crate) struct Statement<'a> {
    kind: Kind,
    pub source: DigitalSourceType,
    /// The model or program that made it.
    pub generator: Option<Agent>,
    /// Whether the input's own metadata goes into the output.
    pub keep_metadata: bool,
    /// Leave to issue it, with the options to issue it by.
    admission: &'a Admission,
    prompt: KeptPrompt,
    generation: Option<Committed<'a>>,
}

/// A statement with what became of the mark.
struct Facts<'a> {
    statement: &'a Statement<'a>,
    watermark_id: Option<u64>,
    unmarked_reason: Option<String>,
}

/// Said before any work is spent; the release holds it against races.
fn refuse_existing(destination: &Destination) -> Result<(), ProvenanceError> {
    if !destination.overwrite && destination.path.symlink_metadata().is_ok() {
        return Err(ImagingError::AlreadyExists(destination.path.clone()).into());
    }
    Ok(())
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
