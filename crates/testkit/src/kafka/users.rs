//! Who may come in, and what they may not do.

use super::{
    ClusterError, KafkaCluster,
    poll::{Look, until},
};
use bytes::Bytes;
use kafka_protocol::{
    messages::{
        AlterUserScramCredentialsRequest, CreateAclsRequest, DescribeUserScramCredentialsRequest,
        alter_user_scram_credentials_request::ScramCredentialUpsertion,
        create_acls_request::AclCreation, describe_user_scram_credentials_request::UserName,
    },
    protocol::StrBytes,
};
use ring::pbkdf2;
use std::num::NonZero;

/// What a rule is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AclResource<'a> {
    /// A topic; any of them by the name `*`.
    Topic(&'a str),
    /// What concerns the whole cluster, such as producer ids.
    Cluster,
}

/// The fewest that Kafka takes.
const ITERATIONS: u32 = 4_096;

impl KafkaCluster {
    /// Lets a user in by SCRAM-SHA-256 and SCRAM-SHA-512, on listeners that offer them.
    ///
    /// # Errors
    /// If no node answers, or one refuses.
    pub async fn add_scram_user(&self, user: &str, password: &str) -> Result<(), ClusterError> {
        let action = format!("adding user {user}");
        let name = || StrBytes::from_string(user.to_owned());
        // One of them a request: Kafka takes no user twice in the same.
        for (mechanism, algorithm, length) in [
            (1, pbkdf2::PBKDF2_HMAC_SHA256, 32),
            (2, pbkdf2::PBKDF2_HMAC_SHA512, 64),
        ] {
            let salt: [u8; 16] = fastrand::u128(..).to_be_bytes();
            let iterations = NonZero::new(ITERATIONS).unwrap_or(NonZero::<u32>::MIN);
            let mut salted = vec![0; length];
            let password = password.as_bytes();
            pbkdf2::derive(algorithm, iterations, &salt, password, &mut salted);
            let upsertion = ScramCredentialUpsertion::default()
                .with_name(name())
                .with_mechanism(mechanism)
                .with_iterations(ITERATIONS.try_into().unwrap_or(i32::MAX))
                .with_salt(Bytes::copy_from_slice(&salt))
                .with_salted_password(salted.into());
            let request =
                AlterUserScramCredentialsRequest::default().with_upsertions(vec![upsertion]);
            let response = self.ask_any(&request, 0).await?;
            for result in &response.results {
                ClusterError::check(&action, result.error_code, result.error_message.as_deref())?;
            }
        }
        let request = DescribeUserScramCredentialsRequest::default()
            .with_users(Some(vec![UserName::default().with_name(name())]));
        until(action, || async {
            let response = self.ask_any(&request, 0).await?;
            Ok(
                match response.results.iter().all(|user| user.error_code == 0) {
                    true => Look::Done(()),
                    false => Look::NotYet("it is not known yet".into()),
                },
            )
        })
        .await
    }

    /// Lets a user, such as `User:alice`, or anybody (`User:*`), do everything with it. The cluster
    /// needs an authorizer.
    ///
    /// # Errors
    /// If no node answers, or one refuses.
    pub async fn allow(
        &self,
        principal: &str,
        resource: AclResource<'_>,
    ) -> Result<(), ClusterError> {
        self.add_rule(principal, resource, ALLOW).await
    }

    /// Keeps a user from doing anything with it, whatever else is allowed.
    ///
    /// # Errors
    /// As [`allow`](Self::allow).
    pub async fn forbid(
        &self,
        principal: &str,
        resource: AclResource<'_>,
    ) -> Result<(), ClusterError> {
        self.add_rule(principal, resource, DENY).await
    }

    async fn add_rule(
        &self,
        principal: &str,
        resource: AclResource<'_>,
        permission: i8,
    ) -> Result<(), ClusterError> {
        const LITERAL: i8 = 3;
        const EVERYTHING: i8 = 2;
        let (kind, name) = match resource {
            AclResource::Topic(name) => (2, name),
            AclResource::Cluster => (4, "kafka-cluster"),
        };
        let rule = AclCreation::default()
            .with_resource_type(kind)
            .with_resource_name(StrBytes::from_string(name.to_owned()))
            .with_resource_pattern_type(LITERAL)
            .with_principal(StrBytes::from_string(principal.to_owned()))
            .with_host(StrBytes::from_static_str("*"))
            .with_operation(EVERYTHING)
            .with_permission_type(permission);
        let request = CreateAclsRequest::default().with_creations(vec![rule]);
        let response = self.ask_any(&request, 3).await?;
        for result in &response.results {
            let action = format!("a rule for {principal}");
            ClusterError::check(&action, result.error_code, result.error_message.as_deref())?;
        }
        Ok(())
    }
}

const DENY: i8 = 2;
const ALLOW: i8 = 3;
