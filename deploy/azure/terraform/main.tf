# PostgreSQL as a flexible server: in a subnet of its own, TLS only; its passwords are made here, kept in Key Vault and nowhere
# else. And what Container Apps needs to run beside it.

locals {
  database      = "ccr_ui_db"
  role          = "ccr_user"
  administrator = "ccr_admin"
  # Debian's, in the image: Microsoft's and DigiCert's roots are among them.
  authorities = "/etc/ssl/certs/ca-certificates.crt"
}

data "azurerm_client_config" "current" {}

# ---- the database -----------------------------------------------------------------------------------------------------

resource "azurerm_private_dns_zone" "database" {
  name                = "${var.name}.private.postgres.database.azure.com"
  resource_group_name = var.resource_group_name
}

resource "azurerm_private_dns_zone_virtual_network_link" "database" {
  name                  = var.name
  resource_group_name   = var.resource_group_name
  private_dns_zone_name = azurerm_private_dns_zone.database.name
  virtual_network_id    = var.virtual_network_id
}

# Letters and digits: they stand in a URL and on standard input.
ephemeral "random_password" "administrator" {
  length  = 40
  special = false
}

ephemeral "random_password" "database" {
  length  = 40
  special = false
}

# The administrator passes row-level security by, so the backend refuses it: role.sql makes the role that the backend has.
resource "azurerm_postgresql_flexible_server" "this" {
  name                = var.name
  resource_group_name = var.resource_group_name
  location            = var.location

  version           = var.engine_version
  sku_name          = var.sku_name
  storage_mb        = 32768
  auto_grow_enabled = true

  administrator_login               = local.administrator
  administrator_password_wo         = ephemeral.random_password.administrator.result
  administrator_password_wo_version = var.password_version

  delegated_subnet_id           = var.database_subnet_id
  private_dns_zone_id           = azurerm_private_dns_zone.database.id
  public_network_access_enabled = false
  backup_retention_days         = var.backup_retention_days

  maintenance_window {
    day_of_week  = 0
    start_hour   = 4
    start_minute = 0
  }

  depends_on = [azurerm_private_dns_zone_virtual_network_link.database]

  lifecycle {
    # Azure chooses one.
    ignore_changes = [zone]
  }
}

resource "azurerm_postgresql_flexible_server_configuration" "this" {
  for_each = {
    require_secure_transport = "on"
    password_encryption      = "scram-sha-256"
  }

  server_id = azurerm_postgresql_flexible_server.this.id
  name      = each.key
  value     = each.value
}

resource "azurerm_management_lock" "database" {
  count = var.deletion_protection ? 1 : 0

  name       = "${var.name}-database"
  scope      = azurerm_postgresql_flexible_server.this.id
  lock_level = "CanNotDelete"
  notes      = "The database of CCR UI"
}

# ---- the secrets ------------------------------------------------------------------------------------------------------

# Two vaults: Container Apps reads one of them, and the administrator's password is in the other.
resource "azurerm_key_vault" "this" {
  for_each = toset(["vault", "admin"])

  name                       = "${var.name}-${each.key}"
  resource_group_name        = var.resource_group_name
  location                   = var.location
  tenant_id                  = data.azurerm_client_config.current.tenant_id
  sku_name                   = "standard"
  rbac_authorization_enabled = true
  purge_protection_enabled   = true
  soft_delete_retention_days = 30
}

# Whoever runs Terraform writes the two below, and by hand the keys.
resource "azurerm_role_assignment" "writer" {
  for_each = azurerm_key_vault.this

  scope                = each.value.id
  role_definition_name = "Key Vault Secrets Officer"
  principal_id         = data.azurerm_client_config.current.object_id
}

resource "azurerm_key_vault_secret" "administrator_password" {
  key_vault_id     = azurerm_key_vault.this["admin"].id
  name             = "ccr-ui-administrator-password"
  value_wo         = ephemeral.random_password.administrator.result
  value_wo_version = var.password_version

  depends_on = [azurerm_role_assignment.writer]
}

# The other two, ccr-ui-jwt-secret and ccr-ui-secrets-key, are filled in by hand, once (README.md): a key that Terraform could
# replace would cost every stored token.
resource "azurerm_key_vault_secret" "database_url" {
  key_vault_id = azurerm_key_vault.this["vault"].id
  name         = "ccr-ui-database-url"
  value_wo = format("postgresql://%s:%s@%s:5432/%s?sslmode=verify-full&sslrootcert=%s",
    local.role, ephemeral.random_password.database.result, azurerm_postgresql_flexible_server.this.fqdn, local.database,
    local.authorities
  )
  value_wo_version = var.password_version

  depends_on = [azurerm_role_assignment.writer]
}

# ---- Container Apps ---------------------------------------------------------------------------------------------------

resource "azurerm_user_assigned_identity" "this" {
  name                = var.name
  resource_group_name = var.resource_group_name
  location            = var.location
}

resource "azurerm_role_assignment" "reader" {
  scope                = azurerm_key_vault.this["vault"].id
  role_definition_name = "Key Vault Secrets User"
  principal_id         = azurerm_user_assigned_identity.this.principal_id
}

resource "azurerm_role_assignment" "pull" {
  scope                = var.registry_id
  role_definition_name = "AcrPull"
  principal_id         = azurerm_user_assigned_identity.this.principal_id
}

resource "azurerm_log_analytics_workspace" "this" {
  name                = var.name
  resource_group_name = var.resource_group_name
  location            = var.location
  sku                 = "PerGB2018"
  retention_in_days   = 30
}

resource "azurerm_container_app_environment" "this" {
  name                       = var.name
  resource_group_name        = var.resource_group_name
  location                   = var.location
  infrastructure_subnet_id   = var.apps_subnet_id
  logs_destination           = "log-analytics"
  log_analytics_workspace_id = azurerm_log_analytics_workspace.this.id

  workload_profile {
    name                  = "Consumption"
    workload_profile_type = "Consumption"
  }
}
