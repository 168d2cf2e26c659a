//! What the page calls: JSON in, text out. No crate with shapes is called from here.

extern crate polygons as _;
extern crate round as _;

use shape::Shape;
use wasm_bindgen::prelude::wasm_bindgen;

/// A line for each shape of a JSON array, or what is wrong with it.
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
