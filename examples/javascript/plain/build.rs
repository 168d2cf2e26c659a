//! What JavaScript needs to read the array: the manifest, the bounds, and the table for its functions.

fn main() {
    println!("cargo::rustc-link-arg-cdylib=--section-manifest");
    println!("cargo::rustc-link-arg-cdylib=--export=__start_COMMANDS");
    println!("cargo::rustc-link-arg-cdylib=--export=__stop_COMMANDS");
    println!("cargo::rustc-link-arg-cdylib=--export-table");
    println!("cargo::rerun-if-changed=build.rs");
}
