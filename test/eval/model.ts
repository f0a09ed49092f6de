/** One number of an evaluation: a rate, an error, a count. `holds` says whether it meets its bar. */
export interface Score {
  name: string;
  value: number;
  unit: string;
  /** Half the width of the 95 % interval, in the unit of the value, when the sample allows one. */
  interval?: number;
  bar?: string;
  holds?: boolean;
}

export interface EvalOptions {
  /** Directory with the data sets, from `--data`; evaluations say in their README what they expect in it. */
  data: string | undefined;
}

/** What an evaluation exports as `run`. An evaluation that lacks its data says so and throws: no data is no result. */
export type Evaluation = (
  report: (score: Score) => void,
  say: (line: string) => void,
  options: EvalOptions,
) => Promise<void>;
