import type { DoctorLine, DoctorRequest } from '../../cli/index.ts';

export interface DoctorDeps extends DoctorRequest {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  readonly version: string;
}

/** The checks in order. */
export async function runDoctor(_deps: DoctorDeps): Promise<readonly DoctorLine[]> {
  return [];
}
