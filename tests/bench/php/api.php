<?php
// What bench.py compares with: PHP-FPM doing the same authenticated reads. Each child keeps its connection and the statements
// prepared on it; every request verifies its token and asks PostgreSQL once.
//
//     BENCH_JWT_SECRET BENCH_DATABASE in the pool's environment
declare(strict_types=1);

const PLATFORM = 'claude';
const COLUMNS = "m.role, coalesce(u.current_profile, d.default_profile, 'default') AS current_config,
  coalesce(d.default_profile, 'default') AS default_config, p.name, p.description, p.base_url, k.masked, p.model,
  p.small_fast_model, p.provider, p.provider_type, p.account, p.tags, p.usage_count, p.enabled, p.platform, p.revision";
// The role, even where there is no profile.
const FROM = 'FROM memberships m JOIN workspaces w ON w.id = m.workspace_id AND w.personal_user_id = m.user_id
  LEFT JOIN user_platforms u ON u.workspace_id = w.id AND u.user_id = m.user_id AND u.platform = $2
  LEFT JOIN workspace_platforms d ON d.workspace_id = w.id AND d.platform = $2
  LEFT JOIN profiles p ON p.workspace_id = w.id AND p.platform = $2';
const MASKS = 'LEFT JOIN bench_masks k ON k.profile_id = p.id';
const STATEMENTS = [
    'list' => 'SELECT ' . COLUMNS . ' ' . FROM . ' ' . MASKS . ' WHERE m.user_id = $1 ORDER BY p.position, p.name',
    'one' => 'SELECT ' . COLUMNS . ' ' . FROM . ' AND p.name = $3 ' . MASKS . ' WHERE m.user_id = $1',
];

function answer(int $status, array $body): never
{
    http_response_code($status);
    header('Content-Type: application/json');
    echo json_encode($body, JSON_UNESCAPED_SLASHES | JSON_UNESCAPED_UNICODE);
    exit;
}

function decode(string $part): string
{
    return (string) base64_decode(strtr($part, '-_', '+/'), true);
}

// The user's id, or null when the token is not good.
function verified_user(string $header): ?string
{
    $parts = explode('.', substr($header, 7));
    if (!str_starts_with($header, 'Bearer ') || count($parts) !== 3) {
        return null;
    }
    $signature = hash_hmac('sha256', $parts[0] . '.' . $parts[1], (string) getenv('BENCH_JWT_SECRET'), true);
    $head = json_decode(decode($parts[0]), true);
    if (($head['alg'] ?? '') !== 'HS256' || !hash_equals($signature, decode($parts[2]))) {
        return null;
    }
    $claims = json_decode(decode($parts[1]), true);
    $good = ($claims['exp'] ?? 0) > time() && ($claims['iss'] ?? '') === 'ccr-ui-backend'
        && ($claims['aud'] ?? '') === 'ccr-ui-api';
    return $good ? ($claims['sub'] ?? null) : null;
}

// The statement is there from the second request of a child on, so asking for it first saves a round trip.
function rows(string $statement, array $values): array
{
    $connection = pg_pconnect((string) getenv('BENCH_DATABASE'));
    $result = @pg_execute($connection, $statement, $values);
    if ($result === false) {
        pg_prepare($connection, $statement, STATEMENTS[$statement]);
        $result = pg_execute($connection, $statement, $values);
    }
    return pg_fetch_all($result);
}

function profile(array $row): array
{
    return [
        'name' => $row['name'],
        'description' => $row['description'] ?? '',
        'base_url' => $row['base_url'] ?? '',
        'auth_token' => $row['masked'] ?? '',
        'model' => $row['model'],
        'small_fast_model' => $row['small_fast_model'],
        'is_current' => $row['name'] === $row['current_config'],
        'is_default' => $row['name'] === $row['default_config'],
        'provider' => $row['provider'],
        'provider_type' => $row['provider_type'],
        'account' => $row['account'],
        'tags' => $row['tags'] === null ? null : json_decode($row['tags']),
        'usage_count' => (int) $row['usage_count'],
        'enabled' => $row['enabled'] === 't',
        'platform' => $row['platform'],
        'revision' => (int) $row['revision'],
    ];
}

$user = verified_user($_SERVER['HTTP_AUTHORIZATION'] ?? '');
if ($user === null) {
    answer(401, ['success' => false]);
}
$path = explode('?', $_SERVER['REQUEST_URI'])[0];
$name = $path === '/api/configs' ? null : rawurldecode(substr($path, strlen('/api/configs/')));
$rows = $name === null ? rows('list', [$user, PLATFORM]) : rows('one', [$user, PLATFORM, $name]);
if (!$rows || $rows[0]['role'] === null) {
    answer(403, ['success' => false]);
}
if ($name !== null) {
    $rows[0]['name'] === null ? answer(404, ['success' => false]) : answer(200, profile($rows[0]));
}
$configs = $rows[0]['name'] === null ? [] : array_map('profile', $rows);
answer(200, [
    'current_config' => $rows[0]['current_config'],
    'default_config' => $rows[0]['default_config'],
    'configs' => $configs,
    'total' => count($configs),
    'platform' => PLATFORM,
]);
