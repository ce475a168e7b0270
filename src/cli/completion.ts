/** `vmalock completion`: a script that completes commands, options and models in a shell. */
import { Argument, type Command } from 'commander';
import { Complaint, nearest, quote } from '../errors.js';
import type { Shell } from './completion/index.js';
import { type BaseOptions, filesBeside, withBase, withExamples } from './options.js';
import { openSink } from './output.js';

const SHELLS = ['bash', 'zsh', 'fish'] as const satisfies readonly Shell[];

const NOTES = `
bash: put  source <(vmalock completion bash)  into ~/.bashrc
zsh:  put  source <(vmalock completion zsh)   into ~/.zshrc, behind compinit
fish: vmalock completion fish > ~/.config/fish/completions/vmalock.fish`;

export function registerCompletion(program: Command): void {
  const shell = new Argument('<shell>', SHELLS.join(', '));
  shell.argChoices = [...SHELLS];
  const command = program
    .command('completion')
    .addArgument(shell)
    .description('print a script that completes commands, options and models in a shell')
    .addHelpText('after', NOTES);
  withBase(withExamples(command, 'completion bash > ~/.local/share/bash-completion/completions/vmalock')).action(
    complete,
  );
}

async function complete(name: string, options: BaseOptions, command: Command): Promise<void> {
  const shell = SHELLS.find(known => known === name);
  if (shell === undefined) {
    const near = nearest(name, SHELLS);
    const hint = near === undefined ? `one of ${SHELLS.join(', ')}` : `did you mean ${near}?`;
    throw new Complaint('usage', `no completion for ${quote(name)}`, {}, hint);
  }
  const { completionScript } = await import('./completion/index.js');
  const sink = openSink(options.out, filesBeside(options));
  sink.write(completionScript(command.parent ?? command, shell));
  await sink.commit();
}
