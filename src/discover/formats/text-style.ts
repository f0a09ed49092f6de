/** How a text is written, so that an edit does not change what it does not mean to. */
export interface TextStyle {
  readonly bom: boolean;
  readonly eol: '\n' | '\r\n';
  readonly indent: string;
}

const BOM = '\ufeff';

export function readStyle(text: string): { readonly body: string; readonly style: TextStyle } {
  const bom = text.startsWith(BOM);
  const body = bom ? text.slice(1) : text;
  const eol = /\r\n/.test(body) ? '\r\n' : '\n';
  const indent = /^([ \t]+)\S/m.exec(body)?.[1] ?? '  ';
  return { body, style: { bom, eol, indent: indent.startsWith('\t') ? '\t' : indent.slice(0, 8) } };
}

export const withBom = (body: string, style: TextStyle): string =>
  style.bom ? `${BOM}${body}` : body;
