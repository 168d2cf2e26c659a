#include "python.h"

static PyObject *count(PyObject *module, PyObject *argument) {
    const char *text = PyUnicode_AsUTF8AndSize(argument, 0);
    if (!text)
        return 0;
    long words = 0;
    for (int inside = 0; *text; text++) {
        words += !inside && *text != ' ';
        inside = *text != ' ';
    }
    return PyLong_FromLong(words);
}

PYTHON_METHODS static const PyMethodDef entry = { "count", count, METH_O, "The number of words." };
