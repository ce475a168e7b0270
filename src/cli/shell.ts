/** Commands for people to paste: words quoted for a POSIX shell. Nothing of ours is run through one. */

/** A word as a shell reads it back. */
export function shellWord(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}

/** The longest line of a command that is shown. */
const WIDTH = 100;

/** A command on lines of a readable length; each of `parts` stays on one line. */
export function shellCommand(parts: readonly (readonly string[])[]): string {
  const lines: string[] = [];
  let line = '';
  for (const part of parts) {
    const words = part.map(shellWord).join(' ');
    if (words === '') continue;
    if (line !== '' && line.length + words.length + 3 > WIDTH) {
      lines.push(line);
      line = '  ' + words;
    } else {
      line += (line === '' ? '' : ' ') + words;
    }
  }
  return [...lines, line].join(' \\\n');
}
