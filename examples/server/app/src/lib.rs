//! A server for the world `wasi:http/proxy`. It calls no function of the crates with the routes.

// rustc links only crates that are mentioned.
use accounts as _;
use catalogue as _;
use std::io::Write;
use wasip2::exports::http::incoming_handler::Guest;
use wasip2::http::types::{
    Fields, IncomingRequest, OutgoingBody, OutgoingResponse, ResponseOutparam,
};

struct Server;

wasip2::http::proxy::export!(Server);

impl Guest for Server {
    fn handle(request: IncomingRequest, response_out: ResponseOutparam) {
        let path = request.path_with_query().unwrap_or_default();
        let (status, text) = router::respond(&path);
        let response = OutgoingResponse::new(Fields::new());
        response.set_status_code(status).expect("a status code");
        let body = response.body().expect("the only body");
        ResponseOutparam::set(response_out, Ok(response));
        let mut stream = body.write().expect("the only stream");
        stream.write_all(text.as_bytes()).expect("a client");
        drop(stream);
        OutgoingBody::finish(body, None).expect("a body without a length");
    }
}
