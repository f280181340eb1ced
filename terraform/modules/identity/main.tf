locals {
  name = "collections-${var.environment}"
}

resource "aws_cognito_user_pool" "this" {
  name = local.name
  # The cheaper tier has everything used here: passwords, authenticator apps, sign-in pages.
  user_pool_tier           = "LITE"
  username_attributes      = ["email"]
  auto_verified_attributes = ["email"]
  mfa_configuration        = var.mfa
  deletion_protection      = var.protect ? "ACTIVE" : "INACTIVE"

  username_configuration {
    case_sensitive = false
  }

  password_policy {
    minimum_length                   = var.password.minimum_length
    require_lowercase                = var.password.lowercase
    require_uppercase                = var.password.uppercase
    require_numbers                  = var.password.numbers
    require_symbols                  = var.password.symbols
    temporary_password_validity_days = 3
  }

  admin_create_user_config {
    allow_admin_create_user_only = !var.self_sign_up
  }

  account_recovery_setting {
    recovery_mechanism {
      name     = "verified_email"
      priority = 1
    }
  }

  user_attribute_update_settings {
    attributes_require_verification_before_update = ["email"]
  }

  dynamic "software_token_mfa_configuration" {
    for_each = var.mfa == "OFF" ? [] : [true]
    content {
      enabled = true
    }
  }
}

resource "aws_cognito_user_pool_client" "this" {
  name         = local.name
  user_pool_id = aws_cognito_user_pool.this.id

  # A client on the user's device cannot keep a secret.
  generate_secret               = false
  explicit_auth_flows           = ["ALLOW_REFRESH_TOKEN_AUTH", "ALLOW_USER_PASSWORD_AUTH"]
  prevent_user_existence_errors = "ENABLED"
  enable_token_revocation       = true

  access_token_validity  = var.tokens.access_minutes
  id_token_validity      = var.tokens.id_minutes
  refresh_token_validity = var.tokens.refresh_days
  token_validity_units {
    access_token  = "minutes"
    id_token      = "minutes"
    refresh_token = "days"
  }

  supported_identity_providers         = ["COGNITO"]
  allowed_oauth_flows_user_pool_client = var.hosted_ui != null
  allowed_oauth_flows                  = var.hosted_ui == null ? null : ["code"]
  allowed_oauth_scopes                 = var.hosted_ui == null ? null : ["email", "openid", "profile"]
  callback_urls                        = try(var.hosted_ui.callback_urls, null)
  logout_urls                          = try(var.hosted_ui.logout_urls, null)
}

resource "aws_cognito_user_pool_domain" "this" {
  for_each = toset(var.hosted_ui[*].prefix)

  domain       = each.key
  user_pool_id = aws_cognito_user_pool.this.id
}
