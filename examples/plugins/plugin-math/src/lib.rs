//! Registers plugins with the macro of `registry`. Nothing here is public, and nothing calls it.

use registry::register_plugin;

register_plugin!(square, |n| n * n);
register_plugin!(double, |n| n + n);
register_plugin!(fibonacci, fibonacci);

fn fibonacci(n: i32) -> i32 {
    (0..n).fold((0, 1), |(a, b), _| (b, a + b)).0
}
