//! `backends.toml` in the home: images servers that the service may ask.
//!
//! ```toml
//! default_model = "qwen-image"        # in place of the one in the program
//!
//! [[server]]
//! url = "http://gpu.internal:8000"
//! models = ["qwen-image"]             # names that callers use, and the server too
//! dialect = "diffusers"               # openai, diffusers, localai, sd-cpp; by its address if not named
//! api_key_file = "keys/gpu.key"       # relative to the home
//! timeout = 600                       # seconds for each picture
//! allow_plain_http = false
//! allow_other_hosts = false
//! root_certificates = "gpu-ca.pem"    # relative to the home
//! ```

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use colophon_gateway::{Backend, Client, Dialect, Secret};
use serde::Deserialize;

use crate::failure::Failure;

/// Name of the file.
const FILE: &str = "backends.toml";
/// Longest file, bytes.
const MOST_BYTES: u64 = 1 << 20;
/// Seconds to wait for a picture, unless told.
const TIMEOUT: u64 = 600;

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    default_model: Option<String>,
    #[serde(default)]
    server: Vec<Server>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Server {
    url: String,
    models: Vec<String>,
    dialect: Option<String>,
    api_key_file: Option<PathBuf>,
    timeout: Option<u64>,
    #[serde(default)]
    allow_plain_http: bool,
    #[serde(default)]
    allow_other_hosts: bool,
    root_certificates: Option<PathBuf>,
}

/// Servers with the models that they are asked for.
#[derive(Debug, Default)]
pub struct Backends {
    default: Option<String>,
    servers: Vec<(Arc<Client>, Vec<String>)>,
}

impl Backends {
    /// Those of a home; none without the file.
    ///
    /// # Errors
    /// [`Failure::Request`] with the file and what is wrong in it; [`Failure::Gateway`].
    pub fn load(home: &Path) -> Result<Self, Failure> {
        let path = home.join(FILE);
        let wrong = |reason: String| Failure::Request(format!("{} {reason}", path.display()));
        match std::fs::metadata(&path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Ok(Self::default());
            }
            Ok(about) if about.len() > MOST_BYTES => {
                return Err(wrong(format!("is longer than {MOST_BYTES} bytes")));
            }
            _ => {}
        }
        let text = std::fs::read_to_string(&path).map_err(Failure::file("read", &path))?;
        let file: File =
            toml::from_str(&text).map_err(|error| wrong(format!("cannot be read: {error}")))?;
        let mut backends = Self {
            default: file.default_model,
            servers: Vec::new(),
        };
        let mut named = BTreeSet::new();
        for server in file.server {
            for model in &server.models {
                if !named.insert(model.clone()) {
                    return Err(wrong(format!("names the model {model} twice")));
                }
            }
            backends.servers.push(open(home, server).map_err(|failure| {
                wrong(format!("names a server that cannot be asked: {failure}"))
            })?);
        }
        Ok(backends)
    }

    /// The name of the model that is asked where none is named.
    pub fn default_model(&self) -> Option<&str> {
        self.default.as_deref()
    }

    /// Names of all models.
    pub fn models(&self) -> impl Iterator<Item = &str> {
        self.servers
            .iter()
            .flat_map(|(_, models)| models.iter().map(String::as_str))
    }

    /// The server that has a model.
    pub fn find(&self, name: &str) -> Option<(Arc<Client>, String)> {
        let has = |(_, models): &&(_, Vec<String>)| models.iter().any(|model| model == name);
        let (client, _) = self.servers.iter().find(has)?;
        Some((Arc::clone(client), name.to_owned()))
    }
}

fn open(home: &Path, server: Server) -> Result<(Arc<Client>, Vec<String>), Failure> {
    let mut backend = Backend::new(server.url);
    if let Some(name) = server.dialect {
        backend.dialect = name.parse::<Dialect>()?;
    }
    backend.timeout = Duration::from_secs(server.timeout.unwrap_or(TIMEOUT));
    backend.allow_plain_http = server.allow_plain_http;
    backend.allow_other_hosts = server.allow_other_hosts;
    backend.root_certificates = server.root_certificates.map(|path| home.join(path));
    if let Some(path) = server.api_key_file {
        backend.api_key = Some(Secret::from_file(&home.join(path))?);
    }
    Ok((Arc::new(Client::new(backend)?), server.models))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn loaded(text: &str) -> Result<Backends, String> {
        let home = tempfile::tempdir().unwrap();
        std::fs::write(home.path().join(FILE), text).unwrap();
        Backends::load(home.path()).map_err(|failure| failure.to_string())
    }

    #[test]
    fn servers_are_found_by_their_models() {
        let backends = loaded(
            "default_model = \"b\"\n[[server]]\nurl = \"http://127.0.0.1:1\"\nmodels = [\"a\"]\n\
             [[server]]\nurl = \"http://127.0.0.1:2\"\nmodels = [\"b\", \"c\"]\ndialect = \"sd-cpp\"\n",
        )
        .unwrap();
        assert_eq!(backends.default_model(), Some("b"));
        assert_eq!(backends.models().collect::<Vec<_>>(), ["a", "b", "c"]);
        let (client, name) = backends.find("c").unwrap();
        assert_eq!(
            (client.host().as_str(), name.as_str()),
            ("127.0.0.1:2", "c")
        );
        assert!(backends.find("d").is_none());
        let none = tempfile::tempdir().unwrap();
        assert_eq!(Backends::load(none.path()).unwrap().models().count(), 0);
    }

    #[test]
    fn what_cannot_be_is_told_with_the_file() {
        for (text, part) in [
            ("servers = []", "servers"),
            ("[[server]]\nurl = \"http://a\"", "models"),
            (
                "[[server]]\nurl = \"ftp://a\"\nmodels = []",
                "begins neither",
            ),
            (
                "[[server]]\nurl = \"http://a\"\nmodels = [\"x\", \"x\"]",
                "x twice",
            ),
            (
                "[[server]]\nurl = \"http://127.0.0.1\"\nmodels = [\"x\"]\n[[server]]\nurl = \"http://127.0.0.1\"\nmodels = [\"x\"]",
                "x twice",
            ),
            (
                "[[server]]\nurl = \"http://127.0.0.1\"\nmodels = []\napi_key_file = \"none\"",
                "none",
            ),
        ] {
            let error = loaded(text).map(|_| ()).unwrap_err();
            assert!(
                error.contains(FILE) && error.contains(part),
                "{text}: {error}"
            );
        }
    }
}
