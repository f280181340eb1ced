output "images" {
  description = "The bucket of originals, renditions, thumbnails and uploads."
  value       = { name = aws_s3_bucket.this["images"].bucket, arn = local.arns["images"] }
}

output "packages" {
  description = "The bucket that functions are installed from."
  value       = { name = aws_s3_bucket.this["packages"].bucket, arn = local.arns["packages"] }
  # Nothing is put into it before it is what it shall be.
  depends_on = [
    aws_s3_bucket_ownership_controls.this,
    aws_s3_bucket_policy.this,
    aws_s3_bucket_server_side_encryption_configuration.this,
    aws_s3_bucket_versioning.this,
  ]
}
