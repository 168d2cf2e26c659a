//! Server functions about the catalogue. The functions of a module of their own are registered there.

mod prices {
    const PRICES: [(&str, u32); 3] = [("apple", 3), ("bread", 5), ("cheese", 12)];

    fn price(query: &str) -> Result<String, String> {
        let found = PRICES.iter().find(|(name, _)| *name == query);
        let (name, price) = found.ok_or_else(|| format!("there is no {query:?}"))?;
        Ok(format!("{name}: {price}"))
    }

    router::routes! { "/catalogue/price" => price }
}

fn count(query: &str) -> Result<String, String> {
    Ok(query
        .split(',')
        .filter(|name| !name.is_empty())
        .count()
        .to_string())
}

router::routes! { "/catalogue/count" => count }
