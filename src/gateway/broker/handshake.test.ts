import { describe, expect, it } from 'vitest';
import type { Revision } from '../model.ts';
import { capabilitiesFor } from './capabilities.ts';
import { fakeClient, fakeUpstream, json, raw } from './fixtures/scripted.ts';
import { discoverResult, initializeResult } from './handshake.ts';

const SELF = { serverInfo: raw({ name: 'sallyport', version: '0' }) };
const client = (revision: Revision) => fakeClient({ revision }).downstream.client;
const FULL = {
  tools: { listChanged: false, 'x-own': 1 },
  resources: { subscribe: true },
  completions: {},
  logging: {},
  tasks: { list: {} },
  experimental: { odd: {} },
  extensions: { 'x.test/ui': {} },
};

describe('capabilities', () => {
  it('of one server of the client’s era pass with what they hold, list changes being ours', () => {
    const one = fakeUpstream({ revision: '2025-11-25', capabilities: FULL }).connection;
    expect(json(capabilitiesFor(client('2025-11-25'), [one]))).toEqual({
      ...FULL,
      tools: { listChanged: true, 'x-own': 1 },
      resources: { subscribe: true, listChanged: true },
    });
  });

  it('leave out what an older revision does not know', () => {
    const one = fakeUpstream({ revision: '2025-11-25', capabilities: FULL }).connection;
    expect(json(capabilitiesFor(client('2024-11-05'), [one]))).not.toHaveProperty('completions');
    expect(json(capabilitiesFor(client('2025-06-18'), [one]))).not.toHaveProperty('tasks');
  });

  it('of a legacy server lose tasks and extensions for a modern client', () => {
    const one = fakeUpstream({ revision: '2025-11-25', capabilities: FULL }).connection;
    expect(json(capabilitiesFor(client('2026-07-28'), [one]))).toEqual({
      tools: { listChanged: true },
      resources: { listChanged: true, subscribe: true },
      completions: {},
      logging: {},
    });
  });

  it('of a modern server lose extensions for a legacy client', () => {
    const one = fakeUpstream({
      capabilities: { tools: {}, extensions: { 'x.test/ui': {} } },
    }).connection;
    expect(json(capabilitiesFor(client('2025-11-25'), [one]))).toEqual({
      tools: { listChanged: true },
    });
  });

  it('of several servers are their union', () => {
    const a = fakeUpstream({
      server: 'a',
      capabilities: { tools: {}, extensions: { 'x.test/a': {} } },
    }).connection;
    const b = fakeUpstream({
      server: 'b',
      capabilities: { prompts: {}, resources: {}, extensions: { 'x.test/b': { v: 1 } } },
    }).connection;
    const c = fakeUpstream({
      server: 'c',
      revision: '2025-03-26',
      capabilities: { resources: { subscribe: true } },
    }).connection;
    expect(json(capabilitiesFor(client('2026-07-28'), [a, b, c]))).toEqual({
      tools: { listChanged: true },
      extensions: { 'x.test/a': {}, 'x.test/b': { v: 1 } },
      prompts: { listChanged: true },
      resources: { listChanged: true, subscribe: true },
    });
  });
});

describe('handshakes', () => {
  const one = fakeUpstream({ server: 'a', instructions: 'use a' }).connection;
  const two = fakeUpstream({ server: 'b', instructions: 'use b' }).connection;

  it('initialize speaks for the one server, in the chosen revision', () => {
    expect(json(initializeResult(client('2025-06-18'), [one], SELF))).toEqual({
      protocolVersion: '2025-06-18',
      capabilities: { tools: { listChanged: true } },
      serverInfo: { name: 'a', version: '1' },
      instructions: 'use a',
    });
  });

  it('initialize speaks for the gateway where there are several', () => {
    const result = json(initializeResult(client('2025-11-25'), [one, two], SELF));
    expect(result['serverInfo']).toEqual({ name: 'sallyport', version: '0' });
    expect(result['instructions']).toBe('## a\nuse a\n\n## b\nuse b');
    expect(json(initializeResult(client('2025-11-25'), [], SELF))).not.toHaveProperty(
      'instructions',
    );
  });

  it('discover is private and names the envelope’s revisions', () => {
    expect(json(discoverResult(client('2026-07-28'), [one], SELF))).toEqual({
      resultType: 'complete',
      supportedVersions: ['2026-07-28'],
      capabilities: { tools: { listChanged: true } },
      instructions: 'use a',
      ttlMs: 30_000,
      cacheScope: 'private',
      _meta: { 'io.modelcontextprotocol/serverInfo': { name: 'a', version: '1' } },
    });
  });
});
