//! A server of WASI whose routes are registered in crates that nobody calls: `examples/server`, run by
//! `wasmtime serve`.

use crate::support::workspace::{WASI, Workspace, root};
use crate::support::{linker, setting, tool};
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// `wasmtime serve` with a component, until it is dropped.
struct Server {
    process: Child,
    address: String,
}

impl Server {
    fn new(component: &Path) -> Self {
        let mut process = Command::new(tool("WSL_WASMTIME"))
            .args(["serve", "-Scli", "--addr=127.0.0.1:0"])
            .arg(component)
            .stderr(Stdio::piped())
            .spawn()
            .expect("wasmtime");
        let errors = process.stderr.take().expect("its standard error");
        let mut said = String::new();
        let mut lines = BufReader::new(errors);
        // It says which port the system gave it.
        let address = loop {
            let begin = said.len();
            let read = lines.read_line(&mut said).expect("text");
            if let Some((_, rest)) = said[begin..].split_once("http://") {
                break rest.trim_end().trim_end_matches('/').to_owned();
            }
            if read == 0 {
                let _ = process.wait();
                panic!("wasmtime serves nothing: {said}");
            }
        };
        Self { process, address }
    }

    /// The status and the body.
    fn get(&self, path: &str) -> (u16, String) {
        let mut stream = TcpStream::connect(&self.address).expect("a server");
        let time = Some(Duration::from_secs(300));
        stream.set_read_timeout(time).expect("a time-out");
        // Of HTTP/1.0, so that the body is not in chunks.
        write!(stream, "GET {path} HTTP/1.0\r\nHost: localhost\r\n\r\n").expect("a server");
        let mut response = String::new();
        stream.read_to_string(&mut response).expect("a response");
        let (head, body) = response.split_once("\r\n\r\n").expect("a head");
        let status = head.split(' ').nth(1).and_then(|code| code.parse().ok());
        (status.expect("a status"), body.to_owned())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Builds the component for a target and calls its routes.
fn serves(target: &str, profile: &str, backend: &Path) {
    let example = Workspace::new(root().join("examples/server"), "server");
    let component = example.built(target, profile, "app.wasm");
    // Cargo does not know that the linker may be another one now: this makes it link again.
    for file in [&component, &component.with_file_name("deps/app.wasm")] {
        let _ = fs::remove_file(file);
    }
    let profile = if profile == "debug" { "dev" } else { profile };
    let mut build = example.cargo([
        "build",
        "--locked",
        "--profile",
        profile,
        "--target",
        target,
    ]);
    let output = build
        .env("CARGO_TARGET_WASM32_WASIP2_LINKER", linker())
        .env("WASM_SECTION_LD_LINKER", backend)
        .output()
        .expect("a cargo that runs");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");

    let server = Server::new(&component);
    let answers = [
        (
            "/",
            200,
            "/accounts/greet\n/accounts/is-free\n/catalogue/count\n/catalogue/price\n",
        ),
        ("/accounts/greet?name=Ada", 200, "Hello, Ada.\n"),
        ("/accounts/greet", 400, "expected ?name=…\n"),
        ("/accounts/is-free?root", 200, "taken\n"),
        ("/catalogue/price?bread", 200, "bread: 5\n"),
        ("/catalogue/price?gold", 400, "there is no \"gold\"\n"),
        ("/catalogue/count?a,b,c", 200, "3\n"),
        ("/nowhere", 404, "no route for /nowhere\n"),
    ];
    for (path, status, body) in answers {
        assert_eq!(
            server.get(path),
            (status, body.to_owned()),
            "{target} {path}"
        );
    }
}

/// The module becomes a component by `wasm-component-ld`, which is our backend and has an adapter for preview 1.
#[test]
fn a_component_of_wasip1() {
    serves(WASI, "debug", &tool("WSL_WASM_COMPONENT_LD"));
}

/// As its users build it: `linker = "wasm-section-ld"`, and the rest is rustc's. Only rustup has a standard library
/// for the target; without it, ci/setup says so, and this is preview 1 with optimization.
#[test]
fn a_component_of_wasip2() {
    match setting("WSL_WASIP2") {
        "" => serves(WASI, "release", &tool("WSL_WASM_COMPONENT_LD")),
        target => serves(target, "release", &tool("WSL_RUST_LLD")),
    }
}
