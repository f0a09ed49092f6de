import { describe, expect, test } from 'vitest';
import { challengeFor } from './challenge.ts';

const FACTS = {
  resourceMetadata: 'https://gw.example/.well-known/oauth-protected-resource/mcp',
  scopes: ['mcp'],
};

describe('the challenge', () => {
  test('names the metadata and no error when nothing was presented', () => {
    expect(challengeFor({ refused: true, reason: 'missing' }, FACTS)).toEqual({
      status: 401,
      headers: {
        'www-authenticate': `Bearer resource_metadata="${FACTS.resourceMetadata}", scope="mcp"`,
      },
    });
  });

  test.each([
    ['invalid_token', 401],
    ['invalid_request', 400],
    ['insufficient_scope', 403],
  ] as const)('carries %s with status %i', (error, status) => {
    const challenge = challengeFor({ refused: true, error, reason: 'x' }, FACTS);
    expect(challenge.status).toBe(status);
    expect(challenge.headers['www-authenticate']).toContain(`error="${error}"`);
  });

  test('asks for DPoP when the proof was the problem', () => {
    const { headers } = challengeFor(
      { refused: true, error: 'invalid_token', reason: 'dpop_replayed' },
      FACTS,
    );
    expect(headers['www-authenticate']).toMatch(/, DPoP error="invalid_dpop_proof"/);
  });

  test('cannot be split by what goes into it', () => {
    const { headers } = challengeFor(
      { refused: true, reason: 'missing' },
      { resourceMetadata: 'https://x/"\r\nset-cookie: a=b\\', scopes: ['a"b'] },
    );
    expect(headers['www-authenticate']).toBe(
      'Bearer resource_metadata="https://x/set-cookie: a=b", scope="ab"',
    );
  });
});
