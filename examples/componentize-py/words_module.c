/* The module `words`, in C. It refers to none of its methods. */

#include "python.h"

__attribute__((visibility("default"))) PyObject *PyInit_words(void) {
    static PyModuleDef module = {
        .ob_base = { 1 }, .m_name = "words", .m_size = -1, .m_methods = __start_PYTHON_METHODS
    };
    return PyModule_Create2(&module, PYTHON_API_VERSION);
}
