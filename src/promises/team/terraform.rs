//! The team's Gitea organisation, as Terraform for the provider go-gitea/gitea.

use super::plan::Plan;
use crate::promises::hcl::{Block, Expression, file};

/// What Gitea takes as an organisation's description, in characters.
const DESCRIPTION_MAX: usize = 255;

/// A `gitea_org` and two outputs. Their names are those of the promise that kept replaces (its
/// `organization.tf.template` in github.com/james-allan-lloyd/orchestrator-poc), so that Terraform
/// state that it left is taken over without a change.
pub(super) fn organisation(plan: &Plan) -> String {
    let id = plan.id.as_str();
    let text = |text: &str| Expression::Text(text.to_owned());
    let attribute = |name| Expression::Attribute("gitea_org", plan.resource.clone(), name);
    file(&[
        Block {
            kind: "resource",
            label: Some("gitea_org"),
            name: plan.resource.clone(),
            attributes: vec![
                ("name", text(id)),
                ("full_name", text(plan.name.as_str())),
                ("description", Expression::Text(description(plan))),
                ("website", text("")),
                ("location", text("")),
                ("visibility", text("public")),
            ],
        },
        Block {
            kind: "output",
            label: None,
            name: plan.output_name.clone(),
            attributes: vec![
                ("description", Expression::Text(format!("Name of the Gitea organization of team {id}"))),
                ("value", attribute("name")),
            ],
        },
        Block {
            kind: "output",
            label: None,
            name: plan.output_id.clone(),
            attributes: vec![
                ("description", Expression::Text(format!("Number of the Gitea organization of team {id}"))),
                ("value", attribute("id")),
            ],
        },
    ])
}

fn description(plan: &Plan) -> String {
    let short = format!("Organization for team {}", plan.name.as_str());
    let Some(email) = &plan.email else { return short };
    let full = format!("{short} ({})", email.as_str());
    // Terraform would fail on a longer one; the address stands in the catalog.
    if full.chars().count() > DESCRIPTION_MAX { short } else { full }
}
