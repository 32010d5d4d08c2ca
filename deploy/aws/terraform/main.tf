# PostgreSQL on RDS: private, encrypted, TLS only; its password is made here, kept in Secrets Manager and nowhere else.

locals {
  database = "ccr_ui_db"
  role     = "ccr_user"
  # Amazon's own, which the image brings (deploy/docker/ca).
  authorities = "/usr/local/share/ccr-ui-backend/ca/amazon-rds.pem"
}

resource "aws_db_subnet_group" "this" {
  name       = var.name
  subnet_ids = var.subnet_ids
}

resource "aws_security_group" "database" {
  name        = "${var.name}-database"
  description = "PostgreSQL of CCR UI, from its backend only"
  vpc_id      = var.vpc_id
}

resource "aws_vpc_security_group_ingress_rule" "clients" {
  for_each = var.client_security_group_ids

  security_group_id            = aws_security_group.database.id
  referenced_security_group_id = each.value
  ip_protocol                  = "tcp"
  from_port                    = 5432
  to_port                      = 5432
  description                  = "PostgreSQL"
}

resource "aws_db_parameter_group" "this" {
  name_prefix = "${var.name}-"
  family      = "postgres${split(".", var.engine_version)[0]}"

  parameter {
    name  = "rds.force_ssl"
    value = "1"
  }

  parameter {
    name  = "password_encryption"
    value = "scram-sha-256"
  }

  lifecycle {
    create_before_destroy = true
  }
}

# Letters and digits: it stands in a URL.
ephemeral "random_password" "database" {
  length  = 40
  special = false
}

resource "aws_db_instance" "this" {
  identifier = var.name

  engine                      = "postgres"
  engine_version              = var.engine_version
  instance_class              = var.instance_class
  auto_minor_version_upgrade  = true
  allow_major_version_upgrade = false

  allocated_storage     = 20
  max_allocated_storage = 100
  storage_type          = "gp3"
  storage_encrypted     = true

  db_name             = local.database
  username            = local.role
  password_wo         = ephemeral.random_password.database.result
  password_wo_version = var.password_version

  db_subnet_group_name   = aws_db_subnet_group.this.name
  vpc_security_group_ids = [aws_security_group.database.id]
  parameter_group_name   = aws_db_parameter_group.this.name
  publicly_accessible    = false
  multi_az               = var.multi_az

  backup_retention_period         = var.backup_retention_days
  backup_window                   = "03:00-04:00"
  maintenance_window              = "sun:04:00-sun:05:00"
  copy_tags_to_snapshot           = true
  enabled_cloudwatch_logs_exports = ["postgresql", "upgrade"]

  deletion_protection       = var.deletion_protection
  skip_final_snapshot       = false
  final_snapshot_identifier = "${var.name}-final"
}

resource "aws_secretsmanager_secret" "database_url" {
  name        = "${var.name}/database-url"
  description = "DATABASE_URL of ccr-ui-backend"
}

resource "aws_secretsmanager_secret_version" "database_url" {
  secret_id = aws_secretsmanager_secret.database_url.id
  secret_string_wo = format("postgresql://%s:%s@%s:%d/%s?sslmode=verify-full&sslrootcert=%s",
    local.role, ephemeral.random_password.database.result, aws_db_instance.this.address, aws_db_instance.this.port, local.database,
    local.authorities
  )
  secret_string_wo_version = var.password_version
}

# Filled in by hand, once (README.md): a key that Terraform could replace would cost every stored token.
resource "aws_secretsmanager_secret" "keys" {
  for_each = toset(["jwt-secret", "secrets-key"])

  name        = "${var.name}/${each.key}"
  description = "Of ccr-ui-backend, from: ccr-ui-backend secrets generate"
}
