import { safeText } from './safe-text.ts';

const GAP = '  ';

/** Columns wide enough for their cells; the last one takes what is left of `width`. Cells are made printable. */
export function formatTable(
  head: readonly string[],
  rows: readonly (readonly string[])[],
  width: number | undefined,
): string[] {
  const cells = [head, ...rows.map((row) => row.map((cell) => safeText(cell)))];
  const widths = head.map((_, column) =>
    Math.max(...cells.map((row) => (row[column] ?? '').length)),
  );
  const before = widths.slice(0, -1).reduce((sum, one) => sum + one + GAP.length, 0);
  const last = width === undefined ? Number.POSITIVE_INFINITY : Math.max(12, width - before);
  return cells.map((row) =>
    row
      .map((cell, column) => {
        if (column < head.length - 1) return cell.padEnd(widths[column] ?? 0);
        return cell.length > last ? `${cell.slice(0, last - 1)}…` : cell;
      })
      .join(GAP)
      .trimEnd(),
  );
}
