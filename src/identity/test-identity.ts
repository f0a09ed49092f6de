import { mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  type Clock,
  createFakeClock,
  createNullLogger,
  DAY_MS,
  type FakeClock,
  systemRandom,
} from '../kernel/index.ts';
import { type AgentKeyFile, createAssertionSigner } from './credentials/client-assertion.ts';
import { createMemoryIdentityStore } from './memory.ts';
import type { Actor, Agent, IdentityChange, KeyAlgorithm, Principal } from './model.ts';
import type { OAuthEvent } from './oauth/events.ts';
import type { OAuthResponse } from './oauth/http.ts';
import type { WorkloadIssuer } from './oauth/workload-assertion.ts';
import type { IdentityStore } from './ports.ts';
import { createResourceDirectory } from './resources.ts';
import { createIdentity, type Identity } from './service.ts';

export const ISSUER = 'https://gw.example';
export const MCP = `${ISSUER}/mcp`;
export const BY: Actor = { user: 'ann@example.com', channel: 'cli', reason: 'test' };
/** What a human types in tests. */
export const HUMAN_CODE = 'one-time-code';

export interface TestIdentity<C extends Clock = FakeClock> {
  readonly identity: Identity;
  readonly clock: C;
  readonly store: IdentityStore;
  readonly directory: string;
  readonly changes: IdentityChange[];
  readonly events: OAuthEvent[];
  /** A registered and activated agent. */
  agent(name?: string): Promise<Agent>;
  /** An active agent with a key, and the content of its key file. */
  keyed(name?: string, algorithm?: KeyAlgorithm): Promise<{ agent: Agent; file: AgentKeyFile }>;
  assertion(file: AgentKeyFile): string;
  post(
    path: string,
    form: Readonly<Record<string, string>>,
    headers?: Readonly<Record<string, string>>,
  ): Promise<OAuthResponse>;
  get(path: string, headers?: Readonly<Record<string, string>>): Promise<OAuthResponse>;
  /** An access token of a new key, by client_credentials. */
  token(file: AgentKeyFile, resource?: string): Promise<string>;
  present(token: string, resource?: string): Principal | string;
}

/** The whole area on a memory store and a fake clock. For tests only. */
export async function createTestIdentity<C extends Clock = FakeClock>(
  options: {
    readonly clock?: C;
    readonly store?: IdentityStore;
    readonly directory?: string;
    readonly publicUrl?: string;
    readonly onChange?: (change: IdentityChange) => Promise<void> | void;
    readonly acceptParent?: boolean;
    readonly workloadIssuers?: readonly WorkloadIssuer[];
  } = {},
): Promise<TestIdentity<C>> {
  const clock = options.clock ?? (createFakeClock() as unknown as C);
  const store = options.store ?? createMemoryIdentityStore();
  const directory = options.directory ?? mkdtempSync(join(tmpdir(), 'sallyport-identity-'));
  const changes: IdentityChange[] = [];
  const events: OAuthEvent[] = [];
  const identity = await createIdentity({
    store,
    directory,
    clock,
    random: systemRandom,
    logger: createNullLogger(),
    resources: createResourceDirectory({
      publicUrl: options.publicUrl ?? ISSUER,
      paths: () => ['/mcp/github', '/mcp/files'],
      ...(options.acceptParent === undefined ? {} : { acceptParent: options.acceptParent }),
    }),
    onChange: async (change) => {
      await options.onChange?.(change);
      changes.push(change);
    },
    onEvent: (event) => events.push(event),
    ...(options.workloadIssuers === undefined ? {} : { workloadIssuers: options.workloadIssuers }),
    verifyHuman: (secret) => (secret === HUMAN_CODE ? { user: 'ann@example.com' } : undefined),
  });
  const request = async (
    method: string,
    path: string,
    headers: Readonly<Record<string, string>>,
    body: string,
  ): Promise<OAuthResponse> => {
    const response = await identity.authorizationServer.handle({
      method,
      path,
      headers,
      body,
      remote: '192.0.2.1',
    });
    return response ?? { status: 404, headers: {}, body: '' };
  };
  const post: TestIdentity['post'] = (path, form, headers = {}) =>
    request(
      'POST',
      path,
      { 'content-type': 'application/x-www-form-urlencoded', ...headers },
      new URLSearchParams(form).toString(),
    );
  const assertion = (file: AgentKeyFile): string =>
    createAssertionSigner(file, { clock, random: systemRandom })();
  const agent = async (name = 'mailer'): Promise<Agent> => {
    const staged = await identity.registry.register(
      {
        name,
        owners: ['ann@example.com'],
        purpose: 'answers mail',
        expiresAt: clock.now() + 30 * DAY_MS,
      },
      BY,
    );
    return identity.registry.transition(staged.id, 'active', BY);
  };
  return {
    identity,
    clock,
    store,
    directory,
    changes,
    events,
    agent,
    async keyed(name, algorithm) {
      const active = await agent(name);
      const { file } = await identity.agentKeys.generate(active.id, BY, algorithm);
      return { agent: active, file: JSON.parse(readFileSync(file, 'utf8')) as AgentKeyFile };
    },
    assertion,
    post,
    get: (path, headers = {}) => request('GET', path, headers, ''),
    async token(file, resource) {
      const response = await post('/oauth/token', {
        grant_type: 'client_credentials',
        client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
        client_assertion: assertion(file),
        ...(resource === undefined ? {} : { resource }),
      });
      return (JSON.parse(response.body) as { access_token: string }).access_token;
    },
    present(token, resource = identity.resources.defaultResource) {
      const answer = identity.authenticator.authenticate({
        authorization: `Bearer ${token}`,
        method: 'POST',
        resource,
      });
      if (answer instanceof Promise) throw new Error('the answer is always synchronous');
      return 'refused' in answer ? answer.reason : answer;
    },
  };
}
