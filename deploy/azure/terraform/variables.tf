variable "subscription_id" {
  type        = string
  description = "Azure subscription"
}

variable "resource_group_name" {
  type        = string
  description = "Resource group, which exists; everything is made in it"
}

variable "location" {
  type    = string
  default = "germanywestcentral"
}

variable "name" {
  type        = string
  description = "Of the database server and, with -vault and -admin, of two key vaults; all are unique in all of Azure"

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,16}[a-z0-9]$", var.name))
    error_message = "3 to 18 lower-case letters, digits and hyphens, beginning with a letter."
  }
}

variable "virtual_network_id" {
  type        = string
  description = "Network of the two subnets"
}

variable "database_subnet_id" {
  type        = string
  description = "Subnet for the database alone, delegated to Microsoft.DBforPostgreSQL/flexibleServers"
}

variable "apps_subnet_id" {
  type        = string
  description = "Subnet for Container Apps alone, /27 or larger, delegated to Microsoft.App/environments"
}

variable "registry_id" {
  type        = string
  description = "Container registry that the image is in; Container Apps may pull from it"
}

variable "engine_version" {
  type    = string
  default = "15"
}

variable "sku_name" {
  type        = string
  description = "Machine of the database; B_Standard_B1ms is the smallest, and shared"
  default     = "GP_Standard_D2ds_v5"
}

variable "backup_retention_days" {
  type    = number
  default = 7
}

variable "deletion_protection" {
  type    = bool
  default = true
}

variable "password_version" {
  type        = number
  description = "Count it up to give both roles of the database new passwords; then role.sql again, and deploy anew"
  default     = 1
}
