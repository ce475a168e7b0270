/** How help is laid out. */
import { Help } from 'commander';

const plain = new Help();
/** The choices of an option or argument are in its description; what shells are told of them is not said twice. */
const withoutChoices = <T extends object>(described: T): T =>
  Object.create(described, { argChoices: { value: undefined } }) as T;

/** For `configureHelp`. */
export const HELP_STYLE: Pick<Help, 'optionDescription' | 'argumentDescription'> = {
  optionDescription: option => plain.optionDescription(withoutChoices(option)),
  argumentDescription: argument => plain.argumentDescription(withoutChoices(argument)),
};
