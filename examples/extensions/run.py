# Runs the component: lists the extensions, and calls each of their methods with 20.
import sys

from wasmtime import Engine, Store, component

engine = Engine()
store = Store(engine)
loaded = component.Component.from_file(engine, sys.argv[1])
instance = component.Linker(engine).instantiate(store, loaded)


def call(name, *arguments):
    function = instance.get_func(store, name)
    result = function(store, *arguments)
    function.post_return(store)
    return result


for extension in range(call("extension-count")):
    name = call("extension-name", extension)
    for method in range(call("method-count", extension)):
        result = call("call", extension, method, 20)
        print(f"{name}.{call('method-name', extension, method)}(20) = {result}")
