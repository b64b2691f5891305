//! Pictures made in the shapes of the OpenAI API.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use colophon_imaging::Format;
use serde_json::{Value, json};

use super::{Bench, SIDE, decoded, json_of, unchunked};
use crate::running::{ask, get};

#[test]
fn pictures_are_made_and_told_as_clients_of_the_openai_api_read_them() {
    let bench = Bench::new();
    let two = bench.generate(&json!({
        "prompt": "a red fox", "n": 2, "size": "512x512", "model": "scenes", "output_format": "jpeg",
        "background": "transparent", "style": "vivid", "colophon": {"seed": 5, "title": "Fox"},
    }));
    assert_eq!(two.status, 200, "{two:?}");
    assert_eq!(two.header("x-colophon-ignored"), Some("background, style"));
    let body = json_of(&two);
    assert_eq!(body["output_format"], "jpeg");
    assert_eq!(
        (&body["size"], &body["quality"]),
        (&json!("512x512"), &json!("medium"))
    );
    assert_eq!(body["colophon"]["ignored"], json!(["background", "style"]));
    assert!(
        body["created"]
            .as_i64()
            .is_some_and(|at| at > 1_700_000_000)
    );
    let data = body["data"].as_array().unwrap();
    assert_eq!(data.len(), 2);
    for (item, seed) in data.iter().zip([5, 6]) {
        assert_eq!(decoded(&item["b64_json"]).source_format(), Format::Jpeg);
        assert!(item.get("url").is_none());
        let made = &item["colophon"]["generation"];
        assert_eq!(
            (&made["seed"], &made["model"]),
            (&json!(seed), &json!("scenes"))
        );
        assert!(made["prompt_commitment"].is_string());
    }
    assert!(
        !body.to_string().contains("red fox"),
        "the prompt is in no answer"
    );

    let by_url = json_of(&bench.generate(&json!({"prompt": "a fox", "response_format": "url"})));
    let url = by_url["data"][0]["url"].as_str().unwrap();
    let path = url.strip_prefix("http://127.0.0.1").unwrap();
    assert_eq!(get(bench.running.address(), path).status, 200);

    let records = bench.records();
    assert_eq!(records.len(), 3);
    let private = records[0].part().unwrap();
    assert_eq!(private.requester.as_deref(), Some("api-key:news/press"));
    assert_eq!(private.prompt.as_deref(), Some("a red fox"));
}

#[test]
fn errors_are_told_to_both_kinds_of_clients() {
    let bench = Bench::new();
    for (body, status, param, code) in [
        (json!({}), 400, "prompt", "invalid_value"),
        (json!({"prompt": "a", "n": 11}), 400, "n", "invalid_value"),
        (
            json!({"prompt": "a", "size": "large"}),
            400,
            "size",
            "invalid_value",
        ),
        (
            json!({"prompt": "a", "model": "dall-e-3"}),
            404,
            "model",
            "model_not_found",
        ),
        (
            json!({"prompt": "a", "colophon": {"allow_unmarked": true}}),
            403,
            "",
            "policy_refused",
        ),
    ] {
        let refused = bench.generate(&body);
        assert_eq!(refused.status, status, "{refused:?}");
        let told = json_of(&refused);
        assert_eq!(told["status"], status);
        assert_eq!(told["error"]["code"], code, "{told}");
        if !param.is_empty() {
            assert_eq!(told["error"]["param"], param, "{told}");
        }
        assert!(told["error"]["message"].is_string() && told["error"]["type"].is_string());
    }
    let no_key = "POST /v1/images/generations HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{}";
    let refused = json_of(&ask(bench.running.address(), no_key.as_bytes()));
    assert_eq!(refused["error"]["code"], "invalid_api_key");
    assert_eq!(bench.records().len(), 0);
}

#[test]
fn a_stream_tells_each_picture_and_shows_none_unmarked_where_policies_demand_marks() {
    let bench = Bench::new();
    let reply = bench.generate(&json!({
        "prompt": "a fox", "n": 2, "stream": true, "partial_images": 2, "colophon": {"progress": true},
    }));
    assert_eq!(reply.status, 200);
    assert_eq!(reply.header("content-type"), Some("text/event-stream"));
    // This key's holder may have no picture without a mark, and a picture under way has none.
    assert_eq!(reply.header("x-colophon-ignored"), Some("partial_images"));
    let text = unchunked(&reply);
    let names: Vec<&str> = text
        .lines()
        .filter_map(|line| line.strip_prefix("event: "))
        .collect();
    let one = ["colophon.progress"; 4]
        .into_iter()
        .chain(["image_generation.completed"]);
    let expected: Vec<&str> = one.clone().chain(one).collect();
    assert_eq!(names, expected);
    let completed = text.lines().filter_map(|line| line.strip_prefix("data: "));
    let completed: Vec<Value> = completed
        .map(|data| serde_json::from_str(data).unwrap())
        .filter(|data: &Value| data["type"] == "image_generation.completed")
        .collect();
    for (number, data) in completed.iter().enumerate() {
        assert_eq!(decoded(&data["b64_json"]).width(), SIDE);
        assert_eq!(data["colophon"]["picture"], number);
        assert!(data["colophon"]["record"].is_string());
        assert_eq!(data["usage"]["total_tokens"], 0);
    }
    assert_eq!(bench.records().len(), 2);
    // What is refused is refused before the stream begins.
    let refused = bench.generate(&json!({"prompt": "a", "model": "none", "stream": true}));
    assert_eq!(refused.status, 404);
}

#[test]
fn what_nobody_waits_for_is_given_up() {
    let bench = Bench::new();
    for stream in [false, true] {
        let body = json!({"prompt": "a fox", "model": "endless", "stream": stream}).to_string();
        let kind = [("Content-Type", "application/json")];
        let head = bench.head("/v1/images/generations", &kind, body.len());
        let before = bench.stopped.load(Ordering::SeqCst);
        let mut client = TcpStream::connect(bench.running.address()).unwrap();
        client.write_all(head.as_bytes()).unwrap();
        client.write_all(body.as_bytes()).unwrap();
        client
            .set_read_timeout(Some(Duration::from_millis(300)))
            .unwrap();
        let mut begin = [0; 64];
        let came = client.read(&mut begin);
        assert_eq!(
            came.is_ok(),
            stream,
            "only a stream answers before it is done"
        );
        drop(client);
        let end = Instant::now() + Duration::from_secs(20);
        while bench.stopped.load(Ordering::SeqCst) == before {
            assert!(
                Instant::now() < end,
                "it was not stopped (stream: {stream})"
            );
            std::thread::sleep(Duration::from_millis(20));
        }
    }
    assert_eq!(bench.records().len(), 0);
    // The places are free again.
    assert_eq!(bench.generate(&json!({"prompt": "a fox"})).status, 200);
}

#[test]
fn models_are_listed_for_those_who_may_ask_for_them() {
    let bench = Bench::new();
    let ask_for = |path: &str, key: &str| {
        let request = format!(
            "GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\nAuthorization: Bearer {key}\r\n\r\n"
        );
        ask(bench.running.address(), request.as_bytes())
    };
    let list = json_of(&ask_for("/v1/models", &bench.key));
    assert_eq!(
        (&list["object"], &list["data"][0]["id"]),
        (&json!("list"), &json!("scenes"))
    );
    assert_eq!(list["data"][0]["colophon"]["sizes"], json!(["512x512"]));
    assert_eq!(
        json_of(&ask_for("/v1/models/scenes", &bench.key))["object"],
        "model"
    );
    let none = json_of(&ask_for("/v1/models/none", &bench.key));
    assert_eq!(none["error"]["code"], "model_not_found");
    assert_eq!(get(bench.running.address(), "/v1/models").status, 401);
}
