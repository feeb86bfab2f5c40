//! The simulator as a program: its flags, what it prints, and that it ends when told to.

mod client;

use std::{
    io::{BufRead, BufReader, Read},
    process::{Child, Command, Stdio},
};

use client::Client;
use serde_json::json;

/// Ends the program whatever becomes of the test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn program(arguments: &[&str]) -> Running {
    let child = Command::new(env!("CARGO_BIN_EXE_cloudsim"))
        .args(arguments)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program");
    Running(child)
}

#[tokio::test]
async fn it_prints_where_it_is_and_logs_calls_without_secrets() {
    let file = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("cloudsim-config.json");
    let config = json!({"xgc": {"accounts": [{"id": "team", "credentials": [{"key": "made-up-token"}]}]}});
    std::fs::write(&file, config.to_string()).expect("a file");
    let path = file.to_str().expect("a path");
    let mut running = program(&["--listen", "127.0.0.1:0", "--config", path, "--creating-ms", "0"]);
    let mut lines = BufReader::new(running.0.stdout.take().expect("its output")).lines();
    let mut line = || lines.next().expect("a line").expect("text");
    let admin = line().strip_prefix("admin ").expect("the admin URL").to_owned();
    let account = line();
    let words: Vec<&str> = account.split(' ').collect();
    assert_eq!(words[0], "xgc");
    assert_eq!(words[2..], ["account=team", "key=made-up-token", "secret=-"]);

    let client = Client::new(words[1].to_owned(), Some("made-up-token".to_owned()));
    let id = client.rent("n").await;
    assert_eq!(client.instance(&id).await["status"], json!("running"));
    let meter = Client::new(admin, None).get("/meter").await.json();
    assert_eq!(meter["alive"], json!(1));

    let pid = running.0.id().to_string();
    let told = Command::new("kill").args(["-TERM", &pid]).status().expect("kill");
    assert!(told.success());
    assert!(running.0.wait().expect("an end").success());
    let mut log = String::new();
    let mut stderr = running.0.stderr.take().expect("its log");
    stderr.read_to_string(&mut log).expect("text");
    assert!(!log.contains("made-up-token"));
    assert_eq!(
        log.lines().filter(|line| line.contains("xgc.deploy")).count(),
        1,
        "{log}"
    );
    assert_eq!(log.lines().filter(|line| line.contains("xgc.get")).count(), 1, "{log}");
}

#[test]
fn it_says_what_is_wrong_with_its_settings() {
    let mut running = program(&["--config", "/does/not/exist.json"]);
    assert!(!running.0.wait().expect("an end").success());
    let mut log = String::new();
    let mut stderr = running.0.stderr.take().expect("its log");
    stderr.read_to_string(&mut log).expect("text");
    assert!(log.contains("/does/not/exist.json"), "{log}");
}
