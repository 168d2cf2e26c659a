//! Server functions about accounts.

fn greet(query: &str) -> Result<String, String> {
    match query.strip_prefix("name=") {
        Some(name) if !name.is_empty() => Ok(format!("Hello, {name}.")),
        _ => Err("expected ?name=…".to_owned()),
    }
}

fn is_free(query: &str) -> Result<String, String> {
    let taken = ["admin", "root"].contains(&query);
    Ok(if taken { "taken" } else { "free" }.to_owned())
}

router::routes! {
    "/accounts/greet" => greet,
    "/accounts/is-free" => is_free,
}
