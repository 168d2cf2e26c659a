fn main() {
    println!("cargo::rerun-if-changed=native");
    cc::Build::new()
        .file("native/plugins.c")
        .file("native/pointers.s")
        .flag("-Wno-unused-command-line-argument") // -O3 and the like, which mean nothing to an assembler
        .compile("plugin_native");
}
