terraform {
  required_version = ">= 1.5"

  required_providers {
    gitea = {
      source  = "go-gitea/gitea"
      version = "~> 0.6.0"
    }
  }
}

provider "gitea" {
  base_url = var.gitea_url
  token    = var.gitea_token
}
