mock_provider "aws" {}

variables {
  environment = "test"
  region      = "us-east-1"
  password    = { minimum_length = 10 }
  tokens      = { access_minutes = 60, id_minutes = 30, refresh_days = 7 }
  protect     = true
}

run "accounts_are_made_by_an_operator_and_kept" {
  command = plan

  assert {
    condition     = aws_cognito_user_pool.this.admin_create_user_config[0].allow_admin_create_user_only
    error_message = "Users cannot sign up by themselves."
  }
  assert {
    condition     = aws_cognito_user_pool.this.deletion_protection == "ACTIVE"
    error_message = "A protected pool cannot be deleted."
  }
  assert {
    condition     = aws_cognito_user_pool.this.password_policy[0].minimum_length == 10 && aws_cognito_user_pool.this.password_policy[0].require_numbers
    error_message = "The platform's policy is the pool's."
  }
}

run "client_keeps_no_secret_and_does_not_reveal_users" {
  command = plan

  assert {
    condition     = !aws_cognito_user_pool_client.this.generate_secret && aws_cognito_user_pool_client.this.prevent_user_existence_errors == "ENABLED" && aws_cognito_user_pool_client.this.enable_token_revocation
    error_message = "No secret, no hints, tokens can be revoked."
  }
  assert {
    condition     = aws_cognito_user_pool_client.this.access_token_validity == 60 && aws_cognito_user_pool_client.this.id_token_validity == 30 && aws_cognito_user_pool_client.this.refresh_token_validity == 7
    error_message = "Tokens are valid for the platform's periods."
  }
  assert {
    condition     = length(aws_cognito_user_pool_domain.this) == 0 && !aws_cognito_user_pool_client.this.allowed_oauth_flows_user_pool_client
    error_message = "There are no sign-in pages unless asked for."
  }
}

run "second_factor_and_pages_when_asked_for" {
  command = plan
  variables {
    mfa       = "OPTIONAL"
    hosted_ui = { prefix = "collections-test", callback_urls = ["https://app.example.com/back"] }
  }

  assert {
    condition     = aws_cognito_user_pool.this.software_token_mfa_configuration[0].enabled && aws_cognito_user_pool.this.mfa_configuration == "OPTIONAL"
    error_message = "A second factor comes from an app."
  }
  assert {
    condition     = output.hosted_ui_url == "https://collections-test.auth.us-east-1.amazoncognito.com" && aws_cognito_user_pool_client.this.allowed_oauth_flows == toset(["code"])
    error_message = "Pages use the code flow alone."
  }
}

run "unknown_second_factor_is_refused" {
  command = plan
  variables {
    mfa = "SMS"
  }
  expect_failures = [var.mfa]
}
