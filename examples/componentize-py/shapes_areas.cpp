#include "shapes.hpp"

// The same as in the other file.
template struct registered<double>;

namespace {

// Memory from libc++.so.
struct square {
    double side;
    virtual double area() const { return side * side; }
    virtual ~square() {}
};

PyObject *area(PyObject *, PyObject *argument) {
    double side = PyFloat_AsDouble(argument);
    if (PyErr_Occurred())
        return nullptr;
    square *shape = new square;
    shape->side = side;
    double area = shape->area();
    delete shape;
    return PyFloat_FromDouble(area);
}

PYTHON_METHODS const PyMethodDef entry = { "area", area, METH_O, nullptr };

} // namespace
