/**
 * Thrown inside the evaluator when a policy errs. Not an `Error`: capturing a stack costs more than the rest of a
 * decision. One instance is made per place in a policy when the policy is compiled, so nothing is allocated either.
 */
export class PolicyFault {
  readonly message: string;
  constructor(message: string) {
    this.message = message;
  }
}

/** Thrown when the whole decision must be given up and denied; skipping one policy would not be safe. */
export class DecisionAbort {
  readonly message: string;
  constructor(message: string) {
    this.message = message;
  }
}

export const OUT_OF_FUEL = new DecisionAbort('the decision needs more work than is allowed');
export const READ_OVERSIZE = new DecisionAbort(
  'a policy reads a string that is longer than the limit',
);

/** The work budget of one decision, counted down. */
export interface Fuel {
  fuel: number;
}

/** @throws DecisionAbort when the budget is spent. */
export function burn(tank: Fuel, units: number): void {
  tank.fuel -= units;
  if (tank.fuel < 0) throw OUT_OF_FUEL;
}
