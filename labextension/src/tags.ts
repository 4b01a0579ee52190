import { text } from './format';
import { Run } from './schema';

/** Tags by which a sweep finds its own points again; they say nothing to a person. */
const OF_SWEEPS = ['recipe', 'trial'];

/** The tags that people gave a run, as they are written behind `nbops tag`. */
export function tagsOf({ tags }: Pick<Run, 'tags'>): string[] {
  return Object.entries(tags)
    .filter(([name]) => !OF_SWEEPS.includes(name))
    .map(([name, value]) => text(value === '' ? name : `${name}=${value}`, 40));
}
