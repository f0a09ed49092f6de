import type { PolicyTestRun } from './run-policy-tests.ts';

/** JUnit's XML, as CI systems read it: one suite per file. A file that could not run is a suite with an error. */
export function junitXml(run: PolicyTestRun): string {
  const suites = run.files.map(({ file, cases, problems }) => {
    const failed = cases.filter((one) => !one.passed).length;
    const rows = cases.map(({ name, failures }) => {
      const open = `    <testcase name="${xmlText(name)}" classname="${xmlText(file)}"`;
      if (failures.length === 0) return `${open}/>`;
      const text = xmlText(failures.join('\n'));
      return `${open}>\n      <failure message="${xmlText(failures[0] ?? '')}">${text}</failure>\n    </testcase>`;
    });
    const broken = problems.map(
      (problem) =>
        `    <testcase name="policies" classname="${xmlText(file)}">\n      <error message="${xmlText(problem)}"/>\n    </testcase>`,
    );
    const counts = `tests="${cases.length + problems.length}" failures="${failed}" errors="${problems.length}"`;
    return [
      `  <testsuite name="${xmlText(file)}" ${counts}>`,
      ...rows,
      ...broken,
      '  </testsuite>',
    ].join('\n');
  });
  const head = `<testsuites name="policies" tests="${run.total}" failures="${run.failed}">`;
  return ['<?xml version="1.0" encoding="UTF-8"?>', head, ...suites, '</testsuites>', ''].join(
    '\n',
  );
}

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  '\n': '&#10;',
};

/** XML 1.0 has no way to write other control characters, so they become U+FFFD. */
function xmlText(text: string): string {
  return (
    text
      .toWellFormed()
      .replace(/[&<>"\n]/g, (char) => ENTITIES[char] ?? char)
      // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is removed
      .replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/g, '\ufffd')
  );
}
