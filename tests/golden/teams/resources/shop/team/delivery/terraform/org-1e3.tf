resource "gitea_org" "team_1e3" {
  name        = "1e3"
  full_name   = "Delivery, team 1000"
  description = "Organization for team Delivery, team 1000 (1e3@example.com)"
  website     = ""
  location    = ""
  visibility  = "public"
}

output "organization_1e3_name" {
  description = "Name of the Gitea organization of team 1e3"
  value       = gitea_org.team_1e3.name
}

output "organization_1e3_id" {
  description = "Number of the Gitea organization of team 1e3"
  value       = gitea_org.team_1e3.id
}
