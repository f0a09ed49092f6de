import type { Command } from 'commander';
import { type CliContext, usage } from '../context.ts';

/** Completion of commands and verbs, as a static script: it starts nothing while somebody types. */
export function addCompletion(program: Command, context: CliContext): void {
  const command = program
    .command('completion')
    .summary('completion script for bash, zsh, fish or pwsh')
    .argument('<shell>', 'bash, zsh, fish or pwsh');
  context.action(command, async ({ terminal }, shell) => {
    const words = new Map(
      program.commands.map((one) => [one.name(), one.commands.map((inner) => inner.name())]),
    );
    words.set('stdio', []);
    const script = scriptFor(shell ?? '', words);
    if (script === undefined)
      throw usage(`no completion for ${shell ?? ''}`, 'use bash, zsh, fish or pwsh');
    terminal.line(script);
    return 0;
  });
}

function scriptFor(
  shell: string,
  words: ReadonlyMap<string, readonly string[]>,
): string | undefined {
  const top = [...words.keys()].join(' ');
  const nouns = [...words].filter(([, verbs]) => verbs.length > 0);
  if (shell === 'bash' || shell === 'zsh') {
    const cases = nouns.map(([noun, verbs]) => `    ${noun}) words="${verbs.join(' ')}" ;;`);
    const body = `_sallyport() {
  local words=""
  case "\${COMP_WORDS[1]}" in
${cases.join('\n')}
  esac
  [ "$COMP_CWORD" -eq 1 ] && words="${top}"
  [ "$COMP_CWORD" -gt 2 ] && words=""
  COMPREPLY=($(compgen -W "$words" -- "\${COMP_WORDS[COMP_CWORD]}"))
}
complete -o default -F _sallyport sallyport`;
    return shell === 'zsh' ? `autoload -U +X bashcompinit && bashcompinit\n${body}` : body;
  }
  if (shell === 'fish')
    return [
      `complete -c sallyport -n __fish_use_subcommand -f -a "${top}"`,
      ...nouns.map(
        ([noun, verbs]) =>
          `complete -c sallyport -n "__fish_seen_subcommand_from ${noun}" -f -a "${verbs.join(' ')}"`,
      ),
    ].join('\n');
  if (shell !== 'pwsh') return undefined;
  const table = nouns.map(([noun, verbs]) => `    '${noun}' = '${verbs.join(' ')}'`).join('\n');
  return `Register-ArgumentCompleter -Native -CommandName sallyport -ScriptBlock {
  param($word, $ast)
  $verbs = @{
${table}
  }
  $typed = $ast.CommandElements | ForEach-Object { $_.ToString() }
  $list = if ($typed.Count -gt 1 -and $verbs[$typed[1]]) { $verbs[$typed[1]] } else { '${top}' }
  $list.Split(' ') | Where-Object { $_ -like "$word*" }
}`;
}
