// What bench.py compares with: Node, Fastify and pg doing the same authenticated reads. Two processes share the socket and
// have a pool of four connections each; every request verifies its token and asks PostgreSQL once. What a profile says is stored
// as JSON, which goes into the answer as it is.
//
//     BENCH_SOCKET BENCH_JWT_SECRET PGHOST PGUSER PGDATABASE PGPASSWORD in the environment

import cluster from 'node:cluster';
import { chmodSync } from 'node:fs';
import Fastify from 'fastify';
import { createVerifier } from 'fast-jwt';
import pg from 'pg';

const PROCESSES = 2;
const CONNECTIONS = 4;
const PLATFORM = 'claude';
const JSON_TYPE = 'application/json; charset=utf-8';

const COLUMNS = `m.role, coalesce(u.current_profile, d.default_profile, 'default') AS current_config,
  coalesce(d.default_profile, 'default') AS default_config, r.name, r.listed::text AS listed, r.uses, r.enabled, r.platform,
  r.revision`;
// The role, even where there is no profile.
const FROM = `FROM memberships m JOIN workspaces w ON w.id = m.workspace_id AND w.personal_user_id = m.user_id
  LEFT JOIN user_platforms u ON u.workspace_id = w.id AND u.user_id = m.user_id AND u.platform = $2
  LEFT JOIN workspace_platforms d ON d.workspace_id = w.id AND d.platform = $2
  LEFT JOIN resources r ON r.workspace_id = w.id AND r.kind = 'profile' AND r.platform = $2`;
const LIST = `SELECT ${COLUMNS} ${FROM} WHERE m.user_id = $1 ORDER BY r.position, r.name`;
const ONE = `SELECT ${COLUMNS} ${FROM} AND r.name = $3 WHERE m.user_id = $1`;

const text = JSON.stringify;

function profile(row) {
  return `{"name":${text(row.name)},${row.listed.slice(1, -1)},"is_current":${row.name === row.current_config},` +
    `"is_default":${row.name === row.default_config},"usage_count":${row.uses},"enabled":${row.enabled},` +
    `"platform":${text(row.platform)},"revision":${row.revision}}`;
}

function serve() {
  const pool = new pg.Pool({ max: CONNECTIONS, min: CONNECTIONS, idleTimeoutMillis: 0 });
  const verify = createVerifier({
    key: process.env.BENCH_JWT_SECRET, algorithms: ['HS256'], allowedIss: 'ccr-ui-backend', allowedAud: 'ccr-ui-api',
    requiredClaims: ['exp', 'iss', 'aud', 'sub'], cache: false,
  });
  const app = Fastify({ logger: false, keepAliveTimeout: 0 });
  app.decorateRequest('userId', '');
  app.addHook('onRequest', async (request, reply) => {
    try {
      const header = request.headers.authorization ?? '';
      request.userId = verify(header.startsWith('Bearer ') ? header.slice(7) : '').sub;
    } catch {
      return reply.code(401).send({ success: false });
    }
  });
  app.get('/api/configs', async (request, reply) => {
    const { rows } = await pool.query({ name: 'list', text: LIST, values: [request.userId, PLATFORM] });
    if (rows.length === 0 || !rows[0].role) return reply.code(403).send({ success: false });
    const configs = rows[0].name === null ? [] : rows.map(profile);
    return reply.type(JSON_TYPE).send(`{"current_config":${text(rows[0].current_config)},"default_config":` +
      `${text(rows[0].default_config)},"configs":[${configs.join(',')}],"total":${configs.length},"platform":"${PLATFORM}"}`);
  });
  app.get('/api/configs/:name', async (request, reply) => {
    const { rows } = await pool.query({ name: 'one', text: ONE, values: [request.userId, PLATFORM, request.params.name] });
    if (rows.length === 0 || !rows[0].role) return reply.code(403).send({ success: false });
    if (rows[0].name === null) return reply.code(404).send({ success: false });
    return reply.type(JSON_TYPE).send(profile(rows[0]));
  });
  app.listen({ path: process.env.BENCH_SOCKET, backlog: 4096 });
}

if (cluster.isPrimary) {
  for (let i = 0; i < PROCESSES; i++) cluster.fork();
  cluster.once('listening', () => chmodSync(process.env.BENCH_SOCKET, 0o660));
  process.on('SIGTERM', () => process.exit(0));
} else {
  serve();
}
