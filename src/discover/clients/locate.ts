import { join, resolve } from 'node:path';
import type { ClientDefinition, ClientPlace, Os, Scope, Surroundings } from '../model.ts';

export interface LocatedPlace extends ClientPlace {
  readonly file: string;
}

export function osOf(platform: string): Os {
  return platform === 'win32' ? 'windows' : platform === 'darwin' ? 'macos' : 'linux';
}

/** Where the client's file is on this system; undefined when it has none of that scope. */
export function locate(
  client: ClientDefinition,
  scope: Scope,
  around: Surroundings,
): LocatedPlace | undefined {
  const place = client.places.find(
    (one) => one.scope === scope && (one.os === undefined || one.os.includes(around.os)),
  );
  return place === undefined ? undefined : { ...place, file: fileOf(place.path, around) };
}

/** Only whole paths relocate: what a variable holds otherwise is ignored, as the XDG specification demands. */
function fileOf(path: string, { home, cwd, os, env }: Surroundings): string {
  const given = (name: string): string | undefined => {
    const value = env[name];
    return value !== undefined && (/^[A-Za-z]:[\\/]/.test(value) || value.startsWith('/'))
      ? value
      : undefined;
  };
  const appData = given('APPDATA') ?? join(home, 'AppData', 'Roaming');
  const xdg = given('XDG_CONFIG_HOME') ?? join(home, '.config');
  const roots: Readonly<Record<string, string>> = {
    '~': home,
    '.': cwd,
    $APPDATA: appData,
    $XDG_CONFIG_HOME: xdg,
    $CFG:
      os === 'windows'
        ? appData
        : os === 'macos'
          ? join(home, 'Library', 'Application Support')
          : xdg,
    $CLAUDE_CONFIG_DIR: given('CLAUDE_CONFIG_DIR') ?? home,
    $CODEX_HOME: given('CODEX_HOME') ?? join(home, '.codex'),
  };
  const [first = '', ...rest] = path.split('/');
  return resolve(join(roots[first] ?? first, ...rest));
}
