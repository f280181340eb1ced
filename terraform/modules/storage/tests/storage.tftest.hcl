mock_provider "aws" {}

variables {
  environment = "test"
  account     = "123456789012"
  images = {
    cors_origins    = ["https://app.example.com"]
    noncurrent_days = 7
    expire          = [{ id = "checkpoints", prefix = "checkpoints/", days = 1 }]
  }
}

run "buckets_are_private_encrypted_versioned" {
  command = plan

  assert {
    condition     = { for key, bucket in aws_s3_bucket.this : key => bucket.bucket } == { images = "collections-test-images-123456789012", packages = "collections-test-packages-123456789012" }
    error_message = "The buckets' names follow the law of names."
  }
  assert {
    condition = alltrue([
      for block in aws_s3_bucket_public_access_block.this :
      block.block_public_acls && block.block_public_policy && block.ignore_public_acls && block.restrict_public_buckets
    ]) && length(aws_s3_bucket_public_access_block.this) == 2
    error_message = "Both buckets block public access in every way."
  }
  assert {
    condition     = alltrue([for versioning in aws_s3_bucket_versioning.this : versioning.versioning_configuration[0].status == "Enabled"])
    error_message = "Both buckets keep versions."
  }
  assert {
    condition     = alltrue([for policy in aws_s3_bucket_policy.this : jsondecode(policy.policy).Statement[0].Condition.Bool["aws:SecureTransport"] == "false"])
    error_message = "Both buckets refuse plain HTTP."
  }
}

run "lifecycle_is_what_the_platform_says" {
  command = plan

  assert {
    condition     = [for rule in aws_s3_bucket_lifecycle_configuration.images.rule : rule.id] == ["noncurrent-versions", "checkpoints", "leftovers"]
    error_message = "Each expiry of the platform is a rule of its own."
  }
  assert {
    condition     = aws_s3_bucket_lifecycle_configuration.images.rule[1].expiration[0].days == 1
    error_message = "What expires goes after the platform's days."
  }
  assert {
    condition     = aws_s3_bucket_lifecycle_configuration.images.rule[0].noncurrent_version_expiration[0].noncurrent_days == 7
    error_message = "Old versions go after the platform's days."
  }
}

run "links_and_events_of_images" {
  command = plan

  assert {
    condition     = aws_s3_bucket_notification.images.eventbridge
    error_message = "Uploads are told to EventBridge."
  }
  assert {
    condition     = one(aws_s3_bucket_cors_configuration.images.cors_rule).allowed_origins == toset(["https://app.example.com"])
    error_message = "Only the platform's origins use links."
  }
}

run "pictures_are_kept_unless_told_otherwise" {
  command = plan

  assert {
    condition     = !aws_s3_bucket.this["images"].force_destroy && aws_s3_bucket.this["packages"].force_destroy
    error_message = "A destroy stops at pictures, not at packages."
  }
}

run "pictures_go_when_told" {
  command = plan
  variables {
    keep = false
  }

  assert {
    condition     = aws_s3_bucket.this["images"].force_destroy
    error_message = "keep = false lets a destroy remove pictures."
  }
}
