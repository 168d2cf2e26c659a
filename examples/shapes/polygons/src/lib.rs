//! Shapes with corners.

use serde::{Deserialize, Serialize};
use shape::Shape;

#[derive(Serialize, Deserialize)]
struct Rectangle {
    width: f64,
    height: f64,
}

#[typetag::serde]
impl Shape for Rectangle {
    fn name(&self) -> &'static str {
        "rectangle"
    }

    fn area(&self) -> f64 {
        self.width * self.height
    }
}

#[derive(Serialize, Deserialize)]
struct Triangle {
    base: f64,
    height: f64,
}

#[typetag::serde]
impl Shape for Triangle {
    fn name(&self) -> &'static str {
        "triangle"
    }

    fn area(&self) -> f64 {
        self.base * self.height / 2.0
    }
}
