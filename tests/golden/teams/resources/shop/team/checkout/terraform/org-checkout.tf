resource "gitea_org" "team_checkout" {
  name        = "checkout"
  full_name   = "Checkout"
  description = "Organization for team Checkout (checkout@example.org)"
  website     = ""
  location    = ""
  visibility  = "public"
}

output "organization_checkout_name" {
  description = "Name of the Gitea organization of team checkout"
  value       = gitea_org.team_checkout.name
}

output "organization_checkout_id" {
  description = "Number of the Gitea organization of team checkout"
  value       = gitea_org.team_checkout.id
}
