import { hash } from 'node:crypto';
import type { OAuthResponse } from './http.ts';

const STYLE = `body{font:16px/1.5 system-ui,sans-serif;max-width:34rem;margin:8vh auto;padding:0 1rem;color:#1b1f24;background:#f6f7f9}
main{background:#fff;border:1px solid #d5d9df;border-radius:8px;padding:1.5rem 1.75rem}
h1{font-size:1.2rem;margin:0 0 1rem}dl{display:grid;grid-template-columns:auto 1fr;gap:.25rem 1rem;margin:0 0 1rem}
dt{color:#596170}dd{margin:0;overflow-wrap:anywhere}label{display:block;margin:.75rem 0 .25rem}
input,select{font:inherit;width:100%;box-sizing:border-box;padding:.5rem;border:1px solid #9aa3af;border-radius:4px}
button{font:inherit;padding:.5rem 1rem;margin:1rem .5rem 0 0;border:1px solid #1b1f24;border-radius:4px;background:#fff;cursor:pointer}
button.main{background:#1b1f24;color:#fff}.note{color:#8a4b00}`;
const STYLE_HASH = `'sha256-${hash('sha256', STYLE, 'base64')}'`;

export interface PageFacts {
  readonly clientName: string;
  readonly redirectShown: string;
  readonly redirectIsLoopback: boolean;
  readonly resource: string;
  /** Where the form goes, an absolute path. */
  readonly action: string;
  /** Unguessable name of the pending request. */
  readonly request: string;
  /** CSP source that the redirect after the form needs. */
  readonly redirectSource: string;
}

/** First page: who asks for what, and the field for the one-time code. Shows nothing of the registry. */
export function loginPage(facts: PageFacts, message: string | undefined): OAuthResponse {
  return page(
    200,
    'Sign in to connect a client',
    `${summary(facts)}${message === undefined ? '' : `<p class="note" role="alert">${text(message)}</p>`}
<form method="post" action="${text(facts.action)}" autocomplete="off">
<input type="hidden" name="request" value="${text(facts.request)}">
<label for="secret">One-time code</label>
<input id="secret" name="secret" type="password" required maxlength="256" autocomplete="one-time-code" autofocus>
<button class="main" type="submit">Continue</button>
</form>`,
    facts.redirectSource,
  );
}

/** Second page, for a signed-in human: which agent the client acts as. */
export function choicePage(
  facts: PageFacts,
  user: string,
  agents: readonly { readonly id: string; readonly name: string; readonly purpose: string }[],
): OAuthResponse {
  const options = agents
    .map(
      ({ id, name, purpose }) =>
        `<option value="${text(id)}">${text(name)} (${text(purpose.slice(0, 80))})</option>`,
    )
    .join('');
  return page(
    200,
    'Choose the agent this client acts as',
    `${summary(facts)}<p>Signed in as ${text(user)}. Every call the client makes will be decided and recorded as this agent's, on your behalf.</p>
<form method="post" action="${text(facts.action)}" autocomplete="off">
<input type="hidden" name="request" value="${text(facts.request)}">
${
  agents.length === 0
    ? '<p class="note">There is no active agent yet. Register and activate one, then connect again.</p>'
    : `<label for="agent">Agent</label>
<select id="agent" name="agent" required>${options}</select>
<button class="main" type="submit" name="decision" value="approve">Connect</button>`
}<button type="submit" name="decision" value="deny" formnovalidate>Refuse</button>
</form>`,
    facts.redirectSource,
  );
}

/** For requests whose client or redirect cannot be trusted: nothing is sent anywhere. */
export function errorPage(status: number, problem: string): OAuthResponse {
  return page(status, 'This connection cannot be made', `<p>${text(problem)}</p>`, undefined);
}

function summary(facts: PageFacts): string {
  return `<dl><dt>Client</dt><dd>${text(facts.clientName)} (its own words, not verified)</dd>
<dt>Returns to</dt><dd>${text(facts.redirectShown)}</dd><dt>Access to</dt><dd>${text(facts.resource)}</dd></dl>
<p class="note">${
    facts.redirectIsLoopback
      ? 'The answer goes to a program on this computer. Continue only if you just started it yourself.'
      : 'Continue only if you started this yourself and know where the answer goes.'
  }</p>`;
}

function page(
  status: number,
  title: string,
  body: string,
  redirectSource: string | undefined,
): OAuthResponse {
  // Browsers apply form-action to the redirect that answers the form, so its target is listed.
  const formAction = redirectSource === undefined ? "'none'" : `'self' ${redirectSource}`;
  return {
    status,
    headers: {
      'content-type': 'text/html; charset=utf-8',
      'content-security-policy': `default-src 'none'; style-src ${STYLE_HASH}; form-action ${formAction}; frame-ancestors 'none'; base-uri 'none'`,
      'x-frame-options': 'DENY',
      'x-content-type-options': 'nosniff',
      // Not no-referrer: that would turn the Origin header of our own form into "null".
      'referrer-policy': 'same-origin',
      'cache-control': 'no-store',
    },
    body: `<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>${text(title)}</title><style>${STYLE}</style></head><body><main><h1>${text(title)}</h1>${body}</main></body></html>`,
  };
}

/** Safe in element content and in double-quoted attributes. */
function text(value: string): string {
  return value.replace(/[&<>"'`]/g, (character) => `&#${character.charCodeAt(0)};`);
}
