import { CONFIG } from '../src/app/config/sections.ts';
import { describeConfig, ERROR_TABLE } from '../src/kernel/index.ts';

const HEAD = '<!-- Made by `npm run docs` from the code. -->\n';

function errors(): string {
  const rows = Object.entries(ERROR_TABLE)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([code, row]) => {
      const cell = (text: string): string => text.replaceAll('|', '\\|');
      return `| \`${code}\` | ${row.status} | ${row.exit} | ${cell(row.message)} | ${cell(row.hint ?? '')} |`;
    });
  return `${HEAD}
# Errors

Every fault has a stable code. It is \`data.code\` of a JSON-RPC error, \`code\` of the admin API's problem documents, and the
last word of what the command line prints. A refusal by policy is no fault: it is a decision with reasons.

| code | HTTP status | exit code | message | next step |
|---|---|---|---|---|
${rows.join('\n')}
`;
}

/** The generated references: path from the root -> text. */
export function references(): ReadonlyMap<string, string> {
  return new Map([
    ['docs/reference/errors.md', errors()],
    ['docs/reference/configuration.md', `${HEAD}\n${describeConfig(CONFIG)}`],
    ['docs/reference/sallyport.schema.json', `${JSON.stringify(CONFIG.jsonSchema, null, 2)}\n`],
  ]);
}
