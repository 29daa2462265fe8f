//! `Team`: a group of people, known to the catalog and to the Git host.

use kube::{CustomResource, KubeSchema};
use serde::{Deserialize, Serialize};

use super::status::RequestStatus;

/// The patterns of a Team's fields.
pub mod patterns {
    /// What an id is made of.
    pub const ID: &str = r"^[A-Za-z0-9]([A-Za-z0-9_-]{0,61}[A-Za-z0-9])?$";
    /// One line of text with something to read in it.
    pub const NAME: &str = r"^[^\p{Cc}\p{Zl}\p{Zp}]*[^\p{Cc}\p{Z}][^\p{Cc}\p{Zl}\p{Zp}]*$";
    /// A plain e-mail address.
    pub const EMAIL: &str = r"^[a-zA-Z0-9._%+-]+@[a-zA-Z0-9.-]+\.[a-zA-Z]{2,}$";
    /// Text of one line or several.
    pub const TEXT: &str = r"^([^\p{Cc}\p{Zl}\p{Zp}]|[\n\t])*$";
    /// A reference to a Backstage Group.
    pub const GROUP: &str =
        r"^([Gg]roup:)?([a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$";
    /// A reference to a Backstage User.
    pub const USER: &str =
        r"^([Uu]ser:)?([a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$";
    /// A web address.
    pub const PICTURE: &str = r"^https?://[!-~]+$";
}

// No schema defaults: an object read from a cluster and the file it was applied from are to render
// the same.
/// What the team is to be.
#[derive(CustomResource, KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[kube(
    group = "platform.kratix.io",
    version = "v1alpha1",
    kind = "Team",
    plural = "teams",
    singular = "team",
    shortname = "tm",
    category = "kept",
    namespaced,
    status = "RequestStatus",
    derive = "PartialEq",
    doc = "A team of people. It becomes a Backstage Group and a Gitea organisation (Terraform) in the state repositories.",
    printcolumn(name = "Id", type_ = "string", json_path = ".spec.id"),
    printcolumn(name = "Ready", type_ = "string", json_path = ".status.conditions[?(@.type==\"Ready\")].status"),
    printcolumn(name = "Commit", type_ = "string", json_path = ".status.commit"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"),
    printcolumn(name = "Team", type_ = "string", json_path = ".spec.name", priority = 1),
    printcolumn(name = "Email", type_ = "string", json_path = ".spec.email", priority = 1),
    printcolumn(
        name = "Reason",
        type_ = "string",
        json_path = ".status.conditions[?(@.type==\"Ready\")].reason",
        priority = 1
    )
)]
#[x_kube(
    validation = Rule::new("!has(self.parent) || self.parent != self.id")
        .message("a team cannot be its own parent")
        .field_path(".parent"),
)]
#[serde(rename_all = "camelCase")]
pub struct TeamSpec {
    /// The team's identity: the name of the Backstage Group, of the Gitea organisation, and part of
    /// a Terraform identifier. 1 to 63 ASCII letters, digits, `-` and `_`, beginning and ending with
    /// a letter or a digit. Cannot be changed. No other team may have it, in whatever case.
    #[schemars(length(min = 1, max = 63), regex(pattern = patterns::ID))]
    #[x_kube(validation = Rule::new("self == oldSelf").message("cannot be changed: delete the team and create another one"))]
    pub id: String,
    /// What people call the team. One line of text.
    #[schemars(
        length(min = 1, max = 100),
        regex(pattern = patterns::NAME)
    )]
    pub name: String,
    /// Where the team reads mail: a plain address such as `payments@example.org`. Default: the id at
    /// the domain in the settings, if they give one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 254), regex(pattern = patterns::EMAIL))]
    pub email: Option<String>,
    /// What the team does. Text, which may have several lines. Default: `Team` and its name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 2000), regex(pattern = patterns::TEXT))]
    pub description: Option<String>,
    /// The group above this one: a Backstage name, or a reference such as `group:default/engineering`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(
        length(min = 1, max = 140),
        regex(
            pattern = patterns::GROUP
        )
    )]
    pub parent: Option<String>,
    /// Who belongs to the team, each once: a Backstage name such as `jane.doe`, or a reference such
    /// as `user:default/jane.doe`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(
        length(max = 500),
        inner(
            length(min = 1, max = 140),
            regex(
                pattern = patterns::USER
            )
        )
    )]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub members: Option<Vec<String>>,
    /// A picture of the team: an `http` or `https` address without spaces.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 2048), regex(pattern = patterns::PICTURE))]
    pub picture: Option<String>,
}
