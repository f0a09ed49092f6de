/** MCP revisions a Sallyport gateway serves to clients, newest first. */
export const MCP_REVISIONS: readonly string[] = [
  '2026-07-28',
  '2025-11-25',
  '2025-06-18',
  '2025-03-26',
  '2024-11-05',
];
