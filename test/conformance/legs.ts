import { fileURLToPath } from 'node:url';
import { everythingOverStdio, startEverything } from '../fixtures/start-everything.ts';
import { startGateway } from '../fixtures/start-gateway.ts';
import { NODE } from '../fixtures/start-program.ts';
import { injectToken } from './inject-token.ts';
import type { Revision } from './small-client.ts';
import { type Outcomes, requirementsOf, runClientScenario, runServerSuite } from './suite.ts';

export const REVISIONS: readonly Revision[] = ['2025-11-25', '2026-07-28'];

/** One run of one requirement set. */
export interface Leg {
  /** `through 2026-07-28` and the like: the key of expected-failures.yaml. */
  name: string;
  required: string[];
  outcomes: Outcomes;
  /** Required scenarios that this leg doesn't run, and why. */
  skipped: Map<string, string>;
}

type Say = (line: string) => void;
const DRIVER = fileURLToPath(new URL('./client-driver.ts', import.meta.url));

/** Runs the server side: directly against the fixture, and through a gateway over every kind of upstream. */
export async function runServerLegs(say: Say): Promise<Leg[]> {
  const both = await startEverything('both');
  const modernOnly = await startEverything('modern');
  const legacyOnly = await startEverything('legacy');
  const closing: (() => Promise<void>)[] = [both.close, modernOnly.close, legacyOnly.close];
  try {
    const gateway = await startGateway({
      agents: ['conformance'],
      servers: {
        both: { url: both.ready.url, allowPrivate: true },
        'modern-only': { url: modernOnly.ready.url, allowPrivate: true },
        'legacy-only': { url: legacyOnly.ready.url, allowPrivate: true },
        stdio: everythingOverStdio('both'),
      },
    });
    closing.unshift(gateway.close);
    const proxy = await injectToken(new URL(gateway.mcpUrl).origin, gateway.tokenFor());
    closing.unshift(proxy.close);
    const through = (server: string): string => proxy.urlFor(gateway.serverUrl(server));

    const legs: Leg[] = [];
    const run = async (kind: string, revision: Revision, url: string): Promise<void> => {
      const name = `${kind} ${revision}`;
      say(`running ${name}`);
      const { server } = await requirementsOf(revision);
      const outcomes = await runServerSuite(url, revision);
      legs.push({ name, required: server, outcomes, skipped: new Map() });
    };
    for (const revision of REVISIONS) await run('direct', revision, both.ready.url);
    for (const revision of REVISIONS) await run('through', revision, through('both'));
    for (const revision of REVISIONS) await run('stdio', revision, through('stdio'));
    await run('translated', '2025-11-25', through('modern-only'));
    await run('translated', '2026-07-28', through('legacy-only'));
    return legs;
  } finally {
    for (const close of closing) await close();
  }
}

/** Runs the client side: the suite's own servers as upstream of a gateway, one gateway per scenario. */
export async function runClientLegs(say: Say): Promise<Leg[]> {
  const legs: Leg[] = [];
  for (const revision of REVISIONS) {
    const { client, not_scored: others } = await requirementsOf(revision);
    const unscored = others.filter(({ leg }) => leg === 'client').map(({ scenario }) => scenario);
    const leg: Leg = {
      name: `client ${revision}`,
      required: client,
      outcomes: new Map(),
      skipped: new Map(),
    };
    for (const scenario of [...client, ...unscored]) {
      say(`running ${leg.name} ${scenario}`);
      leg.outcomes.set(scenario, await runClientScenario(scenario, revision, `${NODE} ${DRIVER}`));
    }
    legs.push(leg);
  }
  return legs;
}
