//! Issuing over a real socket: pictures stamped and made, told in the shapes that clients read, and given up when nobody
//! waits for them.

mod making;
mod stamping;

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use colophon_accounts::{Keys, NewKey, Scope, Tenant};
use colophon_imaging::{
    Channels, EncodeOptions, Format, Limits as PictureLimits, Picture, Samples, decode, encode,
};
use colophon_ledger::{Entry, LogEntry};
use colophon_provenance::{
    Backend, GenerationFacts, Home, Issuer, Language, ModelFacts, Report, ReportError,
};
use colophon_server::{
    CheckFailure, Checked, Checks, Limits, MadeImage, MadePixels, MakeFailure, Makes, Making,
    ModelEntry, ModelPlace, Order, Pixels, Service, Settings, Step, Wanted, Watcher,
    service_routes,
};
use serde_json::Value;

use crate::running::{Reply, Running, ask};

const SIDE: u32 = 512;

/// Nobody checks pictures here.
struct NoChecks;

impl Checks for NoChecks {
    fn check(&self, _: &str, _: &[u8], _: Wanted) -> Result<Checked, CheckFailure> {
        Err(CheckFailure("no checks here".to_owned()))
    }

    fn unchecked(&self, _: &str, _: ReportError, _: Language) -> Result<Report, CheckFailure> {
        Err(CheckFailure("no checks here".to_owned()))
    }

    fn limits(&self) -> PictureLimits {
        PictureLimits::default()
    }

    fn at_once(&self) -> usize {
        2
    }
}

/// Structure and grain, another for every seed.
fn scene(seed: u32) -> Pixels {
    let mut grain = seed.wrapping_mul(0x9E37_79B9) | 1;
    let mut rgb = Vec::new();
    for y in 0..SIDE {
        for x in 0..SIDE {
            grain = grain.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let rings = (f64::from(x + seed % 7 * 20).hypot(f64::from(y)) / 19.0).sin() * 45.0;
            let light = 118.0 + rings + f64::from(grain >> 27);
            rgb.extend([light + 14.0, light, light - 20.0].map(|v| v.clamp(0.0, 255.0) as u8));
        }
    }
    Pixels {
        width: SIDE,
        height: SIDE,
        rgb,
    }
}

fn file(format: Format) -> Vec<u8> {
    let Pixels { width, height, rgb } = scene(3);
    let picture = Picture::new(width, height, Channels::Rgb, Samples::U8(rgb)).unwrap();
    encode(&picture, &EncodeOptions::new(format)).unwrap()
}

/// Makes scenes in four steps, or takes steps until it is stopped.
#[derive(Default)]
struct Scenes {
    stopped: Arc<AtomicU32>,
}

struct AScene {
    order: Order,
    endless: bool,
    stopped: Arc<AtomicU32>,
}

impl Makes for Scenes {
    fn models(&self) -> Result<Vec<ModelEntry>, MakeFailure> {
        Ok(vec![ModelEntry {
            id: "scenes".to_owned(),
            place: ModelPlace::Embedded,
            name: Some("Scenes".to_owned()),
            license: None,
            created: 0,
            sizes: vec![(SIDE, SIDE)],
            edits: Some(true),
        }])
    }

    fn prepare(&self, order: Order) -> Result<Box<dyn Making>, MakeFailure> {
        let name = order.model.clone().unwrap_or_else(|| "scenes".to_owned());
        if !["scenes", "endless"].contains(&name.as_str()) {
            return Err(MakeFailure::NoModel(name));
        }
        Ok(Box::new(AScene {
            order,
            endless: name == "endless",
            stopped: Arc::clone(&self.stopped),
        }))
    }
}

impl Making for AScene {
    fn facts(&self) -> GenerationFacts {
        GenerationFacts {
            backend: Backend::Embedded,
            model: ModelFacts {
                id: "scenes".to_owned(),
                name: "Scenes".to_owned(),
                version: Some("1".to_owned()),
                weights: Vec::new(),
                license: None,
                training_licenses: Vec::new(),
                built_in: false,
            },
            width: SIDE,
            height: SIDE,
            seeds: vec![self.order.seed],
            steps: self.order.steps,
            sampler: None,
            guidance: self.order.guidance,
        }
    }

    fn source(&self) -> Option<&[u8]> {
        self.order.start.as_ref().map(|start| start.file.as_slice())
    }

    fn ignored(&self) -> Vec<&'static str> {
        Vec::new()
    }

    fn make(&self, number: u32, watcher: &mut Watcher<'_>) -> Result<MadeImage, MakeFailure> {
        let seed = self.order.seed + u64::from(number);
        let mut done = 0;
        while done < 4 || self.endless {
            done += 1;
            (watcher.step)(Step {
                done,
                of: 4,
                preview: (self.order.previews > 0 && done == 2).then(|| scene(9)),
            });
            if (watcher.stop)() {
                self.stopped.fetch_add(1, Ordering::SeqCst);
                return Err(MakeFailure::Stopped);
            }
            if self.endless {
                std::thread::sleep(Duration::from_millis(5));
            }
        }
        Ok(MadeImage {
            picture: MadePixels::Pixels(scene(seed as u32)),
            facts: GenerationFacts {
                seeds: vec![seed],
                ..self.facts()
            },
            understood: None,
            notes: Vec::new(),
        })
    }
}

struct Bench {
    _folder: tempfile::TempDir,
    home: Home,
    running: Running,
    key: String,
    stopped: Arc<AtomicU32>,
}

fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.unwrap().as_secs() as i64
}

impl Bench {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::new(folder.path().join("home"));
        let issuer = Issuer::open(&home, None, now()).unwrap();
        let new = NewKey {
            name: "press".to_owned(),
            tenant: "news".parse::<Tenant>().unwrap(),
            scopes: [Scope::Issue].into_iter().collect(),
            teams: None,
            expires: None,
            limits: colophon_accounts::Limits::default(),
        };
        let keys = Keys::new(home.root.join("access"));
        let key = keys.create(new, now()).unwrap().0.expose().to_string();
        let makes = Scenes::default();
        let stopped = Arc::clone(&makes.stopped);
        let settings = Settings {
            picture_bytes: 4 << 20,
            ..Settings::default()
        };
        let service = Service::new(
            home.clone(),
            Arc::new(issuer),
            Arc::new(NoChecks),
            settings,
            Arc::new(now),
        );
        let routes = service_routes(Arc::new(service.with_models(Arc::new(makes))));
        Self {
            _folder: folder,
            home,
            running: Running::start(routes, Limits::default()),
            key,
            stopped,
        }
    }

    fn head(&self, path: &str, headers: &[(&str, &str)], length: usize) -> String {
        let mut head = format!(
            "POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\nAuthorization: Bearer {}\r\nContent-Length: {length}\r\n",
            self.key
        );
        for (name, value) in headers {
            head.extend([name, ": ", value, "\r\n"]);
        }
        head + "\r\n"
    }

    fn post(&self, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Reply {
        let head = self.head(path, headers, body.len());
        ask(self.running.address(), &[head.as_bytes(), body].concat())
    }

    fn generate(&self, body: &Value) -> Reply {
        let headers = [("Content-Type", "application/json")];
        self.post(
            "/v1/images/generations",
            &headers,
            body.to_string().as_bytes(),
        )
    }

    /// The records of pictures in the ledger, in order.
    fn records(&self) -> Vec<Entry> {
        let ledger = self.home.open_ledger_read_only().unwrap();
        let entries = ledger.list(0, 1_000).unwrap().into_iter();
        entries
            .filter_map(|entry| match entry {
                LogEntry::Record(entry) => Some(*entry),
                LogEntry::Event(_) => None,
            })
            .collect()
    }
}

fn json_of(reply: &Reply) -> Value {
    serde_json::from_slice(&reply.body).unwrap_or_else(|_| panic!("no JSON: {reply:?}"))
}

/// The body without the frames of a chunked answer.
fn unchunked(reply: &Reply) -> String {
    let mut rest = reply.body.as_slice();
    let mut whole = Vec::new();
    while let Some(end) = rest.windows(2).position(|part| part == b"\r\n") {
        let length = std::str::from_utf8(&rest[..end]).unwrap();
        let length = usize::from_str_radix(length.trim(), 16).unwrap();
        whole.extend(&rest[end + 2..end + 2 + length]);
        rest = &rest[end + 2 + length + 2..];
    }
    String::from_utf8(whole).unwrap()
}

fn decoded(base64: &Value) -> Picture {
    use base64::Engine as _;
    let file = base64::engine::general_purpose::STANDARD
        .decode(base64.as_str().unwrap())
        .unwrap();
    decode(&file, &PictureLimits::default()).unwrap()
}
