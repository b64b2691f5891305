//! A service over a home in a temporary folder, its checks made in this process.

use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex};

use colophon_imaging::{
    Channels, EncodeOptions, Format, Limits as PictureLimits, Picture, Samples, encode,
};
use colophon_provenance::{
    Destination, DigitalSourceType, Home, Issued, Issuer, Language, Report, ReportError,
    ReportOptions, StampRequest, Verifier, VerifierOptions,
};
use colophon_server::{
    CheckFailure, Checked, Checks, Fetches, Limits, Service, Settings, Small, Wanted,
    service_routes,
};
use tempfile::TempDir;

use crate::running::Running;

/// 2026-11-20T10:00:00Z.
pub const NOW: i64 = 1_795_168_800;

/// A home with an issuer.
pub struct Place {
    folder: TempDir,
    pub home: Home,
    pub issuer: Arc<Issuer>,
}

impl Place {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::new(folder.path().join("home"));
        let issuer = Arc::new(Issuer::open(&home, None, NOW).unwrap());
        Self {
            folder,
            home,
            issuer,
        }
    }

    /// Stamps a picture and reads the file.
    pub fn stamped(&self, input: &[u8], name: &str) -> (Issued, Vec<u8>) {
        let path = self.folder.path().join(name);
        let request = StampRequest::new(DigitalSourceType::TrainedAlgorithmicMedia, NOW);
        let destination = Destination {
            path: path.clone(),
            overwrite: false,
        };
        let issued = self.issuer.stamp(input, &request, destination).unwrap();
        (issued, std::fs::read(path).unwrap())
    }

    pub fn checks(&self) -> Arc<InProcess> {
        Arc::new(InProcess {
            verifier: Verifier::open(Some(&self.home), VerifierOptions::default()).unwrap(),
            gate: Gate::default(),
        })
    }

    pub fn serve(&self, settings: Settings) -> Running {
        self.serve_with(settings, self.checks(), None)
    }

    pub fn serve_with(
        &self,
        settings: Settings,
        checks: Arc<InProcess>,
        fetches: Option<Arc<dyn Fetches>>,
    ) -> Running {
        let issuer = Arc::clone(&self.issuer);
        let clock = Arc::new(|| NOW);
        let mut service = Service::new(self.home.clone(), issuer, checks, settings, clock);
        if let Some(fetches) = fetches {
            service = service.with_fetches(fetches);
        }
        Running::start(service_routes(Arc::new(service)), Limits::default())
    }

    /// Every file of the home with its length.
    pub fn files(&self) -> Vec<(PathBuf, u64)> {
        let mut found = Vec::new();
        let mut folders = vec![self.folder.path().to_owned()];
        while let Some(folder) = folders.pop() {
            for entry in folder.read_dir().unwrap() {
                let entry = entry.unwrap();
                let about = entry.metadata().unwrap();
                if about.is_dir() {
                    folders.push(entry.path());
                } else {
                    // The ledger empties its journal when it has the time.
                    let journal = entry.file_name() == "staged";
                    found.push((entry.path(), if journal { 0 } else { about.len() }));
                }
            }
        }
        found.sort();
        found
    }
}

/// Checks in this process, which can be held back.
pub struct InProcess {
    verifier: Verifier,
    pub gate: Gate,
}

/// Holds checks back until it is opened.
#[derive(Default)]
pub struct Gate {
    state: Mutex<GateState>,
    changed: Condvar,
}

#[derive(Default)]
struct GateState {
    closed: bool,
    waiting: usize,
}

impl Gate {
    pub fn close(&self) {
        self.state.lock().unwrap().closed = true;
    }

    pub fn open(&self) {
        self.state.lock().unwrap().closed = false;
        self.changed.notify_all();
    }

    /// Returns once a check stands before the gate.
    pub fn until_one_waits(&self) {
        let state = self.state.lock().unwrap();
        let _one = self
            .changed
            .wait_while(state, |state| state.waiting == 0)
            .unwrap();
    }

    fn pass(&self) {
        let mut state = self.state.lock().unwrap();
        state.waiting += 1;
        self.changed.notify_all();
        let mut state = self
            .changed
            .wait_while(state, |state| state.closed)
            .unwrap();
        state.waiting -= 1;
    }
}

impl Checks for InProcess {
    fn check(&self, name: &str, bytes: &[u8], wanted: Wanted) -> Result<Checked, CheckFailure> {
        self.gate.pass();
        let verifier = self.verifier.reporting(ReportOptions {
            crjson: wanted.crjson,
            language: wanted.language,
            heat_map: wanted.heat_map,
            full: false,
        });
        let found = verifier.examine(bytes, name);
        Ok(Checked {
            thumbnail: wanted.thumbnail.then(|| Small {
                jpeg: b"small".to_vec(),
                width: 4,
                height: 3,
            }),
            heat_map: found.heat_map.map(|_| b"map".to_vec()),
            crjson: found.crjson.map(String::into_bytes),
            report: found.report,
        })
    }

    fn unchecked(
        &self,
        name: &str,
        why: ReportError,
        language: Language,
    ) -> Result<Report, CheckFailure> {
        let verifier = self.verifier.reporting(ReportOptions {
            language,
            ..ReportOptions::default()
        });
        Ok(verifier.unchecked(&[], why, name))
    }

    fn limits(&self) -> PictureLimits {
        PictureLimits::default()
    }

    fn at_once(&self) -> usize {
        1
    }
}

/// A picture with structure and grain, different for every seed.
pub fn picture(seed: u32) -> Vec<u8> {
    let mut grain = seed.wrapping_mul(0x9E37_79B9) | 1;
    let mut samples = Vec::new();
    for y in 0..480_u32 {
        for x in 0..640_u32 {
            grain = grain.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let rings = (f64::from(x) - f64::from(seed % 7) * 90.0).hypot(f64::from(y)) / 29.0;
            let waves = f64::from(x * 3 + y * (seed % 4 + 1)) / 96.0;
            let light = 118.0 + rings.sin() * 45.0 + waves.cos() * 30.0 + f64::from(grain >> 27);
            samples.extend([light + 14.0, light, light - 20.0].map(|v| v.clamp(0.0, 255.0) as u8));
        }
    }
    let picture = Picture::new(640, 480, Channels::Rgb, Samples::U8(samples)).unwrap();
    encode(&picture, &EncodeOptions::new(Format::Png)).unwrap()
}

/// The picture without anything but its pixels.
pub fn stripped(bytes: &[u8], format: Format) -> Vec<u8> {
    let mut picture = colophon_imaging::decode(bytes, &PictureLimits::default()).unwrap();
    picture.metadata = colophon_imaging::Metadata::default();
    encode(&picture, &EncodeOptions::new(format)).unwrap()
}
