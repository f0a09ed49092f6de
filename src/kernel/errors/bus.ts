import type { ErrorRow } from './row.ts';

/** Public error codes of `bus`. */
export const BUS_ERRORS = {
  BUS_BAD_TOPIC: {
    status: 500,
    exit: 1,
    message: 'not a topic or pattern of the bus: {problem}',
    hint: 'this is a fault of the program; please report it',
  },
  BUS_BAD_PAYLOAD: {
    status: 500,
    exit: 1,
    message: 'not a payload for the bus: {problem}',
    hint: 'payloads are well-formed text or bytes of at most 1 MiB; send a reference instead',
  },
  BUS_TIMEOUT: { status: 504, exit: 6, message: 'nobody answered on {topic} within {ms} ms' },
  BUS_NO_RESPONDERS: { status: 503, exit: 5, message: 'nobody listens on {topic}' },
  BUS_OVERLOADED: { status: 503, exit: 1, message: 'the bus has too many {what}' },
  BUS_CLOSED: { status: 503, exit: 1, message: 'the bus is closed' },
} as const satisfies Record<string, ErrorRow>;
