//! Under which subject a schema is registered.

use super::{RegistryError, Schema};
use crate::serialization::{RecordPart, SchemaError, Target};

/// How the subject of a schema is named.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum SubjectStrategy {
    /// `topic-key` or `topic-value`: all records of a topic have versions of one schema.
    #[default]
    #[doc(alias = "TopicNameStrategy")]
    TopicName,
    /// The full name of the record or message: the same schema on every topic, several on one.
    #[doc(alias = "RecordNameStrategy")]
    RecordName,
    /// `topic-name`: several schemas on a topic, each with versions of its own there.
    #[doc(alias = "TopicRecordNameStrategy")]
    TopicRecordName,
}

impl SubjectStrategy {
    pub(super) fn subject(
        self,
        target: &Target<'_>,
        schema: &Schema,
        record_name: Option<&str>,
    ) -> Result<String, RegistryError> {
        let topic = target.topic.as_str();
        let name = || {
            record_name.ok_or_else(|| {
                let problem =
                    "it has no name to be used as a subject: use SubjectStrategy::TopicName";
                SchemaError::new(schema.kind().title(), problem)
            })
        };
        Ok(match (self, target.part) {
            (Self::TopicName, RecordPart::Key) => format!("{topic}-key"),
            (Self::TopicName, RecordPart::Value) => format!("{topic}-value"),
            (Self::RecordName, _) => name()?.to_owned(),
            (Self::TopicRecordName, _) => format!("{topic}-{}", name()?),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::serialization::registry::SchemaKind;
    use guanaco_engine::Topic;

    #[test]
    fn subjects_are_named_as_confluent_names_them() {
        let topic = Topic::from("orders");
        let schema = Schema::new(SchemaKind::Avro, "");
        let subject = |strategy: SubjectStrategy, target: &Target<'_>| {
            strategy
                .subject(target, &schema, Some("shop.Order"))
                .unwrap()
        };
        let (key, value) = (Target::key(&topic), Target::value(&topic));
        assert_eq!(subject(SubjectStrategy::TopicName, &key), "orders-key");
        assert_eq!(subject(SubjectStrategy::TopicName, &value), "orders-value");
        assert_eq!(subject(SubjectStrategy::RecordName, &key), "shop.Order");
        assert_eq!(
            subject(SubjectStrategy::TopicRecordName, &value),
            "orders-shop.Order"
        );
        let nameless = SubjectStrategy::RecordName.subject(&value, &schema, None);
        assert!(matches!(nameless, Err(RegistryError::Schema(_))));
    }
}
