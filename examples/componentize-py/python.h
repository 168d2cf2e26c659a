/* What the extensions use of CPython's stable ABI. Use `Python.h` of a CPython for WASI if you have one. */
#pragma once

#ifdef __cplusplus
extern "C" {
#endif

typedef int Py_ssize_t;
typedef struct type PyTypeObject;

typedef struct {
    Py_ssize_t ob_refcnt;
    PyTypeObject *ob_type;
} PyObject;

typedef PyObject *(*PyCFunction)(PyObject *module, PyObject *argument);

typedef struct {
    const char *ml_name;
    PyCFunction ml_meth;
    int ml_flags;
    const char *ml_doc;
} PyMethodDef;

enum { METH_NOARGS = 4, METH_O = 8 };

typedef struct {
    PyObject ob_base;
    PyObject *(*m_init)(void);
    Py_ssize_t m_index;
    PyObject *m_copy;
    const char *m_name, *m_doc;
    Py_ssize_t m_size;
    const PyMethodDef *m_methods;
    void *m_slots, *m_traverse, *m_clear, *m_free;
} PyModuleDef;

enum { PYTHON_API_VERSION = 1013 };
PyObject *PyModule_Create2(PyModuleDef *module, int version);
int PyModule_AddObjectRef(PyObject *module, const char *name, PyObject *value);
PyObject *PyLong_FromLong(long number);
long PyLong_AsLong(PyObject *number);
PyObject *PyFloat_FromDouble(double number);
double PyFloat_AsDouble(PyObject *number);
PyObject *PyUnicode_FromString(const char *text);
const char *PyUnicode_AsUTF8AndSize(PyObject *text, Py_ssize_t *size);
PyObject *PyErr_Occurred(void);
void PyErr_SetString(PyObject *type, const char *message);

extern PyObject *PyExc_ValueError;
extern PyTypeObject PyLong_Type, PyFloat_Type;

/* The methods of this module, with the sentinel that python.ld adds. Bounds are hidden: each module has its own. */
extern const PyMethodDef __start_PYTHON_METHODS[];

#ifdef __cplusplus
}
#endif

#define PYTHON_METHODS __attribute__((section("PYTHON_METHODS"), used))
