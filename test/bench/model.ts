/** One measured number. `holds` says whether it meets its bar. */
export interface Figure {
  name: string;
  value: number;
  unit: string;
  bar?: string;
  holds?: boolean;
}

export interface BenchOptions {
  /** A short version that shows whether things work; its numbers are rough. */
  quick: boolean;
}

/** What a bench module exports as `run`: reports figures, and says in a line what it does meanwhile. */
export type Bench = (
  report: (figure: Figure) => void,
  say: (line: string) => void,
  options: BenchOptions,
) => Promise<void>;
