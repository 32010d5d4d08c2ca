variable "project" {
  type        = string
  description = "Google Cloud project"
}

variable "region" {
  type    = string
  default = "europe-west3"
}

variable "network" {
  type        = string
  description = "Network that Cloud Run reaches the database through, as projects/PROJECT/global/networks/NAME"
}

variable "service_account" {
  type        = string
  description = "E-mail address of the service account that Cloud Run runs as; it may read the three secrets"
}

variable "name" {
  type    = string
  default = "ccr-ui"
}

variable "database_version" {
  type    = string
  default = "POSTGRES_15"
}

variable "tier" {
  type        = string
  description = "Machine of the database; the guide's db-f1-micro is shared and has no service level agreement"
  default     = "db-custom-1-3840"
}

variable "availability_type" {
  type        = string
  description = "REGIONAL: a standby in another zone. ZONAL: none"
  default     = "REGIONAL"

  validation {
    condition     = contains(["REGIONAL", "ZONAL"], var.availability_type)
    error_message = "REGIONAL or ZONAL."
  }
}

variable "deletion_protection" {
  type    = bool
  default = true
}

variable "password_version" {
  type        = number
  description = "Count it up to give the database a new password, and deploy Cloud Run anew afterwards"
  default     = 1
}
