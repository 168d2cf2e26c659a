//! `examples/host-js` and `examples/host-wasmtime` read the registries without running any code. For them, the
//! module has a manifest and exports its table.

fn main() {
    println!("cargo::rustc-link-arg-cdylib=--section-manifest");
    println!("cargo::rustc-link-arg-cdylib=--export-table");
    println!("cargo::rerun-if-changed=build.rs");
}
