resource "gitea_org" "team_engineering" {
  name        = "engineering"
  full_name   = "Engineering"
  description = "Organization for team Engineering (engineering@example.com)"
  website     = ""
  location    = ""
  visibility  = "public"
}

output "organization_engineering_name" {
  description = "Name of the Gitea organization of team engineering"
  value       = gitea_org.team_engineering.name
}

output "organization_engineering_id" {
  description = "Number of the Gitea organization of team engineering"
  value       = gitea_org.team_engineering.id
}
