import {
  CLIENTS,
  type ClientDefinition,
  type LocatedPlace,
  locate,
  osOf,
  planConnect,
  planUndo,
  type Scope,
  type ServerEntry,
} from '../../../discover/index.ts';
import { AppError, suggest } from '../../../kernel/index.ts';
import { findRunning } from '../../api-access.ts';
import { type Run, usage } from '../../context.ts';
import { askYes } from '../../output/ask.ts';
import { safeText } from '../../output/safe-text.ts';
import type { ConnectOptions } from './index.ts';
import { agentWithKey, shimCommand } from './shim-command.ts';

/** `connect`, apart from its grammar: the editors of every format load when a client is connected. */
export async function runConnect(
  run: Run<ConnectOptions>,
  id: string | undefined,
): Promise<number> {
  if (run.options.list === true) return listClients(run);
  const client = clientOf(id);
  const place = placeOf(run, client);
  return run.options.undo === true ? undo(run, client, place) : connect(run, client, place);
}

function listClients(run: Run<ConnectOptions>): number {
  const rows = CLIENTS.map(({ id, name, places }) => ({
    id,
    name,
    scopes: [...new Set(places.map(({ scope }) => scope))],
  }));
  if (run.terminal.machine) run.terminal.json({ clients: rows });
  else
    run.terminal.table(
      ['CLIENT', 'SCOPES', 'NAME'],
      rows.map(({ id, name, scopes }) => [id, scopes.join(', '), name]),
    );
  return 0;
}

function clientOf(id: string | undefined): ClientDefinition {
  if (id === undefined) throw usage('which client was not said', 'sallyport connect --list');
  const client = CLIENTS.find((one) => one.id === id);
  if (client !== undefined) return client;
  const meant = suggest(
    id,
    CLIENTS.map((one) => one.id),
  );
  throw new AppError('DISCOVER_UNKNOWN_CLIENT', {
    params: {
      client: safeText(id, 64),
      suggestion: meant === undefined ? '' : `; did you mean ${meant}?`,
    },
  });
}

function placeOf({ ports, options }: Run<ConnectOptions>, client: ClientDefinition): LocatedPlace {
  const { scope } = options;
  if (scope !== 'user' && scope !== 'project')
    throw usage(`--scope ${safeText(scope, 32)} is unknown`, 'use user or project');
  const place = locate(client, scope satisfies Scope, {
    home: ports.home,
    cwd: ports.cwd,
    os: osOf(ports.platform),
    env: ports.env,
  });
  if (place === undefined)
    throw new AppError('DISCOVER_UNSUPPORTED', {
      params: { client: client.id, problem: `has no configuration of the scope ${scope} here` },
    });
  return place;
}

async function entryOf(run: Run<ConnectOptions>, client: ClientDefinition): Promise<ServerEntry> {
  const { options } = run;
  if (options.http !== true) {
    const agent = await agentWithKey(run, options.agent);
    return shimCommand(run, agent, options.server, client.kind === 'cli');
  }
  const running = await findRunning(run);
  if (running === undefined)
    throw new AppError('CLI_NO_GATEWAY', { params: { dir: run.data.path } });
  const suffix = options.server === undefined ? '' : `/${options.server}`;
  return { kind: 'http', url: `${running.mcpUrl}${suffix}` };
}

async function connect(
  run: Run<ConnectOptions>,
  client: ClientDefinition,
  place: LocatedPlace,
): Promise<number> {
  const { options, terminal, ports } = run;
  const value = client.shape(await entryOf(run, client), options.name);
  if (value === undefined)
    throw new AppError('DISCOVER_UNSUPPORTED', {
      params: { client: client.id, problem: 'takes no URL in its file; leave --http away' },
    });
  if (options.print === true) {
    const snippet = { [place.container]: place.isList ? [value] : { [options.name]: value } };
    if (terminal.machine) terminal.json({ client: client.id, file: place.file, entry: snippet });
    else {
      terminal.note(`in ${place.file}:`);
      terminal.line(JSON.stringify(snippet, null, 2));
    }
    return 0;
  }
  const plan = await planConnect({ place, name: options.name, project: ports.cwd }, value);
  if (!plan.changed) {
    if (terminal.machine) terminal.json({ client: client.id, file: plan.file, changed: false });
    else terminal.line(`${client.name} is connected already (${plan.file})`);
    return 0;
  }
  const done = await applyPlan(run, plan, `Write this to ${plan.file}?`);
  if (terminal.machine)
    terminal.json({
      client: client.id,
      file: plan.file,
      changed: done.applied,
      backup: done.backup,
    });
  else if (done.applied) {
    terminal.line(`${client.name} is connected; the original is kept in ${done.backup ?? ''}`);
    terminal.line(
      `Next: restart ${client.name}, then watch its first call: sallyport audit tail --follow`,
    );
    terminal.line(`Undo: sallyport connect ${client.id} --undo`);
  }
  return 0;
}

async function undo(
  run: Run<ConnectOptions>,
  client: ClientDefinition,
  place: LocatedPlace,
): Promise<number> {
  const { options, terminal, ports } = run;
  const plan = await planUndo({ place, name: options.name, project: ports.cwd });
  if (plan.exact !== true)
    terminal.note('the file was changed since; only the entry of Sallyport is taken out');
  const done = await applyPlan(run, plan, `Write this to ${plan.file}?`);
  if (terminal.machine)
    terminal.json({
      client: client.id,
      file: plan.file,
      restored: done.applied,
      exact: plan.exact === true,
    });
  else if (done.applied)
    terminal.line(
      plan.exact === true
        ? `${plan.file} is as it was before, byte for byte`
        : `the entry is gone from ${plan.file}`,
    );
  return 0;
}

async function applyPlan(
  { options, terminal, ports }: Run<ConnectOptions>,
  plan: Awaited<ReturnType<typeof planConnect>>,
  question: string,
): Promise<{ readonly applied: boolean; readonly backup: string | null }> {
  // The file is somebody else's text: what cannot be seen is shown, tabs stay.
  for (const line of plan.diff.split('\n')) {
    const shown = line
      .split('\t')
      .map((part) => safeText(part.replace(/\r$/, ''), 500))
      .join('\t');
    const { color } = terminal;
    const paint = line.startsWith('+') ? color.green : line.startsWith('-') ? color.red : String;
    if (!terminal.machine) terminal.line(paint(shown));
  }
  if (plan.path !== plan.file) terminal.note(`${plan.file} is a link to ${plan.path}`);
  if (options.dryRun === true) return { applied: false, backup: null };
  if (options.yes !== true && !(await askYes(ports, question))) throw new AppError('CLI_DECLINED');
  const { backup } = await plan.apply(ports.random);
  return { applied: true, backup: backup ?? null };
}
