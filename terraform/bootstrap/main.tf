# The bucket that keeps Terraform's states, once in an account. Its own state is a file here, with a copy in the bucket:
# `mesh infra bootstrap` fetches and stores it.

provider "aws" {
  region = var.region

  default_tags {
    tags = {
      application = "collections"
      managed-by  = "terraform"
    }
  }
}

data "aws_caller_identity" "this" {}

locals {
  bucket = "collections-terraform-state-${data.aws_caller_identity.this.account_id}"
  arn    = "arn:aws:s3:::${local.bucket}"
}

resource "aws_s3_bucket" "state" {
  #checkov:skip=CKV_AWS_18:Who touches it is a handful of operators; CloudTrail knows them
  #checkov:skip=CKV_AWS_144:One region; versions bring back a state that was spoilt
  #checkov:skip=CKV_AWS_145:S3's own keys (AES256): states hold no secret, and whoever reads the bucket could use the key
  #checkov:skip=CKV2_AWS_62:Nobody waits for a state
  bucket = local.bucket
}

resource "aws_s3_bucket_public_access_block" "state" {
  bucket                  = aws_s3_bucket.state.bucket
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_ownership_controls" "state" {
  bucket = aws_s3_bucket.state.bucket
  rule {
    object_ownership = "BucketOwnerEnforced"
  }
}

resource "aws_s3_bucket_server_side_encryption_configuration" "state" {
  bucket = aws_s3_bucket.state.bucket
  rule {
    apply_server_side_encryption_by_default {
      sse_algorithm = "AES256"
    }
  }
}

resource "aws_s3_bucket_versioning" "state" {
  bucket = aws_s3_bucket.state.bucket
  versioning_configuration {
    status = "Enabled"
  }
}

resource "aws_s3_bucket_lifecycle_configuration" "state" {
  bucket = aws_s3_bucket.state.bucket

  rule {
    id     = "noncurrent-versions"
    status = "Enabled"
    filter {
      prefix = ""
    }
    # Long enough to notice, and ten versions of each state whatever their age.
    noncurrent_version_expiration {
      noncurrent_days           = 90
      newer_noncurrent_versions = 10
    }
    abort_incomplete_multipart_upload {
      days_after_initiation = 1
    }
    expiration {
      expired_object_delete_marker = true
    }
  }

  depends_on = [aws_s3_bucket_versioning.state]
}

resource "aws_s3_bucket_policy" "state" {
  bucket = aws_s3_bucket.state.bucket
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      # A denial for everybody and everything.
      Sid       = "TlsOnly"
      Effect    = "Deny"
      Principal = "*"
      Action    = "s3:*"
      Resource  = [local.arn, "${local.arn}/*"]
      Condition = { Bool = { "aws:SecureTransport" = "false" } }
    }]
  })

  # S3 refuses a policy while the block of public policies is being set.
  depends_on = [aws_s3_bucket_public_access_block.state]
}
