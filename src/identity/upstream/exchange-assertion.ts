import { z } from 'zod';
import type { Result } from '../../kernel/index.ts';
import type { AssertionExchange, Failure, OutboundFetch } from './model.ts';

const ID_JAG = 'urn:ietf:params:oauth:token-type:id-jag';
const ANSWER = z.looseObject({
  access_token: z.string().min(1).max(16_384),
  issued_token_type: z.literal(ID_JAG),
});

/**
 * An identity token becomes an assertion for another authorization server at the enterprise's identity provider
 * (RFC 8693 with an identity assertion authorization grant, the MCP extension for enterprise-managed authorization).
 */
export async function exchangeAssertion(
  fetch: OutboundFetch,
  exchange: AssertionExchange,
  wanted: {
    readonly subjectToken: string;
    readonly audience: string;
    readonly resource: string;
    readonly allowPrivate: boolean;
  },
): Promise<Result<string, Failure>> {
  const fail = (problem: string): Result<string, Failure> => ({
    ok: false,
    error: { problem: `the identity provider: ${problem}` },
  });
  let response: Response;
  try {
    response = await fetch(exchange.tokenEndpoint, {
      method: 'POST',
      headers: {
        accept: 'application/json',
        'content-type': 'application/x-www-form-urlencoded',
      },
      body: new URLSearchParams({
        grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
        requested_token_type: ID_JAG,
        subject_token: wanted.subjectToken,
        subject_token_type: 'urn:ietf:params:oauth:token-type:id_token',
        audience: wanted.audience,
        resource: wanted.resource,
        client_id: exchange.clientId,
      }).toString(),
      allowPrivate: wanted.allowPrivate,
    });
  } catch (error) {
    return fail(error instanceof Error ? error.message : 'failed');
  }
  if (response.status !== 200) return fail(`HTTP ${response.status}`);
  const parsed = ANSWER.safeParse(await response.json().catch(() => undefined));
  return parsed.success
    ? { ok: true, value: parsed.data.access_token }
    : fail('its answer is no identity assertion');
}
