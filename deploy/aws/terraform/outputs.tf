output "address" {
  value = aws_db_instance.this.address
}

output "security_group_id" {
  value = aws_security_group.database.id
}

# What the execution role of ECS may read.
output "secret_arns" {
  value = concat([aws_secretsmanager_secret.database_url.arn], [for secret in aws_secretsmanager_secret.keys : secret.arn])
}
