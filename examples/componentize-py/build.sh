#!/bin/sh
# Builds app.wasm, a component, in the current directory: a Python program with three extension modules.
#
# CLANG, CLANGXX, AR, RUSTC, LINKER and COMPONENTIZE_PY choose the tools; RUSTFLAGS is passed on.
set -eu

source=$(cd "$(dirname "$0")" && pwd)
flags='--target=wasm32-wasip1 -fPIC -fvisibility=hidden -O1 -ffreestanding'

# What is compiled already stays: delete it after a change.
if ! [ -e objects/complete ]; then
    mkdir -p objects
    for file in words_module words_count words_initials; do
        "${CLANG:-clang}" $flags -c "$source/$file.c" -o objects/$file.o
    done
    for file in shapes_module shapes_numbers shapes_areas; do
        "${CLANGXX:-clang++}" $flags -std=c++20 -fno-exceptions -c "$source/$file.cpp" -o objects/$file.o
    done
    "${RUSTC:-rustc}" ${RUSTFLAGS-} --target wasm32-wasip1 --edition 2024 --crate-type staticlib -C opt-level=2 \
        -C panic=abort -C relocation-model=pic "$source/digits.rs" -o objects/libdigits.a
    # Nothing refers to the methods in the archives.
    rm -f objects/libwords.a objects/libshapes.a
    "${AR:-llvm-ar}" rcs objects/libwords.a objects/words_[!m]*.o
    "${AR:-llvm-ar}" rcs objects/libshapes.a objects/shapes_[!m]*.o
    touch objects/complete
fi

# extension NAME INPUT...: an extension module, with the name that Python's import looks for. Its undefined symbols are
# those of libpython, libc and libc++, which componentize-py has.
extension() {
    name=$1
    shift
    "${LINKER:-wasm-section-ld}" --experimental-pic -shared --allow-undefined -T "$source/python.ld" \
        --gather=PYTHON_TYPES --export="PyInit_$name" "$@" -o "python/$name.cpython-314-wasm32-wasi.so"
}
mkdir -p python
extension words objects/words_module.o objects/libwords.a
extension shapes objects/shapes_module.o objects/libshapes.a
extension digits objects/libdigits.a

cp "$source/app.py" python
"${COMPONENTIZE_PY:-componentize-py}" -q -d "$source/app.wit" -w app componentize -p python app -o app.wasm
