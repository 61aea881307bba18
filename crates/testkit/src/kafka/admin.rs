//! Topics and settings: made, changed, and waited for on every node that runs.

use super::{
    ClusterError, Connection, KafkaCluster,
    poll::{CALL, Look, until},
    topic::{TopicState, topic_name},
};
use kafka_protocol::{
    messages::{
        CreatePartitionsRequest, CreateTopicsRequest, DeleteTopicsRequest, DescribeConfigsRequest,
        IncrementalAlterConfigsRequest,
        create_partitions_request::CreatePartitionsTopic,
        create_topics_request::{CreatableTopic, CreatableTopicConfig},
        delete_topics_request::DeleteTopicState,
        describe_configs_request::DescribeConfigsResource,
        incremental_alter_configs_request::{AlterConfigsResource, AlterableConfig},
    },
    protocol::StrBytes,
};

/// What a setting belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConfigResource<'a> {
    /// A topic.
    Topic(&'a str),
    /// One broker.
    Broker(i32),
    /// Every broker that has no value of its own.
    AllBrokers,
}

impl KafkaCluster {
    /// Creates a topic and waits until every running node knows it and every partition has a
    /// leader that serves it.
    ///
    /// # Errors
    /// If it exists, its name or a setting is invalid, or too few brokers run.
    pub async fn create_topic(
        &self,
        name: &str,
        partitions: i32,
        replication: i16,
        configs: &[(&str, &str)],
    ) -> Result<(), ClusterError> {
        let action = format!("creating topic {name}");
        let configs = configs.iter().map(|(key, value)| {
            CreatableTopicConfig::default()
                .with_name(string(key))
                .with_value(Some(string(value)))
        });
        let topic = CreatableTopic::default()
            .with_name(topic_name(name))
            .with_num_partitions(partitions)
            .with_replication_factor(replication)
            .with_configs(configs.collect());
        let request = CreateTopicsRequest::default()
            .with_timeout_ms(TIMEOUT_MS)
            .with_topics(vec![topic]);

        let mut asked_before = false;
        until(action.clone(), || {
            let (action, request, again) = (
                &action,
                &request,
                std::mem::replace(&mut asked_before, true),
            );
            async move {
                let response = self.ask_any(request, 7).await?;
                for topic in &response.topics {
                    // An earlier request whose answer was lost made it.
                    if again && topic.error_code == TOPIC_ALREADY_EXISTS {
                        continue;
                    }
                    ClusterError::check(action, topic.error_code, topic.error_message.as_deref())?;
                }
                Ok(Look::Done(()))
            }
        })
        .await?;
        let count = usize::try_from(partitions).unwrap_or(0);
        self.wait_for_topic(name, |topic| {
            topic.partitions.len() >= count && topic.all_have_leaders()
        })
        .await?;
        self.wait_until_served(name, |_| true).await
    }

    /// Deletes a topic and waits until no running node knows it.
    ///
    /// # Errors
    /// If it does not exist.
    pub async fn delete_topic(&self, name: &str) -> Result<(), ClusterError> {
        let action = format!("deleting topic {name}");
        let request = DeleteTopicsRequest::default()
            .with_timeout_ms(TIMEOUT_MS)
            .with_topics(vec![
                DeleteTopicState::default().with_name(Some(topic_name(name))),
            ]);
        let mut asked_before = false;
        until(action.clone(), || {
            let (action, request, again) = (
                &action,
                &request,
                std::mem::replace(&mut asked_before, true),
            );
            async move {
                let response = self.ask_any(request, 6).await?;
                for topic in &response.responses {
                    if again && topic.error_code == UNKNOWN_TOPIC_OR_PARTITION {
                        continue;
                    }
                    ClusterError::check(action, topic.error_code, topic.error_message.as_deref())?;
                }
                Ok(Look::Done(()))
            }
        })
        .await?;
        until(action, || async {
            for node in self.running() {
                match self.topic_seen_by(node, name).await {
                    Err(error) if is_unknown_topic(&error) => {}
                    Err(error) => return Err(error),
                    Ok(_) => return Ok(Look::NotYet(format!("node {} still knows it", node.id))),
                }
            }
            Ok(Look::Done(()))
        })
        .await
    }

    /// Adds partitions up to `count`, and waits until every running node knows them.
    ///
    /// # Errors
    /// If the topic does not exist or has as many.
    pub async fn add_partitions(&self, name: &str, count: i32) -> Result<(), ClusterError> {
        let action = format!("adding partitions to topic {name}");
        let topic = CreatePartitionsTopic::default()
            .with_name(topic_name(name))
            .with_count(count)
            .with_assignments(None);
        let request = CreatePartitionsRequest::default()
            .with_timeout_ms(TIMEOUT_MS)
            .with_topics(vec![topic]);
        let response = self.ask_any(&request, 3).await?;
        for result in &response.results {
            ClusterError::check(&action, result.error_code, result.error_message.as_deref())?;
        }
        let count = usize::try_from(count).unwrap_or(0);
        self.wait_for_topic(name, |topic| {
            topic.partitions.len() >= count && topic.all_have_leaders()
        })
        .await?;
        self.wait_until_served(name, |_| true).await
    }

    /// Sets a setting, or takes it back with `None`, and waits until every running node it concerns
    /// has it.
    ///
    /// # Errors
    /// If the setting does not exist, cannot be changed while the broker runs, or the value is bad.
    pub async fn alter_config(
        &self,
        resource: ConfigResource<'_>,
        key: &str,
        value: Option<&str>,
    ) -> Result<(), ClusterError> {
        const SET: i8 = 0;
        const DELETE: i8 = 1;
        let action = format!("setting {key}");
        let config = AlterableConfig::default()
            .with_name(string(key))
            .with_config_operation(if value.is_some() { SET } else { DELETE })
            .with_value(value.map(string));
        let request = IncrementalAlterConfigsRequest::default().with_resources(vec![
            AlterConfigsResource::default()
                .with_resource_type(resource.kind())
                .with_resource_name(resource.name(None))
                .with_configs(vec![config]),
        ]);
        let response = self.ask_any(&request, 1).await?;
        for result in &response.responses {
            ClusterError::check(&action, result.error_code, result.error_message.as_deref())?;
        }
        match value {
            Some(value) => self.wait_for_config(resource, key, value).await,
            None => Ok(()),
        }
    }

    async fn wait_for_config(
        &self,
        resource: ConfigResource<'_>,
        key: &str,
        value: &str,
    ) -> Result<(), ClusterError> {
        until(format!("{key} becoming {value}"), || async move {
            for node in self.running() {
                if matches!(resource, ConfigResource::Broker(id) if id != node.id) {
                    continue;
                }
                let request = DescribeConfigsRequest::default().with_resources(vec![
                    DescribeConfigsResource::default()
                        .with_resource_type(resource.kind())
                        .with_resource_name(resource.name(Some(node.id)))
                        .with_configuration_keys(Some(vec![string(key)])),
                ]);
                let mut connection = Connection::open(node.listeners.plaintext, CALL).await?;
                let response = connection.call(&request, 4).await?;
                let found = response
                    .results
                    .iter()
                    .flat_map(|result| &result.configs)
                    .find(|it| &*it.name == key);
                let found = found.and_then(|config| config.value.as_deref());
                if found != Some(value) {
                    return Ok(Look::NotYet(format!("node {} has {found:?}", node.id)));
                }
            }
            Ok(Look::Done(()))
        })
        .await
    }

    pub(super) async fn wait_for_topic(
        &self,
        name: &str,
        condition: impl Fn(&TopicState) -> bool + Send + Sync,
    ) -> Result<(), ClusterError> {
        let condition = &condition;
        until(format!("topic {name} settling"), || async move {
            for node in self.running() {
                match self.topic_seen_by(node, name).await {
                    Ok(topic) if condition(&topic) => {}
                    Ok(topic) => {
                        return Ok(Look::NotYet(format!("node {} sees {topic:?}", node.id)));
                    }
                    Err(error) if is_unknown_topic(&error) => {
                        return Ok(Look::NotYet(format!("node {} does not know it", node.id)));
                    }
                    Err(error) => return Err(error),
                }
            }
            Ok(Look::Done(()))
        })
        .await
    }
}

impl ConfigResource<'_> {
    /// The numbers of the protocol.
    fn kind(self) -> i8 {
        match self {
            Self::Topic(_) => 2,
            Self::Broker(_) | Self::AllBrokers => 4,
        }
    }

    /// Its name; what all brokers have in common is read from each of them by its own.
    fn name(self, reader: Option<i32>) -> StrBytes {
        match (self, reader) {
            (Self::Topic(name), _) => string(name),
            (Self::Broker(id), _) | (Self::AllBrokers, Some(id)) => {
                StrBytes::from_string(id.to_string())
            }
            (Self::AllBrokers, None) => StrBytes::new(),
        }
    }
}

/// What the controller gives itself for one request.
pub(super) const TIMEOUT_MS: i32 = 8_000;

const UNKNOWN_TOPIC_OR_PARTITION: i16 = 3;
const TOPIC_ALREADY_EXISTS: i16 = 36;

fn is_unknown_topic(error: &ClusterError) -> bool {
    error
        .refusal()
        .is_some_and(|refusal| refusal.code() == UNKNOWN_TOPIC_OR_PARTITION)
}

fn string(text: &str) -> StrBytes {
    StrBytes::from_string(text.to_owned())
}
