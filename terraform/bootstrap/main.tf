# The bucket for Terraform state, once per account. Its own state is a file here, with a copy in the bucket:
# `mesh infra bootstrap` fetches and stores it.

provider "aws" {
  region = var.region
  # The account that was shown and confirmed, whatever credentials the provider finds.
  allowed_account_ids = var.account == null ? null : [var.account]

  default_tags {
    tags = {
      application = "collections"
      managed-by  = "terraform"
    }
  }
}

data "aws_caller_identity" "this" {}

module "state" {
  source = "../modules/storage/bucket"

  name = "collections-terraform-state-${data.aws_caller_identity.this.account_id}"
  # Long enough to notice a corrupt state, and at least ten versions.
  noncurrent_days     = 90
  noncurrent_versions = 10
}
