locals {
  names = {
    images   = "collections-${var.environment}-images-${var.account}"
    packages = "collections-${var.environment}-packages-${var.account}"
  }
  arns = { for key, name in local.names : key => "arn:aws:s3:::${name}" }
}

resource "aws_s3_bucket" "this" {
  #checkov:skip=CKV_AWS_18:Every access goes through a function or a link that one signed, and both are logged there
  #checkov:skip=CKV_AWS_144:One region; versions and the archive of events are the protection that is paid for
  #checkov:skip=CKV_AWS_145:S3's own keys (AES256): KMS would be paid for each of thousands of reads of small pictures
  #checkov:skip=CKV2_AWS_62:Events of images go to EventBridge; nobody waits for a package
  for_each = local.names

  bucket = each.value
  # Packages can be built again from their commit at any time.
  force_destroy = each.key == "packages" || !var.keep
}

resource "aws_s3_bucket_public_access_block" "this" {
  for_each = aws_s3_bucket.this

  bucket                  = each.value.bucket
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_ownership_controls" "this" {
  for_each = aws_s3_bucket.this

  bucket = each.value.bucket
  rule {
    object_ownership = "BucketOwnerEnforced"
  }
}

resource "aws_s3_bucket_server_side_encryption_configuration" "this" {
  for_each = aws_s3_bucket.this

  bucket = each.value.bucket
  rule {
    apply_server_side_encryption_by_default {
      sse_algorithm = "AES256"
    }
  }
}

resource "aws_s3_bucket_versioning" "this" {
  for_each = aws_s3_bucket.this

  bucket = each.value.bucket
  versioning_configuration {
    status = "Enabled"
  }
}

resource "aws_s3_bucket_policy" "this" {
  for_each = aws_s3_bucket.this

  bucket = each.value.bucket
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      # A denial for everybody and everything.
      Sid       = "TlsOnly"
      Effect    = "Deny"
      Principal = "*"
      Action    = "s3:*"
      Resource  = [local.arns[each.key], "${local.arns[each.key]}/*"]
      Condition = { Bool = { "aws:SecureTransport" = "false" } }
    }]
  })

  # S3 refuses a policy while the block of public policies is being set.
  depends_on = [aws_s3_bucket_public_access_block.this]
}

resource "aws_s3_bucket_lifecycle_configuration" "images" {
  bucket = aws_s3_bucket.this["images"].bucket

  rule {
    id     = "noncurrent-versions"
    status = "Enabled"
    filter {
      prefix = ""
    }
    noncurrent_version_expiration {
      noncurrent_days = var.images.noncurrent_days
    }
  }

  dynamic "rule" {
    for_each = var.images.expire
    content {
      id     = rule.value.id
      status = "Enabled"
      filter {
        prefix = rule.value.prefix
      }
      expiration {
        days = rule.value.days
      }
    }
  }

  # What nobody would ever see: parts of uploads that broke off, and marks of deletion with nothing behind them.
  rule {
    id     = "leftovers"
    status = "Enabled"
    filter {
      prefix = ""
    }
    abort_incomplete_multipart_upload {
      days_after_initiation = 1
    }
    expiration {
      expired_object_delete_marker = true
    }
  }

  depends_on = [aws_s3_bucket_versioning.this]
}

resource "aws_s3_bucket_lifecycle_configuration" "packages" {
  bucket = aws_s3_bucket.this["packages"].bucket

  rule {
    id     = "noncurrent-versions"
    status = "Enabled"
    filter {
      prefix = ""
    }
    noncurrent_version_expiration {
      noncurrent_days = 30
    }
    abort_incomplete_multipart_upload {
      days_after_initiation = 1
    }
    expiration {
      expired_object_delete_marker = true
    }
  }

  depends_on = [aws_s3_bucket_versioning.this]
}

resource "aws_s3_bucket_notification" "images" {
  bucket      = aws_s3_bucket.this["images"].bucket
  eventbridge = true
}

resource "aws_s3_bucket_cors_configuration" "images" {
  bucket = aws_s3_bucket.this["images"].bucket

  # Pre-signed links: GET of a picture, POST of an upload form.
  cors_rule {
    allowed_headers = ["*"]
    allowed_methods = ["GET", "POST"]
    allowed_origins = var.images.cors_origins
    max_age_seconds = 3600
  }
}
