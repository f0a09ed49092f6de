import type { Format } from '../model.ts';
import type { FormatEditor } from './edit.ts';
import { jsonEditor } from './edit-json.ts';
import { tomlEditor } from './edit-toml.ts';
import { yamlEditor } from './edit-yaml.ts';

const EDITORS: Readonly<Record<Format, FormatEditor>> = {
  json: jsonEditor,
  toml: tomlEditor,
  yaml: yamlEditor,
};

export const editorFor = (format: Format): FormatEditor => EDITORS[format];
