//! The function that the page calls: JSON in, text out. It calls no crate with shapes.

extern crate polygons as _;
extern crate round as _;

use shape::Shape;
use wasm_bindgen::prelude::wasm_bindgen;

/// One line for each shape in a JSON array, or the error.
#[wasm_bindgen]
pub fn describe(json: &str) -> String {
    let shapes: Vec<Box<dyn Shape>> = match serde_json::from_str(json) {
        Ok(shapes) => shapes,
        Err(error) => return error.to_string(),
    };
    let lines = shapes
        .iter()
        .map(|shape| format!("{} of area {:.2}", shape.name(), shape.area()));
    lines.collect::<Vec<_>>().join("\n")
}
