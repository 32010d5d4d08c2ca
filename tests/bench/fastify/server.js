// What bench.py compares with: Node, Fastify and pg doing the same authenticated reads. Two processes share the socket and
// have a pool of four connections each; every request verifies its token and asks PostgreSQL once.
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

const COLUMNS = `m.role, coalesce(u.current_profile, d.default_profile, 'default') AS current_config,
  coalesce(d.default_profile, 'default') AS default_config, p.name, p.description, p.base_url, k.masked, p.model,
  p.small_fast_model, p.provider, p.provider_type, p.account, p.tags, p.usage_count, p.enabled, p.platform, p.revision`;
// The role, even where there is no profile.
const FROM = `FROM memberships m JOIN workspaces w ON w.id = m.workspace_id AND w.personal_user_id = m.user_id
  LEFT JOIN user_platforms u ON u.workspace_id = w.id AND u.user_id = m.user_id AND u.platform = $2
  LEFT JOIN workspace_platforms d ON d.workspace_id = w.id AND d.platform = $2
  LEFT JOIN profiles p ON p.workspace_id = w.id AND p.platform = $2`;
const MASKS = 'LEFT JOIN bench_masks k ON k.profile_id = p.id';
const LIST = `SELECT ${COLUMNS} ${FROM} ${MASKS} WHERE m.user_id = $1 ORDER BY p.position, p.name`;
const ONE = `SELECT ${COLUMNS} ${FROM} AND p.name = $3 ${MASKS} WHERE m.user_id = $1`;

const text = { type: 'string' };
const optional = { type: ['string', 'null'] };
const profileSchema = {
  type: 'object',
  properties: {
    name: text, description: text, base_url: text, auth_token: text, model: optional, small_fast_model: optional,
    is_current: { type: 'boolean' }, is_default: { type: 'boolean' }, provider: optional, provider_type: optional,
    account: optional, tags: { type: ['array', 'null'], items: text }, usage_count: { type: 'integer' },
    enabled: { type: 'boolean' }, platform: text, revision: { type: 'integer' },
  },
};
const listSchema = {
  type: 'object',
  properties: {
    current_config: text, default_config: text, configs: { type: 'array', items: profileSchema },
    total: { type: 'integer' }, platform: text,
  },
};

function toProfile(row) {
  return {
    name: row.name, description: row.description ?? '', base_url: row.base_url ?? '', auth_token: row.masked ?? '',
    model: row.model, small_fast_model: row.small_fast_model, is_current: row.name === row.current_config,
    is_default: row.name === row.default_config, provider: row.provider, provider_type: row.provider_type,
    account: row.account, tags: row.tags, usage_count: row.usage_count, enabled: row.enabled, platform: row.platform,
    revision: row.revision,
  };
}

function serve() {
  pg.types.setTypeParser(20, Number); // bigint: usage_count and revision
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
  app.get('/api/configs', { schema: { response: { 200: listSchema } } }, async (request, reply) => {
    const { rows } = await pool.query({ name: 'list', text: LIST, values: [request.userId, PLATFORM] });
    if (rows.length === 0 || !rows[0].role) return reply.code(403).send({ success: false });
    const configs = rows[0].name === null ? [] : rows.map(toProfile);
    return {
      current_config: rows[0].current_config, default_config: rows[0].default_config, configs, total: configs.length,
      platform: PLATFORM,
    };
  });
  app.get('/api/configs/:name', { schema: { response: { 200: profileSchema } } }, async (request, reply) => {
    const { rows } = await pool.query({ name: 'one', text: ONE, values: [request.userId, PLATFORM, request.params.name] });
    if (rows.length === 0 || !rows[0].role) return reply.code(403).send({ success: false });
    if (rows[0].name === null) return reply.code(404).send({ success: false });
    return toProfile(rows[0]);
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
