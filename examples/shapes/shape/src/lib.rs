//! The trait for shapes. This crate does not know its implementations.

#[typetag::serde(tag = "type")]
pub trait Shape {
    fn name(&self) -> &'static str;
    fn area(&self) -> f64;
}
