# PostgreSQL on Cloud SQL: a private address, TLS only; its password is made here, kept in Secret Manager and nowhere else.

locals {
  database = "ccr_ui_db"
  role     = "ccr_user"
  # The certificate names the instance, and the address is the private one: host is what is verified, hostaddr where it is.
  host = trimsuffix(one([for name in google_sql_database_instance.this.dns_names : name.name if name.connection_type == "PRIVATE_SERVICES_ACCESS"]), ".")
  # Where service.yaml and migrate-job.yaml mount the secret database-ca.
  authorities = "/etc/ccr-ui/ca/server-ca.pem"
}

# Google's own network, where Cloud SQL is, is peered with yours. A network that has this already: import the two.
resource "google_compute_global_address" "services" {
  name          = "${var.name}-services"
  purpose       = "VPC_PEERING"
  address_type  = "INTERNAL"
  prefix_length = 20
  network       = var.network
}

resource "google_service_networking_connection" "services" {
  network                 = var.network
  service                 = "servicenetworking.googleapis.com"
  reserved_peering_ranges = [google_compute_global_address.services.name]
}

# Letters and digits: it stands in a URL.
ephemeral "random_password" "database" {
  length  = 40
  special = false
}

resource "google_sql_database_instance" "this" {
  name                = var.name
  database_version    = var.database_version
  region              = var.region
  deletion_protection = var.deletion_protection
  depends_on          = [google_service_networking_connection.services]

  settings {
    tier                        = var.tier
    edition                     = "ENTERPRISE"
    availability_type           = var.availability_type
    disk_type                   = "PD_SSD"
    disk_size                   = 10
    disk_autoresize             = true
    disk_autoresize_limit       = 100
    deletion_protection_enabled = var.deletion_protection

    ip_configuration {
      ipv4_enabled    = false
      private_network = var.network
      ssl_mode        = "ENCRYPTED_ONLY"
      # With an authority of the region's, certificates name the instance; with the instance's own they do not.
      server_ca_mode = "GOOGLE_MANAGED_CAS_CA"
    }

    backup_configuration {
      enabled                        = true
      start_time                     = "03:00"
      point_in_time_recovery_enabled = true

      backup_retention_settings {
        retained_backups = 7
      }
    }

    maintenance_window {
      day          = 7
      hour         = 4
      update_track = "stable"
    }

    database_flags {
      name  = "max_connections"
      value = "100"
    }

    database_flags {
      name  = "password_encryption"
      value = "scram-sha-256"
    }
  }
}

resource "google_sql_database" "this" {
  name      = local.database
  instance  = google_sql_database_instance.this.name
  charset   = "UTF8"
  collation = "en_US.UTF8"
}

resource "google_sql_user" "this" {
  name                = local.role
  instance            = google_sql_database_instance.this.name
  password_wo         = ephemeral.random_password.database.result
  password_wo_version = var.password_version
}

resource "google_secret_manager_secret" "this" {
  for_each = toset(["database-url", "database-ca", "jwt-secret", "secrets-key"])

  secret_id = "${var.name}-${each.key}"

  replication {
    auto {}
  }
}

# The other two are filled in by hand, once (README.md): a key that Terraform could replace would cost every stored token.
resource "google_secret_manager_secret_version" "database_url" {
  secret = google_secret_manager_secret.this["database-url"].id
  secret_data_wo = format("postgresql://%s:%s@%s:5432/%s?hostaddr=%s&sslmode=verify-full&sslrootcert=%s",
    local.role, ephemeral.random_password.database.result, local.host, local.database,
    google_sql_database_instance.this.private_ip_address, local.authorities
  )
  secret_data_wo_version = var.password_version

  depends_on = [google_sql_user.this, google_sql_database.this]
}

# No secret, but a file that the containers get in the same way.
resource "google_secret_manager_secret_version" "database_ca" {
  secret      = google_secret_manager_secret.this["database-ca"].id
  secret_data = join("\n", [for certificate in google_sql_database_instance.this.server_ca_cert : certificate.cert])
}

resource "google_secret_manager_secret_iam_member" "reader" {
  for_each = google_secret_manager_secret.this

  secret_id = each.value.id
  role      = "roles/secretmanager.secretAccessor"
  member    = "serviceAccount:${var.service_account}"
}
