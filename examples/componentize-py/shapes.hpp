// Entries in inline variables and in templates: each is defined in all files that include this, and is in the array
// once.
#pragma once

#include "python.h"

// A type that the module offers. It is data of another library: libpython.
struct type_entry {
    const char *name;
    PyTypeObject *type;
};

template <class Number> struct number;

template <> struct number<long> {
    static constexpr char name[] = "integer", twice[] = "twice_integer";
    static constexpr PyTypeObject *type = &PyLong_Type;
    static long from(PyObject *object) { return PyLong_AsLong(object); }
    static PyObject *to(long number) { return PyLong_FromLong(number); }
};

template <> struct number<double> {
    static constexpr char name[] = "real", twice[] = "twice_real";
    static constexpr PyTypeObject *type = &PyFloat_Type;
    static double from(PyObject *object) { return PyFloat_AsDouble(object); }
    static PyObject *to(double number) { return PyFloat_FromDouble(number); }
};

template <class Number> PyObject *twice(PyObject *, PyObject *argument) {
    Number value = number<Number>::from(argument);
    return PyErr_Occurred() ? nullptr : number<Number>::to(2 * value);
}

template <class Number> struct registered {
    PYTHON_METHODS static constexpr PyMethodDef method = { number<Number>::twice, twice<Number>, METH_O, nullptr };
    __attribute__((section("PYTHON_TYPES"), used)) static constexpr type_entry type = {
        number<Number>::name, number<Number>::type
    };
};

inline PyObject *sides(PyObject *, PyObject *) { return PyLong_FromLong(4); }

PYTHON_METHODS inline const PyMethodDef sides_entry = { "sides", sides, METH_NOARGS, nullptr };
