import { fitsInt64 } from './int64.ts';

/** Four decimal places in an i64, as Cedar's `decimal`. Ordered by methods only. */
export class Decimal {
  readonly kind = 'decimal';
  /** Value times 10,000. */
  readonly units: bigint;
  constructor(units: bigint) {
    this.units = units;
  }
}

const SHAPE = /^(-?)([0-9]+)\.([0-9]{1,4})$/;

/** Cedar's literal form: optional minus, digits, a point, one to four digits. Anything else is undefined. */
export function parseDecimal(text: string): Decimal | undefined {
  const match = SHAPE.exec(text);
  if (match === null) return undefined;
  const [, sign = '', whole = '', fraction = ''] = match;
  let start = 0;
  while (start < whole.length - 1 && whole.charCodeAt(start) === 48) start++;
  // Bounded before BigInt sees it: conversion is not linear in the number of digits.
  if (whole.length - start > 16) return undefined;
  const magnitude = BigInt(whole.slice(start)) * 10_000n + BigInt(fraction.padEnd(4, '0'));
  const units = sign === '-' ? -magnitude : magnitude;
  return fitsInt64(units) ? new Decimal(units) : undefined;
}

/** The literal that `parseDecimal` reads back. */
export function formatDecimal(value: Decimal): string {
  const magnitude = value.units < 0n ? -value.units : value.units;
  const digits = magnitude.toString().padStart(5, '0');
  const fraction = digits.slice(-4).replace(/0{1,3}$/, '');
  return `${value.units < 0n ? '-' : ''}${digits.slice(0, -4)}.${fraction}`;
}
