//! What a shape is. Which shapes there are is not known here.

#[typetag::serde(tag = "type")]
pub trait Shape {
    fn name(&self) -> &'static str;
    fn area(&self) -> f64;
}
