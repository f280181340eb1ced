output "name" {
  description = "Name of the bucket."
  value       = aws_s3_bucket.this.bucket
  # Available only after the bucket is fully configured.
  depends_on = [
    aws_s3_bucket_ownership_controls.this,
    aws_s3_bucket_policy.this,
    aws_s3_bucket_server_side_encryption_configuration.this,
    aws_s3_bucket_versioning.this,
  ]
}

output "arn" {
  description = "ARN of the bucket."
  value       = local.arn
}
