use serde_json::Value;

use crate::api::TeamSpec;
use crate::api::schema::pattern;
use crate::api::team::patterns;
use crate::config::TeamSettings;
use crate::error::Mistake;
use crate::promises::hcl::Identifier;
use crate::values::RelPath;

/// A team with every default and derived name resolved, in types that cannot be wrong.
pub(super) struct Plan {
    pub(super) id: TeamId,
    pub(super) name: Text,
    pub(super) email: Option<Text>,
    pub(super) description: Text,
    pub(super) parent: Option<Text>,
    pub(super) members: Option<Vec<Text>>,
    pub(super) picture: Option<Text>,
    /// `backstage-team-{id}.yaml`.
    pub(super) catalog_file: RelPath,
    /// `terraform/org-{id}.tf`.
    pub(super) terraform_file: RelPath,
    /// `team_{id}`.
    pub(super) resource: Identifier,
    /// `organization_{id}_name`.
    pub(super) output_name: Identifier,
    /// `organization_{id}_id`.
    pub(super) output_id: Identifier,
}

/// A team's id: fit for a path, a Backstage name and a Terraform identifier.
pub(super) struct TeamId(String);

impl TeamId {
    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

/// A text that fits the pattern of its field.
#[derive(Clone)]
pub(super) struct Text(String);

impl Text {
    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

impl Plan {
    /// Plans a team, or says everything that is wrong with it.
    pub(super) fn new(spec: &Value, settings: &TeamSettings) -> Result<Self, Vec<Mistake>> {
        let spec: TeamSpec =
            serde_json::from_value(spec.clone()).map_err(|e| vec![Mistake::new("spec", e.to_string())])?;
        let mut found = spec.mistakes();
        match Self::resolve(&spec, settings, &mut found) {
            Some(plan) if found.is_empty() => Ok(plan),
            _ => Err(found),
        }
    }

    fn resolve(spec: &TeamSpec, settings: &TeamSettings, found: &mut Vec<Mistake>) -> Option<Self> {
        let id = text("spec.id", patterns::ID, &spec.id, found).map(|id| TeamId(id.0));
        let name = text("spec.name", patterns::NAME, &spec.name, found);
        let email = match (&spec.email, &id) {
            (Some(email), _) => text("spec.email", patterns::EMAIL, email, found),
            (None, Some(id)) if !settings.email_domain.is_empty() => {
                let email = format!("{}@{}", id.0, settings.email_domain);
                if !fits(patterns::EMAIL, &email) {
                    let message = format!(
                        "is missing, and {email:?}, made with the settings' promises.team.emailDomain, is not an address"
                    );
                    found.push(Mistake::new("spec.email", message));
                }
                Some(Text(email))
            }
            _ => None,
        };
        let mut optional =
            |field: &str, of: &str, given: &Option<String>| given.as_ref().and_then(|g| text(field, of, g, found));
        let description = optional("spec.description", patterns::TEXT, &spec.description);
        let parent = optional("spec.parent", patterns::GROUP, &spec.parent);
        let picture = optional("spec.picture", patterns::PICTURE, &spec.picture);
        let members = spec.members.as_ref().map(|members| {
            let each = members.iter().enumerate();
            each.filter_map(|(i, m)| text(&format!("spec.members[{i}]"), patterns::USER, m, found)).collect()
        });
        let (id, name) = (id?, name?);
        Some(Self {
            description: description.unwrap_or_else(|| Text(format!("Team {}", name.0))),
            catalog_file: format!("backstage-team-{}.yaml", id.0).parse().ok()?,
            terraform_file: format!("terraform/org-{}.tf", id.0).parse().ok()?,
            resource: Identifier::new(&format!("team_{}", id.0))?,
            output_name: Identifier::new(&format!("organization_{}_name", id.0))?,
            output_id: Identifier::new(&format!("organization_{}_id", id.0))?,
            id,
            name,
            email,
            parent,
            members,
            picture,
        })
    }
}

fn fits(wanted: &str, given: &str) -> bool {
    pattern(wanted).is_some_and(|p| p.is_match(given))
}

fn text(field: &str, wanted: &str, given: &str, found: &mut Vec<Mistake>) -> Option<Text> {
    if fits(wanted, given) {
        return Some(Text(given.to_owned()));
    }
    found.push(Mistake::new(field, format!("{given:?} does not match {wanted}")));
    None
}
