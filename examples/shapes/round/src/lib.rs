//! Shapes without corners.

use serde::{Deserialize, Serialize};
use shape::Shape;
use std::f64::consts::PI;

#[derive(Serialize, Deserialize)]
struct Circle {
    radius: f64,
}

#[typetag::serde]
impl Shape for Circle {
    fn name(&self) -> &'static str {
        "circle"
    }

    fn area(&self) -> f64 {
        PI * self.radius * self.radius
    }
}

#[derive(Serialize, Deserialize)]
struct Ellipse {
    a: f64,
    b: f64,
}

#[typetag::serde]
impl Shape for Ellipse {
    fn name(&self) -> &'static str {
        "ellipse"
    }

    fn area(&self) -> f64 {
        PI * self.a * self.b
    }
}
