variable "gitea_url" {
  description = "Address of the Gitea server"
  type        = string
}

variable "gitea_token" {
  description = "Token that may create organizations"
  type        = string
  sensitive   = true
}
