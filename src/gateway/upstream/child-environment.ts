/** Names a program needs to run at all. Nothing here carries a credential. */
const INHERITED = new Set([
  'PATH',
  'HOME',
  'LANG',
  'LANGUAGE',
  'TMPDIR',
  'TMP',
  'TEMP',
  'TZ',
  'USER',
  'LOGNAME',
  'SHELL',
  'TERM',
  // Windows programs fail to load without these.
  'SYSTEMROOT',
  'SYSTEMDRIVE',
  'WINDIR',
  'PATHEXT',
  'COMSPEC',
  'APPDATA',
  'LOCALAPPDATA',
  'PROGRAMFILES',
  'USERPROFILE',
  'USERNAME',
  'HOMEDRIVE',
  'HOMEPATH',
  'PROCESSOR_ARCHITECTURE',
]);

/**
 * The whole environment of a stdio server: a short list of harmless names from the gateway's own plus what its section
 * of the configuration sets. The gateway's secrets are in its environment, so it is never passed on as it is.
 */
export function childEnvironment(
  base: Readonly<Record<string, string | undefined>>,
  own: Readonly<Record<string, string>>,
): Record<string, string> {
  const env: Record<string, string> = {};
  for (const [name, value] of Object.entries(base)) {
    const upper = name.toUpperCase();
    if (value !== undefined && (INHERITED.has(upper) || upper.startsWith('LC_'))) env[name] = value;
  }
  return Object.assign(env, own);
}
