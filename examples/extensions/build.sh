#!/bin/sh
# Builds host.wasm, a component of a host program and three extension libraries, in the current
# directory. CLANG, AR, RUSTC, LINKER and WASM_TOOLS choose the tools; RUSTFLAGS is passed on.
set -eu

source=$(dirname "$0")
linker=${LINKER:-wasm-section-ld}
wasm_tools=${WASM_TOOLS:-wasm-tools}
# --allow-undefined: the libraries import functions of the host.
options='--experimental-pic -shared --allow-undefined --gather=EXTENSIONS'

for file in host library numbers bits counter; do
    "${CLANG:-clang}" --target=wasm32-unknown-unknown -O1 -fPIC -fvisibility=hidden -c "$source/$file.c"
done

# A library with two extensions. Nothing refers to the members of the archive: they are linked for
# their entries.
rm -f numbers.a
"${AR:-llvm-ar}" rcs numbers.a numbers.o bits.o
"$linker" $options library.o numbers.a -o libnumbers.so

# A library with one extension.
"$linker" $options library.o counter.o -o libcounter.so

# A library in Rust.
"${RUSTC:-rustc}" ${RUSTFLAGS-} --target wasm32-unknown-unknown --edition 2024 --crate-type cdylib \
    -C opt-level=2 -C panic=abort -C relocation-model=pic \
    -C linker="$linker" -C linker-flavor=wasm-ld -C link-args="$options --export=__wasm_call_ctors" \
    -C link-arg="$PWD/library.o" "$source/digits.rs" -o libdigits.so

# The host. It refers to nothing in the libraries, so they must be on its command line.
"$linker" $options host.o libnumbers.so libcounter.so libdigits.so -o libhost.so
"$wasm_tools" component embed "$source/host.wit" libhost.so -o libhost.so

"$wasm_tools" component link libhost.so libnumbers.so libcounter.so libdigits.so -o host.wasm
