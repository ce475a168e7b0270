/** Whether to colour, decided once: `--color`, then the environment's conventions, then the stream itself. */
export type ColorChoice = 'auto' | 'always' | 'never';
type Level = 0 | 1 | 2 | 3;

/**
 * Level for chalk: 0 none to 3 true colour. `--color=always|never` wins, then NO_COLOR, FORCE_COLOR, CLICOLOR_FORCE,
 * TERM=dumb, and last whether the stream is a terminal.
 */
export function colorLevel(choice: ColorChoice, env: NodeJS.ProcessEnv, isTTY: boolean): Level {
  const capable = capability(env);
  if (choice !== 'auto') return choice === 'always' ? capable : 0;
  if (env.NO_COLOR) return 0;
  // https://force-color.org: when present and not empty; 0 and false turn it off as in chalk
  const force = env.FORCE_COLOR;
  if (force) {
    if (force === '0' || force === 'false') return 0;
    return force === '1' || force === '2' || force === '3' ? (Number(force) as Level) : capable;
  }
  if (env.CLICOLOR_FORCE && env.CLICOLOR_FORCE !== '0') return capable;
  return isTTY && env.TERM !== 'dumb' ? capable : 0;
}

function capability(env: NodeJS.ProcessEnv): Level {
  if (/^(truecolor|24bit)$/.test(env.COLORTERM ?? '')) return 3;
  return /-256(color)?$/.test(env.TERM ?? '') ? 2 : 1;
}
