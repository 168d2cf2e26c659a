// The module `shapes`, in C++. It refers to none of its methods and types.

#include "python.h"

struct type_entry {
    const char *name;
    PyTypeObject *type;
};
extern "C" const type_entry __start_PYTHON_TYPES[], __stop_PYTHON_TYPES[];

extern "C" __attribute__((visibility("default"))) PyObject *PyInit_shapes() {
    static PyModuleDef definition;
    definition.ob_base.ob_refcnt = 1;
    definition.m_name = "shapes";
    definition.m_size = -1;
    definition.m_methods = __start_PYTHON_METHODS;
    PyObject *module = PyModule_Create2(&definition, PYTHON_API_VERSION);
    for (const type_entry *e = __start_PYTHON_TYPES; module && e < __stop_PYTHON_TYPES; e++)
        PyModule_AddObjectRef(module, e->name, reinterpret_cast<PyObject *>(e->type));
    return module;
}
