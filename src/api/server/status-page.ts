import type { AuditReceipt, StoredRecord } from '../../audit/index.ts';
import type { UpstreamStatus } from '../../gateway/index.ts';
import type { Agent } from '../../identity/index.ts';
import type { PolicyServiceStatus } from '../../policy/index.ts';

export interface StatusFacts {
  readonly user: string;
  readonly version: string;
  readonly mcpUrl: string;
  readonly now: number;
  readonly auditHealthy: boolean;
  readonly auditHead: AuditReceipt;
  readonly policy: Pick<PolicyServiceStatus, 'version' | 'mode' | 'policies'>;
  readonly servers: readonly (UpstreamStatus & { readonly tools: number | undefined })[];
  readonly agents: readonly Agent[];
  readonly decisions: readonly StoredRecord[];
}

export const STYLE = `:root{color-scheme:light dark}
body{font:15px/1.5 system-ui,sans-serif;max-width:72rem;margin:2rem auto;padding:0 1rem}
h1{font-size:1.3rem}h2{font-size:1.05rem;margin-top:2rem}
table{border-collapse:collapse;width:100%}
th,td{text-align:left;padding:.3rem .8rem .3rem 0;border-bottom:1px solid #8884;vertical-align:top;overflow-wrap:anywhere}
th{font-weight:600}code{font-family:ui-monospace,monospace}
.deny,.failed{color:#b3261e}.allow,.ready{color:#1b7f3b}.hold{color:#9a6700}
@media(prefers-color-scheme:dark){.deny,.failed{color:#ff8a80}.allow,.ready{color:#7ddf9b}.hold{color:#ffcf66}}
form{display:inline}`;

const MAX_CELL = 300;

/** Text of others for HTML: escaped, bounded, and with what cannot be seen made visible. */
export function escapeText(value: unknown): string {
  const text = String(value ?? '').toWellFormed();
  const cut = text.length > MAX_CELL ? `${text.slice(0, MAX_CELL)}…` : text;
  return cut
    .replace(
      /[\p{Cc}\p{Cf}\p{Co}\u2028\u2029\u115f\u1160\u3164\uffa0]/gu,
      (char) => `\\u{${(char.codePointAt(0) ?? 0).toString(16)}}`,
    )
    .replace(/[&<>"'`]/g, (char) => `&#${char.charCodeAt(0)};`);
}

export function loginPage(problem: string | undefined): string {
  const why = problem === undefined ? '' : `<p class="deny">${escapeText(problem)}</p>`;
  return page(
    'Sign in',
    `<h1>Sallyport</h1>${why}<p>Run <code>sallyport login</code> on the machine of the gateway and open the link that it prints. It works once, for ten minutes.</p>`,
  );
}

/** A page that says one thing. */
export function messagePage(title: string, text: string): string {
  return page(title, `<h1>Sallyport</h1><p>${escapeText(text)}</p>`);
}

export function statusPage(facts: StatusFacts): string {
  const { policy, agents } = facts;
  const audit = facts.auditHealthy
    ? `healthy, record ${facts.auditHead.seq}`
    : 'not writable: nothing is forwarded';
  return page(
    'Status',
    `<h1>Sallyport ${escapeText(facts.version)}</h1>
<p>MCP <code>${escapeText(facts.mcpUrl)}</code> · audit ${escapeText(audit)} · policy ${escapeText(policy.version.slice(0, 12))}, ${policy.policies.length} policies, ${escapeText(policy.mode)} · ${escapeText(new Date(facts.now).toISOString())}</p>
<p>Signed in as ${escapeText(facts.user)}. <form method="post" action="/logout"><button>Sign out</button></form></p>
<h2>Servers</h2>
${table(
  ['name', 'state', 'transport', 'protocol', 'tools', 'last error'],
  facts.servers.map((server) => [
    escapeText(server.server),
    marked(server.state),
    escapeText(server.transport),
    escapeText(server.revision ?? 'unknown'),
    escapeText(server.tools ?? '–'),
    escapeText(server.lastError ?? ''),
  ]),
)}
<h2>Agents</h2>
${table(
  ['name', 'state', 'owner', 'purpose', 'expires'],
  agents.map((agent) => [
    escapeText(agent.name),
    marked(agent.state),
    escapeText(agent.owners[0]),
    escapeText(agent.purpose),
    escapeText(new Date(agent.expiresAt).toISOString().slice(0, 10)),
  ]),
)}
<h2>Last decisions</h2>
${table(
  ['time', 'agent', 'server', 'action', 'decision', 'because'],
  facts.decisions.map((record) => [
    escapeText(new Date(record.time).toISOString().replace('T', ' ').slice(0, 19)),
    escapeText(record.actor.agent),
    escapeText(record.server ?? ''),
    escapeText(`${record.method ?? ''} ${record.target ?? ''}`),
    marked(record.effect ?? ''),
    escapeText(reasonOf(record)),
  ]),
)}`,
  );
}

function reasonOf(record: StoredRecord): string {
  const reasons = record.detail?.['reasons'];
  const first: unknown = Array.isArray(reasons) ? reasons[0] : undefined;
  if (typeof first !== 'object' || first === null) return '';
  const { message, policy } = first as { message?: unknown; policy?: unknown };
  return `${String(message ?? '')}${policy === undefined ? '' : ` (${String(policy)})`}`;
}

const MARKS = new Set(['allow', 'deny', 'hold', 'ready', 'failed']);

/** The word itself says it; the colour repeats it. */
function marked(word: string): string {
  return MARKS.has(word) ? `<span class="${word}">${word}</span>` : escapeText(word);
}

/** Cells are HTML already. */
function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  if (rows.length === 0) return '<p>None yet.</p>';
  const first = head.map((cell) => `<th scope="col">${escapeText(cell)}</th>`).join('');
  const rest = rows.map((row) => `<tr>${row.map((cell) => `<td>${cell}</td>`).join('')}</tr>`);
  return `<table><thead><tr>${first}</tr></thead><tbody>${rest.join('')}</tbody></table>`;
}

function page(title: string, body: string): string {
  return `<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Sallyport: ${escapeText(title)}</title><meta name="viewport" content="width=device-width"><style>${STYLE}</style></head><body>${body}</body></html>`;
}
