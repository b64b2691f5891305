//! `models pull` from a hub that answers well, breaks off, errs and lies.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde_json::json;

use crate::hub_server::{HubServer, Trouble};
use crate::models::{PROMPT, QUICK, bench};
use crate::support::{Bench, Ended};

const REPOSITORY: &str = "someone/Tiny-Model";

/// A hub with the tiny model, and files beside it that nobody needs.
fn hub(trouble: Trouble) -> (Bench, HubServer) {
    let (bench, _) = bench();
    let mut files = BTreeMap::new();
    collect(&bench.path("tiny"), "", &mut files);
    files.insert("unet/diffusion_pytorch_model.bin".to_owned(), vec![0; 9]);
    files.insert(
        "vae/diffusion_pytorch_model.fp16.safetensors".to_owned(),
        vec![0; 9],
    );
    (bench, HubServer::start(REPOSITORY, files, trouble))
}

fn collect(folder: &Path, place: &str, files: &mut BTreeMap<String, Vec<u8>>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        if path.is_dir() {
            collect(&path, &format!("{place}{name}/"), files);
        } else {
            files.insert(format!("{place}{name}"), fs::read(&path).unwrap());
        }
    }
}

fn pull(bench: &Bench, hub: &HubServer, options: &[&str]) -> Ended {
    bench.run(
        &[
            &["models", "pull", REPOSITORY, "--hub", &hub.url()],
            options,
        ]
        .concat(),
    )
}

#[test]
fn a_model_is_pulled_pinned_checked_used_and_removed() {
    let (bench, hub) = hub(Trouble::default());
    pull(&bench, &hub, &[])
        .code(0)
        .says("licence: apache-2.0")
        .says("--model tiny-model");
    let listed = bench
        .run(&["models", "list", "--json"])
        .code(0)
        .json()
        .remove(0);
    assert_eq!(
        (&listed["name"], &listed["files"]),
        (&json!("tiny-model"), &json!(14))
    );
    assert_eq!(listed["revision"].as_str().unwrap().len(), 40);
    bench
        .run(&["models", "verify", "tiny-model"])
        .code(0)
        .says("all as pulled");
    let arguments = [
        &["generate", PROMPT, "--model", "tiny-model", "-o", "a.png"],
        &QUICK[..],
    ]
    .concat();
    bench.run(&arguments).code(0);
    pull(&bench, &hub, &[]).code(2).says("there already");

    let file = bench.path("home/models/tiny-model/vae/config.json");
    fs::write(&file, "{}").unwrap();
    fs::remove_file(bench.path("home/models/tiny-model/tokenizer/tokenizer.json")).unwrap();
    bench
        .run(&["models", "verify", "tiny-model"])
        .code(1)
        .says("vae/config.json: changed")
        .says("tokenizer.json: missing");
    bench.run(&["models", "remove", "tiny-model"]).code(0);
    assert!(bench.names("home/models").is_empty());
    bench
        .run(&["models", "remove", "tiny-model"])
        .code(2)
        .says("no pulled model");
}

#[test]
fn a_pull_that_broke_off_is_gone_on_with() {
    for no_ranges in [false, true] {
        let cut_off = Some((".index.json".to_owned(), 100));
        let (bench, hub) = hub(Trouble {
            cut_off,
            ..Trouble::default()
        });
        pull(&bench, &hub, &[])
            .code(2)
            .says("run the command again to go on");
        let large = "vae/diffusion_pytorch_model.safetensors";
        hub.set(Trouble {
            cut_off: Some((large.to_owned(), 70_000)),
            no_ranges,
            ..Trouble::default()
        });
        pull(&bench, &hub, &[]).code(2);
        bench
            .run(&["models", "list"])
            .code(0)
            .says("tiny-model: not complete");
        assert!(!bench.path("home/models/tiny-model").exists());
        let before = hub.asked().len();
        hub.set(Trouble {
            no_ranges,
            ..Trouble::default()
        });
        pull(&bench, &hub, &[]).code(0);
        let asked = hub.asked()[before..].to_vec();
        assert!(
            asked
                .iter()
                .any(|line| line == &format!("/large/{large} from 70000")),
            "{asked:?}"
        );
        assert!(
            !asked.iter().any(|line| line.contains("transformer/")),
            "{asked:?}"
        );
        bench.run(&["models", "verify", "tiny-model"]).code(0);
    }
}

#[test]
fn a_hub_that_errs_or_lies_is_not_believed() {
    let large = "vae/diffusion_pytorch_model.safetensors".to_owned();
    let (bench, hub) = hub(Trouble {
        swapped: Some(large),
        ..Trouble::default()
    });
    pull(&bench, &hub, &[])
        .code(2)
        .says("is not what the hub announced");
    let refused = |trouble: Trouble, says: &str| {
        hub.set(trouble);
        pull(&bench, &hub, &["--name", "other"]).code(2).says(says);
        assert!(!bench.path("home/models/other").exists());
    };
    refused(
        Trouble {
            status: Some(401),
            ..Trouble::default()
        },
        "access token",
    );
    refused(
        Trouble {
            status: Some(404),
            ..Trouble::default()
        },
        "does not know",
    );
    refused(
        Trouble {
            status: Some(500),
            ..Trouble::default()
        },
        "status 500",
    );
    refused(
        Trouble {
            listed: Some("../../evil".to_owned()),
            ..Trouble::default()
        },
        "outside of the model",
    );
    let license = Some("flux-1-dev-non-commercial-license".to_owned());
    refused(
        Trouble {
            license,
            ..Trouble::default()
        },
        "--accept-license",
    );
    bench
        .run(&["models", "pull", REPOSITORY, "--hub", "http://127.0.0.1:9"])
        .code(2)
        .says("copy the model's folder here");
    bench
        .run(&["models", "pull", "nonsense", "--hub", &hub.url()])
        .code(2)
        .says("OWNER/NAME");
}
