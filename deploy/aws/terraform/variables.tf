variable "region" {
  type        = string
  description = "AWS region"
}

variable "vpc_id" {
  type        = string
  description = "VPC that the database and the ECS tasks are in"
}

variable "subnet_ids" {
  type        = list(string)
  description = "Private subnets in at least two availability zones"

  validation {
    condition     = length(var.subnet_ids) >= 2
    error_message = "RDS wants subnets in at least two availability zones."
  }
}

variable "client_security_group_ids" {
  type        = set(string)
  description = "Security groups of what may connect: the ECS tasks"
}

variable "name" {
  type        = string
  description = "Name of the database instance and prefix of everything beside it"
  default     = "ccr-ui"
}

variable "engine_version" {
  type        = string
  description = "PostgreSQL, major version only: minor ones are applied in the maintenance window"
  default     = "15"
}

variable "instance_class" {
  type    = string
  default = "db.t4g.micro"
}

variable "multi_az" {
  type        = bool
  description = "A standby in another zone, which takes over by itself"
  default     = true
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
  description = "Count it up to give the database a new password, and start the ECS service anew afterwards"
  default     = 1
}
