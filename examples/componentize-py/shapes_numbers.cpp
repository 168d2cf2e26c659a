#include "shapes.hpp"

template struct registered<long>;
template struct registered<double>;
