# Runs the component.
import sys

from wasmtime import Engine, Store, WasiConfig, component

engine = Engine()
store = Store(engine)
wasi = WasiConfig()
wasi.inherit_stderr()
store.set_wasi(wasi)
linker = component.Linker(engine)
linker.add_wasip2()
instance = linker.instantiate(store, component.Component.from_file(engine, sys.argv[1]))
print(instance.get_func(store, "run")(store))
