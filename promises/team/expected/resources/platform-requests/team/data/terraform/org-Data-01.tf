resource "gitea_org" "team_Data-01" {
  name        = "Data-01"
  full_name   = "Data"
  description = "Organization for team Data (Data-01@example.com)"
  website     = ""
  location    = ""
  visibility  = "public"
}

output "organization_Data-01_name" {
  description = "Name of the Gitea organization of team Data-01"
  value       = gitea_org.team_Data-01.name
}

output "organization_Data-01_id" {
  description = "Number of the Gitea organization of team Data-01"
  value       = gitea_org.team_Data-01.id
}
