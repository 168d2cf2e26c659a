#!/bin/sh
# Builds lua.wasm in the current directory: build.sh SOURCE, with Lua 5.4's source (lua-5.4.N/src).
#
# CLANG, AR, RUSTC, LINKER and WASM_OPT choose the tools; WASI_HEADERS and WASI_LIB are the directories of the C
# library; RUSTFLAGS is passed on.
set -eu

lua=$(cd "$1" && pwd)
source=$(cd "$(dirname "$0")" && pwd)
headers=${WASI_HEADERS:-/usr/include/wasm32-wasi}
lib=${WASI_LIB:-/usr/lib/wasm32-wasi}

compile() {
    "${CLANG:-clang}" --target=wasm32-wasip1 -nostdlibinc -isystem "$headers" -isystem "$source/wasi" -I "$lua" \
        -O1 -w -D_WASI_EMULATED_SIGNAL -D_WASI_EMULATED_PROCESS_CLOCKS \
        '-Dlua_tmpnam(b, e)=((e) = 1)' -DLUA_TMPNAMBUFSIZE=1 -c "$@"
}
# library NAME SOURCE [OPEN]: an object with its entry.
library() {
    compile -include "$source/library.h" -DLUA_LIBRARY_NAME="\"$1\"" -DLUA_LIBRARY_OPEN="luaopen_${3:-$1}" "$2" \
        -o "objects/library_$1.o"
}

# What is compiled already stays: delete it after a change.
if ! [ -e objects/complete ]; then
    mkdir -p objects
    for file in lapi lauxlib lcode lctype ldebug ldo ldump lfunc lgc llex lmem lobject lopcodes lparser lstate \
        lstring ltable ltm lundump lvm lzio; do
        compile "$lua/$file.c" -o "objects/$file.o"
    done
    library _G "$lua/lbaselib.c" base
    library package "$lua/loadlib.c"
    library coroutine "$lua/lcorolib.c"
    library table "$lua/ltablib.c"
    library io "$lua/liolib.c"
    library os "$lua/loslib.c"
    library string "$lua/lstrlib.c"
    library math "$lua/lmathlib.c"
    library utf8 "$lua/lutf8lib.c"
    library debug "$lua/ldblib.c"
    # Nothing refers to the libraries in the archives.
    rm -f objects/liblua.a objects/libwords.a
    "${AR:-llvm-ar}" rcs objects/liblua.a objects/l*.o
    library words "$source/words.c"
    "${AR:-llvm-ar}" rcs objects/libwords.a objects/library_words.o
    for file in main openlibs ../extensions/jump; do
        compile "$source/$file.c" -o "objects/${file##*/}.o"
    done
    "${RUSTC:-rustc}" ${RUSTFLAGS-} --target wasm32-wasip1 --edition 2024 --crate-type staticlib -C opt-level=2 \
        -C panic=abort "$source/digits.rs" -o objects/libdigits.a
    touch objects/complete
fi
cd objects
"${LINKER:-wasm-section-ld}" -T "$source/lua.ld" --stack-first -z stack-size=1048576 "$lib/crt1-command.o" \
    main.o openlibs.o jump.o liblua.a libwords.a libdigits.a -L "$lib" -lwasi-emulated-signal \
    -lwasi-emulated-process-clocks -lc -o linked.wasm
"${WASM_OPT:-wasm-opt}" --asyncify -O1 --pass-arg=asyncify-ignore-imports linked.wasm -o ../lua.wasm
