import { expect, it } from 'vitest';
import { checkAdminHost } from './check-admin-host.ts';
import { readConfig } from './read-config.ts';

it.each(['127.0.0.1', '127.9.9.9', '::1', 'localhost', 'LOCALHOST'])(
  'admin.host may be %s',
  (host) => {
    expect(() => checkAdminHost(undefined, { host, allowRemote: false })).not.toThrow();
  },
);

it.each([
  '0.0.0.0',
  '::',
  '10.0.0.1',
  '::ffff:10.0.0.1',
  '',
  'admin.example',
  'localhost.example',
  '127.0.0.1.example',
])('admin.host %s is refused unless remote is allowed', (host) => {
  expect(() => checkAdminHost('a.yaml', { host, allowRemote: false })).toThrow('allowRemote');
  expect(() => checkAdminHost('a.yaml', { host, allowRemote: true })).not.toThrow();
});

it('the configuration is refused as a whole, wherever the host comes from', async () => {
  const env = { SALLYPORT_ADMIN_HOST: '0.0.0.0' };
  await expect(readConfig(undefined, env)).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
  const { config } = await readConfig(undefined, env, { 'admin.allowRemote': true });
  expect(config.admin).toMatchObject({ host: '0.0.0.0', allowRemote: true });
});
