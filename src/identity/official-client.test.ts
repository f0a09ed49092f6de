import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import {
  auth,
  DpopSession,
  type OAuthClientProvider,
  PrivateKeyJwtProvider,
  withDpopFromProvider,
  withOAuth,
} from '@modelcontextprotocol/client';
import { afterEach, describe, expect, test } from 'vitest';
import { type Clock, systemClock } from '../kernel/index.ts';
import { challengeFor } from './challenge.ts';
import { createTestIdentity, HUMAN_CODE, type TestIdentity } from './test-identity.ts';

const servers: Server[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) server.close();
});

const bodyOf = async (request: IncomingMessage): Promise<string> => {
  let text = '';
  for await (const chunk of request) text += String(chunk);
  return text;
};

/** The handlers on a real socket, and an endpoint that answers with the name of who called. */
const serve = async (): Promise<TestIdentity<Clock> & { readonly url: string }> => {
  let test: TestIdentity<Clock> | undefined;
  const server = createServer(async (request, response) => {
    const { identity } = test!;
    const path = request.url ?? '/';
    const answer = await identity.authorizationServer.handle({
      method: request.method ?? 'GET',
      path,
      headers: request.headers as Record<string, string>,
      body: await bodyOf(request),
      remote: request.socket.remoteAddress ?? '',
    });
    if (answer !== undefined)
      return void response.writeHead(answer.status, answer.headers).end(answer.body);
    const resource = identity.resources.issuer + path;
    const who = await identity.authenticator.authenticate({
      authorization: request.headers.authorization,
      ...(typeof request.headers['dpop'] === 'string' ? { dpop: request.headers['dpop'] } : {}),
      method: request.method ?? 'GET',
      resource,
    });
    if ('refused' in who) {
      const { status, headers } = challengeFor(who, {
        resourceMetadata: identity.resources.metadataUrl(resource),
        scopes: ['mcp'],
      });
      return void response.writeHead(status, headers).end();
    }
    response.end(JSON.stringify({ agent: who.agent.name, user: who.user ?? null }));
  });
  servers.push(server);
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  test = await createTestIdentity({ clock: systemClock, publicUrl: url });
  return { ...test, url };
};

describe('the official client', () => {
  test.each(['/mcp', '/mcp/github'])(
    'discovers, authenticates with its key and calls %s',
    async (path) => {
      const { keyed, url, events } = await serve();
      const { file } = await keyed();
      const provider = new PrivateKeyJwtProvider({
        clientId: file.clientId,
        privateKey: { ...file.key },
        algorithm: file.key.alg,
        expectedIssuer: url,
      });
      const call = withOAuth(provider, `${url}${path}`)(fetch);
      const response = await call(`${url}${path}`, { method: 'POST' });
      expect(await response.json()).toEqual({ agent: 'mailer', user: null });
      expect(events.at(-1)).toMatchObject({ kind: 'token.issued', resource: `${url}${path}` });
    },
  );

  test('binds its token to a DPoP key and proves it at the endpoint', async () => {
    const { keyed, url, present } = await serve();
    const { file } = await keyed();
    const session = await DpopSession.create({ alg: 'ES256' });
    const provider: OAuthClientProvider = Object.assign(
      new PrivateKeyJwtProvider({
        clientId: file.clientId,
        privateKey: { ...file.key },
        algorithm: 'ES256',
        expectedIssuer: url,
      }),
      { dpop: () => session },
    );
    expect(await auth(provider, { serverUrl: `${url}/mcp` })).toBe('AUTHORIZED');
    const tokens = await provider.tokens();
    expect(tokens?.token_type).toBe('DPoP');
    const response = await withDpopFromProvider(provider)(fetch)(`${url}/mcp`, { method: 'POST' });
    expect(await response.json()).toEqual({ agent: 'mailer', user: null });
    expect(present(tokens?.access_token ?? '')).toBe('bound_token_as_bearer');
  });

  test('registers, sends the human to the consent page, redeems the code and refreshes', async () => {
    const { agent, url } = await serve();
    const { id } = await agent('editor-agent');
    const saved: Record<string, unknown> = {};
    let authorizationUrl: URL | undefined;
    const provider: OAuthClientProvider = {
      redirectUrl: 'http://127.0.0.1:45678/callback',
      clientMetadata: {
        client_name: 'Editor',
        redirect_uris: ['http://127.0.0.1:45678/callback'],
        grant_types: ['authorization_code', 'refresh_token'],
      },
      state: () => 'state-1',
      clientInformation: () => saved['client'] as never,
      saveClientInformation: (value) => {
        saved['client'] = value;
      },
      tokens: () => saved['tokens'] as never,
      saveTokens: (value) => {
        saved['tokens'] = value;
      },
      discoveryState: () => saved['discovery'] as never,
      saveDiscoveryState: (value) => {
        saved['discovery'] = value;
      },
      saveCodeVerifier: (value) => {
        saved['verifier'] = value;
      },
      codeVerifier: () => saved['verifier'] as string,
      redirectToAuthorization: (value) => {
        authorizationUrl = value;
      },
    };
    const serverUrl = `${url}/mcp`;
    expect(await auth(provider, { serverUrl })).toBe('REDIRECT');

    // What a browser and a human do.
    const page = await fetch(authorizationUrl!);
    const cookie = page.headers.get('set-cookie')!.split(';')[0]!;
    const submit = async (html: string, form: Record<string, string>): Promise<Response> =>
      fetch(`${url}/oauth/authorize`, {
        method: 'POST',
        redirect: 'manual',
        headers: { cookie, origin: url },
        body: new URLSearchParams({
          request: /name="request" value="([^"]+)"/.exec(html)![1]!,
          ...form,
        }),
      });
    const choice = await submit(await page.text(), { secret: HUMAN_CODE });
    const done = await submit(await choice.text(), { agent: id, decision: 'approve' });
    const callback = new URL(done.headers.get('location')!);
    expect(callback.searchParams.get('state')).toBe('state-1');

    expect(
      await auth(provider, {
        serverUrl,
        authorizationCode: callback.searchParams.get('code')!,
        iss: callback.searchParams.get('iss')!,
      }),
    ).toBe('AUTHORIZED');
    const call = (): Promise<Response> =>
      withOAuth(provider, serverUrl)(fetch)(serverUrl, { method: 'POST' });
    expect(await (await call()).json()).toEqual({ agent: 'editor-agent', user: 'ann@example.com' });

    const before = (saved['tokens'] as { refresh_token: string }).refresh_token;
    expect(await auth(provider, { serverUrl })).toBe('AUTHORIZED');
    expect((saved['tokens'] as { refresh_token: string }).refresh_token).not.toBe(before);
    expect((await call()).status).toBe(200);
  });
});
