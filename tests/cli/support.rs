//! A folder of its own for each test, pictures made in code, golden files.

use std::ffi::OsStr;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::OnceLock;

use colophon_imaging::{Channels, EncodeOptions, Format, Picture, Samples, encode};
use serde_json::Value;
use tempfile::TempDir;

/// How a run of the program ended.
#[derive(Debug)]
pub struct Ended {
    pub code: Option<i32>,
    pub out: String,
    pub err: String,
}

impl Ended {
    /// Fails unless the exit code is this one.
    #[track_caller]
    pub fn code(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "{self:#?}");
        self
    }

    /// Fails unless something printed contains `text`.
    #[track_caller]
    pub fn says(self, text: &str) -> Self {
        let whole = format!("{} {}", self.out, self.err);
        let joined = whole.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(joined.contains(text), "{text:?} is not in {self:#?}");
        self
    }

    /// The lines of JSON printed.
    #[track_caller]
    pub fn json(&self) -> Vec<Value> {
        self.out
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }
}

impl From<Output> for Ended {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code(),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

/// A folder with a home in it.
pub struct Bench {
    dir: TempDir,
}

impl Bench {
    pub fn new() -> Self {
        Self {
            dir: tempfile::tempdir().unwrap(),
        }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub fn write(&self, name: &str, bytes: &[u8]) -> PathBuf {
        fs::write(self.path(name), bytes).unwrap();
        self.path(name)
    }

    pub fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.path(name)).unwrap()
    }

    /// Names in the folder, sorted.
    pub fn names(&self, folder: &str) -> Vec<String> {
        names(&self.path(folder))
    }

    /// The program in this folder, not started. Names on the command line are relative to it.
    pub fn command<S: AsRef<OsStr>>(&self, arguments: &[S]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_colophon"));
        command
            .args(arguments)
            .current_dir(self.dir.path())
            .env_clear()
            .env("HOME", self.dir.path())
            .env("COLOPHON_HOME", "home")
            .env("COLUMNS", "80")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    pub fn run<S: AsRef<OsStr>>(&self, arguments: &[S]) -> Ended {
        self.command(arguments).output().unwrap().into()
    }

    pub fn start<S: AsRef<OsStr>>(&self, arguments: &[S]) -> Child {
        self.command(arguments).spawn().unwrap()
    }

    pub fn run_with_input<S: AsRef<OsStr>>(&self, arguments: &[S], input: &[u8]) -> Ended {
        let mut child = self
            .command(arguments)
            .stdin(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(input).unwrap();
        child.wait_with_output().unwrap().into()
    }
}

pub fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

/// A picture with structure and grain, different for every seed.
pub fn scene(seed: u32, width: u32, height: u32) -> Picture {
    let mut grain = seed.wrapping_mul(0x9E37_79B9) | 1;
    let (cx, cy) = (f64::from(seed % 7) * 90.0, f64::from(seed % 5) * 80.0);
    let step = 23.0 + f64::from(seed % 11) * 3.0;
    let mut samples = Vec::new();
    for y in 0..height {
        for x in 0..width {
            grain = grain.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let rings = ((f64::from(x) - cx).hypot(f64::from(y) - cy) / step).sin() * 45.0;
            let waves = (f64::from(x * 3 + y * (seed % 4 + 1)) / (step * 4.0)).cos() * 30.0;
            let light = 118.0 + rings + waves + f64::from(grain >> 27);
            samples.extend([light + 14.0, light, light - 20.0].map(|v| v.clamp(0.0, 255.0) as u8));
        }
    }
    Picture::new(width, height, Channels::Rgb, Samples::U8(samples)).unwrap()
}

/// A third of the picture's size, each pixel the mean of nine.
pub fn third(picture: &Picture) -> Picture {
    let rgb = picture.to_rgb8();
    let stride = picture.width() as usize * 3;
    let (width, height) = (picture.width() / 3, picture.height() / 3);
    let mut samples = Vec::new();
    for y in 0..height as usize {
        for x in 0..width as usize {
            for channel in 0..3 {
                let at = |i: usize| rgb[(y * 3 + i / 3) * stride + (x * 3 + i % 3) * 3 + channel];
                let sum: u16 = (0..9).map(|i| u16::from(at(i))).sum();
                samples.push((sum / 9) as u8);
            }
        }
    }
    Picture::new(width, height, Channels::Rgb, Samples::U8(samples)).unwrap()
}

pub fn jpeg(picture: &Picture, quality: u8) -> Vec<u8> {
    encode(
        picture,
        &EncodeOptions {
            jpeg_quality: quality,
            ..EncodeOptions::new(Format::Jpeg)
        },
    )
    .unwrap()
}

pub fn png(picture: &Picture) -> Vec<u8> {
    encode(picture, &EncodeOptions::new(Format::Png)).unwrap()
}

/// A scene as JPEG.
pub fn photo(seed: u32) -> Vec<u8> {
    jpeg(&scene(seed, 640, 480), 93)
}

/// A bench, made once for all tests that only read, on which `original.jpg` was stamped as
/// `stamped.jpg`.
pub fn stamped() -> &'static Bench {
    static BENCH: OnceLock<Bench> = OnceLock::new();
    BENCH.get_or_init(|| {
        let bench = Bench::new();
        bench.write("original.jpg", &photo(1));
        bench.write("other.jpg", &photo(2));
        bench
            .run(&[
                "stamp",
                "original.jpg",
                "-o",
                "stamped.jpg",
                "--generator",
                "Test model",
                "--generator-version",
                "7",
                "--title",
                "Rings",
            ])
            .code(0);
        bench
    })
}

/// Compares with a golden file; `UPDATE_GOLDEN=1` writes it instead.
#[track_caller]
pub fn golden(name: &str, found: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../tests/golden")
        .join(name);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, found).unwrap();
    }
    let expected = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        expected == found,
        "{name} differs; UPDATE_GOLDEN=1 rewrites it.\n--- expected\n{expected}\n--- found\n{found}"
    );
}
