<?php
// What bench.py compares with: PHP-FPM doing the same authenticated reads. Each child keeps its connection and the statements
// prepared on it; every request verifies its token and asks PostgreSQL once. What a profile says is stored as JSON, which goes
// into the answer as it is.
//
//     BENCH_JWT_SECRET BENCH_DATABASE in the pool's environment
declare(strict_types=1);

const PLATFORM = 'claude';
const COLUMNS = "m.role, coalesce(u.current_profile, d.default_profile, 'default') AS current_config,
  coalesce(d.default_profile, 'default') AS default_config, r.name, r.listed, r.uses, r.enabled, r.platform, r.revision";
// The role, even where there is no profile.
const FROM = "FROM memberships m JOIN workspaces w ON w.id = m.workspace_id AND w.personal_user_id = m.user_id
  LEFT JOIN user_platforms u ON u.workspace_id = w.id AND u.user_id = m.user_id AND u.platform = $2
  LEFT JOIN workspace_platforms d ON d.workspace_id = w.id AND d.platform = $2
  LEFT JOIN resources r ON r.workspace_id = w.id AND r.kind = 'profile' AND r.platform = $2";
const STATEMENTS = [
    'list' => 'SELECT ' . COLUMNS . ' ' . FROM . ' WHERE m.user_id = $1 ORDER BY r.position, r.name',
    'one' => 'SELECT ' . COLUMNS . ' ' . FROM . ' AND r.name = $3 WHERE m.user_id = $1',
];

function answer(int $status, string $body = '{"success":false}'): never
{
    http_response_code($status);
    header('Content-Type: application/json');
    echo $body;
    exit;
}

function text(mixed $value): string
{
    return json_encode($value, JSON_UNESCAPED_SLASHES | JSON_UNESCAPED_UNICODE);
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

function profile(array $row): string
{
    return '{"name":' . text($row['name']) . ',' . substr($row['listed'], 1, -1)
        . ',"is_current":' . text($row['name'] === $row['current_config'])
        . ',"is_default":' . text($row['name'] === $row['default_config'])
        . ',"usage_count":' . $row['uses'] . ',"enabled":' . text($row['enabled'] === 't')
        . ',"platform":' . text($row['platform']) . ',"revision":' . $row['revision'] . '}';
}

$user = verified_user($_SERVER['HTTP_AUTHORIZATION'] ?? '');
if ($user === null) {
    answer(401);
}
$path = explode('?', $_SERVER['REQUEST_URI'])[0];
$name = $path === '/api/configs' ? null : rawurldecode(substr($path, strlen('/api/configs/')));
$rows = $name === null ? rows('list', [$user, PLATFORM]) : rows('one', [$user, PLATFORM, $name]);
if (!$rows || $rows[0]['role'] === null) {
    answer(403);
}
if ($name !== null) {
    $rows[0]['name'] === null ? answer(404) : answer(200, profile($rows[0]));
}
$configs = $rows[0]['name'] === null ? [] : array_map('profile', $rows);
answer(200, '{"current_config":' . text($rows[0]['current_config']) . ',"default_config":' . text($rows[0]['default_config'])
    . ',"configs":[' . implode(',', $configs) . '],"total":' . count($configs) . ',"platform":"' . PLATFORM . '"}');
