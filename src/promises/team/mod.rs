//! The promise `team`: a Backstage Group and a Gitea organisation for each Team.

mod backstage;
mod plan;
mod terraform;

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;

use super::{Promise, Refusal, Request};
use crate::api::{Kind, Team};
use crate::config::{DestinationSelector, Settings};
use crate::known::Known;
use crate::manifest::{Claim, Content, Output};
use plan::Plan;

/// The kind of claim that an id is.
const TEAM_ID: &str = "team-id";

/// See the module.
pub(super) struct TeamPromise;

impl Promise for TeamPromise {
    fn name(&self) -> &'static str {
        "team"
    }

    fn crd(&self) -> &CustomResourceDefinition {
        Team::definition()
    }

    fn is_alone(&self) -> bool {
        true
    }

    fn selectors<'a>(&self, settings: &'a Settings) -> &'a [DestinationSelector] {
        &settings.promises.team.destination_selectors
    }

    fn identity(&self) -> &'static [(&'static str, &'static str)] {
        &[("spec.id", TEAM_ID)]
    }

    fn render(&self, request: &Request, settings: &Settings, _: &Known) -> Result<Output, Refusal> {
        let plan = Plan::new(&request.spec, &settings.promises.team)?;
        Ok(render(plan))
    }
}

fn render(plan: Plan) -> Output {
    // Backstage and Gitea both compare names without regard to case.
    let claim = Claim::new(TEAM_ID, &plan.id.as_str().to_ascii_lowercase());
    let group = Content::Document(backstage::group(&plan));
    let organisation = Content::Text(terraform::organisation(&plan));
    Output {
        files: [(plan.catalog_file, group), (plan.terraform_file, organisation)].into(),
        claims: [claim].into(),
        ..Output::default()
    }
}
