//! Fields of requests, taken out one by one, so that an error names its field and what is left over is known.

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::api::problem::Problem;

/// The fields of a JSON object or of a form.
#[derive(Debug)]
pub(super) struct Fields {
    values: Map<String, Value>,
    /// Every value is text: numbers and words are looked for in it.
    texts: bool,
    /// Stands before names in errors.
    within: &'static str,
}

impl Fields {
    /// Of a body of JSON.
    ///
    /// # Errors
    /// [`crate::ProblemKind::InvalidRequest`] for what is no object.
    pub fn of_json(body: &[u8]) -> Result<Self, Problem> {
        match serde_json::from_slice(body) {
            Ok(Value::Object(values)) => Ok(Self {
                values,
                texts: false,
                within: "",
            }),
            Ok(_) => Err(Problem::invalid("the body must be a JSON object")),
            Err(error) => Err(Problem::invalid(format!("the body is no JSON: {error}"))),
        }
    }

    /// Of texts by name; `name[part]` is `part` of the object `name`.
    ///
    /// # Errors
    /// [`crate::ProblemKind::InvalidRequest`] for a name that comes twice.
    pub fn of_texts(texts: impl IntoIterator<Item = (String, String)>) -> Result<Self, Problem> {
        let mut values = Map::new();
        for (name, text) in texts {
            let part = name
                .strip_suffix(']')
                .and_then(|name| name.split_once('['))
                .filter(|(_, part)| !part.is_empty());
            let text = Value::String(text);
            let twice = match part {
                None => values.insert(name.clone(), text).is_some(),
                Some((whole, part)) => match values
                    .entry(whole)
                    .or_insert_with(|| Value::Object(Map::new()))
                {
                    Value::Object(parts) => parts.insert(part.to_owned(), text).is_some(),
                    _ => true,
                },
            };
            if twice {
                return Err(Problem::invalid("it is given more than once").at(name));
            }
        }
        Ok(Self {
            values,
            texts: true,
            within: "",
        })
    }

    /// Takes a field out; `null` counts as none.
    ///
    /// # Errors
    /// [`crate::ProblemKind::InvalidRequest`] for a value of another kind.
    pub fn take<T: DeserializeOwned>(&mut self, name: &str) -> Result<Option<T>, Problem> {
        let Some(value) = self.values.remove(name).filter(|value| !value.is_null()) else {
            return Ok(None);
        };
        let wrong = |error: serde_json::Error| {
            Problem::invalid(format!("{}{name}: {error}", self.within))
                .at(format!("{}{name}", self.within))
        };
        let Value::String(text) = &value else {
            return serde_json::from_value(value).map(Some).map_err(wrong);
        };
        // What is meant as text is text, whatever it looks like.
        let read_in_it = self
            .texts
            .then(|| serde_json::from_str::<Value>(text).ok())
            .flatten()
            .filter(|read| !read.is_string() && !read.is_null());
        match (serde_json::from_value(value), read_in_it) {
            (Ok(taken), _) => Ok(Some(taken)),
            (Err(_), Some(read)) => serde_json::from_value(read).map(Some).map_err(wrong),
            (Err(error), None) => Err(wrong(error)),
        }
    }

    /// Takes an object out, whose fields are taken in the same way; in forms also as JSON in one text.
    ///
    /// # Errors
    /// [`crate::ProblemKind::InvalidRequest`] for what is no object.
    pub fn take_object(
        &mut self,
        name: &str,
        within: &'static str,
    ) -> Result<Option<Self>, Problem> {
        let whole_texts = self.texts && self.values.get(name).is_some_and(Value::is_object);
        let values: Option<Map<String, Value>> = self.take(name)?;
        Ok(values.map(|values| Self {
            values,
            texts: whole_texts,
            within,
        }))
    }

    /// Names of the fields that nobody took.
    pub fn left(self) -> Vec<String> {
        self.values
            .into_iter()
            .filter(|(_, value)| !value.is_null())
            .map(|(name, _)| name)
            .collect()
    }

    /// Refuses fields that nobody took.
    ///
    /// # Errors
    /// [`crate::ProblemKind::InvalidRequest`] with the name of the first.
    pub fn refuse_left(self) -> Result<(), Problem> {
        let within = self.within;
        match self.left().into_iter().next() {
            None => Ok(()),
            Some(name) => Err(
                Problem::invalid(format!("there is no field `{within}{name}`"))
                    .at(format!("{within}{name}")),
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(pairs: &[(&str, &str)]) -> Fields {
        let pairs = pairs.iter();
        Fields::of_texts(pairs.map(|(a, b)| ((*a).to_owned(), (*b).to_owned()))).unwrap()
    }

    #[test]
    fn numbers_are_found_in_the_texts_of_forms_and_texts_stay_texts() {
        let mut form = texts(&[
            ("n", "2"),
            ("prompt", "7"),
            ("stream", "true"),
            ("x", "1.5"),
        ]);
        assert_eq!(form.take::<u32>("n").unwrap(), Some(2));
        assert_eq!(form.take::<String>("prompt").unwrap().as_deref(), Some("7"));
        assert_eq!(form.take::<bool>("stream").unwrap(), Some(true));
        let wrong = form.take::<u32>("x").unwrap_err();
        assert!(wrong.detail().is_some_and(|it| it.starts_with("x: ")));

        let mut json = Fields::of_json(br#"{"n": "2", "a": null, "b": 1}"#).unwrap();
        assert!(json.take::<u32>("n").is_err(), "JSON says what it means");
        assert_eq!(json.take::<u32>("a").unwrap(), None);
        assert_eq!(json.left(), ["b"]);
    }

    #[test]
    fn objects_come_as_json_or_part_by_part() {
        for mut form in [
            texts(&[("colophon[seed]", "7"), ("colophon[title]", "8")]),
            texts(&[("colophon", r#"{"seed": 7, "title": "8"}"#)]),
        ] {
            let mut object = form.take_object("colophon", "colophon.").unwrap().unwrap();
            assert_eq!(object.take::<u64>("seed").unwrap(), Some(7));
            let title: Option<String> = object.take("title").unwrap();
            assert_eq!(title.as_deref(), Some("8"));
            assert!(object.refuse_left().is_ok());
        }
        let mut form = texts(&[("colophon[sede]", "7")]);
        let object = form.take_object("colophon", "colophon.").unwrap().unwrap();
        let refused = object.refuse_left().unwrap_err();
        assert!(
            refused
                .detail()
                .is_some_and(|it| it.contains("colophon.sede"))
        );
    }

    #[test]
    fn what_comes_twice_or_is_no_object_is_refused() {
        let twice = [("a", "1"), ("a", "2")].map(|(a, b)| (a.to_owned(), b.to_owned()));
        assert!(Fields::of_texts(twice).is_err());
        for body in [&b"[]"[..], b"1", b"{", b""] {
            assert!(Fields::of_json(body).is_err());
        }
    }
}
