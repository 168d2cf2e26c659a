//! Two commands. Nothing here is public, and nothing calls it.

registry::command!(DOUBLE, "double", 1, double_of);
registry::command!(SQUARE, "square: n²", 2, square_of);

extern "C" fn double_of(n: i32) -> i32 {
    2 * n
}

extern "C" fn square_of(n: i32) -> i32 {
    n * n
}
