resource "gitea_org" "team_no" {
  name        = "no"
  full_name   = "The \"$${odd}\" 100%%{team}: yes"
  description = "Organization for team The \"$${odd}\" 100%%{team}: yes (no@example.com)"
  website     = ""
  location    = ""
  visibility  = "public"
}

output "organization_no_name" {
  description = "Name of the Gitea organization of team no"
  value       = gitea_org.team_no.name
}

output "organization_no_id" {
  description = "Number of the Gitea organization of team no"
  value       = gitea_org.team_no.id
}
