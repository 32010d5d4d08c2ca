# What deploy.sh wants.
output "environment_id" {
  value = azurerm_container_app_environment.this.id
}

output "identity_id" {
  value = azurerm_user_assigned_identity.this.id
}

output "vault_uri" {
  value = azurerm_key_vault.this["vault"].vault_uri
}

output "database_address" {
  value = azurerm_postgresql_flexible_server.this.fqdn
}
