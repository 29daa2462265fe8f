//! What the fields of several kinds share: patterns, maps, and the rule that a name stays.

use kube::core::Rule;
use schemars::{Schema, SchemaGenerator, json_schema};

/// The patterns of the fields of the kinds in [`super::PLATFORM_GROUP`]. Lengths stand at the fields.
pub mod patterns {
    /// A DNS label: names of vclusters and namespaces. At most 63 characters.
    pub const DNS_LABEL: &str = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$";
    /// DNS labels joined by dots: names of objects, cluster domains. At most 253 characters.
    pub const DNS_NAME: &str = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$";
    /// A host name with a domain. At most 253 characters.
    pub const HOSTNAME: &str = r"^([a-z0-9]([-a-z0-9]*[a-z0-9])?\.)+[a-z]{2,}$";
    /// Something like an IPv4 subnet; the digits may still say nonsense.
    pub const SUBNET: &str = r"^([0-9]{1,3}\.){3}[0-9]{1,3}/([0-9]|[12][0-9]|3[0-2])$";
    /// Something like an IPv4 address; the digits may still say nonsense.
    pub const ADDRESS: &str = r"^([0-9]{1,3}\.){3}[0-9]{1,3}$";
    /// A version of Kubernetes, whole or without its patch: `v1.34.3`, `1.34`.
    pub const K8S_VERSION: &str = r"^v?1\.[0-9]{1,3}(\.[0-9]{1,3})?$";
    /// An amount in Kubernetes' notation, not negative: `200m`, `1.5Gi`, `1e9`.
    pub const QUANTITY: &str =
        r"^\+?([0-9]+(\.[0-9]*)?|\.[0-9]+)([KMGTPE]i|[numkMGTPE]|[eE][+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+))?$";
    /// The value of a label, which may be empty. At most 63 characters.
    pub const LABEL_VALUE: &str = r"^([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?$";
    /// The value of a label that is not empty. At most 63 characters.
    pub const LABEL_TEXT: &str = r"^[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$";
    /// The name of a finalizer: perhaps a domain, then a name.
    pub const FINALIZER: &str = r"^([a-z0-9]([-a-z0-9.]*[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$";
    /// One line of text, which may be empty.
    pub const LINE: &str = r"^[^\p{Cc}\p{Zl}\p{Zp}]*$";
    /// One line of text that neither begins nor ends with a space.
    pub const WORDS: &str = r"^[^\p{Cc}\p{Z}]([^\p{Cc}\p{Zl}\p{Zp}]*[^\p{Cc}\p{Z}])?$";
    /// Text of one line or several.
    pub const TEXT: &str = r"^([^\p{Cc}\p{Zl}\p{Zp}]|[\n\r\t])*$";
    /// Printable ASCII characters without spaces: addresses of repositories, globs.
    pub const GRAPHIC: &str = r"^[!-~]+$";
    /// The same, or nothing at all: API groups, of which the core one has no name.
    pub const GRAPHIC_OR_NONE: &str = r"^[!-~]*$";
    /// A web address.
    pub const URL: &str = r"^https?://[!-~]+$";
    /// A duration as Go reads it: `1h30m`.
    pub const DURATION: &str = r"^([0-9]+(\.[0-9]+)?(ms|s|m|h))+$";
    /// A duration, or a number of seconds.
    pub const SECONDS_OR_DURATION: &str = r"^([0-9]+|([0-9]+(\.[0-9]+)?(ms|s|m|h))+)$";
    /// The five fields of cron.
    pub const SCHEDULE: &str = r"^[0-9A-Za-z*/,?-]+( +[0-9A-Za-z*/,?-]+){4}$";
    /// A time zone of the tz database: `Europe/Vienna`.
    pub const TIME_ZONE: &str = r"^[A-Za-z0-9_+-]+(/[A-Za-z0-9_+-]+)*$";
    /// The name of a role of an `AppProject`.
    pub const ROLE: &str = r"^[A-Za-z0-9]([-_A-Za-z0-9]*[A-Za-z0-9])?$";
    /// A policy of a role: `p, subject, resource, action, object, effect`.
    pub const POLICY: &str = r"^ *p *(,[^,\p{Cc}\p{Zl}\p{Zp}]+){5}$";
    /// The release of a Helm chart. At most 53 characters.
    pub const RELEASE: &str = DNS_NAME;
}

/// What the rules say of a target namespace that was changed.
pub(super) const TARGET_STAYS: &str =
    "cannot be changed, for the namespace would go with all that runs in it: delete the request and create another one";

/// An identity stays for life: all that was rendered is named after it.
pub(super) fn stays() -> Rule {
    Rule::new("self == oldSelf").message("cannot be changed: delete the request and create another one")
}

/// A map of labels.
pub(super) fn labels(_: &mut SchemaGenerator) -> Schema {
    map(label_value(false))
}

/// A map of annotations.
pub(super) fn annotations(_: &mut SchemaGenerator) -> Schema {
    map(annotation_value(false))
}

/// A map of labels that may lack a value: `key:` with nothing behind it.
pub(super) fn labels_or_null(_: &mut SchemaGenerator) -> Schema {
    map(label_value(true))
}

/// A map of annotations that may lack a value: `key:` with nothing behind it.
pub(super) fn annotations_or_null(_: &mut SchemaGenerator) -> Schema {
    map(annotation_value(true))
}

/// An object that is anybody's: it is kept whole.
pub(super) fn free(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "object", "x-kubernetes-preserve-unknown-fields": true })
}

fn map(values: Schema) -> Schema {
    json_schema!({ "type": "object", "maxProperties": 100, "additionalProperties": values })
}

fn label_value(nullable: bool) -> Schema {
    let mut value = json_schema!({
        "type": "string", "maxLength": 63, "pattern": patterns::LABEL_VALUE,
        "description": "The value of a label: at most 63 letters, digits and `-_.`, beginning and ending with a letter or a digit.",
    });
    if nullable {
        value.insert("nullable".into(), true.into());
    }
    value
}

fn annotation_value(nullable: bool) -> Schema {
    let mut value = json_schema!({
        "type": "string", "maxLength": 65536, "pattern": patterns::TEXT, "description": "The value of an annotation: text.",
    });
    if nullable {
        value.insert("nullable".into(), true.into());
    }
    value
}
