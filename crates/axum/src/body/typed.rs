//! Deserializes named fields into the type that a handler takes.
//!
//! Text of an HTML form is converted: `5` is a number, `on` is a ticked checkbox, an empty field is
//! `None` for an `Option`, and a repeated name is a list. An error contains the name of the field, but
//! never its value, which may be a password.

use std::fmt;
use std::str::FromStr;

use serde::de::value::{MapDeserializer, SeqDeserializer, StringDeserializer};
use serde::de::{DeserializeOwned, Deserializer, IntoDeserializer, Visitor};
use serde_json::Value;

use super::FieldValue;

/// Why fields cannot be deserialized.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Problem {
    pub(super) field: Option<String>,
    pub(super) kind: Kind,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Kind {
    Missing,
    NotInteger,
    NotNumber,
    NotBoolean,
    Repeated,
    NotOneOf(&'static [&'static str]),
    WrongType,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing => f.write_str("is required"),
            Self::NotInteger => f.write_str("must be a whole number in the allowed range"),
            Self::NotNumber => f.write_str("must be a number"),
            Self::NotBoolean => f.write_str("must be yes or no"),
            Self::Repeated => f.write_str("is given more than once"),
            Self::NotOneOf(choices) => write!(f, "must be one of {}", choices.join(", ")),
            Self::WrongType => f.write_str("has the wrong type"),
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.field.as_deref().unwrap_or("a field"), self.kind)
    }
}

impl std::error::Error for Problem {}

impl Problem {
    fn new(kind: Kind) -> Self {
        Self { field: None, kind }
    }

    fn of(mut self, field: &str) -> Self {
        self.field.get_or_insert_with(|| field.to_owned());
        self
    }
}

impl serde::de::Error for Problem {
    /// Drops the text, which may contain the value.
    fn custom<T: fmt::Display>(_: T) -> Self {
        Self::new(Kind::WrongType)
    }

    fn missing_field(field: &'static str) -> Self {
        Self::new(Kind::Missing).of(field)
    }

    fn unknown_variant(_: &str, expected: &'static [&'static str]) -> Self {
        Self::new(Kind::NotOneOf(expected))
    }
}

/// Deserializes the fields; unknown ones are ignored.
pub(super) fn read<T: DeserializeOwned>(
    fields: impl IntoIterator<Item = (String, FieldValue)>,
) -> Result<T, Problem> {
    let fields = fields.into_iter().map(|(name, value)| (name.clone(), Named { name, value }));
    T::deserialize(MapDeserializer::new(fields))
}

/// A field with its name, for messages.
struct Named {
    name: String,
    value: FieldValue,
}

impl Named {
    fn one(self) -> Result<(String, String), Problem> {
        match self.value {
            FieldValue::Text(text) => Ok((self.name, text)),
            FieldValue::Many(_) => Err(Problem::new(Kind::Repeated).of(&self.name)),
            FieldValue::Json(_) => Err(Problem::new(Kind::WrongType).of(&self.name)),
        }
    }

    fn parse<T: FromStr>(self, kind: Kind) -> Result<T, Problem> {
        let (name, text) = self.one()?;
        text.trim().parse().map_err(|_| Problem::new(kind).of(&name))
    }
}

/// Whether a checkbox is ticked; an empty one is not.
fn flag(text: &str) -> Option<bool> {
    let text = text.trim();
    if text.is_empty() { Some(false) } else { super::flag::of_text(text) }
}

impl IntoDeserializer<'_, Problem> for Named {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

/// Forwards to a method of serde for a JSON value, or runs the given code for text.
macro_rules! from_json_or {
    ($self:ident, $json:ident => $value:expr) => {
        if let FieldValue::Json($json) = $self.value {
            let name = $self.name;
            return $value.map_err(|_: serde_json::Error| Problem::new(Kind::WrongType).of(&name));
        }
    };
}

macro_rules! numbers {
    ($($method:ident $visit:ident $kind:ident)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Problem> {
            from_json_or!(self, json => json.$method(visitor));
            visitor.$visit(self.parse(Kind::$kind)?)
        }
    )*};
}

impl<'de> Deserializer<'de> for Named {
    type Error = Problem;

    numbers! {
        deserialize_i8 visit_i8 NotInteger
        deserialize_i16 visit_i16 NotInteger
        deserialize_i32 visit_i32 NotInteger
        deserialize_i64 visit_i64 NotInteger
        deserialize_i128 visit_i128 NotInteger
        deserialize_u8 visit_u8 NotInteger
        deserialize_u16 visit_u16 NotInteger
        deserialize_u32 visit_u32 NotInteger
        deserialize_u64 visit_u64 NotInteger
        deserialize_u128 visit_u128 NotInteger
        deserialize_f32 visit_f32 NotNumber
        deserialize_f64 visit_f64 NotNumber
    }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Problem> {
        from_json_or!(self, json => json.deserialize_any(visitor));
        if matches!(self.value, FieldValue::Many(_)) {
            return self.deserialize_seq(visitor);
        }
        let (name, text) = self.one()?;
        visitor.visit_string(text).map_err(|problem: Problem| problem.of(&name))
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Problem> {
        from_json_or!(self, json => json.deserialize_string(visitor));
        let (name, text) = self.one()?;
        visitor.visit_string(text).map_err(|problem: Problem| problem.of(&name))
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Problem> {
        self.deserialize_string(visitor)
    }

    fn deserialize_char<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Problem> {
        self.deserialize_string(visitor)
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Problem> {
        from_json_or!(self, json => json.deserialize_bool(visitor));
        let (name, text) = self.one()?;
        visitor.visit_bool(flag(&text).ok_or_else(|| Problem::new(Kind::NotBoolean).of(&name))?)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Problem> {
        from_json_or!(self, json => json.deserialize_option(visitor));
        match &self.value {
            FieldValue::Text(text) if text.trim().is_empty() => visitor.visit_none(),
            FieldValue::Text(_) | FieldValue::Many(_) | FieldValue::Json(_) => {
                visitor.visit_some(self)
            }
        }
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Problem> {
        from_json_or!(self, json => json.deserialize_seq(visitor));
        let values = match self.value {
            FieldValue::Text(text) if text.is_empty() => Vec::new(),
            FieldValue::Text(text) => vec![text],
            FieldValue::Many(values) => values,
            FieldValue::Json(_) => Vec::new(),
        };
        let name = self.name;
        let items = values
            .into_iter()
            .map(|text| Named { name: name.clone(), value: FieldValue::Text(text) });
        visitor.visit_seq(SeqDeserializer::new(items)).map_err(|problem: Problem| problem.of(&name))
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Problem> {
        from_json_or!(self, json => json.deserialize_enum(name, variants, visitor));
        let (field, text) = self.one()?;
        let text: StringDeserializer<Problem> = text.into_deserializer();
        text.deserialize_enum(name, variants, visitor).map_err(|problem| problem.of(&field))
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Problem> {
        from_json_or!(self, json => json.deserialize_newtype_struct(name, visitor));
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, Problem> {
        self.deserialize_seq(visitor)
    }

    serde::forward_to_deserialize_any! {
        bytes byte_buf unit unit_struct tuple_struct map struct identifier ignored_any
    }
}

impl From<FieldValue> for Value {
    fn from(value: FieldValue) -> Self {
        match value {
            FieldValue::Text(text) => Self::String(text),
            FieldValue::Many(values) => Self::from(values),
            FieldValue::Json(value) => value,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(rename_all = "lowercase")]
    enum Size {
        Small,
        Large,
    }

    #[derive(Debug, PartialEq, Deserialize)]
    struct Order {
        n: u32,
        price: f64,
        size: Size,
        note: Option<String>,
        limit: Option<u32>,
        #[serde(default)]
        gift: bool,
        #[serde(default)]
        tags: Vec<String>,
        #[serde(default)]
        days: Vec<u8>,
    }

    fn order(body: &[u8]) -> Result<Order, Problem> {
        read(super::super::form::parse(body).unwrap().0)
    }

    #[test]
    fn form_values_are_converted_to_the_type_of_the_field() {
        let read =
            order(b"n=5&price=+1.50&size=large&gift=on&tags=a&tags=b&days=7&limit=9").unwrap();
        let expected = Order {
            n: 5,
            price: 1.5,
            size: Size::Large,
            note: None,
            limit: Some(9),
            gift: true,
            tags: vec!["a".into(), "b".into()],
            days: vec![7],
        };
        assert_eq!(read, expected);
        let sparse = order(b"n=0&price=1e3&size=small&note=&limit=&more=x&more=y").unwrap();
        assert_eq!(
            (sparse.note, sparse.limit, sparse.gift, sparse.tags.len()),
            (None, None, false, 0)
        );
        for (text, ticked) in [("true", true), ("1", true), ("false", false), ("off", false)] {
            let body = format!("n=0&price=1&size=small&gift={text}");
            assert_eq!(order(body.as_bytes()).unwrap().gift, ticked, "{text}");
        }
    }

    #[test]
    fn problem_names_the_field_and_not_the_value() {
        for (body, field, kind) in [
            ("price=1&size=small", "n", Kind::Missing),
            ("n=hunter2&price=1&size=small", "n", Kind::NotInteger),
            ("n=-1&price=1&size=small", "n", Kind::NotInteger),
            ("n=&price=1&size=small", "n", Kind::NotInteger),
            ("n=1&n=2&price=1&size=small", "n", Kind::Repeated),
            ("n=1&price=hunter2&size=small", "price", Kind::NotNumber),
            ("n=1&price=1&size=hunter2", "size", Kind::NotOneOf(&["small", "large"])),
            ("n=1&price=1&size=small&gift=hunter2", "gift", Kind::NotBoolean),
            ("n=1&price=1&size=small&days=1&days=hunter2", "days", Kind::NotInteger),
            ("n=1&price=1&size=small&limit=hunter2", "limit", Kind::NotInteger),
        ] {
            let problem = order(body.as_bytes()).unwrap_err();
            assert!(!problem.to_string().contains("hunter2"), "{problem}");
            assert_eq!((problem.field.as_deref(), problem.kind), (Some(field), kind), "{body}");
        }
    }

    #[test]
    fn json_values_are_not_converted() {
        let order = |body: &str| {
            let fields = super::super::json::parse(body.as_bytes()).unwrap();
            read::<Order>(fields.0)
        };
        let read = order(r#"{"n":1,"price":2,"size":"small","tags":["a"],"note":null}"#).unwrap();
        assert_eq!((read.n, read.tags.len(), read.note), (1, 1, None));
        for (body, field) in [
            (r#"{"n":"1","price":2,"size":"small"}"#, "n"),
            (r#"{"n":1,"price":2,"size":"small","tags":"a"}"#, "tags"),
            (r#"{"n":1,"price":2,"size":"huge"}"#, "size"),
        ] {
            let problem = order(body).unwrap_err();
            assert_eq!((problem.field.as_deref(), problem.kind), (Some(field), Kind::WrongType));
        }
    }

    #[test]
    fn maps_and_pairs_accept_any_field() {
        let fields = || super::super::form::parse(b"a=1&b=2").unwrap().0;
        let map: std::collections::BTreeMap<String, String> = read(fields()).unwrap();
        assert_eq!(map["b"], "2");
        let pairs: Vec<(String, u8)> = read(fields()).unwrap();
        assert_eq!(pairs, [("a".to_owned(), 1), ("b".to_owned(), 2)]);
    }
}
