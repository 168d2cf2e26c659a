fn main() {
    println!("cargo::rerun-if-changed=native");
    cc::Build::new()
        .file("native/plugins.c")
        .file("native/pointers.s")
        .flag("-Wno-unused-command-line-argument") // for options such as -O3, which the assembler ignores
        .compile("plugin_native");
}
