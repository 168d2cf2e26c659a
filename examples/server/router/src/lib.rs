//! Routes, which crates register, and how a request finds its own.

pub use inventory;

/// A server function and the path that it answers.
pub struct Route {
    path: &'static str,
    answer: fn(&str) -> Result<String, String>,
}

inventory::collect!(Route);

impl Route {
    #[doc(hidden)]
    pub const fn new(path: &'static str, answer: fn(&str) -> Result<String, String>) -> Self {
        Self { path, answer }
    }
}

/// Registers functions: `router::routes! { "/path" => function }`. Each gets the query of the request.
#[macro_export]
macro_rules! routes {
    ($($path:literal => $function:path),* $(,)?) => {
        $($crate::inventory::submit! { $crate::Route::new($path, $function) })*
    };
}

/// The status and the body for a path with its query. `/` lists all routes.
pub fn respond(path_with_query: &str) -> (u16, String) {
    let (path, query) = path_with_query
        .split_once('?')
        .unwrap_or((path_with_query, ""));
    let routes = || inventory::iter::<Route>.into_iter();
    if path == "/" {
        let mut paths: Vec<_> = routes().map(|route| route.path).collect();
        paths.sort_unstable();
        return (200, paths.join("\n") + "\n");
    }
    match routes().find(|route| route.path == path) {
        None => (404, format!("no route for {path}\n")),
        Some(route) => match (route.answer)(query) {
            Ok(text) => (200, text + "\n"),
            Err(text) => (400, text + "\n"),
        },
    }
}
