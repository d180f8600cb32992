//! Makes `operations.json` from the types of the handlers.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use crossauth_core::error::ErrorCode;
use schemars::generate::{SchemaGenerator, SchemaSettings};
use schemars::{JsonSchema, Schema};
use serde_json::{Map, Value, json};

use super::schema::{Error, FactorShown};
use crate::protection::FactorRequired;

/// What the route table does not say about an endpoint.
pub(crate) struct Operation {
    name: &'static str,
    summary: &'static str,
    takes: Option<Typed>,
    /// Fields of the request besides those of its type.
    fields: Vec<(&'static str, Value)>,
    /// Parameters of the query.
    query: Vec<(&'static str, Value)>,
    returns: Vec<(Typed, Ok)>,
    fails: Vec<(u16, ErrorCode)>,
    demands_factor: bool,
}

/// A type with its schema.
struct Typed {
    name: Cow<'static, str>,
    schema: fn(&mut SchemaGenerator) -> Schema,
}

/// Whether a response has `"ok": true` besides the members of its type.
#[derive(Clone, Copy)]
enum Ok {
    Added,
    Absent,
}

impl Typed {
    fn of<T: JsonSchema>() -> Self {
        Self { name: T::schema_name(), schema: T::json_schema }
    }
}

impl Operation {
    /// An endpoint by method and path, such as `POST api/login`, with a line that says what it does.
    pub(crate) fn new(name: &'static str, summary: &'static str) -> Self {
        Self {
            name,
            summary,
            takes: None,
            fields: Vec::new(),
            query: Vec::new(),
            returns: Vec::new(),
            fails: Vec::new(),
            demands_factor: false,
        }
    }

    /// The type of the request.
    pub(crate) fn takes<T: JsonSchema>(self) -> Self {
        Self { takes: Some(Typed::of::<T>()), ..self }
    }

    /// A text field that is not in the type of the request, because a hook or a factor reads it.
    pub(crate) fn field(mut self, name: &'static str, description: &str) -> Self {
        self.fields.push((name, json!({ "type": "string", "description": description })));
        self
    }

    /// A parameter of the query, which may be absent.
    pub(crate) fn query<T: JsonSchema>(mut self, name: &'static str, description: &str) -> Self {
        let mut schema = plain(T::json_schema(&mut SchemaGenerator::default()));
        schema["description"] = description.into();
        self.query.push((name, schema));
        self
    }

    /// A type of the response, which has `"ok": true` besides.
    pub(crate) fn returns<T: JsonSchema>(mut self) -> Self {
        self.returns.push((Typed::of::<T>(), Ok::Added));
        self
    }

    /// A type of the response without `ok`.
    pub(crate) fn returns_bare<T: JsonSchema>(mut self) -> Self {
        self.returns.push((Typed::of::<T>(), Ok::Absent));
        self
    }

    /// A response of only `"ok": true`.
    pub(crate) fn done(self) -> Self {
        #[derive(JsonSchema)]
        struct Done {}
        self.returns::<Done>()
    }

    /// Failures with the statuses of their codes, besides those that follow from the route.
    pub(crate) fn fails(mut self, codes: impl IntoIterator<Item = ErrorCode>) -> Self {
        self.fails.extend(codes.into_iter().map(|code| (code.http_status(), code)));
        self
    }

    /// A failure with another status than that of its code.
    pub(crate) fn fails_with(mut self, status: u16, code: ErrorCode) -> Self {
        self.fails.push((status, code));
        self
    }

    /// The handler demands the second factor for some requests.
    pub(crate) fn demands_factor(self) -> Self {
        Self { demands_factor: true, ..self }
    }

    /// An account that may not log in, or must change something first.
    pub(crate) fn refused(self) -> Self {
        self.fails([
            ErrorCode::UserNotActive,
            ErrorCode::EmailNotVerified,
            ErrorCode::TwoFactorIncomplete,
            ErrorCode::PasswordChangeNeeded,
            ErrorCode::PasswordResetNeeded,
            ErrorCode::Factor2ResetNeeded,
        ])
    }

    /// A mailed link that is not accepted.
    pub(crate) fn takes_link(self) -> Self {
        self.fails([ErrorCode::InvalidKey, ErrorCode::Expired, ErrorCode::UserNotActive]).limited()
    }

    /// A code of a second factor that is not accepted.
    pub(crate) fn takes_code(self) -> Self {
        self.fails([ErrorCode::InvalidToken, ErrorCode::Expired, ErrorCode::Unauthorized]).limited()
    }

    /// Too many attempts.
    pub(crate) fn limited(self) -> Self {
        self.fails_with(429, ErrorCode::SlowDown)
    }
}

/// All operations and their schemas.
struct Document {
    requests: SchemaGenerator,
    responses: SchemaGenerator,
    operations: BTreeMap<&'static str, Value>,
    schemas: BTreeMap<String, Value>,
}

impl Document {
    fn new() -> Self {
        let mut settings = SchemaSettings::draft2020_12();
        settings.definitions_path = "/components/schemas".into();
        settings.meta_schema = None;
        let mut requests = settings.clone();
        requests.inline_subschemas = true;
        Self {
            requests: requests.for_deserialize().into_generator(),
            responses: settings.for_serialize().into_generator(),
            operations: BTreeMap::new(),
            schemas: BTreeMap::new(),
        }
    }

    fn add(&mut self, operation: Operation) {
        let Operation { name, summary, takes, fields, query, returns, fails, demands_factor } =
            operation;
        let returns: Vec<Value> = returns.iter().map(|(it, ok)| self.response(it, *ok)).collect();
        assert!(!returns.is_empty() || !fails.is_empty(), "{name}: what does it respond?");
        let mut described = json!({ "summary": summary, "returns": returns });
        if let Some(typed) = takes {
            described["takes"] = Value::from(&*typed.name);
            let schema = self.request(&typed, fields);
            self.define(&typed.name, &schema);
        }
        let mut codes = BTreeMap::<String, BTreeSet<&str>>::new();
        for (status, code) in fails {
            codes.entry(status.to_string()).or_default().insert(code.name());
        }
        if !codes.is_empty() {
            described["fails"] = json!(codes);
        }
        if !query.is_empty() {
            described["query"] =
                query.into_iter().map(|(name, it)| (name.to_owned(), it)).collect();
        }
        if demands_factor {
            described["demands_factor"] = true.into();
        }
        let before = self.operations.insert(name, described);
        assert_eq!(before, None, "{name} is described twice");
    }

    fn request(&mut self, typed: &Typed, fields: Vec<(&str, Value)>) -> Value {
        let mut schema = plain((typed.schema)(&mut self.requests));
        let properties = schema["properties"].as_object_mut();
        let mut properties: Map<String, Value> = properties.map(std::mem::take).unwrap_or_default();
        for (name, field) in fields {
            properties.insert(name.to_owned(), field);
        }
        for (name, property) in &mut properties {
            if name.ends_with("password") {
                property["format"] = "password".into();
            }
        }
        schema["properties"] = properties.into();
        if let Some(members) = schema.as_object_mut() {
            // It is about the form of a page.
            members.remove("description");
        }
        schema
    }

    fn response(&mut self, typed: &Typed, ok: Ok) -> Value {
        let mut schema = plain((typed.schema)(&mut self.responses));
        if matches!(ok, Ok::Added) {
            add_ok(&mut schema);
        }
        self.shorten(&mut schema);
        schema
    }

    fn define(&mut self, name: &str, schema: &Value) {
        let before = self.schemas.insert(name.to_owned(), schema.clone());
        assert!(before.is_none_or(|before| before == *schema), "two schemas are named {name}");
    }

    /// Replaces the members of what a second factor shows by a reference.
    fn shorten(&mut self, schema: &mut Value) {
        let shown = plain(FactorShown::json_schema(&mut self.responses));
        let shown = shown["properties"].as_object().cloned().unwrap_or_default();
        let required = schema["required"].as_array().cloned().unwrap_or_default();
        let members = schema.get_mut("properties").and_then(Value::as_object_mut);
        let Some(members) = members else { return };
        if shown.keys().all(|name| members.contains_key(name)) {
            members.retain(|name, _| {
                !shown.contains_key(name) || required.contains(&Value::from(&**name))
            });
            schema["allOf"] = json!([self.responses.subschema_for::<FactorShown>()]);
        }
    }

    /// One line for each operation and schema, so that a change shows what it changes.
    fn into_text(mut self) -> String {
        let error = self.response(&Typed::of::<Error>(), Ok::Absent);
        self.define("Error", &error);
        let factor = self.response(&Typed::of::<FactorRequired<'_>>(), Ok::Added);
        self.define(super::FACTOR_REQUIRED, &factor);
        for (name, schema) in self.responses.take_definitions(true) {
            self.define(&name, &plain(schema));
        }
        let lines = |entries: Vec<String>| entries.join(",\n");
        let operations = self.operations.iter().map(|(name, value)| format!("\"{name}\": {value}"));
        let schemas = self.schemas.iter().map(|(name, value)| format!("\"{name}\": {value}"));
        format!(
            "{{\n\"operations\": {{\n{}\n}},\n\"schemas\": {{\n{}\n}}\n}}\n",
            lines(operations.collect()),
            lines(schemas.collect())
        )
    }
}

fn add_ok(schema: &mut Value) {
    let mut required = vec![Value::from("ok")];
    required.extend(schema["required"].as_array().cloned().unwrap_or_default());
    schema["required"] = required.into();
    let mut properties = schema["properties"].as_object().cloned().unwrap_or_default();
    properties.insert("ok".to_owned(), json!({ "const": true }));
    schema["properties"] = properties.into();
}

/// A schema without what says nothing to clients: absent defaults, line breaks of comments, and
/// formats that are not in the registry of OpenAPI.
fn plain(schema: impl Into<Value>) -> Value {
    let mut schema = schema.into();
    strip(&mut schema);
    schema
}

fn strip(schema: &mut Value) {
    match schema {
        Value::Object(members) => {
            members.retain(|name, value| !(name == "default" && value.is_null()));
            if members.get("format").is_some_and(|format| format == "uint" || format == "ip") {
                members.remove("format");
            }
            if let Some(Value::String(description)) = members.get_mut("description") {
                *description = description.replace('\n', " ");
            }
            members.values_mut().for_each(strip);
        }
        Value::Array(items) => items.iter_mut().for_each(strip),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::request::Surface;
    use crate::routes::Route;
    use crate::routes::{ADMIN_ROUTES, ROUTES, operations};

    #[test]
    fn operations_are_those_of_the_types_of_the_handlers() {
        let mut document = Document::new();
        for operation in operations() {
            document.add(operation);
        }
        let fresh = document.into_text();
        let parsed = |text: &str| serde_json::from_str::<Value>(text).unwrap();
        if parsed(super::super::OPERATIONS) != parsed(&fresh) {
            let file = std::env::temp_dir().join("operations.json");
            fs::write(&file, &fresh).unwrap();
            panic!(
                "crates/axum/src/openapi/operations.json is stale: replace it with {}",
                file.display()
            );
        }
    }

    #[test]
    fn every_json_endpoint_of_the_route_table_is_described() {
        let routes = ROUTES.iter().chain(ADMIN_ROUTES);
        let json = routes.filter(|route| route.surface() == Surface::Api);
        let routes: BTreeSet<String> = json.map(Route::operation).collect();
        let described = operations().into_iter().map(|operation| operation.name.to_owned());
        assert_eq!(described.collect::<BTreeSet<_>>(), routes, "left: operations, right: ROUTES");
    }
}
