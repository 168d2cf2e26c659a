//! Other hosts than `run.mjs` read the registries without running any code: `examples/host-js` and
//! `examples/host-wasmtime`. For them the module says what is in it, and shows its functions.

fn main() {
    println!("cargo::rustc-link-arg-cdylib=--section-manifest");
    println!("cargo::rustc-link-arg-cdylib=--export-table");
    println!("cargo::rerun-if-changed=build.rs");
}
