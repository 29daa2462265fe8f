resource "gitea_org" "team_payments" {
  name        = "payments"
  full_name   = "Payments & Billing"
  description = "Organization for team Payments & Billing (payments@example.org)"
  website     = ""
  location    = ""
  visibility  = "public"
}

output "organization_payments_name" {
  description = "Name of the Gitea organization of team payments"
  value       = gitea_org.team_payments.name
}

output "organization_payments_id" {
  description = "Number of the Gitea organization of team payments"
  value       = gitea_org.team_payments.id
}
