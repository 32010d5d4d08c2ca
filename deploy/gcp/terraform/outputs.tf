output "private_address" {
  value = google_sql_database_instance.this.private_ip_address
}

output "secret_ids" {
  value = [for secret in google_secret_manager_secret.this : secret.secret_id]
}
