mock_provider "aws" {
  mock_data "aws_caller_identity" {
    defaults = { account_id = "123456789012" }
  }
}

run "found_by_the_accounts_number" {
  command = plan

  assert {
    condition     = output.bucket == "collections-terraform-state-123456789012"
    error_message = "The bucket is found by the account's number."
  }
}
