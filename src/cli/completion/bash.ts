/** Completion for bash, 4 or newer: one function that looks at the words so far. Needs nothing but bash. */
import type { CommandNode, OptionNode, Values } from './tree.js';

export function bashScript([program, ...commands]: readonly [CommandNode, ...CommandNode[]]): string {
  const names = commands.map(({ name }) => name);
  return `# vmalock completion for bash: source <(vmalock completion bash)

# Completes the last word from words ($1); with a comma in $2, what stands behind the last comma of it.
_vmalock_words() {
    local head=
    if [[ -n $2 ]]; then
        compopt -o nospace 2>/dev/null
        [[ $cur == *,* ]] && head=\${cur%,*},
    fi
    mapfile -t -O \${#COMPREPLY[@]} COMPREPLY < <(compgen -P "$head" -W "$1" -- "\${cur#"$head"}")
}

_vmalock_files() {
    compopt -o filenames 2>/dev/null
    mapfile -t -O \${#COMPREPLY[@]} COMPREPLY < <(compgen -f -- "$cur")
}

_vmalock() {
    local cur=\${COMP_WORDS[COMP_CWORD]} prev=\${COMP_WORDS[COMP_CWORD-1]} command=\${COMP_WORDS[1]} i place=0
    COMPREPLY=()
    # bash takes --format=json for three words
    if [[ $cur == = ]]; then cur=; elif [[ $prev == = ]]; then prev=\${COMP_WORDS[COMP_CWORD-2]}; fi
    if ((COMP_CWORD == 1)); then
        _vmalock_words ${word([...names, ...flags(program)].join(' '))}
        return
    fi
    case "$command $prev" in
${indent(commands.flatMap(valueCases), 4)}
    esac
    if [[ $cur == -* ]]; then
        case $command in
${indent(
  commands.map(({ name, options }) => `${name}) _vmalock_words ${word(flags({ options }).join(' '))} ;;`),
  8,
)}
        esac
        return
    fi
    for ((i = 2; i < COMP_CWORD; i++)); do
        case "$command \${COMP_WORDS[i]}" in
            ${commands.flatMap(takingPatterns).join('|')}) ((i++)); [[ \${COMP_WORDS[i]} == = ]] && ((i++)) ;;
            *' -'?*) ;;
            *) ((place++)) ;;
        esac
    done
    case "$command $place" in
${indent(commands.flatMap(placeCases), 8)}
    esac
}

complete -F _vmalock vmalock
`;
}

function flags({ options }: Pick<CommandNode, 'options'>): string[] {
  return options.flatMap(({ names }) => names);
}

function taking({ options }: CommandNode): OptionNode[] {
  return options.filter(({ value }) => value !== null);
}

function patterns(command: CommandNode, { names }: OptionNode): string[] {
  return names.map(name => word(`${command.name} ${name}`));
}

function takingPatterns(command: CommandNode): string[] {
  return taking(command).flatMap(option => patterns(command, option));
}

function valueCases(command: CommandNode): string[] {
  return taking(command).map(option => {
    const calls = option.value === null ? [] : callsFor(option.value);
    return `${patterns(command, option).join('|')}) ${[...calls, 'return'].join('; ')} ;;`;
  });
}

function placeCases(command: CommandNode): string[] {
  return command.places.flatMap((place, i) => {
    const calls = callsFor(place);
    const pattern = place.variadic ? `'${command.name} '*` : word(`${command.name} ${i}`);
    return calls.length === 0 ? [] : [`${pattern}) ${calls.join('; ')} ;;`];
  });
}

function callsFor({ words, files, list }: Values): string[] {
  return [
    ...(words.length === 0 ? [] : [`_vmalock_words ${word(words.join(' '))}${list ? ' ,' : ''}`]),
    ...(files ? ['_vmalock_files'] : []),
  ];
}

/** One word of a shell, whatever is in it. */
function word(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

function indent(lines: readonly string[], columns: number): string {
  return lines.map(line => ' '.repeat(columns) + line).join('\n');
}
