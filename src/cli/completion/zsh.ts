/** Completion for zsh: a function for `_arguments`, with a description for everything. */
import type { CommandNode, OptionNode, Values } from './tree.js';

export function zshScript([program, ...commands]: readonly [CommandNode, ...CommandNode[]]): string {
  return `#compdef vmalock
# vmalock completion for zsh: source <(vmalock completion zsh), or this as _vmalock in a directory of $fpath

_vmalock_commands() {
    local -a commands=(
${commands.map(({ name, description }) => `        ${quoted(`${name}:${description.replaceAll(':', '\\:')}`)}`).join('\n')}
    )
    _describe -t commands command commands
}

_vmalock() {
    local curcontext=$curcontext state line ret=1
    typeset -A opt_args
    _arguments -C -S \\
${program.options.map(option => `        ${specOf(option)} \\`).join('\n')}
        '1: :_vmalock_commands' \\
        '*:: :->rest' && ret=0
    [[ $state == rest ]] || return ret
    case $words[1] in
${commands.map(commandCase).join('\n')}
    esac
    return ret
}

if [[ $funcstack[1] == _vmalock ]]; then _vmalock "$@"; else compdef _vmalock vmalock; fi
`;
}

function commandCase({ name, options, places }: CommandNode): string {
  const specs = [
    ...options.map(specOf),
    ...places.map((place, i) => {
      const action = actionOf(place);
      return quoted(`${place.variadic ? '*' : i + 1}:${place.name}:${action}`);
    }),
  ];
  const lines = specs.map(spec => `            ${spec}`).join(' \\\n');
  return `    ${name})
        _arguments -S \\
${lines} && ret=0
        ;;`;
}

/** `'(-m --model)'{-m,--model=}'[what it does]:value:action'` */
function specOf({ names, description, value, repeats }: OptionNode): string {
  const long = (name: string): string => (value !== null && name.startsWith('--') ? `${name}=` : name);
  const what = `[${description.replaceAll(/[[\]\\]/g, '\\$&')}]`;
  const rest = quoted(what + (value === null ? '' : `:${value.name}:${actionOf(value)}`));
  const spelled = names.map(long);
  const flags = spelled.length === 1 ? spelled[0] : `{${spelled.join(',')}}`;
  const head = repeats ? "'*'" : quoted(`(${names.join(' ')})`);
  return `${head}${flags}${rest}`;
}

function actionOf({ words, files, list }: Values): string {
  const some = words.join(' ');
  if (words.length === 0) return files ? '_files' : ' ';
  if (list) return `{_sequence compadd - ${some}${files ? '; _files' : ''}}`;
  return files ? `{_alternative "words:word:(${some})" "files:file:_files"}` : `(${some})`;
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
