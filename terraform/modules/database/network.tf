# Functions outside a VPC have no fixed addresses, so the port cannot be restricted by address: it is open.
# Protection: TLS is forced and clients verify the certificate; services sign in with tokens that IAM signs and that
# end after 15 minutes; the one password is the administrator's, long, random and rotated by Secrets Manager. Nothing else
# is in this network, and nothing in it can reach out.

data "aws_availability_zones" "this" {
  state = "available"

  #checkov:skip=CKV_AWS_394:Existing subnets keep their zones when this list changes
  filter {
    name   = "opt-in-status"
    values = ["opt-in-not-required"]
  }
}

resource "aws_vpc" "this" {
  #checkov:skip=CKV2_AWS_11:One public port; Postgres itself logs who fails to sign in
  cidr_block           = "10.20.0.0/24"
  enable_dns_support   = true
  enable_dns_hostnames = true

  tags = { Name = local.name }
}

resource "aws_default_security_group" "this" {
  # Without rules, so that nothing can depend on it.
  vpc_id = aws_vpc.this.id
}

resource "aws_internet_gateway" "this" {
  vpc_id = aws_vpc.this.id

  tags = { Name = local.name }
}

# RDS asks for two zones even where there is one instance.
resource "aws_subnet" "this" {
  count = 2

  vpc_id            = aws_vpc.this.id
  cidr_block        = cidrsubnet(aws_vpc.this.cidr_block, 2, count.index)
  availability_zone = data.aws_availability_zones.this.names[count.index]

  tags = { Name = "${local.name}-${count.index}" }

  lifecycle {
    ignore_changes = [availability_zone]
  }
}

resource "aws_route_table" "this" {
  vpc_id = aws_vpc.this.id

  tags = { Name = local.name }
}

resource "aws_route" "internet" {
  route_table_id         = aws_route_table.this.id
  destination_cidr_block = "0.0.0.0/0"
  gateway_id             = aws_internet_gateway.this.id
}

resource "aws_route_table_association" "this" {
  count = 2

  subnet_id      = aws_subnet.this[count.index].id
  route_table_id = aws_route_table.this.id
}

resource "aws_db_subnet_group" "this" {
  name        = local.name
  description = "Two public subnets"
  subnet_ids  = aws_subnet.this[*].id
}

resource "aws_security_group" "database" {
  name        = "${local.name}-database"
  description = "Postgres from anywhere, nothing out"
  vpc_id      = aws_vpc.this.id

  tags = { Name = "${local.name}-database" }
}

resource "aws_vpc_security_group_ingress_rule" "postgres" {
  security_group_id = aws_security_group.database.id
  description       = "Functions have no fixed addresses"
  cidr_ipv4         = "0.0.0.0/0"
  ip_protocol       = "tcp"
  from_port         = 5432
  to_port           = 5432
}
