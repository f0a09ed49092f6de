import { z } from 'zod';
import { SERVER_NAME } from '../../gateway/index.ts';
import {
  type ConfigOf,
  composeConfig,
  defineSection,
  duration,
  secretRef,
} from '../../kernel/index.ts';
import { UPSTREAM_AUTH } from './upstream-auth-section.ts';

const port = z.int().min(0).max(65_535);
/** A plain value, or a reference to a secret in a file or an environment variable. */
const plainOrSecret = z.union([z.string().max(8_192), secretRef]);

const gateway = defineSection('gateway', 'Where MCP clients connect.', {
  host: z
    .string()
    .default('127.0.0.1')
    .describe('Address to listen on. Anything but loopback needs a TLS proxy in front.'),
  port: port.default(7400).describe('Port to listen on; 0 picks a free one.'),
  publicUrl: z
    .url()
    .optional()
    .describe('URL under which clients reach the gateway; default: the listening address.'),
  allowedHosts: z
    .array(z.string().max(255))
    .max(100)
    .default([])
    .describe(
      'Further values of Host that are accepted; loopback names and the public URL always are.',
    ),
  allowedOrigins: z
    .array(z.string().max(255))
    .max(100)
    .default([])
    .describe('Further browser origins that are accepted.'),
});

const admin = defineSection('admin', 'The admin API and the console.', {
  host: z
    .string()
    .default('127.0.0.1')
    .describe('Address to listen on. Anything but loopback is refused without allowRemote.'),
  allowRemote: z
    .boolean()
    .default(false)
    .describe('Permit a host off loopback. The admin token travels in clear: needs a TLS proxy.'),
  port: port.default(7401).describe('Port to listen on; 0 picks a free one.'),
});

const policies = defineSection('policies', 'Cedar policies.', {
  dir: z
    .string()
    .default('policies')
    .describe('Directory of *.cedar files, relative to this file.'),
  mode: z
    .enum(['enforce', 'observe'])
    .default('enforce')
    .describe('observe decides and records, but lets everything pass.'),
});

const audit = defineSection('audit', 'What the record keeps beside digests.', {
  bodies: z
    .enum(['none', 'arguments', 'full'])
    .default('none')
    .describe(
      'arguments keeps what agents sent, full also what servers answered; both may hold secrets and personal data.',
    ),
  keepBodies: duration()
    .prefault('30d')
    .describe('Bodies are dropped when they were last seen this long ago; the record stays.'),
});

const log = defineSection('log', 'The log on standard error.', {
  level: z
    .enum(['debug', 'info', 'warn', 'error'])
    .default('info')
    .describe('Least level that is written.'),
});

const server = z.strictObject({
  command: z
    .string()
    .min(1)
    .max(4_096)
    .optional()
    .describe('Program of a local server, started without a shell.'),
  args: z
    .array(z.string().max(8_192))
    .max(256)
    .default([])
    .describe('Its arguments. No secrets: other users can see them.'),
  env: z
    .record(z.string(), plainOrSecret)
    .default({})
    .describe('Its environment; nothing else of the gateway reaches it.'),
  cwd: z.string().optional().describe('Its working directory, relative to this file.'),
  shared: z
    .boolean()
    .default(false)
    .describe('One process for all agents instead of one per agent.'),
  url: z.url().optional().describe('Streamable HTTP endpoint of a remote server.'),
  headers: z
    .record(z.string(), plainOrSecret)
    .default({})
    .describe('Headers added to every request to a remote server.'),
  auth: UPSTREAM_AUTH.optional(),
  allowPrivate: z
    .boolean()
    .default(false)
    .describe('Permit loopback and private addresses for url.'),
  timeout: duration().prefault('60s').describe('Longest silence of the server within a call.'),
  enabled: z.boolean().default(true).describe('false keeps the entry and serves nothing.'),
  aliases: z
    .record(z.string(), z.string().max(64))
    .default({})
    .describe('Tool name -> the name clients of the merged endpoint see.'),
});

const servers = {
  name: 'servers',
  description: 'MCP servers behind the gateway, by name.',
  schema: z
    .record(
      z.string().regex(SERVER_NAME, 'use 1-32 lower-case letters, digits and hyphens'),
      server,
    )
    .prefault({})
    .describe('MCP servers behind the gateway, by name.'),
} as const;

const agents = {
  name: 'agents',
  description: 'Agents that are registered at start, by name.',
  schema: z
    .record(
      z.string(),
      z.strictObject({
        owner: z.string().describe('The accountable person.'),
        purpose: z
          .string()
          .max(1_000)
          .default('declared in the configuration')
          .describe('What the agent is for.'),
        groups: z.array(z.string()).max(64).default([]).describe('Groups that policies name.'),
        blueprint: z
          .string()
          .max(128)
          .optional()
          .describe('Kind of agent; one of blueprints bounds it and lets it delegate.'),
        environment: z.string().optional().describe('For example production.'),
        riskTier: z
          .enum(['low', 'medium', 'high'])
          .optional()
          .describe('Drives how strict its credentials are.'),
      }),
    )
    .prefault({})
    .describe('Agents that are registered at start, by name.'),
} as const;

/** Checked by identity, which owns the schema of the details. */
const toolDetails = z.array(z.record(z.string(), z.json())).max(16);

const blueprints = {
  name: 'blueprints',
  description: 'Kinds of agents: what bounds them and what they may hand down.',
  schema: z
    .record(
      z.string(),
      z.strictObject({
        purpose: z.string().max(1_000).describe('What agents of this kind are for.'),
        ceiling: toolDetails
          .optional()
          .describe('agent_tool details that bound its agents and all below them.'),
        needs: toolDetails
          .optional()
          .describe('agent_tool details of a child whose parent asks for nothing in particular.'),
        maySpawn: z
          .array(z.string())
          .max(64)
          .default([])
          .describe('Blueprints its agents may make children of; none: they may not delegate.'),
        maxDepth: z.int().min(0).max(7).default(5).describe('Levels of children below an agent.'),
        maxChildren: z
          .int()
          .min(0)
          .max(1_000)
          .default(16)
          .describe('Children one agent may have at a time.'),
        disabled: z
          .boolean()
          .optional()
          .describe(
            'true ends every token of its agents and of all below them; false lets them in again.',
          ),
      }),
    )
    .prefault({})
    .describe('Kinds of agents: what bounds them and what they may hand down.'),
} as const;

const workloads = {
  name: 'workloads',
  description: 'Platforms whose workload tokens stand for agents (RFC 7523).',
  schema: z
    .record(
      z.string(),
      z.strictObject({
        issuer: z.string().min(1).max(2_048).describe('Exactly the iss of its tokens.'),
        audience: z
          .string()
          .min(1)
          .max(2_048)
          .optional()
          .describe('What aud must be or contain; default: the public URL of the gateway.'),
        jwksFile: z
          .string()
          .min(1)
          .describe('Its public keys as a JWKS file, relative to this file; read at start.'),
        subjects: z
          .array(
            z.strictObject({
              subject: z
                .string()
                .min(1)
                .max(512)
                .describe('The sub, with * for a run of characters without / and :.'),
              agent: z.string().describe('The registered agent that it is.'),
              claims: z
                .record(z.string(), z.string())
                .default({})
                .describe('Claims that must be exactly so.'),
            }),
          )
          .min(1)
          .max(1_000),
      }),
    )
    .prefault({})
    .describe('Platforms whose workload tokens stand for agents (RFC 7523).'),
} as const;

/** The one schema of `sallyport.yaml`: types, JSON Schema, reference and messages come from it. */
export const CONFIG = composeConfig([
  gateway,
  admin,
  policies,
  servers,
  blueprints,
  agents,
  workloads,
  audit,
  log,
]);
export type Config = ConfigOf<
  [
    typeof gateway,
    typeof admin,
    typeof policies,
    typeof servers,
    typeof blueprints,
    typeof agents,
    typeof workloads,
    typeof audit,
    typeof log,
  ]
>;
export type ServerEntry = Config['servers'][string];
