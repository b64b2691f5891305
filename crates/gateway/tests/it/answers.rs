//! Answers with pictures, as asked for and not.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use colophon_gateway::{
    Backend, Client, Deviation, Dialect, GatewayError, ImagesRequest, MediaType, ResponseFormat,
    Secret,
};
use serde_json::{Value, json};

use crate::images_server::{ImagesServer, Reaction, waves};
use crate::{ask, ask_with, backend, request};

#[test]
fn pictures_within_the_answer() {
    let server = ImagesServer::start();
    let mut request = request();
    request.count = 3;
    request.model = Some("m".to_owned());
    let answer = ask_with(&server, &request, |_| {}).unwrap();
    assert_eq!(answer.pictures.len(), 3);
    assert_eq!(answer.deviations, []);
    assert_eq!((answer.attempts, answer.created), (1, Some(1_790_000_000)));
    let received = &server.requests()[0];
    for (number, picture) in answer.pictures.iter().enumerate() {
        assert_eq!(picture.bytes, waves(&received.body, number, 64, 48));
        assert_eq!(picture.media_type, MediaType::Png);
        assert_eq!((picture.width, picture.height), (64, 48));
    }
    assert_eq!(
        received.body,
        json!({"prompt": "a red fox", "n": 3, "size": "64x48", "model": "m",
            "response_format": "b64_json"})
    );
    assert_eq!(received.headers["content-type"], "application/json");
    assert_eq!(received.headers.get("authorization"), None);
}

#[test]
fn every_way_to_write_the_address_reaches_the_endpoint() {
    let server = ImagesServer::start();
    for path in ["/", "/v1", "/v1/", "/v1/images/generations"] {
        let answer = ask_with(&server, &request(), |b| b.url += path).unwrap();
        assert_eq!(answer.pictures.len(), 1);
    }
    let paths = server.requests();
    assert!(paths.iter().all(|r| r.path == "/v1/images/generations"));
}

#[test]
fn extensions_are_sent_under_the_servers_names() {
    let server = ImagesServer::start();
    let mut request = request();
    request.seed = Some(7);
    request.steps = Some(4);
    let answer = ask_with(&server, &request, |b| {
        b.dialect = Dialect::StableDiffusionCpp;
    });
    assert_eq!(answer.unwrap().pictures.len(), 1);
    ask_with(&server, &request, |_| {}).unwrap();
    let refused = ask_with(&server, &request, |b| b.dialect = Dialect::OpenAi);
    assert!(matches!(refused, Err(GatewayError::Unsupported { .. })));
    let bodies: Vec<Value> = server.requests().into_iter().map(|r| r.body).collect();
    let prompt = bodies[0]["prompt"].as_str().unwrap();
    let extra = prompt
        .strip_prefix("a red fox <sd_cpp_extra_args>")
        .unwrap();
    let extra = extra.strip_suffix("</sd_cpp_extra_args>").unwrap();
    assert_eq!(
        serde_json::from_str::<Value>(extra).unwrap(),
        serde_json::json!({"seed": 7, "sample_params": {"sample_steps": 4}})
    );
    assert_eq!(bodies[1]["num_inference_steps"], 4);
    assert_eq!(bodies[1]["seed"], 7);
    assert_eq!(bodies.len(), 2, "nothing was sent to the third");
}

#[test]
fn data_urls_are_pictures_within_the_answer() {
    let server = ImagesServer::start();
    server.next(Reaction::changed(|answer| {
        let code = answer["data"][0]["b64_json"].take();
        let url = format!("data:image/png;base64,{}", code.as_str().unwrap());
        answer["data"][0] = json!({"url": url, "revised_prompt": "a very red fox"});
    }));
    let picture = ask(&server).unwrap().pictures.remove(0);
    assert_eq!(picture.bytes, waves(&server.requests()[0].body, 0, 64, 48));
    assert_eq!(picture.revised_prompt.as_deref(), Some("a very red fox"));
}

#[test]
fn a_slow_answer_is_waited_for() {
    let server = ImagesServer::start();
    server.next(Reaction::Drip(2000, Duration::from_millis(30)));
    let answer = ask(&server).unwrap();
    assert_eq!(answer.pictures.len(), 1);
    assert!(answer.elapsed >= Duration::from_millis(100));
}

#[test]
fn other_numbers_and_sizes_are_reported() {
    let server = ImagesServer::start();
    let mut request = request();
    request.count = 2;
    server.next(Reaction::changed(|answer| {
        let one = answer["data"][0].clone();
        answer["data"] = json!([one]);
    }));
    let fewer = ask_with(&server, &request, |_| {}).unwrap();
    assert_eq!(
        fewer.deviations,
        [Deviation::Count {
            asked: 2,
            returned: 1
        }]
    );

    server.next(Reaction::changed(|answer| {
        let one = answer["data"][0].clone();
        answer["data"] = json!(vec![one; 5]);
        answer["model"] = json!("flux");
    }));
    let more = ask_with(&server, &request, |_| {}).unwrap();
    assert_eq!(
        (more.pictures.len(), more.model.as_deref()),
        (2, Some("flux"))
    );
    let told = more.deviations[0].to_string();
    assert!(told.contains("5 pictures, 2 were asked for"), "{told}");

    server.paint(|request, number, width, height| waves(request, number, width, height / 2));
    let smaller = ask(&server).unwrap();
    assert_eq!(
        smaller.deviations,
        [Deviation::Size {
            picture: 0,
            asked: (64, 48),
            returned: (64, 24)
        }]
    );
}

#[test]
fn no_picture_is_an_error() {
    let server = ImagesServer::start();
    let empty: [fn(&mut Value); 3] = [
        |answer| answer["data"] = json!([]),
        |answer| answer["data"] = json!([{}]),
        |answer| answer["data"][0]["b64_json"] = json!(""),
    ];
    for change in empty {
        server.next(Reaction::changed(change));
        let error = ask(&server).unwrap_err();
        assert!(matches!(error, GatewayError::NoPictures { .. }), "{error}");
    }
    assert_eq!(server.requests().len(), 3, "nothing is asked for twice");
}

#[test]
fn bytes_that_are_no_picture_are_refused_and_named() {
    let server = ImagesServer::start();
    for (bytes, name) in [
        (b"<svg xmlns=''/>".as_slice(), "web page or SVG"),
        (b"GIF89a\x01\0\x01\0", "GIF"),
        (b"\x89PNG\r\n\x1a\n\0\0", "damaged"),
        (b"PK\x03\x04", "ZIP"),
    ] {
        server.paint(move |_, _, _, _| bytes.to_vec());
        let error = ask(&server).unwrap_err();
        assert!(matches!(error, GatewayError::NotAPicture { .. }), "{error}");
        assert!(error.to_string().contains(name), "{error}");
    }
}

#[test]
fn limits_hold_while_reading() {
    let server = ImagesServer::start();
    let too_large = |change: fn(&mut Backend), what: &str| {
        let error = ask_with(&server, &request(), change).unwrap_err();
        assert!(matches!(error, GatewayError::TooLarge { .. }), "{error}");
        assert!(error.to_string().contains(what), "{error}");
    };
    too_large(|b| b.max_picture_bytes = 1000, "a picture");
    too_large(|b| b.max_response_bytes = 1000, "the answer");
    // No length is given, and the body never ends.
    let json = "Content-Type: application/json\r\n";
    server.next(Reaction::Endless(json, b"          "));
    too_large(|b| b.max_response_bytes = 1 << 20, "the answer");
    server.paint(|_, _, _, _| vec![7; 200_000]);
    too_large(|b| b.max_picture_bytes = 100_000, "a picture");
    server.next(Reaction::Endless(json, b"\"aaaaaaaaaaaaaaaaaaaaaaa\","));
    let error = ask(&server).unwrap_err();
    assert!(matches!(error, GatewayError::BadAnswer { .. }), "{error}");
}

#[test]
fn answers_that_are_not_what_they_should_be_say_so() {
    let server = ImagesServer::start();
    let page = "<!DOCTYPE html><html><body>Welcome</body></html>";
    server.next(Reaction::body(200, "text/html; charset=utf-8", page));
    let error = ask(&server).unwrap_err();
    assert!(matches!(error, GatewayError::WrongType { .. }), "{error}");
    assert!(error.to_string().contains("text/html"), "{error}");
    server.next(Reaction::body(200, "image/png", "\u{89}PNG"));
    assert!(matches!(ask(&server), Err(GatewayError::WrongType { .. })));
    server.next(Reaction::json(200, &json!({})).header("Content-Encoding", "gzip"));
    assert!(matches!(ask(&server), Err(GatewayError::WrongType { .. })));
    for (body, reason) in [
        (page.to_owned(), "web page"),
        (String::new(), "ends early"),
        (r#"{"data":[{"b64_json":"iVBOR"#.to_owned(), "ends early"),
        ("{'data': []}".to_owned(), "not JSON"),
        ("{}".to_owned(), "no list `data`"),
        (r#"{"data":"x"}"#.to_owned(), "no list `data`"),
        (r#"{"data":[[]]}"#.to_owned(), "no object"),
        (r#"{"data":[{"b64_json":5}]}"#.to_owned(), "no text"),
        (r#"{"data":[{"b64_json":"****"}]}"#.to_owned(), "not base64"),
        ("[".repeat(100_000), "not JSON"),
    ] {
        server.next(Reaction::body(200, "application/json", body));
        let error = ask(&server).unwrap_err();
        assert!(matches!(error, GatewayError::BadAnswer { .. }), "{error}");
        assert!(error.to_string().contains(reason), "{reason}: {error}");
    }
}

#[test]
fn a_picture_of_eight_mebibytes_passes() {
    let server = ImagesServer::start();
    server.paint(|_, _, _, _| {
        let mut bytes = waves(&json!({}), 0, 64, 48);
        bytes.resize(8 << 20, 0);
        bytes
    });
    let answer = ask(&server).unwrap();
    assert_eq!(answer.pictures[0].bytes.len(), 8 << 20);
}

#[test]
fn the_key_is_sent_and_never_shown() {
    let server = ImagesServer::start();
    let key = "sk-test-0123456789";
    server.require_key(key);
    let with_key = |key: &str| {
        let key = Secret::new(key).unwrap();
        ask_with(&server, &request(), |b| b.api_key = Some(key.clone()))
    };
    assert_eq!(with_key(key).unwrap().pictures.len(), 1);
    let header = &server.requests()[0].headers["authorization"];
    assert_eq!(*header, format!("Bearer {key}"));
    let error = with_key("sk-wrong-key").unwrap_err();
    assert!(
        matches!(error, GatewayError::Unauthorized { .. }),
        "{error}"
    );
    // A server that repeats the key, and everything of ours that can be printed.
    server.next(Reaction::error(401, &format!("no such key {key}"), "x"));
    let error = with_key(key).unwrap_err();
    let mut backend = backend(&server);
    backend.api_key = Some(Secret::new(key).unwrap());
    let client = Client::new(backend).unwrap();
    for text in [format!("{error} {error:?}"), format!("{client:?}")] {
        assert!(!text.contains(key), "{text}");
        assert!(text.contains("[redacted]"), "{text}");
    }
}

#[test]
fn bad_requests_are_not_sent() {
    let server = ImagesServer::start();
    for request in [
        ImagesRequest::new("", 64, 64),
        ImagesRequest::new("a fox", 0, 64),
        ImagesRequest::new("a fox", 64, 100_000),
        ImagesRequest::new("word ".repeat(10_000), 64, 64),
        ImagesRequest::new("a\u{7}fox", 64, 64),
    ] {
        let error = ask_with(&server, &request, |_| {}).unwrap_err();
        assert!(matches!(error, GatewayError::Request { .. }), "{error}");
    }
    assert!(server.requests().is_empty());
}

#[test]
fn answers_in_an_unasked_form_are_read_all_the_same() {
    let server = ImagesServer::start();
    let mut request = request();
    request.response_format = Some(ResponseFormat::Url);
    let code = STANDARD.encode(waves(&json!({}), 1, 64, 48));
    server.next(Reaction::json(200, &json!({"data": [{"b64_json": code}]})));
    assert_eq!(
        ask_with(&server, &request, |_| {}).unwrap().pictures.len(),
        1
    );
    request.response_format = Some(ResponseFormat::ServerDefault);
    assert_eq!(
        ask_with(&server, &request, |_| {}).unwrap().pictures.len(),
        1
    );
    assert_eq!(server.requests()[1].body.get("response_format"), None);
}
