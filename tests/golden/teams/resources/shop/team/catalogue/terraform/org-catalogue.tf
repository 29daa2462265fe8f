resource "gitea_org" "team_catalogue" {
  name        = "catalogue"
  full_name   = "Catalogue"
  description = "Organization for team Catalogue (catalogue@example.com)"
  website     = ""
  location    = ""
  visibility  = "public"
}

output "organization_catalogue_name" {
  description = "Name of the Gitea organization of team catalogue"
  value       = gitea_org.team_catalogue.name
}

output "organization_catalogue_id" {
  description = "Number of the Gitea organization of team catalogue"
  value       = gitea_org.team_catalogue.id
}
