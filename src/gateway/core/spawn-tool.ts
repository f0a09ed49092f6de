import type { Agent, Principal, SpawnOutcome, SpawnRequest } from '../../identity/index.ts';
import type { ToolDefinition } from '../../policy/index.ts';
import type {
  CatalogueItem,
  InboundRequest,
  RawJson,
  Reply,
  UpstreamConnection,
} from '../model.ts';
import type { CallContext, ResolvedTarget } from '../pipeline/call-context.ts';
import { parseRaw } from '../wire/parse-raw.ts';
import { rawAsString, rawGet, rawOf } from '../wire/raw-json.ts';

/** The gateway's own server name: no configured server may use it while the tool is on. */
export const OWN_SERVER = 'sallyport';
const TOOL = 'spawn';
const EXPOSED = `${OWN_SERVER}__${TOOL}`;

/** What the gateway needs to make a child; identity provides it. */
export interface Spawner {
  mayDelegate(agent: Agent): boolean;
  child(principal: Principal, request: SpawnRequest): Promise<SpawnOutcome>;
}

const DEFINITION = {
  name: TOOL,
  title: 'Make a sub-agent',
  description:
    'Makes a sub-agent with a part of your own rights and gives you its access token, which works only with the private ' +
    'key that belongs to `key`. The sub-agent ends with you.',
  inputSchema: {
    type: 'object',
    properties: {
      purpose: { type: 'string', description: 'What the sub-agent is for, in one line.' },
      blueprint: { type: 'string', description: 'Kind of the sub-agent.' },
      expires_in: { type: 'integer', description: 'Seconds it may live; an hour unless said.' },
      key: { type: 'object', description: 'Its public key as JWK: P-256 or Ed25519.' },
      authorization_details: {
        type: 'array',
        description: 'What it may call: RFC 9396 details of the type agent_tool.',
        items: { type: 'object' },
      },
    },
    required: ['key'],
    additionalProperties: false,
  },
  annotations: { readOnlyHint: false, destructiveHint: false, openWorldHint: false },
} as const;

export interface SpawnTool {
  /** For policy, whose schema it is part of like any server's tools. */
  readonly tools: readonly ToolDefinition[];
  /** The tool as this caller's merged list shows it; policy still has its say. */
  listed(request: InboundRequest): readonly CatalogueItem[];
  /** The target when this is a call of the tool by a caller who may delegate; else whoever looks next decides. */
  resolve(context: CallContext): ResolvedTarget | undefined;
  isOwn(connection: UpstreamConnection): boolean;
  /** Makes the child. The call was decided and recorded before, like any other. */
  call(request: InboundRequest, params: RawJson | undefined): Promise<Reply>;
}

/** `sallyport__spawn`: the one tool of the gateway itself, on the merged endpoint only. */
export function createSpawnTool(spawner: Spawner, enabled: () => boolean): SpawnTool {
  const item: CatalogueItem = {
    kind: 'tools',
    server: OWN_SERVER,
    name: TOOL,
    exposedName: EXPOSED,
    raw: rawOf(DEFINITION),
  };
  const shown: CatalogueItem = { ...item, raw: rawOf({ ...DEFINITION, name: EXPOSED }) };
  const never = (): never => {
    throw new Error('the gateway is no server to connect to');
  };
  // Stands where a server's connection would; nothing ever goes through it.
  const connection: UpstreamConnection = {
    server: OWN_SERVER,
    info: {
      era: 'modern',
      revision: '2026-07-28',
      capabilities: rawOf({ tools: {} }),
      serverInfo: rawOf({ name: OWN_SERVER, version: '' }),
      instructions: undefined,
    },
    request: async () => never(),
    notify: never,
    onNotification: () => () => undefined,
    listen: async () => never(),
    onClose: () => () => undefined,
  };
  const offered = ({ downstream }: InboundRequest): boolean =>
    enabled() &&
    downstream.endpoint.kind === 'all' &&
    spawner.mayDelegate(downstream.principal.agent);

  return {
    tools: [DEFINITION],
    listed: (request) => (offered(request) ? [shown] : []),
    resolve({ request }) {
      if (request.method !== 'tools/call' || request.params === undefined) return undefined;
      const name = rawGet(request.params, 'name');
      if (name === undefined || rawAsString(name) !== EXPOSED || !offered(request))
        return undefined;
      return {
        ok: true,
        target: {
          kind: 'tool',
          server: OWN_SERVER,
          name: TOOL,
          exposedName: EXPOSED,
          connection,
          item,
          params: request.params,
          paramHeaders: {},
          extraHeaders: {},
          secretResult: true,
        },
      };
    },
    isOwn: (one) => one === connection,
    async call(request, params) {
      const raw = params === undefined ? undefined : rawGet(params, 'arguments');
      const args = raw === undefined ? {} : parseRaw(raw);
      const { principal, client } = request.downstream;
      const outcome = await spawner.child(principal, args as SpawnRequest);
      const answer = outcome.ok
        ? {
            agent_id: outcome.agentId,
            access_token: outcome.token,
            token_type: 'DPoP',
            expires_in: outcome.expiresIn,
            agent_expires_at: outcome.agentExpiresAt,
            authorization_details: outcome.details,
          }
        : undefined;
      return {
        kind: 'result',
        result: rawOf({
          ...(client.era === 'modern' ? { resultType: 'complete' } : {}),
          content: [
            {
              type: 'text',
              text: outcome.ok
                ? JSON.stringify(answer)
                : `No sub-agent was made: ${outcome.problem}`,
            },
          ],
          ...(answer === undefined ? { isError: true } : { structuredContent: answer }),
        }),
      };
    },
  };
}
