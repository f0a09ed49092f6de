import { AppError, MAX_BUS_PAYLOAD_BYTES } from '../kernel/index.ts';

/** The bytes to send, a copy; throws `BUS_BAD_PAYLOAD`. */
export function toPayload(payload: Uint8Array | string): Uint8Array {
  if (typeof payload === 'string') {
    // Length in code units is never above the length in bytes, so this bounds the encoding too.
    if (payload.length > MAX_BUS_PAYLOAD_BYTES) throw tooLarge();
    if (!payload.isWellFormed()) throw bad('the text has a lone surrogate');
    const bytes = new TextEncoder().encode(payload);
    if (bytes.byteLength > MAX_BUS_PAYLOAD_BYTES) throw tooLarge();
    return bytes;
  }
  if (!(payload instanceof Uint8Array)) throw bad('it is neither text nor bytes');
  if (payload.byteLength > MAX_BUS_PAYLOAD_BYTES) throw tooLarge();
  return new Uint8Array(payload);
}

function tooLarge(): AppError {
  return bad(`it is larger than ${MAX_BUS_PAYLOAD_BYTES} bytes`);
}

function bad(problem: string): AppError {
  return new AppError('BUS_BAD_PAYLOAD', { params: { problem } });
}
