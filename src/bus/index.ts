/** Events between parts of the program and between processes; at most once, never the only copy. */
export {
  type Bus,
  type BusHandler,
  type BusMessage,
  type BusStats,
  DEFAULT_CAPACITY,
  type SubscribeOptions,
  type Subscription,
} from './bus.ts';
export { createMemoryBus } from './create-memory-bus.ts';
