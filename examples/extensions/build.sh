#!/bin/sh
# Builds the interpreter with its extensions in the current directory, in one of three forms:
#
#   build.sh static       static.wasm, one module
#   build.sh libraries    interpreter.so, libdigest.so, libjournal.so and libdigits.so, for one memory
#   build.sh component    the same libraries, and component.wasm, which contains them
#
# CLANG, AR, RUSTC, LINKER, WASM_OPT and WASM_TOOLS choose the tools; RUSTFLAGS is passed on.
set -eu

form=$1
source=$(cd "$(dirname "$0")" && pwd)
linker=${LINKER:-wasm-section-ld}
wasm_opt=${WASM_OPT:-wasm-opt}
gather='--gather=EXTENSIONS --export-if-defined=__wasm_call_ctors'

case $form in
static) pic='' model=static ;;
libraries | component) pic=-fPIC model=pic ;;
*) echo "build.sh: there is no form '$form'" >&2 && exit 2 ;;
esac

# What is compiled already for this form stays: delete it after a change.
objects=objects-$model
if ! [ -e $objects/complete ]; then
    mkdir -p $objects
    for file in program interpreter collector jump registry digest digest_fnv1a journal; do
        "${CLANG:-clang}" --target=wasm32-unknown-unknown -O2 -ffreestanding -fno-builtin -fvisibility=hidden $pic \
            -c "$source/$file.c" -o $objects/$file.o
    done
    "${RUSTC:-rustc}" ${RUSTFLAGS-} --target wasm32-unknown-unknown --edition 2024 --crate-type staticlib \
        -C opt-level=2 -C panic=abort -C relocation-model=$model "$source/digits.rs" -o $objects/libdigits.a
    # Extensions are in archives. Nothing refers to their members.
    rm -f $objects/libdigest.a $objects/libjournal.a
    "${AR:-llvm-ar}" rcs $objects/libdigest.a $objects/digest.o $objects/digest_fnv1a.o
    "${AR:-llvm-ar}" rcs $objects/libjournal.a $objects/journal.o
    touch $objects/complete
fi
cd $objects
interpreter='program.o interpreter.o collector.o jump.o'

if [ $form = static ]; then
    "$linker" $gather --no-entry --stack-first -z stack-size=16777216 $interpreter registry.o \
        libdigest.a libjournal.a libdigits.a -o linked.wasm
    "$wasm_opt" --asyncify -O1 --pass-arg=asyncify-ignore-imports linked.wasm -o ../static.wasm
    exit
fi

# --allow-undefined: the libraries import functions of the interpreter.
shared='--experimental-pic -shared --allow-undefined'
for extension in digest journal digits; do
    "$linker" $shared $gather registry.o lib$extension.a -o lib$extension.so
done
# The interpreter refers to nothing in the libraries. They are on its command line, so that its dylink.0 section
# lists them, like DT_NEEDED.
"$linker" $shared $gather $interpreter libdigest.so libjournal.so libdigits.so -o interpreter.so
for library in interpreter libdigest libjournal libdigits; do
    # The libraries unwind together: they share Asyncify's state.
    "$wasm_opt" --asyncify -O1 --pass-arg=asyncify-relocatable $library.so -o ../$library.so
done
cd ..
if [ $form = component ]; then
    "${WASM_TOOLS:-wasm-tools}" component embed "$source/extensions.wit" interpreter.so -o objects-pic/embedded.so
    "${WASM_TOOLS:-wasm-tools}" component link interpreter.so=objects-pic/embedded.so \
        libdigest.so libjournal.so libdigits.so -o component.wasm
fi
