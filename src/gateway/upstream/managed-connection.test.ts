import { expect, it } from 'vitest';
import { createConnectionEvents } from './managed-connection.ts';

it('a listener that throws is logged, and the others still hear the notification', () => {
  const warned: object[] = [];
  const logger = { debug() {}, info() {}, warn: (facts: object) => void warned.push(facts) };
  const events = createConnectionEvents('files', logger);
  const heard: string[] = [];
  events.tap(() => {
    throw new Error('a bug of a listener');
  });
  events.onNotification(() => {
    throw new Error('another');
  });
  events.onNotification((method) => void heard.push(method));
  expect(() => events.emit('notifications/message', undefined)).not.toThrow();
  expect(heard).toEqual(['notifications/message']);
  expect(warned).toHaveLength(2);
});
