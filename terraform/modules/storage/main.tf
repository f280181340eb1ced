module "images" {
  source = "./bucket"

  name            = "collections-${var.environment}-images-${var.account}"
  force_destroy   = !var.keep
  noncurrent_days = var.images.noncurrent_days
  expire          = var.images.expire
}

resource "aws_s3_bucket_notification" "images" {
  bucket      = module.images.name
  eventbridge = true
}

resource "aws_s3_bucket_cors_configuration" "images" {
  bucket = module.images.name

  # Pre-signed links: GET of a picture, POST of an upload form.
  cors_rule {
    allowed_headers = ["*"]
    allowed_methods = ["GET", "POST"]
    allowed_origins = var.images.cors_origins
    max_age_seconds = 3600
  }
}

module "packages" {
  source = "./bucket"

  name = "collections-${var.environment}-packages-${var.account}"
  # Packages can be built again from their commit at any time.
  force_destroy   = true
  noncurrent_days = 30
}
