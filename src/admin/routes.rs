//! A verb and what is said of it, added in one go: so the document and the server can't part.

use std::sync::{Arc, OnceLock};

use axum::Router;
use axum::body::Bytes;
use axum::extract::{FromRequest, FromRequestParts, Path, Query, Request};
use axum::handler::Handler;
use axum::http::request::Parts;
use axum::http::{StatusCode, header};
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodFilter, on};
use schemars::generate::{Contract, SchemaGenerator, SchemaSettings};
use schemars::{JsonSchema, Schema};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use super::auth::{self, Policy};
use super::problem::Problem;
use super::program::Context;

/// What the state of every handler is.
pub(super) type Shared = Arc<Context>;

/// The verbs that there are, and the document about them.
pub(super) struct Api {
    router: Router<Shared>,
    /// Of answers.
    schemas: SchemaGenerator,
    /// Of what is asked and told.
    asked: SchemaGenerator,
    paths: Map<String, Value>,
}

/// A verb that was just added, to which more can be said.
pub(super) struct Verb<'a> {
    api: &'a mut Api,
    path: &'static str,
    method: &'static str,
}

// === impl Api ===

impl Api {
    pub(super) fn new() -> Self {
        let settings = |change: fn(&mut SchemaSettings)| {
            let mut settings = SchemaSettings::draft2020_12();
            settings.meta_schema = None;
            change(&mut settings);
            settings.into_generator()
        };
        Self {
            router: Router::new(),
            schemas: settings(|settings| {
                settings.contract = Contract::Serialize;
                settings.definitions_path = "/components/schemas".into();
            }),
            asked: settings(|settings| settings.inline_subschemas = true),
            paths: Map::new(),
        }
    }

    /// Adds what is asked. `id` is the verb's name for programs that are made from the document.
    pub(super) fn get<H, T>(&mut self, path: &'static str, id: &str, summary: &str, handler: H) -> Verb<'_>
    where
        H: Handler<T, Shared>,
        T: 'static,
    {
        self.verb("get", path, id, summary, handler)
    }

    /// Adds what is told: its body is an object of JSON, be it empty.
    pub(super) fn post<H, T>(&mut self, path: &'static str, id: &str, summary: &str, handler: H) -> Verb<'_>
    where
        H: Handler<T, Shared>,
        T: 'static,
    {
        self.verb("post", path, id, summary, handler)
    }

    fn verb<H, T>(
        &mut self,
        method: &'static str,
        path: &'static str,
        id: &str,
        summary: &str,
        handler: H,
    ) -> Verb<'_>
    where
        H: Handler<T, Shared>,
        T: 'static,
    {
        let filter = if method == "post" { MethodFilter::POST } else { MethodFilter::GET };
        let mut route = on(filter, handler);
        if method == "post" {
            // For each of them, whatever its handler reads.
            route = route.route_layer(from_fn(only_json));
        }
        self.router = std::mem::take(&mut self.router).route(path, route);
        let verb = Verb { api: self, path, method };
        let failed = verb.api.content::<Problem>(Problem::CONTENT_TYPE);
        let parameters: Vec<Value> = names_in(path).map(path_parameter).collect();
        verb.api.paths.entry(path).or_insert_with(|| json!({}))[method] = json!({
            "operationId": id,
            "summary": summary,
            "parameters": parameters,
            "responses": { "default": { "description": "It failed: why, and what to do.", "content": failed } },
        });
        verb
    }

    fn schema<T: JsonSchema>(&mut self) -> Schema {
        self.schemas.subschema_for::<T>()
    }

    fn content<T: JsonSchema>(&mut self, content_type: &str) -> Value {
        json!({ content_type: { "schema": self.schema::<T>() } })
    }

    /// The verbs, and the document, which is one more of them.
    pub(super) fn finish(mut self, policy: &Policy) -> Router<Shared> {
        let document = Arc::new(OnceLock::new());
        let whole = Arc::clone(&document);
        let tell = move || async move {
            let document: Bytes = whole.get().cloned().unwrap_or_default();
            ([(header::CONTENT_TYPE, "application/json")], document)
        };
        self.get("/openapi.json", "openApi", "This document", tell)
            .answers::<Map<String, Value>>("A document of OpenAPI 3.1.");
        for (path, verbs) in &mut self.paths {
            for verb in verbs.as_object_mut().into_iter().flat_map(Map::values_mut) {
                verb["security"] =
                    if policy.is_asked_for(path) { json!([{ "token": [] }]) } else { json!([]) };
            }
        }
        let text = json!({
            "openapi": "3.1.0",
            "info": {
                "title": "terima",
                "version": env!("CARGO_PKG_VERSION"),
                "description": "The admin interface of a terima service.",
                "license": { "name": "MIT OR Apache-2.0", "identifier": "MIT OR Apache-2.0" },
            },
            "paths": self.paths,
            "components": {
                "schemas": self.schemas.take_definitions(true),
                "securitySchemes": { "token": { "type": "http", "scheme": "bearer" } },
            },
        });
        let _ = document.set(Bytes::from(text.to_string()));
        self.router
            .fallback(|| async {
                Problem::missing("there is no such path").help("/openapi.json has all of them")
            })
            .method_not_allowed_fallback(|| async {
                Problem::new(StatusCode::METHOD_NOT_ALLOWED, "this path has no such method")
                    .help("ask with GET, tell with POST")
            })
    }
}

async fn only_json(request: Request, next: Next) -> Response {
    match auth::check_type(request.headers()) {
        Ok(()) => next.run(request).await,
        Err(problem) => problem.into_response(),
    }
}

/// The names in braces.
fn names_in(path: &'static str) -> impl Iterator<Item = &'static str> {
    path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'))
}

fn path_parameter(name: &'static str) -> Value {
    /// Beyond it, numbers of JSON are not exact for everybody (RFC 8259, 6).
    const MOST: u64 = (1 << 53) - 1;
    let schema = match name {
        "id" => json!({ "type": "integer", "minimum": 1, "maximum": MOST }),
        _ => json!({ "type": "string" }),
    };
    json!({ "name": name, "in": "path", "required": true, "schema": schema })
}

// === impl Verb ===

impl Verb<'_> {
    /// Its answer, where all is well.
    pub(super) fn answers<T: JsonSchema>(self, description: &str) -> Self {
        self.answers_with::<T>(StatusCode::OK, description)
    }

    /// An answer, with its status.
    pub(super) fn answers_with<T: JsonSchema>(self, status: StatusCode, description: &str) -> Self {
        let content = self.api.content::<T>("application/json");
        self.says(status, json!({ "description": description, "content": content }))
    }

    /// An answer that is no JSON.
    pub(super) fn answers_text(self, content_type: &str, description: &str) -> Self {
        let content = json!({ content_type: { "schema": { "type": "string" } } });
        self.says(StatusCode::OK, json!({ "description": description, "content": content }))
    }

    /// When it fails with this status.
    pub(super) fn fails(self, status: StatusCode, when: &str) -> Self {
        let content = self.api.content::<Problem>(Problem::CONTENT_TYPE);
        self.says(status, json!({ "description": when, "content": content }))
    }

    /// What may stand behind its `?`: the fields of a struct.
    pub(super) fn asked_with<T: JsonSchema>(mut self) -> Self {
        let schema = T::json_schema(&mut self.api.asked);
        let required: Vec<Value> =
            schema.get("required").and_then(Value::as_array).cloned().unwrap_or_default();
        let fields = schema.get("properties").and_then(Value::as_object).cloned().unwrap_or_default();
        for (name, mut field) in fields {
            let description = field.as_object_mut().and_then(|field| field.remove("description"));
            let required = required.contains(&json!(name));
            let parameter = json!({
                "name": name,
                "in": "query",
                "required": required,
                "description": description,
                "schema": without_null(field),
            });
            if let Some(parameters) = self.said()["parameters"].as_array_mut() {
                parameters.push(parameter);
            }
        }
        self
    }

    /// Its body.
    pub(super) fn told<T: JsonSchema>(mut self) -> Self {
        let schema = self.api.asked.subschema_for::<T>();
        let content = json!({ "application/json": { "schema": schema } });
        self.said()["requestBody"] = json!({ "required": true, "content": content });
        self
    }

    fn says(mut self, status: StatusCode, answer: Value) -> Self {
        self.said()["responses"][status.as_str()] = answer;
        self
    }

    fn said(&mut self) -> &mut Value {
        &mut self.api.paths[self.path][self.method]
    }
}

/// What is not there can't be null behind a `?`.
fn without_null(mut schema: Value) -> Value {
    let null = json!({ "type": "null" });
    if let Some(fields) = schema.as_object_mut() {
        fields.remove("default");
    }
    if let Some([one, other]) = schema["anyOf"].as_array().map(Vec::as_slice)
        && *other == null
    {
        return one.clone();
    }
    if let Some([one, other]) = schema["type"].as_array().map(Vec::as_slice)
        && other == "null"
    {
        schema["type"] = one.clone();
    }
    if let Some(words) = schema.get_mut("enum").and_then(Value::as_array_mut) {
        words.retain(|word| !word.is_null());
    }
    schema
}

/// An address of a client, for a document.
pub(super) fn client_schema(_: &mut SchemaGenerator) -> Schema {
    schemars::json_schema!({
        "anyOf": [{ "type": "string", "format": "ipv4" }, { "type": "string", "format": "ipv6" }, { "const": "unix" }],
    })
}

// === what handlers take and give ===

/// An answer in JSON.
pub(super) struct Answer<T>(pub(super) T);

impl<T: Serialize> IntoResponse for Answer<T> {
    fn into_response(self) -> Response {
        match serde_json::to_vec(&self.0) {
            Ok(body) => ([(header::CONTENT_TYPE, "application/json")], body).into_response(),
            Err(error) => Problem::new(StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
        }
    }
}

/// What stands behind the `?`.
pub(super) struct Asked<T>(pub(super) T);

impl<T: DeserializeOwned, S: Sync> FromRequestParts<S> for Asked<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        match Query::try_from_uri(&parts.uri) {
            Ok(Query(asked)) => Ok(Self(asked)),
            Err(error) => Err(Problem::bad(error.body_text())),
        }
    }
}

/// What stands in the path's braces.
pub(super) struct Named<T>(pub(super) T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for Named<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        match Path::from_request_parts(parts, state).await {
            Ok(Path(named)) => Ok(Self(named)),
            Err(error) => Err(Problem::bad(error.body_text())),
        }
    }
}

/// The body of what is told.
pub(super) struct Told<T>(pub(super) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Told<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        // It was read before, and is no longer than it may be.
        let body = axum::body::to_bytes(request.into_body(), usize::MAX).await;
        let body = body.map_err(|error| Problem::bad(error.to_string()))?;
        let bad = |error: serde_json::Error| Problem::bad(format!("the body: {error}"));
        let body: Value = serde_json::from_slice(&body).map_err(bad)?;
        // A struct would be read from a list too.
        if !body.is_object() {
            return Err(Problem::bad("the body is no object"));
        }
        serde_json::from_value(body).map(Self).map_err(bad)
    }
}
