//! A command. Nothing here is public, and nothing calls it.

registry::command!(ONES, "ones", 3, ones_of);

extern "C" fn ones_of(n: i32) -> i32 {
    n.count_ones() as i32
}
