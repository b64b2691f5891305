//! The `colophon` program from outside: what it prints, what it leaves, how it ends.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test fails by panicking"
)]

mod access;
mod audit;
mod bad_input;
mod bulk;
mod checks;
mod erase;
mod generate;
mod help;
#[path = "../support/http_client.rs"]
mod http_client;
#[path = "../support/hub_server.rs"]
mod hub_server;
#[path = "../support/images_server.rs"]
mod images_server;
mod json;
mod keys;
#[path = "../support/kill_loop.rs"]
mod kill_loop;
mod killed;
mod machine;
mod mark;
#[path = "../support/model_folder.rs"]
mod model_folder;
mod models;
mod page;
mod policy;
mod pull;
mod service_audit;
#[cfg(unix)]
mod service_contract;
mod service_jobs;
mod service_openai;
mod service_verify;
#[cfg(unix)]
mod serving;
mod support;
mod trusting;
mod tutorials;
mod way;
mod web;
mod witnessed;
