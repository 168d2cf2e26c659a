#include "python.h"

/* From libc.so. */
char *strtok(char *text, const char *separators);
void *malloc(unsigned long size);
char *strcpy(char *copy, const char *text);
void free(void *memory);

static PyObject *initials(PyObject *module, PyObject *argument) {
    Py_ssize_t size;
    const char *text = PyUnicode_AsUTF8AndSize(argument, &size);
    if (!text)
        return 0;
    char *copy = strcpy(malloc(size + 1), text), *end = copy;
    for (char *word = strtok(copy, " "); word; word = strtok(0, " "))
        *end++ = *word;
    if (end == copy) {
        free(copy);
        PyErr_SetString(PyExc_ValueError, "no words");
        return 0;
    }
    *end = 0;
    PyObject *result = PyUnicode_FromString(copy);
    free(copy);
    return result;
}

PYTHON_METHODS static const PyMethodDef entry = { "initials", initials, METH_O, "The first letter of each word." };
