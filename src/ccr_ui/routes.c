/* Every table of routes. A new resource is one file with one table, and one line here. */
#include <stddef.h>

#include "handlers.h"
#include "router.h"
#include "ui_page.h"

extern const struct route auth_routes[], users_routes[], workspaces_routes[], tokens_routes[], profiles_routes[],
    history_routes[], import_routes[], export_routes[], backups_routes[], commands_routes[], system_routes[],
    operations_routes[], metrics_routes[], version_routes[], audit_routes[], invitations_routes[], openapi_routes[],
    apply_routes[], native_import_routes[], native_export_routes[], convert_routes[], presets_routes[], home_routes[],
    prices_routes[], currency_routes[], budgets_routes[], ui_budget_routes[], usage_import_routes[],
    usage_otlp_routes[], usage_records_routes[], usage_reports_routes[], usage_sessions_routes[], ui_pricing_routes[],
    ui_statusline_routes[], ui_preset_routes[], ui_sync_routes[], ui_capability_routes[], ui_converter_routes[],
    ui_absent_routes[], ui_usage_routes[], ui_stats_routes[], ui_records_routes[], ui_sessions_routes[],
    ui_state_routes[], ui_skill_hub_routes[], ui_market_routes[], ui_health_routes[], ui_checkin_routes[],
    ui_checkin_ask_routes[], ui_checkin_seen_routes[], ui_checkin_transfer_routes[], ui_login_routes[];

const struct route *const route_tables[] = {
    auth_routes,
    users_routes,
    workspaces_routes,
    tokens_routes,
    profiles_routes,
    history_routes,
    import_routes,
    export_routes,
    backups_routes,
    commands_routes,
    system_routes,
    operations_routes,
    metrics_routes,
    version_routes,
    audit_routes,
    invitations_routes,
    openapi_routes,
    apply_routes,
    native_import_routes,
    native_export_routes,
    convert_routes,
    presets_routes,
    home_routes,
    prices_routes,
    currency_routes,
    budgets_routes,
    usage_import_routes,
    usage_otlp_routes,
    usage_records_routes,
    usage_reports_routes,
    usage_sessions_routes,
    resource_routes,
    ui_page_routes,
    ui_statusline_routes,
    ui_preset_routes,
    ui_sync_routes,
    ui_capability_routes,
    ui_converter_routes,
    ui_absent_routes,
    ui_usage_routes,
    ui_budget_routes,
    ui_stats_routes,
    ui_records_routes,
    ui_sessions_routes,
    ui_pricing_routes,
    ui_state_routes,
    ui_skill_hub_routes,
    ui_market_routes,
    ui_health_routes,
    ui_checkin_routes,
    ui_checkin_ask_routes,
    ui_checkin_seen_routes,
    ui_checkin_transfer_routes,
    ui_login_routes,
    NULL,
};

void routes_make(void)
{
    resource_routes_make();
    ui_routes_make();
}
