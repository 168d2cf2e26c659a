# Runs a WASI program in wasmtime: run.py PROGRAM DIRECTORY ARGUMENT...
# The program sees DIRECTORY as its root.
import sys

from wasmtime import Engine, Linker, Module, Store, WasiConfig

program, directory, *arguments = sys.argv[1:]
engine = Engine()
store, linker, wasi = Store(engine), Linker(engine), WasiConfig()
wasi.argv = [program, *arguments]
wasi.inherit_stdout()
wasi.inherit_stderr()
wasi.preopen_dir(directory, "/")
store.set_wasi(wasi)
linker.define_wasi()
linker.instantiate(store, Module.from_file(engine, program)).exports(store)["_start"](store)
