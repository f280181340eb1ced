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

run "names_links_and_events" {
  command = plan

  assert {
    condition = output.images == {
      name = "collections-test-images-123456789012", arn = "arn:aws:s3:::collections-test-images-123456789012"
      } && output.packages == {
      name = "collections-test-packages-123456789012", arn = "arn:aws:s3:::collections-test-packages-123456789012"
    }
    error_message = "The buckets' names follow the naming convention."
  }
  assert {
    condition     = aws_s3_bucket_notification.images.eventbridge && aws_s3_bucket_notification.images.bucket == output.images.name
    error_message = "Uploads are sent to EventBridge."
  }
  assert {
    condition     = one(aws_s3_bucket_cors_configuration.images.cors_rule).allowed_origins == toset(["https://app.example.com"]) && one(aws_s3_bucket_cors_configuration.images.cors_rule).allowed_methods == toset(["GET", "POST"])
    error_message = "The platform's origins fetch pictures and post uploads."
  }
}
