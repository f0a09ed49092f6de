import type { ClientDefinition, ClientPlace, Scope } from '../model.ts';
import {
  continueDev,
  copilotCli,
  goose,
  opencode,
  plain,
  stdioOnly,
  typed,
  zed,
} from './shapes.ts';

type Rest = Partial<Omit<ClientPlace, 'scope' | 'path'>>;
/** A JSON file with `mcpServers`, which most clients have. */
const at = (scope: Scope, path: string, rest: Rest = {}): ClientPlace => ({
  scope,
  path,
  format: 'json',
  container: 'mcpServers',
  ...rest,
});
const UNIX = ['linux', 'macos'] as const;
const CONTINUE = { name: 'Local config', version: '1.0.0', schema: 'v1' };

/** The clients that can be connected, with the places their vendors and several public sources agree on. */
export const CLIENTS: readonly ClientDefinition[] = [
  {
    id: 'claude-code',
    name: 'Claude Code',
    kind: 'cli',
    places: [at('user', '$CLAUDE_CONFIG_DIR/.claude.json'), at('project', './.mcp.json')],
    shape: typed,
  },
  {
    id: 'claude-desktop',
    name: 'Claude Desktop',
    kind: 'desktop',
    places: [at('user', '$CFG/Claude/claude_desktop_config.json')],
    shape: stdioOnly,
  },
  {
    id: 'cursor',
    name: 'Cursor',
    kind: 'ide',
    places: [at('user', '~/.cursor/mcp.json'), at('project', './.cursor/mcp.json')],
    shape: plain('url'),
  },
  {
    id: 'vscode',
    name: 'VS Code',
    kind: 'ide',
    places: [
      at('user', '$CFG/Code/User/mcp.json', { container: 'servers' }),
      at('project', './.vscode/mcp.json', { container: 'servers' }),
    ],
    shape: typed,
  },
  {
    id: 'windsurf',
    name: 'Windsurf',
    kind: 'ide',
    places: [at('user', '~/.codeium/windsurf/mcp_config.json')],
    shape: plain('serverUrl'),
  },
  {
    id: 'codex',
    name: 'Codex',
    kind: 'cli',
    places: [
      at('user', '$CODEX_HOME/config.toml', { format: 'toml', container: 'mcp_servers' }),
      at('project', './.codex/config.toml', { format: 'toml', container: 'mcp_servers' }),
    ],
    shape: plain('url'),
  },
  {
    id: 'gemini',
    name: 'Gemini CLI',
    kind: 'cli',
    places: [at('user', '~/.gemini/settings.json'), at('project', './.gemini/settings.json')],
    shape: plain('httpUrl'),
  },
  {
    id: 'qwen-code',
    name: 'Qwen Code',
    kind: 'cli',
    places: [at('user', '~/.qwen/settings.json'), at('project', './.qwen/settings.json')],
    shape: plain('httpUrl'),
  },
  {
    id: 'zed',
    name: 'Zed',
    kind: 'ide',
    places: [
      at('user', '$XDG_CONFIG_HOME/zed/settings.json', {
        os: UNIX,
        container: 'context_servers',
      }),
      at('user', '$APPDATA/Zed/settings.json', { os: ['windows'], container: 'context_servers' }),
      at('project', './.zed/settings.json', { container: 'context_servers' }),
    ],
    shape: zed,
  },
  {
    id: 'opencode',
    name: 'OpenCode',
    kind: 'cli',
    places: [
      at('user', '$XDG_CONFIG_HOME/opencode/opencode.json', { container: 'mcp' }),
      at('project', './opencode.json', { container: 'mcp' }),
    ],
    shape: opencode,
  },
  {
    id: 'goose',
    name: 'Goose',
    kind: 'cli',
    places: [
      at('user', '$XDG_CONFIG_HOME/goose/config.yaml', {
        os: UNIX,
        format: 'yaml',
        container: 'extensions',
      }),
      at('user', '$APPDATA/Block/goose/config/config.yaml', {
        os: ['windows'],
        format: 'yaml',
        container: 'extensions',
      }),
    ],
    shape: goose,
  },
  {
    id: 'continue',
    name: 'Continue',
    kind: 'ide',
    places: [
      at('user', '~/.continue/config.yaml', { format: 'yaml', isList: true, preamble: CONTINUE }),
      at('project', './.continue/mcpServers/sallyport.yaml', {
        format: 'yaml',
        isList: true,
        preamble: CONTINUE,
      }),
    ],
    shape: continueDev,
  },
  {
    id: 'amp',
    name: 'Amp',
    kind: 'cli',
    places: [
      at('user', '$XDG_CONFIG_HOME/amp/settings.json', { container: 'amp.mcpServers' }),
      at('project', './.amp/settings.json', { container: 'amp.mcpServers' }),
    ],
    shape: plain('url'),
  },
  {
    id: 'copilot-cli',
    name: 'GitHub Copilot CLI',
    kind: 'cli',
    places: [at('user', '~/.copilot/mcp-config.json')],
    shape: copilotCli,
  },
  {
    id: 'kiro',
    name: 'Kiro',
    kind: 'ide',
    places: [at('user', '~/.kiro/settings/mcp.json'), at('project', './.kiro/settings/mcp.json')],
    shape: plain('url'),
  },
  {
    id: 'amazonq',
    name: 'Amazon Q Developer',
    kind: 'cli',
    places: [at('user', '~/.aws/amazonq/mcp.json'), at('project', './.amazonq/mcp.json')],
    shape: stdioOnly,
  },
  {
    id: 'junie',
    name: 'JetBrains Junie',
    kind: 'ide',
    places: [at('user', '~/.junie/mcp/mcp.json'), at('project', './.junie/mcp/mcp.json')],
    shape: stdioOnly,
  },
  {
    id: 'lmstudio',
    name: 'LM Studio',
    kind: 'desktop',
    places: [at('user', '~/.lmstudio/mcp.json')],
    shape: plain('url'),
  },
];
