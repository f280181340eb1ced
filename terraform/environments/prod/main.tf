terraform {
  # The bucket's name holds the account's number: it is given at init (`-backend-config=bucket=…`, as `mesh infra` does).
  backend "s3" {
    key          = "prod/terraform.tfstate"
    region       = "us-east-1"
    encrypt      = true
    use_lockfile = true
  }
}

provider "aws" {
  region = var.region
  # The account that was shown and confirmed, whatever credentials the provider finds.
  allowed_account_ids = var.account == null ? null : [var.account]

  default_tags {
    tags = {
      application = "collections"
      environment = "prod"
      managed-by  = "terraform"
    }
  }
}

module "environment" {
  source = "../../modules/environment"

  environment = "prod"
  artifacts   = var.artifacts
  settings    = merge({ mfa = "OPTIONAL" }, var.settings)
  # Names of the given settings, so that a misspelt one is refused.
  named_settings = keys(var.settings)

  deletion_protection = var.deletion_protection
  backup_days         = 14
}
