# Runs the component.
import sys

from wasmtime import Engine, Store, component

engine = Engine()
store = Store(engine)
loaded = component.Component.from_file(engine, sys.argv[1])
instance = component.Linker(engine).instantiate(store, loaded)
print(instance.get_func(store, "run")(store), end="")
