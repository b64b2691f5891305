//! Checking pictures in confined child processes.
//!
//! The parent reads files and nothing of what is in them; a child decodes and checks. A picture that crashes its
//! child, takes too long or too much memory costs a row of the result, not the run.

use std::ffi::OsString;
use std::io;
use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use colophon_gateway::{FetchLimits, fetch_guarded};
use colophon_imaging::{Limits, read_bounded, read_bounded_from};
use colophon_keys::Passphrase;
use colophon_policy::ManifestState;
use colophon_provenance::{Config, Home, NotChecked, Report, ReportError, ReportOptions};
use colophon_sandbox::{Caps, Cause, Pool, PoolOptions, Program, Request};
use serde::{Deserialize, Serialize};

use crate::args::Verify;
use crate::commands::{Context, is_stdin, name_of};
use crate::failure::Failure;
use crate::passphrase;

/// Longest that one picture may take: a picture of the largest size allowed takes a tenth of it.
const DEADLINE: Duration = Duration::from_mins(1);
/// A child is replaced after so many pictures, so that a file that took it over could not forge many results.
const PICTURES_PER_CHILD: u32 = 64;
/// Most children: a large picture takes up to a gigabyte while it is in hand.
const MOST_CHILDREN: usize = 8;
/// Room for a fetched manifest store beside the largest picture, bytes.
const LARGEST_STORE: usize = 16 << 20;
/// Variable with the passphrase of the keys, for children alone.
pub const PASSPHRASE: &str = "COLOPHON_CHILD_PASSPHRASE";

/// Names of a reply's parts.
pub mod part {
    /// The report, JSON.
    pub const REPORT: &str = "report";
    /// The picture under its heat map, PNG.
    pub const HEAT_MAP: &str = "heat-map";
    /// The picture small, JPEG.
    pub const THUMBNAIL: &str = "thumbnail";
    /// The validator's own report on the manifest, crJSON.
    pub const CRJSON: &str = "crjson";
    /// Why it could not be set up.
    pub const FAILURE: &str = "failure";
}

/// What is wanted of one check; the next one by the same child may want something else.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wants {
    /// What the report is to tell, and whether crJSON is wanted.
    pub report: ReportOptions,
    /// The picture under its heat map; [`ReportOptions::heat_map`] has to be wanted too.
    pub drawn_heat_map: bool,
    /// The picture small.
    pub thumbnail: bool,
}

impl Wants {
    /// As the options of `verify` say.
    pub fn of(options: &Verify) -> Self {
        let map_in_page = options.html.is_some() && options.full;
        Self {
            report: ReportOptions {
                full: options.full,
                crjson: options.crjson.is_some(),
                language: options.lang,
                heat_map: options.heat_map.is_some() || map_in_page,
            },
            drawn_heat_map: options.heat_map.is_some(),
            thumbnail: options.html.is_some(),
        }
    }
}

/// What a child is told of a file.
#[derive(Debug, Serialize, Deserialize)]
pub struct Header {
    /// Its name, for the report.
    pub name: String,
    /// What is wanted.
    pub wants: Wants,
    /// Why it could not be checked: only a report that says so is wanted.
    pub error: Option<ReportError>,
    /// So many bytes before those of the file are a manifest store that was fetched for it.
    pub store: usize,
}

impl Header {
    /// Asks for a check.
    fn check(name: String, wants: Wants) -> Self {
        Self {
            name,
            wants,
            error: None,
            store: 0,
        }
    }

    /// Asks for a report that says why there was none.
    fn tell(name: String, wants: Wants, error: ReportError) -> Self {
        Self {
            error: Some(error),
            ..Self::check(name, wants)
        }
    }
}

/// What came of one picture.
#[derive(Debug)]
pub struct Checked {
    /// The report.
    pub report: Report,
    /// The picture under its heat map, PNG, if asked for and if there is a mark.
    pub heat_map: Option<Vec<u8>>,
    /// The picture small, JPEG, if asked for and decoded.
    pub thumbnail: Option<Vec<u8>>,
    /// crJSON, if asked for and if there is a manifest.
    pub crjson: Option<Vec<u8>>,
}

/// What all checks of one [`Confined`] have in common.
#[derive(Debug, Clone, Copy, Default)]
pub struct Setup<'a> {
    /// Files of further trust anchors, PEM.
    pub trust_anchors: &'a [PathBuf],
    /// Whether manifests that pictures say are kept elsewhere are fetched.
    pub fetch: bool,
}

impl<'a> Setup<'a> {
    /// As the options of `verify` say.
    pub fn of(options: &'a Verify) -> Self {
        Self {
            trust_anchors: &options.trust_anchor,
            fetch: options.fetch,
        }
    }
}

/// Checks pictures, from as many threads as it has children.
#[derive(Debug)]
pub struct Confined {
    pool: Pool,
    limits: Limits,
    children: usize,
    fetches: bool,
}

impl Confined {
    /// A checker with at most `children` children, one a processor at most; none is started yet.
    ///
    /// # Errors
    /// [`Failure`] on unusable settings, or when the system starts no threads.
    pub fn new(context: &Context<'_>, setup: Setup<'_>, children: usize) -> Result<Self, Failure> {
        // Without any folder to call home, manifests can still be checked.
        let home = context.home().ok();
        let limits = Config::load(home.as_ref())?.limits();
        let processors = thread::available_parallelism().map_or(1, NonZero::get);
        let children = children.min(processors).clamp(1, MOST_CHILDREN);
        let mut program = Program::this(&[])?;
        program.arguments = arguments(home.as_ref(), setup)?;
        program.environment = environment(context, home.as_ref(), processors / children)?;
        let caps = Caps {
            body: usize::try_from(limits.max_bytes)
                .unwrap_or(usize::MAX)
                .saturating_add(LARGEST_STORE),
            ..Caps::default()
        };
        let pool = Pool::new(
            program,
            PoolOptions {
                children,
                caps,
                requests_per_child: Some(PICTURES_PER_CHILD),
            },
        )?;
        Ok(Self {
            pool,
            limits,
            children,
            fetches: setup.fetch,
        })
    }

    /// Has later checks done by children that read the home anew.
    pub fn renew(&self) {
        self.pool.renew();
    }

    /// Most pictures that are checked at once.
    pub fn children(&self) -> usize {
        self.children
    }

    /// What became of the children so far.
    pub fn counts(&self) -> colophon_sandbox::Counts {
        self.pool.counts()
    }

    /// Reads and checks one file; what goes wrong with it is part of the report.
    ///
    /// # Errors
    /// [`Failure`] when no child can be set up, whatever the file.
    pub fn check_file(&self, path: &Path, wants: Wants) -> Result<Checked, Failure> {
        let (name, read) = if is_stdin(path) {
            let read = read_bounded_from(io::stdin().lock(), &self.limits);
            ("standard input".to_owned(), read)
        } else {
            (name_of(path), read_bounded(path, &self.limits))
        };
        match read {
            Ok(bytes) => self.check(name, &bytes, wants),
            Err(error) => self.ask(&Header::tell(name, wants, ReportError::from(&error)), &[]),
        }
    }

    /// The bounds on pictures.
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// A report that says why a file could not be checked.
    ///
    /// # Errors
    /// As [`Self::check_file`].
    pub fn unchecked(
        &self,
        name: String,
        error: ReportError,
        wants: Wants,
    ) -> Result<Report, Failure> {
        Ok(self.ask(&Header::tell(name, wants, error), &[])?.report)
    }

    /// Checks the bytes of one file.
    ///
    /// # Errors
    /// As [`Self::check_file`].
    pub fn check(&self, name: String, bytes: &[u8], wants: Wants) -> Result<Checked, Failure> {
        let checked = self.ask_or_tell(Header::check(name, wants), bytes)?;
        match remote_manifest(&checked.report).filter(|_| self.fetches) {
            Some(url) => self.fetched(&url, checked, bytes, wants),
            None => Ok(checked),
        }
    }

    /// What was checked, anew with the manifest kept at `url`. That it could not be had is part of the report.
    fn fetched(
        &self,
        url: &str,
        mut checked: Checked,
        bytes: &[u8],
        wants: Wants,
    ) -> Result<Checked, Failure> {
        match fetch_guarded(url, &FetchLimits::default()) {
            Ok(store) => {
                let header = Header {
                    store: store.len(),
                    ..Header::check(checked.report.file, wants)
                };
                self.ask_or_tell(header, &[store.as_slice(), bytes].concat())
            }
            Err(error) => {
                let entry = NotChecked::new("remote-manifest", &error.to_string());
                checked.report.not_checked.push(entry);
                Ok(checked)
            }
        }
    }

    /// Asks, and asks for a report that says so when the child ended over it.
    fn ask_or_tell(&self, header: Header, bytes: &[u8]) -> Result<Checked, Failure> {
        match self.ask(&header, bytes) {
            Err(Failure::Sandbox(failure)) => {
                let bytes = bytes.get(header.store..).unwrap_or_default();
                self.ask(
                    &Header::tell(header.name, header.wants, ended(failure)?),
                    bytes,
                )
            }
            other => other,
        }
    }

    fn ask(&self, header: &Header, bytes: &[u8]) -> Result<Checked, Failure> {
        let header = serde_json::to_vec(header).map_err(Failure::Internal)?;
        let request = Request {
            header: &header,
            body: bytes,
        };
        let mut reply = self.pool.submit(request, DEADLINE)?;
        if let Some(message) = reply.part(part::FAILURE) {
            return Err(Failure::Request(
                String::from_utf8_lossy(message).into_owned(),
            ));
        }
        let report = reply.part(part::REPORT).unwrap_or_default();
        Ok(Checked {
            report: serde_json::from_slice(report).map_err(Failure::Internal)?,
            heat_map: reply.take(part::HEAT_MAP),
            thumbnail: reply.take(part::THUMBNAIL),
            crjson: reply.take(part::CRJSON),
        })
    }
}

/// Where the picture says that its manifest is kept, if it carries none.
fn remote_manifest(report: &Report) -> Option<String> {
    let manifest = report.evidence.manifest.as_ref()?;
    let remote = manifest.references.iter().find(|it| it.kind == "manifest");
    remote
        .filter(|_| manifest.state == ManifestState::RemoteOnly)
        .map(|it| it.url.clone())
}

/// The end of a child as the report tells it; the failure itself when it was not the picture's fault.
fn ended(failure: colophon_sandbox::Failure) -> Result<ReportError, Failure> {
    use colophon_sandbox::Failure as F;
    let kind = match &failure {
        F::Crashed {
            cause: Cause::Memory,
            ..
        } => "out-of-memory",
        F::TimedOut(_)
        | F::Crashed {
            cause: Cause::CpuTime,
            ..
        } => "timed-out",
        F::Crashed { .. } | F::GaveUp(_) | F::Protocol(_) => "crashed",
        _ => return Err(failure.into()),
    };
    Ok(ReportError::new(kind, failure.to_string()))
}

/// Arguments of a child: those of [`crate::args::Worker`].
fn arguments(home: Option<&Home>, setup: Setup<'_>) -> Result<Vec<OsString>, Failure> {
    // A child's folder is not ours.
    let absolute = |path: &Path| std::path::absolute(path).map_err(Failure::file("find", path));
    let mut arguments: Vec<OsString> = vec!["verify-worker".into()];
    if let Some(home) = home {
        arguments.extend(["--home".into(), absolute(&home.root)?.into()]);
    }
    for path in setup.trust_anchors {
        arguments.extend(["--trust-anchor".into(), absolute(path)?.into()]);
    }
    Ok(arguments)
}

/// What children find in their environment: as many threads as leave room for the others, and the passphrase of
/// encrypted keys, which cannot be asked for there.
fn environment(
    context: &Context<'_>,
    home: Option<&Home>,
    threads: usize,
) -> Result<Vec<(OsString, OsString)>, Failure> {
    let mut variables = vec![(
        "RAYON_NUM_THREADS".into(),
        threads.max(1).to_string().into(),
    )];
    let passphrase: Option<Passphrase> = match home {
        Some(home) => passphrase::to_open(context.global, &home.keys())?,
        None => None,
    };
    if let Some(passphrase) = passphrase {
        variables.push((PASSPHRASE.into(), passphrase.expose().into()));
    }
    Ok(variables)
}
