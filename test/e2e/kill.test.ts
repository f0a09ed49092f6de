import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, it } from 'vitest';
import { readAudit, verifyAudit } from '../../src/audit/index.ts';
import { type RunningGateway, startGateway } from '../fixtures/start-gateway.ts';
import { NODE, startProgram } from '../fixtures/start-program.ts';
import { modernCall } from './modern-call.ts';
import { startRecordingUpstream } from './recording-upstream.ts';

const BIN = fileURLToPath(new URL('../../bin/sallyport.mjs', import.meta.url));
const closing: Array<() => Promise<unknown>> = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

const publicKey = (gateway: RunningGateway): string =>
  readFileSync(
    [
      join(gateway.dataDir, 'audit', 'audit-key.pub.pem'),
      join(gateway.dataDir, 'audit-key.pub.pem'),
    ].find(existsSync) ?? '',
    'utf8',
  );

describe('a gateway killed in mid-traffic', () => {
  it('has a decision record for every call that reached the server, and a log that verifies after the restart', async () => {
    const upstream = await startRecordingUpstream();
    closing.push(upstream.close);
    const gateway = await startGateway({
      servers: { recorder: { url: upstream.url, allowPrivate: true } },
    });
    closing.push(gateway.close);
    const token = gateway.tokenFor();
    let running = true;
    const clients = Array.from({ length: 16 }, async () => {
      for (let n = 0; running; n++) {
        try {
          await modernCall(gateway.serverUrl('recorder'), token, 'tools/call', {
            name: 'note',
            arguments: { n },
          });
        } catch {
          // The gateway is gone; that is the point.
          return;
        }
      }
    });
    while (upstream.spans.size < 300) await new Promise((resolve) => setTimeout(resolve, 5));
    process.kill(gateway.pid, 'SIGKILL');
    await Promise.all(clients);
    running = false;

    const again = await startProgram<{ pid: number }>(
      NODE,
      [BIN, 'up', '--data-dir', gateway.dataDir, '--config', gateway.configFile, '--json'],
      { timeoutMs: 60_000 },
    );
    closing.push(again.close);
    const report = await verifyAudit(join(gateway.dataDir, 'audit'), {
      publicKey: publicKey(gateway),
    });
    expect(report.problem).toBeUndefined();
    expect(report.ok).toBe(true);
    const decided = new Set<string>();
    for await (const record of readAudit(join(gateway.dataDir, 'audit'))) {
      if (record.type === 'decision' && record.effect === 'allow' && record.span !== undefined)
        decided.add(record.span);
    }
    expect(upstream.spans.size).toBeGreaterThanOrEqual(300);
    expect([...upstream.spans].filter((span) => !decided.has(span))).toEqual([]);
  });
});

describe('a server killed while others work', () => {
  it('loses its own open call, comes back for the next one, and disturbs nobody', async () => {
    const server = fileURLToPath(new URL('./killable-server.mjs', import.meta.url));
    const gateway = await startGateway({
      servers: { one: { command: NODE, args: [server] }, two: { command: NODE, args: [server] } },
    });
    closing.push(gateway.close);
    const token = gateway.tokenFor();
    const call = (name: string, tool: string) =>
      modernCall(gateway.serverUrl(name), token, 'tools/call', { name: tool, arguments: {} });
    const before = await call('one', 'pid');
    const twoBefore = await call('two', 'pid');
    const lost = await call('one', 'die');
    expect(JSON.stringify(lost)).toContain('GW_UPSTREAM_LOST');
    expect(await call('two', 'pid')).toEqual(twoBefore);
    let after = await call('one', 'pid');
    // A server that just died is restarted with a pause; until then the answer says that it is not available.
    for (let i = 0; i < 100 && JSON.stringify(after).includes('GW_UPSTREAM'); i++) {
      await new Promise((resolve) => setTimeout(resolve, 100));
      after = await call('one', 'pid');
    }
    expect(after).not.toEqual(before);
    expect(JSON.stringify(after)).toContain('pid');
    const report = await verifyAudit(join(gateway.dataDir, 'audit'));
    expect(report.problem).toBeUndefined();
  });
});
